#include "relay/next_move.hpp"

#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace keel::relay {
namespace {

using Kind = Move::Kind;

// The first failure of a request at a target that is one of several, all free, jitter at its mean.
Situation usual(Class cls) {
  Situation s;
  s.cls = cls;
  s.here_now = true;
  s.elsewhere = true;
  s.fresh_elsewhere = true;
  s.patience_left = seconds(3);
  s.time_left = seconds(60);
  s.sends_left = 3;
  s.tries_left = 7;
  s.unit = 0.5;
  return s;
}

struct Row {
  const char* name;
  Class cls;
  std::function<void(Situation&)> but;
  Kind kind;
  Duration wait{};
};

void as_usual(Situation&) {}
void alone(Situation& s) {
  s.elsewhere = s.fresh_elsewhere = false;
}
void only_failed_ones_elsewhere(Situation& s) {
  s.fresh_elsewhere = false;
}
void not_here(Situation& s) {
  s.here_now = false;
}

const std::vector<Row> kTable = {
    // Nothing can help.
    {"fatal", Class::fatal, as_usual, Kind::stop},
    {"the caller went away", Class::cancelled, as_usual, Kind::stop},
    {"content policy", Class::policy, as_usual, Kind::stop},
    {"content policy, the route falls back", Class::policy,
     [](Situation& s) { s.fallback_on_policy = true; }, Kind::elsewhere},
    // A fault: once more here, then another.
    {"transient", Class::transient, as_usual, Kind::here, milliseconds(25)},
    {"broken", Class::broken, as_usual, Kind::here, milliseconds(25)},
    {"transient twice", Class::transient, [](Situation& s) { s.attempts_here = 2; },
     Kind::elsewhere},
    {"transient twice, only failed ones elsewhere", Class::transient,
     [](Situation& s) {
       only_failed_ones_elsewhere(s);
       s.attempts_here = 2;
     },
     Kind::here, milliseconds(50)},
    {"transient, alone, third time", Class::transient,
     [](Situation& s) {
       alone(s);
       s.sole = true;
       s.attempts_here = 3;
     },
     Kind::here, milliseconds(100)},
    {"transient, the last send", Class::transient, [](Situation& s) { s.sends_left = 1; },
     Kind::elsewhere},
    {"transient, the last send, alone", Class::transient,
     [](Situation& s) {
       alone(s);
       s.sends_left = 1;
     },
     Kind::here, milliseconds(25)},
    {"transient, its breaker opened", Class::transient, not_here, Kind::elsewhere},
    {"transient, not here, only failed ones elsewhere", Class::transient,
     [](Situation& s) {
       not_here(s);
       only_failed_ones_elsewhere(s);
     },
     Kind::elsewhere, milliseconds(25)},
    {"transient, not here, alone", Class::transient,
     [](Situation& s) {
       not_here(s);
       alone(s);
     },
     Kind::nowhere},
    {"transient, told not to retry", Class::transient, [](Situation& s) { s.stop_target = true; },
     Kind::elsewhere},
    {"transient, told not to retry, alone", Class::transient,
     [](Situation& s) {
       alone(s);
       s.stop_target = true;
     },
     Kind::nowhere},
    {"transient with a short delay", Class::transient,
     [](Situation& s) { s.cooldown = seconds(2); }, Kind::here, milliseconds(2100)},
    {"transient with a long delay", Class::transient, [](Situation& s) { s.cooldown = seconds(4); },
     Kind::elsewhere},
    {"transient, backoff beyond the time left", Class::transient,
     [](Situation& s) {
       s.backoff = {.scale = seconds(5), .throttled_scale = seconds(5), .jitter = false};
       s.time_left = milliseconds(5500);
     },
     Kind::elsewhere},
    // Nothing was sent: elsewhere at once, here only when there is nobody else.
    {"not sent", Class::not_sent, as_usual, Kind::elsewhere},
    {"not sent, alone", Class::not_sent, alone, Kind::here, milliseconds(25)},
    // Silence is not asked again.
    {"silent", Class::silent, as_usual, Kind::elsewhere},
    {"silent, alone", Class::silent, alone, Kind::nowhere},
    {"silent, the route asks again", Class::silent, [](Situation& s) { s.retry_silent = true; },
     Kind::here, milliseconds(25)},
    // Throttled: another key, the same model elsewhere, patience, another target.
    {"throttled, another key", Class::throttled_key,
     [](Situation& s) { s.other_key_now = s.elsewhere_same_model = true; }, Kind::here},
    {"throttled twice, a third key", Class::throttled_key,
     [](Situation& s) {
       s.other_key_now = true;
       s.attempts_here = 2;
     },
     Kind::elsewhere},
    {"throttled twice, a third key, only failed ones elsewhere", Class::throttled_key,
     [](Situation& s) {
       only_failed_ones_elsewhere(s);
       s.other_key_now = true;
       s.attempts_here = 2;
     },
     Kind::here},
    {"throttled, the same model elsewhere", Class::throttled_key,
     [](Situation& s) {
       s.elsewhere_same_model = true;
       s.cooldown = seconds(1);
     },
     Kind::same_model},
    {"throttled, within patience", Class::throttled_key,
     [](Situation& s) { s.cooldown = seconds(3); }, Kind::here, milliseconds(3150)},
    {"throttled, beyond patience", Class::throttled_key,
     [](Situation& s) { s.cooldown = milliseconds(3001); }, Kind::elsewhere},
    {"throttled, beyond patience, alone", Class::throttled_key,
     [](Situation& s) {
       alone(s);
       s.cooldown = seconds(4);
     },
     Kind::nowhere},
    {"throttled without a delay", Class::throttled_key, as_usual, Kind::here, milliseconds(525)},
    {"throttled, the last send is kept for the other", Class::throttled_key,
     [](Situation& s) {
       s.cooldown = seconds(1);
       s.sends_left = 1;
     },
     Kind::elsewhere},
    {"throttled, the last send, alone", Class::throttled_key,
     [](Situation& s) {
       alone(s);
       s.cooldown = seconds(1);
       s.sends_left = 1;
     },
     Kind::here, milliseconds(1050)},
    {"throttled, the last send is not for another key", Class::throttled_key,
     [](Situation& s) {
       s.sends_left = 1;
       s.other_key_now = true;
     },
     Kind::elsewhere},
    {"throttled, the last send, alone, another key", Class::throttled_key,
     [](Situation& s) {
       alone(s);
       s.sends_left = 1;
       s.other_key_now = true;
     },
     Kind::here},
    {"throttled, the last send to one that failed before", Class::throttled_key,
     [](Situation& s) {
       only_failed_ones_elsewhere(s);
       s.sends_left = 1;
       s.other_key_now = true;
     },
     Kind::elsewhere, milliseconds(25)},
    {"throttled, the last send to the same model", Class::throttled_key,
     [](Situation& s) {
       s.sends_left = 1;
       s.other_key_now = s.elsewhere_same_model = true;
     },
     Kind::same_model},
    {"pool throttled, the last send is kept for the other", Class::throttled_pool,
     [](Situation& s) {
       s.sends_left = 1;
       s.cooldown = seconds(1);
     },
     Kind::elsewhere},
    {"throttled, no use in waiting here", Class::throttled_key,
     [](Situation& s) {
       s.cooldown = seconds(1);
       s.here_then = false;
     },
     Kind::elsewhere},
    {"throttled, told not to retry", Class::throttled_key,
     [](Situation& s) {
       s.cooldown = seconds(1);
       s.stop_target = true;
     },
     Kind::elsewhere},
    {"throttled, no time for the delay", Class::throttled_key,
     [](Situation& s) {
       s.cooldown = seconds(2);
       s.time_left = seconds(3);
     },
     Kind::elsewhere},
    {"throttled, infinite patience stops at two minutes", Class::throttled_key,
     [](Situation& s) {
       s.cooldown = milliseconds(120'001);
       s.patience_left = seconds(600);
       s.time_left = seconds(600);
     },
     Kind::elsewhere},
    {"throttled, the last send: the same model where nobody is a stranger", Class::throttled_key,
     [](Situation& s) {
       s.elsewhere_same_model = true;
       s.sends_left = 1;
     },
     Kind::same_model},
    {"throttled, the last send: another provider before the same model", Class::throttled_key,
     [](Situation& s) {
       s.elsewhere_same_model = s.other_provider = s.other_key_now = true;
       s.sends_left = 1;
     },
     Kind::elsewhere},
    {"pool throttled: never another key", Class::throttled_pool,
     [](Situation& s) {
       s.other_key_now = true;
       s.cooldown = seconds(9);
     },
     Kind::elsewhere},
    {"overloaded", Class::provider_overload, as_usual, Kind::elsewhere},
    {"overloaded, sole", Class::provider_overload,
     [](Situation& s) {
       alone(s);
       s.sole = true;
       s.cooldown = seconds(2);
     },
     Kind::here, milliseconds(2100)},
    // Keys.
    {"key dead, another key", Class::key_dead, [](Situation& s) { s.other_key_now = true; },
     Kind::here},
    {"key dead, no other", Class::key_dead, as_usual, Kind::elsewhere},
    {"key dead, no other, alone", Class::key_dead, alone, Kind::nowhere},
    {"exhausted, a key of another account", Class::exhausted,
     [](Situation& s) {
       alone(s);
       s.other_key_now = true;
     },
     Kind::here},
    {"exhausted", Class::exhausted, not_here, Kind::elsewhere},
    {"denied", Class::key_model_denied, as_usual, Kind::elsewhere},
    {"denied, alone", Class::key_model_denied, alone, Kind::nowhere},
    // Not this target.
    {"context", Class::context, as_usual, Kind::elsewhere},
    {"context, alone", Class::context, alone, Kind::nowhere},
    {"unsupported", Class::unsupported, as_usual, Kind::elsewhere},
};

TEST(NextMove, TheTable) {
  for (const Row& row : kTable) {
    Situation s = usual(row.cls);
    row.but(s);
    const Move move = next_move(s);
    EXPECT_EQ(move.kind, row.kind) << row.name << ": " << move.why;
    EXPECT_EQ(move.wait, row.wait) << row.name << ": " << move.wait.seconds();
  }
}

TEST(NextMove, NothingFollowsWhatMayNotFollow) {
  for (int c = 1; c < kClassCount; ++c) {
    for (int why = 0; why < 4; ++why) {
      Situation s = usual(static_cast<Class>(c));
      s.other_key_now = s.elsewhere_same_model = s.fallback_on_policy = s.retry_silent = true;
      if (why == 0) s.safe_to_repeat = false;
      if (why == 1) s.sends_left = 0;
      if (why == 2) s.tries_left = 0;
      if (why == 3) s.time_left = kMinUseful - nanoseconds(1);
      EXPECT_EQ(next_move(s).kind, Kind::stop) << name_of(s.cls) << " " << why;
    }
  }
}

// R5's half: whatever the situation, a wait is never shorter than what was asked for and always
// leaves useful time behind.
TEST(NextMove, AWaitIsAsLongAsAskedAndLeavesTime) {
  for (int c = 1; c < kClassCount; ++c)
    for (int bits = 0; bits < 64; ++bits)
      for (int64_t asked_ms : {0, 1, 999, 3000, 3001, 200'000}) {
        Situation s = usual(static_cast<Class>(c));
        s.sole = bits & 1;
        s.here_now = bits & 2;
        s.elsewhere = bits & 4;
        s.fresh_elsewhere = s.elsewhere && (bits & 8);
        s.time_left = bits & 16 ? seconds(60) : milliseconds(1500);
        s.patience_left = bits & 32 ? seconds(300) : seconds(3);
        s.cooldown = milliseconds(asked_ms);
        const Move move = next_move(s);
        EXPECT_TRUE(!move.uses_patience || move.wait >= *s.cooldown);
        EXPECT_TRUE(!move.uses_patience || *s.cooldown <= s.patience_left);
        EXPECT_LE(move.wait, seconds(132));
        EXPECT_TRUE(move.wait == Duration::zero() || move.wait + kMinUseful <= s.time_left);
      }
}

}  // namespace
}  // namespace keel::relay
