#include "wire/canonical.hpp"

#include "wire/random_json.hpp"

#include <cmath>
#include <map>
#include <optional>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace keel::wire {

static std::string canonical(std::string_view text) {
  auto out = canonical_request(Body::copy_of(text));
  EXPECT_TRUE(out.ok()) << text << ": " << out.error().text();
  return out.ok() ? *out : "";
}

static bool cacheable(std::string_view text) {
  return canonical_request(Body::copy_of(text)).ok();
}

// The same rules once more, written down another way: a parsed tree by nlohmann's SAX interface,
// the value of a decimal by writing it out in full.
class Oracle : public nlohmann::json_sax<nlohmann::json> {
 public:
  static std::optional<std::string> of(const std::string& text, bool* too_large = nullptr) {
    Oracle oracle;
    bool parsed = nlohmann::json::sax_parse(text, &oracle);
    if (too_large) *too_large = oracle.too_large_;
    if (!parsed || oracle.repeated_) return std::nullopt;
    return oracle.done_;
  }

  bool null() override { return add("N"); }
  bool boolean(bool b) override { return add(b ? "T" : "F"); }
  bool number_integer(number_integer_t v) override { return add("I" + std::to_string(v)); }
  bool number_unsigned(number_unsigned_t v) override { return add("I" + std::to_string(v)); }
  bool number_float(number_float_t v, const string_t& raw) override {
    if (raw.find_first_of(".eE") == std::string::npos) return add("I" + raw);
    for (int digits = 1; std::isfinite(v) && digits <= 17; ++digits) {
      char text[64];
      snprintf(text, sizeof text, "%.*e", digits - 1, v);
      if (strtod(text, nullptr) != v) continue;
      return add(in_full(text) == in_full(raw) ? "D" + in_full(text) : "R" + raw);
    }
    return add("R" + raw);
  }
  bool string(string_t& s) override { return add("S" + std::to_string(s.size()) + ":" + s); }
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override { return push(true); }
  bool end_object() override { return pop(); }
  bool start_array(size_t) override { return push(false); }
  bool end_array() override { return pop(); }
  bool key(string_t& k) override {
    open_.back().key = k;
    return true;
  }
  bool parse_error(size_t, const std::string&, const nlohmann::json::exception& e) override {
    too_large_ = e.id == 406;  // it refuses 1e400
    return false;
  }

 private:
  struct Level {
    bool object;
    std::string key;
    std::map<std::string, std::string> members;
    std::string elements;
  };

  bool push(bool object) {
    open_.push_back({object, {}, {}, {}});
    return true;
  }
  bool pop() {
    Level level = std::move(open_.back());
    open_.pop_back();
    std::string out = "[" + level.elements;
    if (level.object) {
      out = "{";
      for (const auto& [k, v] : level.members) {
        bool dropped = open_.empty() && (k == "model" || k == "user" || k == "metadata" ||
                                         k == "safety_identifier" || k == "prompt_cache_key");
        if (!dropped) out += std::to_string(k.size()) + ":" + k + "=" + v;
      }
    }
    return add(out + (level.object ? "}" : "]"));
  }
  bool add(const std::string& value) {
    if (open_.empty()) {
      done_ = value;
    } else if (!open_.back().object) {
      open_.back().elements += value + ",";
    } else if (!open_.back().members.emplace(open_.back().key, value).second) {
      repeated_ = true;
    }
    return true;
  }

  // "12.5e1" -> "125.", "-1e-2" -> "-.01": sign, digits, point, digits, no zeros at the ends.
  static std::string in_full(std::string text) {
    std::string sign;
    if (text[0] == '-') {
      sign = "-";
      text.erase(0, 1);
    }
    long exponent = 0;
    if (size_t e = text.find_first_of("eE"); e != std::string::npos) {
      exponent = std::stol(text.substr(e + 1));
      text.resize(e);
    }
    size_t point = std::min(text.find('.'), text.size());
    std::string whole = text.substr(0, point);
    std::string fraction = point < text.size() ? text.substr(point + 1) : "";
    for (; exponent > 0; --exponent) {
      whole += fraction.empty() ? '0' : fraction[0];
      if (!fraction.empty()) fraction.erase(0, 1);
    }
    for (; exponent < 0; ++exponent) {
      fraction.insert(0, 1, whole.empty() ? '0' : whole.back());
      if (!whole.empty()) whole.pop_back();
    }
    whole.erase(0, std::min(whole.find_first_not_of('0'), whole.size()));
    fraction.resize(fraction.find_last_not_of('0') + 1);
    return sign + whole + "." + fraction;
  }

  std::vector<Level> open_;
  std::string done_;
  bool repeated_ = false;
  bool too_large_ = false;
};

TEST(Canonical, OneFormForOneMeaning) {
  EXPECT_EQ(canonical(R"( { "b" : [ 1 , true , null ] , "a" : "x" } )"),
            R"({"a":"x","b":[1,true,null]})");
  EXPECT_EQ(canonical(R"({"a":"\u0041\/\n"})"), "{\"a\":\"A/\\u000a\"}");
  EXPECT_EQ(canonical("{}"), "{}");
  EXPECT_EQ(canonical(R"({"x":{"b":{},"a":[]}})"), R"({"x":{"a":[],"b":{}}})");
}

TEST(Canonical, FieldsWithoutEffectAreLeftOutOnTopOnly) {
  EXPECT_EQ(canonical(R"({"user":"u","metadata":{"a":1},"safety_identifier":"s","temperature":1,
                          "prompt_cache_key":"k","model":"m"})"),
            R"({"temperature":1})");
  EXPECT_EQ(canonical(R"({"x":{"user":"u","model":"m"}})"), R"({"x":{"model":"m","user":"u"}})");
  EXPECT_EQ(canonical(R"({"us\u0065r":"u"})"), "{}");
}

TEST(Canonical, NumbersByTheirValueWithoutLosingAny) {
  auto same = [](const char* a, const char* b) {
    return canonical(std::string("{\"a\":") + a + "}") ==
           canonical(std::string("{\"a\":") + b + "}");
  };
  EXPECT_TRUE(same("1.5", "15e-1"));
  EXPECT_TRUE(same("0.10", "1E-1"));
  EXPECT_TRUE(same("1e2", "100.0"));
  EXPECT_FALSE(same("1", "1.0"));
  EXPECT_FALSE(same("0.0", "-0.0"));
  EXPECT_FALSE(same("1e400", "1e401"));
  EXPECT_FALSE(same("1e-400", "0.0"));
  EXPECT_FALSE(same("1e99999999999", "2e99999999999"));
  EXPECT_FALSE(same("1234567890123456789012", "1234567890123456789013"));
  EXPECT_FALSE(same("9007199254740992", "9007199254740993"));
  EXPECT_FALSE(same("0.1", "0.1000000000000000055511151231257827"));  // the same double
  EXPECT_FALSE(same("1", "\"1\""));
}

TEST(Canonical, NoUnicodeNormalisation) {
  EXPECT_NE(canonical("{\"a\":\"\u00e9\"}"), canonical("{\"a\":\"e\u0301\"}"));
  EXPECT_EQ(canonical("{\"a\":\"\u00e9\"}"), canonical(R"({"a":"\u00E9"})"));
  EXPECT_NE(canonical(R"({"a":"\ud800"})"), canonical(R"({"a":"\ufffd"})"));
  EXPECT_NE(canonical(R"({"a":"\ud800"})"), canonical(R"({"a":"\ud801"})"));
}

TEST(Canonical, AbsentIsNotNullAndOrderOfListsCounts) {
  EXPECT_NE(canonical(R"({"a":null})"), canonical("{}"));
  EXPECT_NE(canonical(R"({"a":[1,2]})"), canonical(R"({"a":[2,1]})"));
  EXPECT_NE(canonical(R"({"a":[[1],2]})"), canonical(R"({"a":[[1,2]]})"));
  EXPECT_NE(canonical(R"({"stream":true})"), canonical(R"({"stream":false})"));
}

TEST(Canonical, RefusesWhatHasNoSingleMeaning) {
  EXPECT_FALSE(cacheable(R"({"a":{"b":1,"b":1}})"));
  EXPECT_FALSE(cacheable(R"({"a":[{"b":1,"\u0062":2}]})"));
  for (const char* text :
       {"", "[]", "{", "{\"a\":}", "{\"a\":1}x", "{\"a\":tru}", "{\"a\":\"\xFF\"}"}) {
    EXPECT_FALSE(cacheable(text)) << text;
  }
  EXPECT_EQ(canonical_request(Body::copy_of("{")).error().code, "uncacheable");
  std::string deep = "{\"a\":" + std::string(64, '[') + std::string(64, ']') + "}";
  EXPECT_FALSE(cacheable(deep));
  std::string large = "{\"a\":\"" + std::string(kCanonicalBytesMax - 8, 'x') + "\"}";
  EXPECT_EQ(large.size(), kCanonicalBytesMax);
  EXPECT_TRUE(cacheable(large));
  EXPECT_FALSE(cacheable(large + " "));
}

TEST(Canonical, AgreesWithAnotherAuthor) {
  RandomJson random(20261123);
  for (int round = 0; round < 4000; ++round) {
    Tree tree = random.object(4);
    std::string one = random.write(tree), other = random.write(tree);
    std::string form = canonical(one);
    ASSERT_EQ(form, canonical(other)) << one << "\n" << other;
    ASSERT_EQ(form, canonical(form)) << one;
    ASSERT_EQ(Oracle::of(one), Oracle::of(other)) << one << "\n" << other;
    Tree changed = tree;
    random.mutate(changed);
    std::string third = random.write(changed);
    ASSERT_NE(Oracle::of(one), Oracle::of(third)) << one << "\n" << third;
    ASSERT_NE(form, canonical(third)) << one << "\n" << third;
  }
}

TEST(Canonical, AgreesWithAnotherAuthorOnDamagedText) {
  RandomJson random(7);
  const std::string alphabet = "{}[],:\"\\u0e1.-+ a";
  size_t readable = 0;
  std::map<std::string, std::string> by_form;
  for (int round = 0; round < 20000; ++round) {
    std::string text = random.write(random.object(3));
    for (uint64_t n = random.below(3); n > 0 && !text.empty(); --n) {
      size_t at = random.below(text.size());
      if (random.below(2) == 0) {
        text[at] = alphabet[random.below(alphabet.size())];
      } else {
        text.erase(at, 1);
      }
    }
    auto form = canonical_request(Body::copy_of(text));
    bool too_large = false;
    auto wanted = Oracle::of(text, &too_large);
    bool oracle_knows = !too_large && text.find("-0") == std::string::npos &&  // it reads -0 as 0
                        text.find("\\ud") == std::string::npos;  // and refuses lone halves
    if (!oracle_knows) continue;
    bool object = wanted && wanted->front() == '{';
    ASSERT_EQ(form.ok(), object) << text << (form.ok() ? "" : form.error().text());
    if (!object) continue;
    ++readable;
    auto [known, added] = by_form.emplace(*form, *wanted);
    ASSERT_EQ(known->second, *wanted) << text;
  }
  EXPECT_GT(readable, 5000u);
}

TEST(Identity, EveryPartCounts) {
  auto id = [](const char* tenant, Operation op, const char* target, const char* form,
               const char* extra) { return identity_of(tenant, op, target, form, extra); };
  Identity base = id("t", Operation::chat, "openai/m", "{}", "");
  EXPECT_EQ(base, id("t", Operation::chat, "openai/m", "{}", ""));
  EXPECT_EQ(base, identity_of("t", Operation::chat, "openai/m", digest_of("{}")));
  EXPECT_NE(base, id("u", Operation::chat, "openai/m", "{}", ""));
  EXPECT_NE(base, id("t", Operation::embeddings, "openai/m", "{}", ""));
  EXPECT_NE(base, id("t", Operation::chat, "openai/n", "{}", ""));
  EXPECT_NE(base, id("t", Operation::chat, "openai/m", "{ }", ""));
  EXPECT_NE(base, id("t", Operation::chat, "openai/m", "{}", "x"));
  // Lengths keep neighbours apart.
  EXPECT_NE(id("ab", Operation::chat, "c", "{}", ""), id("a", Operation::chat, "bc", "{}", ""));
  EXPECT_NE(id("", Operation::chat, "m", "{}", "m"), id("m", Operation::chat, "", "{}", "m"));
  EXPECT_NE(std::hash<Identity>()(base), 0u);
}

TEST(Identity, IsSha256) {
  EXPECT_EQ(digest_of("abc").hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest_of("").hex(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Canonical, OtherModelsHaveNoEffectButStreamsHave) {
  auto form = [](const char* text) { return *canonical_request(Body::copy_of(text)); };
  const std::string plain = form(R"({"model":"m","messages":[]})");
  EXPECT_EQ(form(R"({"models":["a"],"model":"m","fallbacks":[{"model":"b"}],"messages":[]})"),
            plain);
  EXPECT_NE(form(R"({"model":"m","messages":[],"stream":true})"), plain);
  EXPECT_NE(form(R"({"model":"m","messages":[],"stream":true,"stream_options":{}})"),
            form(R"({"model":"m","messages":[],"stream":true})"));
}

TEST(Identity, OperationsAreKeptApart) {
  EXPECT_NE(identity_of("", Operation::chat, "t", "{}"),
            identity_of("", Operation::completions, "t", "{}"));
  EXPECT_NE(identity_of("", Operation::embeddings, "t", "{}"),
            identity_of("", Operation::completions, "t", "{}"));
}

}  // namespace keel::wire
