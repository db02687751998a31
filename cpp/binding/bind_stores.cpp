// Engines that keep: the ledger of money and the cache of replies.

#include "binding/bindings.hpp"
#include "binding/refusal.hpp"
#include "engine/budget.hpp"
#include "engine/cache.hpp"
#include "wire/canonical.hpp"

#include <tuple>

#include <pybind11/native_enum.h>
#include <pybind11/stl.h>

namespace py = pybind11;

namespace keel::binding {

namespace {

using engine::Budget;
using engine::BudgetWindow;
using Accounts = std::vector<AccountIndex>;

// (hold, nothing if refused; the account that said no; what is left there)
using ReserveTuple = std::tuple<std::optional<uint64_t>, AccountIndex, int64_t>;
ReserveTuple reserve(Budget& budget, const Accounts& accounts, int64_t amount_nano_usd,
                     int64_t lease_until_ns, int64_t unix_ns) {
  Budget::Refusal refusal;
  auto hold = budget.reserve(accounts, {amount_nano_usd}, {lease_until_ns}, unix_ns, &refusal);
  return {hold, refusal.account, refusal.left.value};
}

// in, cached, cache_write, out, reasoning
using TokensTuple = std::tuple<int64_t, int64_t, int64_t, int64_t, int64_t>;

void bind_budget(py::module_& m) {
  py::native_enum<BudgetWindow>(m, "BudgetWindow", "enum.Enum")
      .value("minute", BudgetWindow::minute)
      .value("hour", BudgetWindow::hour)
      .value("day", BudgetWindow::day)
      .value("month", BudgetWindow::month)
      .value("forever", BudgetWindow::forever)
      .finalize();
  py::native_enum<Budget::HoldState>(m, "HoldState", "enum.Enum")
      .value("held", Budget::HoldState::held)
      .value("posted", Budget::HoldState::posted)
      .value("voided", Budget::HoldState::voided)
      .value("assumed", Budget::HoldState::assumed)
      .value("unknown", Budget::HoldState::unknown)
      .finalize();
  py::class_<Budget>(m, "Budget")
      .def(py::init<>())
      .def(
          "add_account",
          [](Budget& b, std::string name, int64_t limit_nano_usd, BudgetWindow window) {
            return b.add_account({std::move(name), {limit_nano_usd}, window, 80});
          },
          py::arg("name"), py::arg("limit_nano_usd"), py::arg("window"))
      .def("reserve", &reserve, py::arg("accounts"), py::arg("amount_nano_usd"),
           py::arg("lease_until_ns"), py::arg("unix_ns"))
      .def(
          "settle",
          [](Budget& b, uint64_t hold, int64_t actual_nano_usd, const TokensTuple& used) {
            const auto [in, cached, cache_write, out, reasoning] = used;
            return b.settle(hold, {actual_nano_usd}, {in, cached, cache_write, out, reasoning});
          },
          py::arg("hold"), py::arg("actual_nano_usd"), py::arg("used"))
      .def("release", &Budget::release, py::arg("hold"))
      .def("assume", &Budget::assume, py::arg("hold"))
      .def(
          "expire", [](Budget& b, int64_t now_ns) { return b.expire({now_ns}); }, py::arg("now_ns"))
      .def("state", &Budget::state, py::arg("hold"))
      .def(
          "room",
          [](const Budget& b, const Accounts& accounts, int64_t unix_ns) {
            return b.room(accounts, unix_ns).value;
          },
          py::arg("accounts"), py::arg("unix_ns"))
      .def(
          "totals",
          [](const Budget& b, AccountIndex account, int64_t unix_ns) {
            const Budget::Totals t = b.totals(account, unix_ns);
            return std::tuple(t.posted.value, t.held.value, t.overrun.value, t.assumed.value);
          },
          py::arg("account"), py::arg("unix_ns"))
      .def(
          "used",
          [](const Budget& b, AccountIndex account, int64_t unix_ns) -> TokensTuple {
            const Usage used = b.totals(account, unix_ns).used;
            return {used.in, used.cached, used.cache_write, used.out, used.reasoning};
          },
          py::arg("account"), py::arg("unix_ns"));
}

std::string canonical(const py::bytes& request) {
  return or_raise(wire::canonical_request(Body::copy_of(request)));
}

engine::CacheKey key_of(const std::string& canonical_form, const std::string& scope) {
  return wire::identity_of(scope, Operation::chat, "", canonical_form).bytes;
}

void bind_cache(py::module_& m) {
  using engine::Cache;
  py::class_<Cache>(m, "ResponseCache")
      .def(py::init([](int64_t max_bytes, int64_t max_entry_bytes) {
             return std::make_unique<Cache>(engine::CacheSettings{max_bytes, max_entry_bytes});
           }),
           py::kw_only(), py::arg("max_bytes"), py::arg("max_entry_bytes"))
      .def(
          "find",
          [](Cache& c, const py::bytes& request, const std::string& scope, int64_t max_age_ns,
             int64_t stale_ns,
             int64_t now_ns) -> std::optional<std::tuple<py::bytes, int64_t, bool>> {
            const std::string form = canonical(request);
            const engine::CachedReply* reply =
                c.find(key_of(form, scope), form, {max_age_ns}, {stale_ns}, {now_ns});
            if (!reply) return std::nullopt;
            return std::tuple(py::bytes(reply->body.view()), elapsed(reply->stored_at, {now_ns}).ns,
                              reply->stale({now_ns}));
          },
          py::arg("request"), py::arg("scope"), py::arg("max_age_ns"), py::arg("stale_ns"),
          py::arg("now_ns"))
      .def(
          "put",
          [](Cache& c, const py::bytes& request, const py::bytes& reply, const std::string& scope,
             const std::string& owner, int64_t ttl_ns, int64_t stale_ns, int64_t now_ns) {
            std::string form = canonical(request);
            const engine::CacheKey key = key_of(form, scope);
            engine::CachedReply entry;
            entry.body = Body::copy_of(reply);
            return c.put(key, Body::take(std::move(form)), std::move(entry),
                         {{ttl_ns}, {stale_ns}, owner}, {now_ns});
          },
          py::arg("request"), py::arg("reply"), py::arg("scope"), py::arg("owner"),
          py::arg("ttl_ns"), py::arg("stale_ns"), py::arg("now_ns"))
      .def(
          "purge", [](Cache& c, const std::string& owner) { return c.purge(owner); },
          py::arg("owner"))
      .def("clear", &Cache::clear)
      .def_property_readonly("bytes", &Cache::bytes)
      .def_property_readonly("entries", &Cache::entries)
      .def_property_readonly("evictions", &Cache::evictions);
}

}  // namespace

void bind_stores(py::module_& m) {
  bind_budget(m);
  bind_cache(m);
}

}  // namespace keel::binding
