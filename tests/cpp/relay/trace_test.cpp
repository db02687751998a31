#include "relay/trace.hpp"

#include "relay/driven.hpp"
#include "relay/redaction.hpp"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace keel::relay {
namespace {

TEST(Trace, ExplainsOnOneScreen) {
  Trace trace;
  trace.id = "r1";
  trace.model_asked = "gpt";
  trace.route = "main";
  trace.began = Instant{} + seconds(10);
  EXPECT_EQ(trace.explain(), "request r1 for \"gpt\" on route main\n");
  trace.tenant = "shop";
  trace.say(Stage::begin, "deadline in 30 s", trace.began);
  trace.say(Stage::look_up, "miss", trace.began + milliseconds(1'500));
  trace.say(Stage::respond, "ok", trace.began - seconds(1));  // the clock stepped back
  EXPECT_EQ(trace.explain(),
            "request r1 for \"gpt\" on route main, tenant shop\n"
            "     0.000 s  begin     deadline in 30 s\n"
            "     1.500 s  look_up   miss\n"
            "     0.000 s  respond   ok\n");
}

TEST(Trace, EveryStageOfACallSaysWhy) {
  Driven driven;
  driven.ask();
  driven.fail(404, "no such model", ErrorCode::not_found);
  driven.succeed();
  std::set<Stage> seen;
  for (const TraceLine& line : driven.answer->trace->lines) {
    EXPECT_FALSE(line.text.empty());
    seen.insert(line.stage);
  }
  for (Stage stage : {Stage::begin, Stage::choose, Stage::attempt, Stage::classify, Stage::settle,
                      Stage::retry, Stage::respond})
    EXPECT_TRUE(seen.count(stage)) << name_of(stage);
  EXPECT_EQ(driven.answer->trace->attempts.size(), 2u);
  EXPECT_EQ(driven.answer->trace->lines.back().stage, Stage::respond);
}

// Everything the relay says that may be shown to somebody.
std::string all_that_is_shown(const Driven& driven) {
  std::string out = driven.metrics();
  for (const Notice& notice : driven.notices)
    out += notice_line(notice, level_of(notice.kind), 0) + '\n';
  if (driven.answer) {
    out += driven.answer->trace->explain() + driven.log_line();
    out += driven.answer->trace->to_json();
    out += driven.answer->code + driven.answer->message + std::string(driven.answer->body.view());
  }
  return out;
}

TEST(Canary, AKeyIsNeverShownWhateverAProviderEchoes) {
  Config config = small_config();
  config.request_log_path = "requests.jsonl";
  struct Reply {
    int status;
    ErrorCode code;
  };
  for (Reply reply : {Reply{401, ErrorCode::authentication},
                      {403, ErrorCode::permission},
                      {400, ErrorCode::invalid_request},
                      {402, ErrorCode::exhausted},
                      {404, ErrorCode::not_found},
                      {429, ErrorCode::rate_limited},
                      {500, ErrorCode::server_error},
                      {503, ErrorCode::overloaded}}) {
    Driven driven(config);
    driven.ask();
    for (int i = 0; i < 20 && !driven.answer; ++i) {
      // Each provider knows the keys it was sent, and no other's.
      const std::string_view own = driven.send().target == 0 ? "near" : "far";
      driven.fail(reply.status, "not a good key: Bearer " + std::string(kCanary) + std::string(own),
                  reply.code);
      while (!driven.answer && !driven.last_send) {
        driven.now = std::max(driven.now, driven.relay().wake_at());
        driven.feed(Wake{});
      }
      EXPECT_EQ(all_that_is_shown(driven).find(kCanary), std::string::npos) << reply.status;
    }
    ASSERT_TRUE(driven.answer) << reply.status;
    const std::string shown = all_that_is_shown(driven);
    EXPECT_EQ(shown.find(kCanary), std::string::npos) << shown;
    EXPECT_NE(shown.find("[key]"), std::string::npos) << reply.status;  // the echo did come by
  }
}

TEST(Canary, NoWordOfAPromptIsInLogOrMetrics) {
  Config config = small_config();
  config.request_log_path = "requests.jsonl";
  Driven driven(config);
  driven.ask("main", "shop", "the secret recipe");
  driven.succeed();
  EXPECT_EQ(all_that_is_shown(driven).find("recipe"), std::string::npos);
}

TEST(HideKeys, EveryOccurrenceInWordsAndErrorBody) {
  ProviderConfig provider;
  provider.keys.push_back({Secret("sk-0123456789"), "a", {}});
  provider.keys.push_back({Secret("sk-abcdefghij"), "b", {}});
  Outcome outcome;
  outcome.status = 400;
  outcome.message = "sk-0123456789sk-0123456789 and sk-abcdefghij";
  outcome.error_code = "sk-abcdefghij";
  outcome.error_type = "fine";
  Body reply = Body::copy_of("<sk-abcdefghij>");
  hide_keys(provider, outcome, reply);
  EXPECT_EQ(outcome.message, "[key][key] and [key]");
  EXPECT_EQ(outcome.error_code, "[key]");
  EXPECT_EQ(outcome.error_type, "fine");
  EXPECT_EQ(reply.view(), "<[key]>");
}

TEST(HideKeys, AnAnswersBytesAreTheProviders) {
  ProviderConfig provider;
  provider.keys.push_back({Secret("sk-0123456789"), "a", {}});
  provider.keys.push_back({Secret("none"), "b", {}});
  provider.keys.push_back({Secret(), "c", {}});
  Outcome outcome;
  outcome.status = 200;
  outcome.message = "none of it";  // a placeholder is no secret
  Body reply = Body::copy_of("sk-0123456789");
  const char* bytes = reply.view().data();
  hide_keys(provider, outcome, reply);
  EXPECT_EQ(outcome.message, "none of it");
  EXPECT_EQ(reply.view(), "sk-0123456789");
  EXPECT_EQ(reply.view().data(), bytes);
}

}  // namespace
}  // namespace keel::relay
