// Configuration: text to a validated Config, its problems, its explanation.

#include "binding/bindings.hpp"
#include "binding/configured.hpp"
#include "policy/registry.hpp"
#include "relay/log.hpp"
#include "relay/policy_set.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include <pybind11/stl.h>

namespace py = pybind11;

namespace keel::binding {

namespace {

using ProblemTuple = std::tuple<int, std::string, std::string>;

Result<std::string> read_secret_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) return Error{"unreadable", path, "cannot be read"};
  return text.str();
}

Configured read(const std::string& text, const std::string& file_name, bool keys_needed) {
  relay::ConfigSources sources;
  sources.keys_needed = keys_needed;
  sources.env = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value ? std::optional<std::string>(value) : std::nullopt;
  };
  sources.read_file = read_secret_file;
  return {std::make_shared<const relay::Loaded>(relay::read_config(text, file_name, sources))};
}

std::vector<ProblemTuple> problems_of(const Configured& configured) {
  std::vector<ProblemTuple> out;
  for (const relay::Problem& problem : configured.loaded->problems)
    out.emplace_back(problem.line, problem.path, problem.message);
  return out;
}

std::vector<ProblemTuple> policy_problems(const Configured& configured,
                                          std::vector<std::string> plugin_directories) {
  policy::Registry registry(std::move(plugin_directories));
  std::vector<ProblemTuple> out;
  for (const Error& error : relay::load_policies(configured.loaded->config, registry).problems)
    out.emplace_back(0, error.where, error.message);
  return out;
}

// A limit that each process of its own would grant once more: which setting it is, empty if none.
std::string one_process_setting(const Configured& configured) {
  const relay::Config& config = configured.loaded->config;
  const std::vector<relay::AccountConfig>& accounts = config.accounts;
  for (size_t i = 0; i < accounts.size(); ++i) {
    const std::string tenant = i == 0 ? "" : "tenants." + accounts[i].name + ".";
    if (accounts[i].budget) return i == 0 ? "budgets.relay" : tenant + "budget";
    if (accounts[i].limits.any()) return tenant + "limits";
  }
  for (const relay::ProviderConfig& provider : config.providers) {
    const std::string at = "providers." + provider.name + '.';
    if (provider.limits.any()) return at + "limits";
    for (size_t i = 0; i < provider.keys.size(); ++i) {
      const engine::KeyLimits& limits = provider.keys[i].settings.limits;
      if (limits.requests_per_minute > 0 || limits.tokens_per_minute > 0 || limits.concurrency > 0)
        return at + "keys[" + std::to_string(i) + "].limits";
    }
  }
  return {};
}

}  // namespace

void bind_config(py::module_& m) {
  py::class_<Configured>(m, "Config",
                         "A configuration that was read; complete only without problems.")
      .def_property_readonly("problems", &problems_of,
                             "(line, path, message), line 0: the whole file")
      .def_property_readonly("notes", [](const Configured& c) { return c.loaded->notes; })
      .def_property_readonly(
          "log_level",
          [](const Configured& c) { return relay::name_of(c.loaded->config.log_level); })
      .def_property_readonly("request_log",
                             [](const Configured& c) { return c.loaded->config.request_log_path; })
      .def_property_readonly("one_process_setting", &one_process_setting)
      .def("explain", [](const Configured& c) { return relay::explain_config(*c.loaded); })
      .def("policy_problems", &policy_problems, py::arg("plugin_directories"));
  m.def("read_config", &read, py::arg("text"), py::arg("file_name"), py::kw_only(),
        py::arg("keys_needed") = true,
        "keys_needed=False: nothing is ever sent, and a key is what stands in the file.");
}

}  // namespace keel::binding
