// The catalog of providers, as it was built in.

#include "binding/bindings.hpp"
#include "config/catalog.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <pybind11/stl.h>

namespace py = pybind11;

namespace keel::binding {

namespace {

using relay::CatalogModel;
using relay::CatalogProvider;

std::optional<int64_t> known(int64_t nano_usd) {
  return nano_usd < 0 ? std::nullopt : std::optional(nano_usd);
}

std::vector<std::string> words_of(const CatalogModel& model) {
  std::vector<std::string> words;
  for (std::string_view word : {"tools", "schema", "schema?", "images", "reasoning"})
    if (relay::says(model, word)) words.emplace_back(word);
  return words;
}

}  // namespace

void bind_catalog(py::module_& m) {
  py::class_<CatalogModel>(m, "CatalogModel", "Prices in nano-USD per million tokens.")
      .def_readonly("name", &CatalogModel::name)
      .def_property_readonly("in_nano_usd", [](const CatalogModel& c) { return known(c.in); })
      .def_property_readonly("out_nano_usd", [](const CatalogModel& c) { return known(c.out); })
      .def_property_readonly("cached_nano_usd",
                             [](const CatalogModel& c) { return known(c.cached); })
      .def_property_readonly("cache_write_nano_usd",
                             [](const CatalogModel& c) { return known(c.cache_write); })
      .def_readonly("context", &CatalogModel::context)
      .def_readonly("output", &CatalogModel::output, "0: none or unknown")
      .def_property_readonly("can", &words_of, "tools, schema or schema?, images, reasoning");
  py::class_<CatalogProvider>(m, "CatalogProvider")
      .def_readonly("name", &CatalogProvider::name)
      .def_readonly("base_url", &CatalogProvider::base_url)
      .def_readonly("base_url_from", &CatalogProvider::base_url_from)
      .def_property_readonly("key_variables",
                             [](const CatalogProvider& p) {
                               return std::vector<std::string>(p.key_variables.begin(),
                                                               p.key_variables.end());
                             })
      .def_readonly("models_from", &CatalogProvider::models_from)
      .def_readonly("date", &CatalogProvider::date)
      .def_property_readonly("models", [](const CatalogProvider& p) {
        return std::vector<CatalogModel>(p.models.begin(), p.models.end());
      });
  m.def("catalog", [] {
    auto all = relay::catalog();
    return std::vector<CatalogProvider>(all.begin(), all.end());
  });
}

}  // namespace keel::binding
