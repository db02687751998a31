#include "config/catalog.hpp"

#include "config/testing.hpp"
#include "config/url.hpp"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keel::relay {
namespace {

using ::testing::HasSubstr;
using testing::Texts;

// A configuration that names every model of a provider, with nothing but its key.
std::string every_model_of(const CatalogProvider& provider) {
  std::string targets;
  for (const CatalogModel& model : provider.models)
    targets += (targets.empty() ? "\"" : ", \"") + std::string(provider.name) + "/" +
               std::string(model.name) + "\"";
  return "routes: {all: {targets: [" + targets + "]}}\n";
}

TEST(Catalog, HasTheProvidersPeopleUse) {
  EXPECT_GE(catalog().size(), 20u);
  for (const char* name :
       {"openai",      "deepseek",    "mistral",    "groq",      "together", "fireworks",
        "xai",         "google",      "openrouter", "cerebras",  "moonshot", "alibaba",
        "zai",         "cohere",      "nvidia",     "deepinfra", "minimax",  "github-models",
        "huggingface", "siliconflow", "sambanova",  "baseten"})
    EXPECT_NE(catalog_provider(name), nullptr) << name;
}

TEST(Catalog, EveryRowCanBeUsed) {
  std::set<std::string_view> providers;
  for (const CatalogProvider& provider : catalog()) {
    EXPECT_TRUE(providers.insert(provider.name).second) << provider.name;
    auto url = check_base_url(provider.base_url, false);
    ASSERT_TRUE(url.ok()) << provider.name;
    EXPECT_EQ(*url, provider.base_url);
    EXPECT_TRUE(is_plain_path(provider.health_path));
    EXPECT_FALSE(provider.key_variables.empty());
    EXPECT_FALSE(provider.models.empty());
    std::set<std::string_view> models;
    for (const CatalogModel& row : provider.models) {
      EXPECT_TRUE(models.insert(row.name).second) << row.name;
      EXPECT_EQ(row.in < 0, row.out < 0) << row.name;
      EXPECT_LE(row.cached, row.in) << row.name;
      EXPECT_GT(row.context, 0) << row.name;
      EXPECT_GE(row.output, 0) << row.name;
      auto model = catalog_model(provider, row.name);
      ASSERT_TRUE(model) << row.name;
      EXPECT_EQ(model->price.has_value(), row.in >= 0);
      EXPECT_EQ(model->lacks.tools, !says(row, "tools"));
    }
  }
}

TEST(Catalog, EveryProviderNeedsNoMoreThanItsKey) {
  for (const CatalogProvider& provider : catalog()) {
    for (std::string_view variable : provider.key_variables) {
      const Texts key{{std::string(variable), "sk-canary-catalog"}};
      Loaded loaded = testing::read(every_model_of(provider), key);
      ASSERT_EQ(format_problems(loaded), "") << provider.name;
      EXPECT_TRUE(loaded.notes.empty()) << provider.name;
      ASSERT_EQ(loaded.config.providers.size(), 1u);
      const ProviderConfig& read = loaded.config.providers[0];
      EXPECT_EQ(read.keys[0].secret.reveal(), "sk-canary-catalog");
      EXPECT_EQ(read.base_url, provider.base_url);
      EXPECT_EQ(read.models.size(), provider.models.size());
    }
  }
}

TEST(Catalog, AnExplainedProviderReadsBack) {
  for (const CatalogProvider& provider : catalog()) {
    const Texts key{{std::string(provider.key_variables[0]), "sk-canary-catalog"}};
    Loaded loaded = testing::read(every_model_of(provider), key);
    std::string explained = explain_config(loaded.config);
    const Texts label{{"KEY_" + loaded.config.providers[0].keys[0].label, "sk-canary-catalog"}};
    Loaded again = testing::read(explained, label);
    ASSERT_EQ(format_problems(again), "") << provider.name;
    EXPECT_EQ(again.config.providers[0].models, loaded.config.providers[0].models);
    EXPECT_EQ(explain_config(again.config), explained);
  }
}

TEST(Catalog, KnowsAModelToTheNanoDollar) {
  const CatalogProvider* openai = catalog_provider("openai");
  ASSERT_NE(openai, nullptr);
  auto model = catalog_model(*openai, "gpt-4.1-nano");
  ASSERT_TRUE(model);
  EXPECT_EQ(model->price->in, 100'000'000);
  EXPECT_EQ(model->price->out, 400'000'000);
  EXPECT_EQ(model->price->cached, 25'000'000);
  EXPECT_EQ(model->output_tokens, 32'768);
  EXPECT_FALSE(model->lacks.tools);
  EXPECT_TRUE(model->lacks.audio);
  EXPECT_FALSE(model->reasoning);
  // Dearer beyond 272,000 tokens, so that is where its context ends here.
  EXPECT_EQ(catalog_model(*openai, "gpt-5.4")->context_tokens, 272'000);
  EXPECT_FALSE(catalog_model(*openai, "gpt-5.4")->price->cache_write);
}

TEST(Catalog, KnowsWhatAModelLacks) {
  auto lacks = [](std::string_view provider, std::string_view model) {
    return catalog_model(*catalog_provider(provider), model)->lacks;
  };
  EXPECT_EQ(lacks("openai", "gpt-3.5-turbo"), (Lacks{true, true, true, true}));
  EXPECT_EQ(lacks("openai", "gpt-4.1"), (Lacks{false, false, false, true}));
  EXPECT_EQ(lacks("deepseek", "deepseek-chat"), (Lacks{false, true, true, true}));
  // Nobody says whether it keeps to a schema: not known to be lacking.
  EXPECT_EQ(lacks("mistral", "codestral-latest"), (Lacks{false, false, true, true}));
}

TEST(Catalog, CarriesTheOdditiesOfProviders) {
  const Texts keys{{"MISTRAL_API_KEY", "k1"}, {"CO_API_KEY", "k2"}, {"OPENAI_API_KEY", "k3"}};
  Loaded loaded = testing::read(
      "routes: {r: {targets: [mistral/codestral-latest, cohere/command-a-03-2025, "
      "openai/gpt-4.1]}}\n",
      keys);
  ASSERT_EQ(format_problems(loaded), "");
  const auto& providers = loaded.config.providers;
  EXPECT_FALSE(providers[0].stream_options);
  EXPECT_EQ(providers[0].max_tokens_field, "max_tokens");
  EXPECT_EQ(providers[0].models[0].prefill, Prefill::prefix_echoed);
  EXPECT_FALSE(providers[1].stream_options);
  EXPECT_TRUE(providers[2].stream_options);
  EXPECT_EQ(providers[2].max_tokens_field, "max_completion_tokens");
  EXPECT_EQ(providers[2].models[0].prefill, Prefill::none);
}

TEST(Catalog, AFileCanSayOtherwise) {
  Loaded loaded = testing::read(
      "providers: {mistral: {keys: [k], stream_options: true, max_tokens_field: "
      "max_completion_tokens, health_path: /alive}}\n"
      "routes: {r: {targets: [mistral/codestral-latest]}}\n");
  ASSERT_EQ(format_problems(loaded), "");
  EXPECT_TRUE(loaded.config.providers[0].stream_options);
  EXPECT_EQ(loaded.config.providers[0].max_tokens_field, "max_completion_tokens");
  EXPECT_EQ(loaded.config.providers[0].health_path, "/alive");
  EXPECT_THAT(testing::problems("providers: {mistral: {keys: [k], max_tokens_field: max_token}}\n"
                                "routes: {r: {targets: [mistral/codestral-latest]}}\n"),
              HasSubstr("found \"max_token\", wanted max_completion_tokens or max_tokens"));
}

TEST(Catalog, TheFirstVariableThatIsSetIsTaken) {
  const std::string text = "routes: {r: {targets: [google/gemini-2.5-flash]}}\n";
  Loaded loaded = testing::read(
      text,
      {{"GEMINI_API_KEY", ""}, {"GOOGLE_API_KEY", "k"}, {"GOOGLE_GENERATIVE_AI_API_KEY", "l"}});
  ASSERT_EQ(format_problems(loaded), "");
  EXPECT_EQ(loaded.config.providers[0].keys[0].secret.reveal(), "k");
  EXPECT_THAT(testing::problems(text, {}),
              HasSubstr("and none of ${GEMINI_API_KEY}, ${GOOGLE_API_KEY}, "
                        "${GOOGLE_GENERATIVE_AI_API_KEY} is set in the environment"));
}

TEST(Catalog, DoesNotKnowTheRest) {
  EXPECT_EQ(catalog_provider("OpenAI"), nullptr);
  EXPECT_EQ(catalog_provider(""), nullptr);
  EXPECT_FALSE(catalog_model(*catalog_provider("openai"), "gpt-4.1-mimi"));
  EXPECT_FALSE(catalog_model(*catalog_provider("openai"), ""));
}

TEST(Catalog, ReadsWholeWords) {
  const CatalogModel unsure{.name = "m", .can = "tools schema?"};
  EXPECT_TRUE(says(unsure, "tools"));
  EXPECT_TRUE(says(unsure, "schema?"));
  EXPECT_FALSE(says(unsure, "schema"));
  EXPECT_FALSE(says(unsure, "tool"));
  EXPECT_FALSE(says(unsure, ""));
  EXPECT_FALSE(says(CatalogModel{.name = "n"}, "tools"));
}

}  // namespace
}  // namespace keel::relay
