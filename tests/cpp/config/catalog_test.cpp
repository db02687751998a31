#include "config/catalog.hpp"

#include "config/url.hpp"

#include <set>

#include <gtest/gtest.h>

namespace keel::relay {
namespace {

TEST(Catalog, EveryRowCanBeUsed) {
  std::set<std::string_view> providers;
  for (const CatalogProvider& provider : catalog()) {
    EXPECT_TRUE(providers.insert(provider.name).second) << provider.name;
    auto url = check_base_url(provider.base_url, false);
    ASSERT_TRUE(url.ok()) << provider.name;
    EXPECT_EQ(*url, provider.base_url);
    EXPECT_TRUE(provider.key_variable.ends_with("_API_KEY"));
    EXPECT_GT(provider.model_count, 0u);
    std::set<std::string_view> models;
    for (size_t i = 0; i < provider.model_count; ++i) {
      const CatalogModel& row = provider.models[i];
      EXPECT_TRUE(models.insert(row.name).second) << row.name;
      EXPECT_GT(row.in, 0) << row.name;
      EXPECT_GE(row.out, 0) << row.name;
      EXPECT_LE(row.cached, row.in) << row.name;
      EXPECT_GT(row.context, 0) << row.name;
      EXPECT_LE(row.output, row.context) << row.name;
      EXPECT_EQ(row.abilities.find_first_not_of("TSIR"), std::string_view::npos) << row.name;
    }
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

TEST(Catalog, DoesNotKnowTheRest) {
  EXPECT_EQ(catalog_provider("OpenAI"), nullptr);
  EXPECT_EQ(catalog_provider(""), nullptr);
  EXPECT_FALSE(catalog_model(*catalog_provider("openai"), "gpt-4.1-mimi"));
}

}  // namespace
}  // namespace keel::relay
