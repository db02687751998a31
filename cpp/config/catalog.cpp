#include "config/catalog.hpp"

#include <algorithm>

namespace keel::relay {

bool says(const CatalogModel& model, std::string_view word) {
  for (std::string_view rest = model.can; !rest.empty();) {
    size_t end = std::min(rest.find(' '), rest.size());
    if (rest.substr(0, end) == word) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

const CatalogProvider* catalog_provider(std::string_view name) {
  auto all = catalog();
  auto at = std::find_if(all.begin(), all.end(), [&](const auto& p) { return p.name == name; });
  return at == all.end() ? nullptr : &*at;
}

std::optional<ModelConfig> catalog_model(const CatalogProvider& provider, std::string_view name) {
  auto row = std::find_if(provider.models.begin(), provider.models.end(),
                          [&](const CatalogModel& m) { return m.name == name; });
  if (row == provider.models.end()) return std::nullopt;
  ModelConfig model;
  model.name = row->name;
  if (row->in >= 0) {
    Price price{.in = row->in, .out = row->out, .cached = {}, .cache_write = {}};
    if (row->cached >= 0) price.cached = row->cached;
    if (row->cache_write >= 0) price.cache_write = row->cache_write;
    model.price = price;
  }
  model.context_tokens = row->context;
  model.output_tokens = row->output;
  // Audio is not in any of these rows: it has prices of its own.
  model.lacks = {.tools = !says(*row, "tools"),
                 .schema = !says(*row, "schema") && !says(*row, "schema?"),
                 .images = !says(*row, "images"),
                 .audio = true};
  model.reasoning = says(*row, "reasoning");
  model.prefill = row->prefill;
  return model;
}

}  // namespace keel::relay
