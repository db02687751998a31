#include "config/catalog.hpp"
#include "config/parts.hpp"
#include "config/url.hpp"
#include "config/values.hpp"

#include <algorithm>

namespace keel::relay {

namespace {

// USD per million tokens.
void read_figure(Section& section, std::string_view name, std::optional<int64_t>& out) {
  auto value = section.get(name);
  if (!value) return;
  if (auto amount = value->usd(1'000'000)) out = amount->value;
}

void read_lacks(const Value& value, Lacks& lacks) {
  lacks = {};
  for (const Value& item : value.items()) {
    auto word = item.choice({"tools", "schema", "images", "audio"});
    if (!word) continue;
    (*word == 0   ? lacks.tools
     : *word == 1 ? lacks.schema
     : *word == 2 ? lacks.images
                  : lacks.audio) = true;
  }
}

// What the file says of a model, over what the catalog knows.
void read_model(const Section::Entry& entry, const CatalogProvider* known,
                ProviderConfig& provider) {
  ModelConfig model;
  if (known != nullptr) model = catalog_model(*known, entry.name).value_or(model);
  model.name = entry.name;
  Section section(entry.value);
  if (auto price = section.get("price")) {
    model.price = price->is_null() ? std::nullopt : read_price(*price);
  }
  section.read("context", model.context_tokens, 0, kMostTokens);
  section.read("output", model.output_tokens, 0, kMostTokens);
  if (auto lacks = section.get("lacks")) read_lacks(*lacks, model.lacks);
  section.read("reasoning", model.reasoning);
  if (auto prefill = section.get("prefill")) {
    auto word =
        prefill->choice({name_of(Prefill::none), name_of(Prefill::plain), name_of(Prefill::prefix),
                         name_of(Prefill::prefix_echoed), name_of(Prefill::final_message)});
    if (word) model.prefill = static_cast<Prefill>(*word);
  }
  section.finish();
  provider.models.push_back(std::move(model));
}

void read_key(const Value& value, ProviderConfig& provider) {
  if (!value.is_map()) {
    add_key(value, provider);
    return;
  }
  Section section(value);
  for (std::string_view later : {"file", "command", "aws-sigv4"}) section.later(later);
  auto key = section.require("key", "a key such as ${NAME} or file:///path");
  engine::KeySettings settings;
  section.read("account", settings.account);
  if (auto limits = section.get("limits")) {
    Limits read;
    read_limits(*limits, read);
    settings.limits = {read.requests_per_minute, read.tokens_per_minute, read.concurrency};
  }
  section.finish();
  if (key) add_key(*key, provider, settings);
}

// The variable its users keep the key in: the first that holds something.
std::optional<std::string> key_variable_set(const CatalogProvider& known, const Reading& reading) {
  const auto& env = reading.sources.env;
  for (std::string_view variable : known.key_variables) {
    std::string name(variable);
    auto key = env ? env(name) : std::nullopt;
    if (key && !key->empty()) return name;
  }
  if (!reading.sources.keys_needed && !known.key_variables.empty())
    return std::string(known.key_variables.front());
  return std::nullopt;
}

// "${A} is not set", "none of ${A}, ${B} is set".
std::string none_is_set(const CatalogProvider& known) {
  std::string names;
  for (std::string_view variable : known.key_variables)
    names += (names.empty() ? "${" : ", ${") + std::string(variable) + "}";
  return known.key_variables.size() == 1 ? names + " is not set" : "none of " + names + " is set";
}

// A provider of the catalog that is given no keys is asked with the key its users have anyway.
void read_catalog_key(const CatalogProvider& known, const Value& where, ProviderConfig& provider) {
  std::string path = path_below(where.path(), "keys");
  auto variable = key_variable_set(known, where.reading());
  if (!variable) {
    where.reading().problem(
        where.line(), path,
        "missing, and " + none_is_set(known) + " in the environment, wanted a list of keys");
    return;
  }
  Value as_written(where.reading(), YAML::Node("${" + *variable + "}"), path, where.line());
  add_key(as_written, provider);
}

ProviderConfig provider_of(const CatalogProvider& known) {
  ProviderConfig provider;
  provider.name = known.name;
  provider.base_url = known.base_url;
  provider.stream_options = known.stream_options;
  provider.max_tokens_field = known.max_tokens_field;
  provider.health_path = known.health_path;
  return provider;
}

void read_provider(const Section::Entry& entry, Config& config) {
  const CatalogProvider* known = catalog_provider(entry.name);
  ProviderConfig provider = known != nullptr ? provider_of(*known) : ProviderConfig{};
  provider.name = entry.name;
  Section section(entry.value);
  section.read("allow_plaintext", provider.allow_plaintext);
  section.read("allow_private", provider.allow_private);
  section.read("bills_errors", provider.bills_errors);
  section.read("stream_options", provider.stream_options);
  if (auto field = section.get("max_tokens_field")) {
    auto word = field->choice({"max_completion_tokens", "max_tokens"});
    if (word) provider.max_tokens_field = *word == 0 ? "max_completion_tokens" : "max_tokens";
  }
  auto url = known != nullptr ? section.get("base_url")
                              : section.require("base_url", "a URL such as https://host/v1");
  if (url) {
    provider.base_url = read_base_url(*url, provider.allow_plaintext).value_or(provider.base_url);
  }
  if (auto dialect = section.get("dialect")) {
    auto word = dialect->text();
    if (word && *word != "openai") dialect->wanted("openai, the one dialect of this version");
  }
  if (auto keys = section.get("keys")) {
    read_keys(*keys, provider);
  } else if (known != nullptr && section.is_map()) {
    read_catalog_key(*known, entry.value, provider);
  }
  if (auto order = section.get("key_order")) {
    auto word = order->choice({"least_loaded", "least_used_random"});
    if (word) provider.key_order = static_cast<engine::KeyOrder>(*word);
  }
  if (auto limits = section.get("limits")) read_limits(*limits, provider.limits);
  if (auto path = section.get("health_path")) {
    auto word = path->text();
    if (word && is_plain_path(*word)) {
      provider.health_path = *word;
    } else if (word) {
      path->wanted("a path below base_url such as /models");
    }
  }
  if (auto models = section.get("models")) {
    Section named(*models);
    for (const Section::Entry& model : named.entries()) read_model(model, known, provider);
  }
  section.finish();
  config.providers.push_back(std::move(provider));
}

bool is_provider_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

}  // namespace

std::optional<std::string> read_base_url(const Value& value, bool allow_plaintext) {
  auto text = value.text();
  if (!text) return std::nullopt;
  auto checked = check_base_url(*text, allow_plaintext);
  if (checked) return *checked;
  if (value.node().Scalar().find("${") != std::string::npos) {
    // The message would repeat what the variable holds.
    value.wanted("a URL that begins with https:// and has nothing but host, port and path");
  } else {
    value.problem(checked.error().message);
  }
  return std::nullopt;
}

std::optional<Price> read_price(const Value& value) {
  Section section(value);
  std::optional<int64_t> in, out;
  Price price;
  if (section.require("in", "USD per million input tokens")) read_figure(section, "in", in);
  if (section.require("out", "USD per million output tokens")) read_figure(section, "out", out);
  read_figure(section, "cached", price.cached);
  read_figure(section, "cache_write", price.cache_write);
  section.finish();
  if (!in || !out) return std::nullopt;
  price.in = *in;
  price.out = *out;
  return price;
}

void add_key(const Value& value, ProviderConfig& provider, engine::KeySettings settings) {
  auto secret = value.secret();
  if (!secret) return;
  for (const KeyConfig& other : provider.keys) {
    if (other.secret == *secret) {
      value.problem("the same key as another of this provider, wanted each key once");
      return;
    }
  }
  std::string label = key_label(secret->reveal());
  provider.keys.push_back({std::move(*secret), std::move(label), std::move(settings)});
}

void read_keys(const Value& value, ProviderConfig& provider) {
  if (!value.is_list()) {
    // Not wanted(): a text here is most likely a key.
    value.problem("found no list, wanted a list of keys such as [\"${NAME}\"]");
    return;
  }
  for (const Value& item : value.items()) read_key(item, provider);
}

std::optional<ProviderIndex> add_catalog_provider(const Value& where, std::string_view name,
                                                  Config& config) {
  const CatalogProvider* known = catalog_provider(name);
  if (known == nullptr) return std::nullopt;
  Reading& reading = where.reading();
  const std::string path = path_below("providers", name);
  auto variable = key_variable_set(*known, reading);
  if (!variable) {
    where.problem("no provider is named " + quoted(name) + ", and " + none_is_set(*known) +
                  " in the environment, wanted one of the two");
    return std::nullopt;
  }
  ProviderConfig provider = provider_of(*known);
  read_catalog_key(*known, Value(reading, {}, path, where.line()), provider);
  reading.out.origins[path] = "from the catalog, asked with ${" + *variable + "}";
  config.providers.push_back(std::move(provider));
  return static_cast<ProviderIndex>(config.providers.size() - 1);
}

void read_providers(Section& providers, Config& config) {
  for (const Section::Entry& entry : providers.entries()) {
    if (!is_provider_name(entry.name)) {
      entry.value.reading().problem(
          entry.line, entry.value.path(),
          "found " + quoted(entry.name) + " as a provider's name, wanted letters, digits, - _ .");
    }
    read_provider(entry, config);
  }
}

}  // namespace keel::relay
