#include "relay/log.hpp"

#include "relay/driven.hpp"

#include <set>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace keel::relay {
namespace {

using nlohmann::json;

std::set<std::string> names_in(const json& object) {
  std::set<std::string> out;
  for (const auto& [name, value] : object.items()) out.insert(name);
  return out;
}

const std::set<std::string> kLineNames = {
    "v",        "id",          "time",       "route",         "tenant",      "dialect",
    "stream",   "model_asked", "max_tokens", "tokens_in_est", "deadline_ms", "cache",
    "outcome",  "http_status", "total_ms",   "ttft_ms",       "downgraded",  "cost_nano_usd",
    "identity", "tags",        "attempts"};
const std::set<std::string> kAttemptNames = {
    "n",     "provider", "model",  "key",    "started_ms",    "ttft_ms",  "total_ms",
    "class", "status",   "billed", "tokens", "cost_nano_usd", "estimated"};

json line_of(const Driven& driven) {
  const std::string line = driven.log_line();
  EXPECT_EQ(line.find('\n'), std::string::npos);
  return json::parse(line);
}

Config logging_config() {
  Config config = small_config();
  config.request_log_path = "requests.jsonl";
  return config;
}

TEST(RequestLog, AnAnsweredRequestIsOneLine) {
  Driven driven(logging_config());
  driven.pass(seconds(3));
  driven.ask("main", "shop");
  driven.fail(404, "no such model", ErrorCode::not_found);
  driven.succeed({.in = 20, .cached = 5, .out = 10, .reasoning = 2}, microseconds(1'234'567));
  const json line = line_of(driven);
  EXPECT_EQ(names_in(line), kLineNames);
  EXPECT_EQ(line["v"], 1);
  EXPECT_EQ(line["id"], "request-1");
  EXPECT_EQ(line["time"], Driven::kUnixNs + 3'000'000'000);
  EXPECT_EQ(line["route"], "main");
  EXPECT_EQ(line["tenant"], "shop");
  EXPECT_EQ(line["dialect"], "openai");
  EXPECT_EQ(line["stream"], false);
  EXPECT_EQ(line["model_asked"], "main");
  EXPECT_GT(line["tokens_in_est"], 0);
  EXPECT_EQ(line["max_tokens"], 100);
  EXPECT_EQ(line["deadline_ms"], 600'000.0);
  EXPECT_TRUE(line["cache"].is_null());
  EXPECT_EQ(line["outcome"], "ok");
  EXPECT_EQ(line["http_status"], 200);
  EXPECT_TRUE(line["ttft_ms"].is_null());
  EXPECT_EQ(line["cost_nano_usd"], 40'000);
  EXPECT_TRUE(line["downgraded"].is_null());
  EXPECT_EQ(line["identity"].get<std::string>().size(), 32u);

  ASSERT_EQ(line["attempts"].size(), 2u);
  const json& first = line["attempts"][0];
  EXPECT_EQ(names_in(first), kAttemptNames);
  EXPECT_EQ(first["n"], 1);
  EXPECT_EQ(first["provider"], "near");
  EXPECT_EQ(first["key"], "label-near");
  EXPECT_EQ(first["started_ms"], 0.0);
  EXPECT_EQ(first["total_ms"], 400.0);
  EXPECT_EQ(first["status"], 404);
  EXPECT_EQ(first["billed"], "no");
  EXPECT_TRUE(first["tokens"].is_null());
  EXPECT_EQ(first["cost_nano_usd"], 0);
  const json& second = line["attempts"][1];
  EXPECT_EQ(names_in(second), kAttemptNames);
  EXPECT_EQ(second["n"], 2);
  EXPECT_EQ(second["model"], "far-model");
  EXPECT_EQ(second["class"], "ok");
  EXPECT_EQ(second["billed"], "yes");
  EXPECT_EQ(second["total_ms"], 1'234.567);
  EXPECT_EQ(second["tokens"], json::parse(R"({"in": 20, "cached": 5, "cache_write": 0, "out": 10,
                                              "reasoning": 2})"));
  EXPECT_EQ(second["estimated"], false);
  EXPECT_GE(line["total_ms"], second["started_ms"].get<double>() + 1'234.567);
}

TEST(RequestLog, TheAttemptsAddUpToTheCost) {
  Driven driven(logging_config());
  driven.ask();
  for (int i = 0; i < 20 && !driven.answer; ++i) {
    Outcome broken;
    broken.ended = Ended::broken;
    driven.finish(std::move(broken));
    if (driven.answer) break;
    driven.succeed();
  }
  const json line = line_of(driven);
  int64_t sum = 0;
  for (const json& attempt : line["attempts"]) sum += attempt["cost_nano_usd"].get<int64_t>();
  EXPECT_EQ(sum, line["cost_nano_usd"]);
  const json& first = line["attempts"][0];
  EXPECT_EQ(first["class"], "broken");
  EXPECT_TRUE(first["status"].is_null());
  EXPECT_EQ(first["billed"], "maybe");
  EXPECT_EQ(first["estimated"], true);
  EXPECT_GT(first["cost_nano_usd"], 0);
}

TEST(RequestLog, ARefusalBeforeARouteHasNoneAndNoDeadline) {
  Driven driven(logging_config());
  driven.ask("nobody");
  const json line = line_of(driven);
  EXPECT_EQ(names_in(line), kLineNames);
  EXPECT_TRUE(line["route"].is_null());
  EXPECT_TRUE(line["tenant"].is_null());
  EXPECT_TRUE(line["deadline_ms"].is_null());
  EXPECT_TRUE(line["identity"].is_null());
  EXPECT_EQ(line["outcome"], "rejected");
  EXPECT_EQ(line["http_status"], 404);
  EXPECT_EQ(line["attempts"], json::array());
}

TEST(RequestLog, TagsAreTheClientsOwnWordsOfItsHeadAndItsBody) {
  Driven driven(logging_config());
  Request request =
      Driven::with_body(R"({"model":"main","user":"u-1","metadata":{"team":"b","job":"night"},)"
                        R"("messages":[{"role":"user","content":"a prompt"}]})");
  request.tags = "team=a \"b\"";
  driven.ask(request);
  driven.succeed();
  const json line = line_of(driven);
  EXPECT_EQ(line["tags"], json({{"team", "a \"b\""}, {"job", "night"}, {"user", "u-1"}}));
  Driven without;  // no log: not kept
  without.ask(request);
  without.succeed();
  EXPECT_EQ(line_of(without)["tags"], nullptr);
}

TEST(RequestLog, ACancelledRequestIsLoggedWithItsAttempt) {
  Driven driven(logging_config());
  driven.ask();
  driven.feed(Sent{driven.send().attempt});
  driven.now = driven.now + seconds(2);
  driven.cancel();
  const json line = line_of(driven);
  EXPECT_EQ(line["outcome"], "cancelled");
  EXPECT_EQ(line["total_ms"], 2'000.0);
  ASSERT_EQ(line["attempts"].size(), 1u);
  EXPECT_EQ(line["attempts"][0]["class"], "cancelled");
  driven.feed(Finished{.attempt = driven.send().attempt});  // late: nothing changes
  EXPECT_EQ(line_of(driven), line);
}

TEST(RequestLog, TheCacheColumnSaysWhatTheLookUpFound) {
  Config config = logging_config();
  config.routes[0].cache = RouteCache{.when = CacheWhen::always};
  Driven driven(config);
  driven.ask();
  driven.succeed();
  EXPECT_EQ(line_of(driven)["cache"], "miss");
  config.routes[0].cache->when = CacheWhen::deterministic;
  Driven careful(config);
  careful.ask();
  careful.succeed();
  EXPECT_EQ(line_of(careful)["cache"], "bypass");
}

std::string identity_after(Driven& driven, std::string model, std::string tenant,
                           std::string text) {
  driven.ask(std::move(model), std::move(tenant), std::move(text));
  driven.succeed();
  return driven.answer->trace->identity;
}

TEST(RequestLog, TheIdentityKnowsRepeats) {
  Driven driven(logging_config());
  const std::string first = identity_after(driven, "main", "", "hello");
  EXPECT_EQ(identity_after(driven, "main", "", "hello"), first);
  EXPECT_EQ(identity_after(driven, "main", "", "\\u0068ello"), first);
  EXPECT_NE(identity_after(driven, "main", "", "bye"), first);
  EXPECT_NE(identity_after(driven, "main", "shop", "hello"), first);
  // The same with and without a cache on the route.
  Config config = logging_config();
  config.routes[0].cache = RouteCache{.when = CacheWhen::always};
  Driven caching(std::move(config));
  EXPECT_EQ(identity_after(caching, "main", "", "hello"), first);
}

TEST(RequestLog, WithoutALogNobodyPaysForIdentities) {
  Driven driven;
  EXPECT_EQ(identity_after(driven, "main", "", "hello"), "");
  EXPECT_TRUE(line_of(driven)["identity"].is_null());
}

TEST(RequestLog, NamesFromOutsideCannotBreakTheLine) {
  Trace trace;
  trace.id = "a\"b\\c\n\xff";
  trace.model_asked = "\x01\x7f";
  const std::string line = request_log_line({}, trace, -1);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const json parsed = json::parse(line);
  EXPECT_EQ(parsed["id"], "a\"b\\c\n\ufffd");
  EXPECT_EQ(parsed["time"], -1);
}

TEST(RequestLog, AClockThatStepsBackGivesNoNegativeTimes) {
  Trace trace;
  trace.began = Instant{} + seconds(5);
  trace.ended = Instant{} + seconds(4);
  AttemptRecord record;
  record.started = trace.began - seconds(2);
  record.ended = record.started - seconds(1);
  trace.attempts.push_back(record);
  const json line = json::parse(request_log_line({}, trace, 0));
  EXPECT_EQ(line["total_ms"], 0.0);
  EXPECT_EQ(line["attempts"][0]["started_ms"], 0.0);
  EXPECT_EQ(line["attempts"][0]["total_ms"], 0.0);
  EXPECT_TRUE(line["attempts"][0]["key"].is_null());  // a provider that asks for none
}

TEST(NoticeLine, SaysWhatHappenedToWhom) {
  const json line = json::parse(
      notice_line({Notice::Kind::budget_alert, "shop", "spent 4 of 5 USD"}, LogLevel::warning, 42));
  EXPECT_EQ(line, json::parse(R"({"v": 1, "time": 42, "level": "warning", "event": "budget_alert",
                                  "subject": "shop", "text": "spent 4 of 5 USD"})"));
}

TEST(NoticeLine, TheLevelIsTheOperatorsUrgency) {
  EXPECT_EQ(level_of(Notice::Kind::key_dead), LogLevel::error);
  EXPECT_EQ(level_of(Notice::Kind::budget_exhausted), LogLevel::error);
  EXPECT_EQ(level_of(Notice::Kind::breaker), LogLevel::warning);
  EXPECT_EQ(level_of(Notice::Kind::key_back), LogLevel::info);
  EXPECT_EQ(name_of(LogLevel::off), "off");
}

}  // namespace
}  // namespace keel::relay
