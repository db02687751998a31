// Simulated runs: documents in, a summary and columns out. The GIL is given up while one runs.

#include "binding/bindings.hpp"
#include "binding/configured.hpp"
#include "binding/refusal.hpp"
#include "policy/registry.hpp"
#include "sim/run.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <pybind11/functional.h>
#include <pybind11/stl.h>
#include <pybind11/typing.h>

namespace py = pybind11;

namespace keel::binding {

namespace {

using ProblemTuple = std::tuple<int, std::string, std::string>;

std::vector<ProblemTuple> tuples_of(const std::vector<relay::Problem>& problems) {
  std::vector<ProblemTuple> out;
  for (const relay::Problem& problem : problems)
    out.emplace_back(problem.line, problem.path, problem.message);
  return out;
}

// A column of a table, to be looked at through the buffer protocol.
struct ColumnView {
  std::shared_ptr<sim::Column> column;

  size_t size() const {
    return std::visit([](const auto& values) { return values.size(); }, *column);
  }
  py::buffer_info buffer() const {
    return std::visit(
        [](auto& values) {
          return py::buffer_info(values.data(), static_cast<py::ssize_t>(values.size()), true);
        },
        *column);
  }
};
using Table = std::vector<std::pair<std::string, ColumnView>>;
using TableDict = py::typing::Dict<py::str, ColumnView>;

template <typename T>
T value_or_refuse(sim::Parsed<T>&& parsed, const std::string& document) {
  if (parsed.ok()) return std::move(parsed.value);
  for (relay::Problem& problem : parsed.problems)
    problem.path = document + (problem.path.empty() ? "" : '.' + problem.path);
  throw Refusal(Error{"config", document, "cannot be used"}, std::move(parsed.problems));
}

class Simulation {
 public:
  Simulation(const Configured& configured, const std::string& scenario, const std::string& workload,
             std::optional<py::buffer> trace, const std::vector<std::string>& plugin_directories,
             uint64_t seed, bool tables, bool invariants)
      : trace_(std::move(trace)) {
    const auto config = configured.config();
    sim::Scenario read = value_or_refuse(sim::read_scenario(scenario, *config), "scenario");
    const sim::WorkloadSettings asks =
        value_or_refuse(sim::read_workload(workload, *config), "workload");
    policy::Registry registry(plugin_directories);
    relay::PolicyLoad load = relay::load_policies(*config, registry);
    if (!load.problems.empty()) {
      std::vector<relay::Problem> problems;
      for (const Error& error : load.problems) problems.push_back({0, error.where, error.message});
      throw Refusal(Error{"config", "policies", "cannot be used"}, std::move(problems));
    }
    std::string_view text;
    if (trace_) {
      bytes_ = trace_->request();
      text = {static_cast<const char*>(bytes_.ptr),
              static_cast<size_t>(bytes_.size * bytes_.itemsize)};
    }
    run_ = std::make_unique<sim::Run>(config, std::move(load.policies), std::move(read), asks, text,
                                      sim::RunSettings{seed, tables, invariants});
  }

  using Watch = std::function<bool(double, uint64_t, std::optional<double>)>;

  bool go(const std::optional<Watch>& progress) {
    auto go_on = [&](const sim::Progress& now) {
      py::gil_scoped_acquire with_gil;
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
      return !progress || (*progress)(now.virtual_s, now.asked, now.share);
    };
    py::gil_scoped_release without_gil;
    const bool complete = run_->go(go_on);
    summary_ = run_->summary();
    over_ = true;
    return complete;
  }

  const std::string& summary() const { return summary_; }
  std::optional<ProblemTuple> problem() const {
    auto problem = run_->problem();
    if (!problem) return std::nullopt;
    return ProblemTuple{problem->line, problem->path, problem->message};
  }
  TableDict requests() { return table_of(requests_, run_->results().requests()); }
  TableDict attempts() { return table_of(attempts_, run_->results().attempts()); }
  std::map<std::string, std::vector<std::string>> names() {
    sim::Names names = run_->results().names();
    return {{"outcome", names.outcomes}, {"verdict", names.verdicts}, {"billed", names.billed},
            {"target", names.targets},   {"route", names.routes},     {"model", names.models},
            {"tenant", names.tenants}};
  }

 private:
  template <typename From>
  TableDict table_of(Table& table, From& from) const {
    if (table.empty() && over_)
      for (auto& [name, column] : from.take())
        table.emplace_back(name, ColumnView{std::make_shared<sim::Column>(std::move(column))});
    TableDict out;
    for (const auto& [name, column] : table) out[py::str(name)] = py::cast(column);
    return out;
  }

  std::optional<py::buffer> trace_;
  py::buffer_info bytes_;
  std::unique_ptr<sim::Run> run_;
  std::string summary_ = "{}";
  bool over_ = false;
  Table requests_, attempts_;
};

}  // namespace

void bind_sim(py::module_& m) {
  m.def(
      "scenario_problems",
      [](const std::string& text, const Configured& configured) {
        return tuples_of(sim::read_scenario(text, *configured.config()).problems);
      },
      py::arg("text"), py::arg("config"), "(line, path, message)");
  m.def(
      "workload_problems",
      [](const std::string& text, const Configured& configured) {
        return tuples_of(sim::read_workload(text, *configured.config()).problems);
      },
      py::arg("text"), py::arg("config"), "(line, path, message)");
  py::class_<ColumnView>(m, "Column", py::buffer_protocol(), "Read-only numbers.")
      .def_buffer(&ColumnView::buffer)
      .def(
          "view",
          [](ColumnView& self) {
            return py::memoryview(py::cast(&self, py::return_value_policy::reference));
          },
          "Without copying; as the buffer protocol gives it to others too.")
      .def("__len__", &ColumnView::size);
  py::class_<Simulation>(m, "Simulation", "One run. Read its results when it is over.")
      .def(py::init<const Configured&, const std::string&, const std::string&,
                    std::optional<py::buffer>, const std::vector<std::string>&, uint64_t, bool,
                    bool>(),
           py::arg("config"), py::kw_only(), py::arg("scenario"), py::arg("workload"),
           py::arg("trace"), py::arg("plugin_directories"), py::arg("seed"), py::arg("tables"),
           py::arg("invariants"))
      .def("run", &Simulation::go, py::arg("progress"),
           "False: stopped by `progress(virtual_s, asked, share)`, which is called now and then.")
      .def_property_readonly("summary", &Simulation::summary, "JSON")
      .def_property_readonly("problem", &Simulation::problem,
                             "Why the trace could not be read to its end: (line, column, message)")
      .def("requests", &Simulation::requests, "A row for everything the relay was asked.")
      .def("attempts", &Simulation::attempts, "A row for every attempt.")
      .def("names", &Simulation::names, "What the tables' codes mean.");
}

}  // namespace keel::binding
