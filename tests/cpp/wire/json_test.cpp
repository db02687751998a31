#include "wire/json.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace keel::wire::json {

static bool well_formed(std::string_view text, int depth_max = 64) {
  Cursor cursor(text, depth_max);
  cursor.skip();
  return cursor.finish();
}

static String one_string(std::string_view text) {
  Cursor cursor(text, 1);
  String out;
  EXPECT_TRUE(cursor.string(out) && cursor.finish()) << text << ": " << cursor.problem();
  return out;
}

TEST(Json, TakesWhatTheGrammarTakes) {
  for (const char* text :
       {"0", "-0", "1e400", "-1.5E+7", "\"\"", "null", "true", "false", "[]", "{}", " [ ] ", "{ }",
        "[1,2]", R"({"a":{"b":[{}]}})", "\t\r\n 1 \n", R"("\"\\\/\b\f\n\r\t\u00e9")",
        "1234567890123456789012", R"({"a":1,"a":2})"}) {
    EXPECT_TRUE(well_formed(text)) << text;
  }
}

TEST(Json, RefusesWhatTheGrammarRefuses) {
  for (const char* text :
       {"",         " ",       "01",          "-",          "1.",    ".5",    "1e",
        "+1",       "NaN",     "Infinity",    "nul",        "True",  "[1,]",  "[,1]",
        "[1 2]",    "{\"a\"}", "{\"a\":}",    "{\"a\":1,}", "{a:1}", "{1:2}", "\"",
        "\"\\\"",   "\"\\x\"", "\"\\u12g4\"", "\"\\u12",    "[",     "{",     "[1",
        "{\"a\":1", "1 2",     "]",           "\"a\nb\"",   "'a'",   "/**/1", "\xEF\xBB\xBF{}"}) {
    EXPECT_FALSE(well_formed(text)) << text;
  }
  EXPECT_FALSE(well_formed(std::string_view("\"\\\0\"", 4)));
  EXPECT_FALSE(well_formed(std::string_view("\"\0\"", 3)));
}

TEST(Json, SaysWhereItStopped) {
  Cursor cursor(R"({"a" 1})", 4);
  cursor.skip();
  EXPECT_EQ(cursor.problem(), "byte 5: ':' wanted");
  EXPECT_EQ(cursor.kind(), Kind::bad);  // and stays there
  EXPECT_FALSE(cursor.skip());
}

TEST(Json, NestsToItsLimitAndNoFurther) {
  EXPECT_TRUE(well_formed("[[[]]]", 3));
  EXPECT_FALSE(well_formed("[[[[]]]]", 3));
  EXPECT_TRUE(well_formed("[[],[],[[]]]", 3));  // siblings do not add up
  EXPECT_FALSE(well_formed(std::string(1'000'000, '[')));
}

TEST(Json, EscapesMeanTheirCharacters) {
  EXPECT_EQ(one_string(R"("\u0041\n\/\u00e9\ud83d\ude00")").text(), "A\n/\u00e9\U0001F600");
  EXPECT_EQ(one_string(R"("\u0000")").text(), std::string(1, '\0'));
  EXPECT_TRUE(one_string(R"("mod\u0065l")").equals("model"));
  EXPECT_FALSE(one_string(R"("mod\u0066l")").equals("model"));
  EXPECT_EQ(one_string(R"("\ud800x")").text(), "\uFFFDx");
  std::string a, b;
  one_string(R"("\ud800")").append_exact(a);
  one_string(R"("\ud801")").append_exact(b);
  EXPECT_NE(a, b);
  for (const char* text : {R"("plain")", R"("\u0041\n")", R"("\ud800 \u00e9 \ud83d\ude00")"}) {
    EXPECT_EQ(one_string(text).text_size(), one_string(text).text().size()) << text;
  }
}

TEST(Json, LongStringsEndAtEveryOffset) {
  for (size_t length = 0; length < 40; ++length) {
    auto quoted = [length](char c, const char* tail) {
      return std::string(1, '"').append(length, c).append(tail);
    };
    for (const char* tail : {"\"", "\\n\"", "\xC3\xA9\""}) {
      std::string text = quoted('x', tail);
      EXPECT_TRUE(well_formed(text)) << text;
      EXPECT_FALSE(well_formed(text.substr(0, text.size() - 1))) << text;
    }
    EXPECT_FALSE(well_formed(quoted('x', "\x1F\""))) << length;
    EXPECT_TRUE(well_formed(quoted('\x7F', "!\""))) << length;
  }
}

TEST(Json, NumbersAreExact) {
  auto integer = [](const char* text) { return decimal_of(text).value().integer(); };
  EXPECT_EQ(integer("0"), 0);
  EXPECT_EQ(integer("-0.000e9"), 0);
  EXPECT_EQ(integer("1e2"), 100);
  EXPECT_EQ(integer("100.00"), 100);
  EXPECT_EQ(integer("1200e-2"), 12);
  EXPECT_EQ(integer("0.5e1"), 5);
  EXPECT_EQ(integer("-17"), -17);
  EXPECT_EQ(integer("999999999999999999"), 999999999999999999);
  EXPECT_EQ(integer("1.5"), std::nullopt);
  EXPECT_EQ(integer("1e-1"), std::nullopt);
  EXPECT_EQ(integer("1000000000000000000"), std::nullopt);
  EXPECT_EQ(decimal_of("1e99999999999999999999"), std::nullopt);
  EXPECT_EQ(decimal_of("1.50"), decimal_of("15e-1"));
  EXPECT_NE(decimal_of("1.5"), decimal_of("-1.5"));
  EXPECT_NE(decimal_of("9007199254740992"), decimal_of("9007199254740993"));
}

TEST(Json, FindsRepeatedKeysHoweverSpelt) {
  auto repeated = [](std::string_view text) {
    Cursor cursor(text, 8);
    RepeatedKeys keys;
    bool found = false;
    auto walk = [&](auto&& self) -> void {
      if (cursor.kind() != Kind::object) {
        cursor.skip();
        return;
      }
      size_t mark = keys.open();
      cursor.object([&](const String& key) {
        keys.add(key);
        self(self);
      });
      if (keys.close(mark)) found = true;
    };
    walk(walk);
    EXPECT_TRUE(cursor.finish());
    return found;
  };
  EXPECT_FALSE(repeated("{}"));
  EXPECT_FALSE(repeated(R"({"a":1,"b":{"a":2}})"));
  EXPECT_TRUE(repeated(R"({"a":1,"b":{"c":1,"c":1}})"));
  EXPECT_TRUE(repeated(R"({"ab":1,"x":{},"\u0061b":1})"));
  EXPECT_FALSE(repeated(R"({"\ud800":1,"\ud801":1})"));
  EXPECT_FALSE(repeated(R"({"a":1,"A":1,"a ":1})"));
}

TEST(Json, QuotesAnything) {
  for (std::string text : {std::string(), std::string("a\"b\\c/\n\r\t\x01\x1F"),
                           std::string(3, '\0'), std::string("\u00e9\U0001F600\x7F")}) {
    EXPECT_EQ(nlohmann::json::parse(json_quote(text)).get<std::string>(), text);
  }
  EXPECT_EQ(json_quote("\xFF"), R"("\ufffd")");
}

}  // namespace keel::wire::json
