#include "policy/settings.hpp"

#include "policy/policies.hpp"

#include <keel/policy.hpp>

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keel::policy {
namespace {

using ::testing::HasSubstr;

constexpr keel_setting_spec kSpecs[] = {
    plugin::text_setting("mood", "calm", "how it feels"),
    plugin::integer_setting("count", 3, {1, 10}, "how many"),
    plugin::number_setting("share", 0.5, {0, 1}, "how much"),
    plugin::boolean_setting("loud", true, "how it sounds"),
    plugin::map_of(plugin::text_setting("mapping", "", "what for what")),
    plugin::required(plugin::number_setting("needed", 0, {}, "must be given")),
};

keel_descriptor described(uint32_t count = std::size(kSpecs)) {
  keel_descriptor d{};
  d.struct_size = sizeof d;
  d.kind = text_of(KEEL_KIND_ROUTING);
  d.id = text_of("test");
  d.setting_count = count;
  d.setting_stride = sizeof(keel_setting_spec);
  d.settings = kSpecs;
  return d;
}

const Setting kNeeded{"needed", 1.0};

std::string only_problem(const Settings& settings) {
  Settings all = settings;
  all.push_back(kNeeded);
  std::vector<Error> problems = check_settings(described(), all);
  if (problems.size() != 1) return std::to_string(problems.size()) + " problems";
  return problems[0].text();
}

keel_setting row_of(const SettingTable& table, std::string_view name) {
  keel_settings view = table.view();
  for (uint32_t i = 0; i < view.count; ++i) {
    if (view_of(view.first[i].name) == name) return view.first[i];
  }
  ADD_FAILURE() << "no row " << name;
  return {};
}

TEST(Settings, NoneDeclaredNoneGiven) {
  EXPECT_TRUE(check_settings(described(0), {}).empty());
  EXPECT_EQ(SettingTable(described(0), {}).view().count, 0u);
}

TEST(Settings, NoneDeclaredOneGiven) {
  auto problems = check_settings(described(0), {{"mood", std::string("calm")}});
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].where, "mood");
  EXPECT_THAT(problems[0].message, HasSubstr("there are none"));
}

TEST(Settings, DefaultsAreFilledIn) {
  Settings given{kNeeded};
  ASSERT_TRUE(check_settings(described(), given).empty());
  keel_descriptor d = described();
  SettingTable table(d, given);
  EXPECT_EQ(table.view().count, 5u);
  EXPECT_EQ(view_of(row_of(table, "mood").text), "calm");
  EXPECT_EQ(row_of(table, "count").integer, 3);
  EXPECT_EQ(row_of(table, "share").number, 0.5);
  EXPECT_EQ(row_of(table, "loud").integer, 1);
  EXPECT_EQ(row_of(table, "needed").number, 1.0);
}

TEST(Settings, GivenValuesWin) {
  Settings given{kNeeded,
                 {"mood", std::string("wild")},
                 {"count", int64_t{10}},
                 {"share", int64_t{1}},
                 {"loud", false}};
  ASSERT_TRUE(check_settings(described(), given).empty());
  keel_descriptor d = described();
  SettingTable table(d, given);
  EXPECT_EQ(table.view().count, 5u);
  EXPECT_EQ(view_of(row_of(table, "mood").text), "wild");
  EXPECT_EQ(row_of(table, "count").integer, 10);
  EXPECT_EQ(row_of(table, "share").number, 1.0);  // a whole number where a number is wanted
  EXPECT_EQ(row_of(table, "loud").integer, 0);
}

TEST(Settings, MapEntriesKeepTheirOrderAndRepeat) {
  Settings given{
      kNeeded, {"mapping.gpt-4.1", std::string("b")}, {"mapping.gpt-4.1", std::string("a")}};
  ASSERT_TRUE(check_settings(described(), given).empty());
  keel_descriptor d = described();
  SettingTable table(d, given);
  keel_settings view = table.view();
  auto entries = plugin::Config(nullptr, &view).texts("mapping");
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0], std::pair(std::string("gpt-4.1"), std::string("b")));
  EXPECT_EQ(entries[1], std::pair(std::string("gpt-4.1"), std::string("a")));
}

TEST(Settings, UnknownNameNamesTheNearest) {
  EXPECT_THAT(only_problem({{"cuont", int64_t{1}}}), HasSubstr("the nearest name is 'count'"));
}

TEST(Settings, WrongTypeAndRange) {
  EXPECT_EQ(only_problem({{"count", std::string("three")}}),
            "count: found the text 'three', wanted a whole number from 1 up to 10");
  EXPECT_EQ(only_problem({{"count", 1.5}}),
            "count: found 1.5, wanted a whole number from 1 up to 10");
  EXPECT_EQ(only_problem({{"count", int64_t{0}}}),
            "count: found 0, wanted a whole number from 1 up to 10");
  EXPECT_EQ(only_problem({{"count", int64_t{11}}}),
            "count: found 11, wanted a whole number from 1 up to 10");
  EXPECT_EQ(only_problem({{"share", 1.01}}), "share: found 1.01, wanted a number from 0 up to 1");
  EXPECT_EQ(only_problem({{"share", std::numeric_limits<double>::quiet_NaN()}}),
            "share: found nan, wanted a number from 0 up to 1");
  EXPECT_EQ(only_problem({{"loud", int64_t{1}}}), "loud: found 1, wanted true or false");
  EXPECT_EQ(only_problem({{"mood", true}}), "mood: found true, wanted a text");
  EXPECT_EQ(only_problem({{"mood", std::string("\xe9")}}).substr(0, 5), "mood:");
}

TEST(Settings, MapNeedsKeys) {
  EXPECT_THAT(only_problem({{"mapping", std::string("x")}}), HasSubstr("wanted a table"));
  EXPECT_THAT(only_problem({{"mapping.", std::string("x")}}), HasSubstr("wanted a table"));
  EXPECT_THAT(only_problem({{"mood.of", std::string("x")}}), HasSubstr("has no setting"));
}

TEST(Settings, TwiceAndMissing) {
  EXPECT_EQ(only_problem({{"count", int64_t{1}}, {"count", int64_t{1}}}),
            "count: found twice, wanted once");
  auto problems = check_settings(described(), {});
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].text(), "needed: is required by policy 'test': must be given");
}

TEST(Settings, AllProblemsAtOnce) {
  auto problems = check_settings(described(), {{"cuont", int64_t{1}}, {"share", 2.0}});
  EXPECT_EQ(problems.size(), 3u);
}

TEST(Settings, AskingForWhatWasNotDeclaredThrows) {
  Settings given{kNeeded};
  keel_descriptor d = described();
  SettingTable table(d, given);
  keel_settings view = table.view();
  plugin::Config config(nullptr, &view);
  EXPECT_THROW(config.number("nedeed"), std::invalid_argument);
  EXPECT_THROW(config.text("count"), std::invalid_argument);
}

}  // namespace
}  // namespace keel::policy
