#pragma once
// Providers, models and prices that need no configuration: OpenAI-compatible providers only. The
// facts are the tables in cpp/config/catalog, one file a provider, each with its sources and the
// day they were taken; the build makes C++ of them (catalog/compile.py).

#include "relay/config.hpp"

#include <optional>
#include <span>
#include <string_view>

namespace keel::relay {

struct CatalogModel {
  std::string_view name;
  int64_t in;  // prices in nano-USD per million tokens; -1: unknown
  int64_t out;
  int64_t cached;       // -1: billed like `in`
  int64_t cache_write;  // -1: billed like `in`
  int64_t context;      // tokens a request may have at these prices
  int64_t output;       // tokens; 0: none or unknown
  // Of tools, schema, images, reasoning. One that is missing is known to be lacking, but where
  // nobody says whether a model keeps to a schema the word is "schema?".
  std::string_view can;
  Prefill prefill;
};

struct CatalogProvider {
  std::string_view name;
  std::string_view base_url;
  std::string_view base_url_from;                   // the page that documents it
  std::span<const std::string_view> key_variables;  // environment variables its users know
  std::string_view models_from;                     // the page that lists models and prices
  std::string_view date;                            // of the facts, as 2026-07-02
  bool stream_options;
  std::string_view max_tokens_field;
  std::string_view health_path;
  std::span<const CatalogModel> models;
};

std::span<const CatalogProvider> catalog();
const CatalogProvider* catalog_provider(std::string_view name);
std::optional<ModelConfig> catalog_model(const CatalogProvider& provider, std::string_view name);

// Does the row have this word of `can`?
bool says(const CatalogModel& model, std::string_view word);

}  // namespace keel::relay
