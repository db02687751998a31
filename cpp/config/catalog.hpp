#pragma once
// Providers, models and prices that need no configuration: OpenAI-compatible providers only.
// Facts: models.dev (github.com/anomalyco/models.dev), MIT licence, snapshot 2026-07-02; prices in
// USD per million tokens there. Where a provider charges more beyond a context size, the context
// ends at that size, so that the price is right for every request that is sent. A price of 0 for
// cached tokens of a priced model is taken for "unknown".

#include "relay/config.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keel::relay {

struct CatalogModel {
  std::string_view name;
  int64_t in;  // micro-USD per million tokens
  int64_t out;
  int64_t cached;   // -1: unknown, billed like `in`
  int64_t context;  // tokens
  int64_t output;   // tokens; 0: none or unknown
  // T tools, S structured output, I images, R reasons. One that is missing is known to be lacking.
  std::string_view abilities;
};

struct CatalogProvider {
  std::string_view name;
  std::string_view base_url;
  std::string_view key_variable;  // the environment variable its users know
  const CatalogModel* models;
  size_t model_count;
};

const std::vector<CatalogProvider>& catalog();
const CatalogProvider* catalog_provider(std::string_view name);
std::optional<ModelConfig> catalog_model(const CatalogProvider& provider, std::string_view name);

}  // namespace keel::relay
