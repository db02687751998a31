#include "engine/classifier.hpp"

#include <map>
#include <vector>

#include <gtest/gtest.h>

namespace keel::engine {
namespace {

Outcome reply(int status, ErrorCode code = ErrorCode::none) {
  Outcome outcome;
  outcome.status = status;
  outcome.code = code;
  return outcome;
}

Outcome ended(Ended how, int status = 0, ErrorCode code = ErrorCode::none) {
  Outcome outcome = reply(status, code);
  outcome.ended = how;
  return outcome;
}

struct Row {
  int from;
  int to;
  Class cls;
  Billed billed;  // a whole reply without usage
  Effect effect;
};

// SEMANTICS A2 and A5 once more, by ascending status.
const std::vector<Row> kByStatus = {
    {0, 199, Class::broken, Billed::maybe, Effect::failure},
    {200, 299, Class::ok, Billed::maybe, Effect::success},
    {300, 399, Class::fatal, Billed::no, Effect::neutral},
    {400, 400, Class::fatal, Billed::no, Effect::success},
    {401, 401, Class::key_dead, Billed::no, Effect::neutral},
    {402, 402, Class::exhausted, Billed::no, Effect::neutral},
    {403, 403, Class::key_model_denied, Billed::no, Effect::neutral},
    {404, 404, Class::key_model_denied, Billed::no, Effect::success},
    {405, 407, Class::fatal, Billed::no, Effect::success},
    {408, 408, Class::transient, Billed::maybe, Effect::neutral},
    {409, 409, Class::transient, Billed::no, Effect::neutral},
    {410, 412, Class::fatal, Billed::no, Effect::success},
    {413, 413, Class::context, Billed::no, Effect::success},
    {414, 424, Class::fatal, Billed::no, Effect::success},
    {425, 425, Class::transient, Billed::no, Effect::neutral},
    {426, 428, Class::fatal, Billed::no, Effect::success},
    {429, 429, Class::throttled_key, Billed::no, Effect::neutral},
    {430, 499, Class::fatal, Billed::no, Effect::success},
    {500, 500, Class::transient, Billed::no, Effect::failure},
    {501, 501, Class::unsupported, Billed::no, Effect::neutral},
    {502, 502, Class::transient, Billed::maybe, Effect::failure},
    {503, 503, Class::transient, Billed::no, Effect::failure},
    {504, 504, Class::silent, Billed::maybe, Effect::failure},
    {505, 523, Class::transient, Billed::no, Effect::failure},
    {524, 524, Class::silent, Billed::maybe, Effect::failure},
    {525, 528, Class::transient, Billed::no, Effect::failure},
    {529, 529, Class::provider_overload, Billed::no, Effect::failure},
    {530, 599, Class::transient, Billed::no, Effect::failure},
    {600, 999, Class::transient, Billed::maybe, Effect::failure},
};

struct Meaning {
  Class cls;
  Effect effect;
};

// Codes the table names: they decide at every status.
const std::map<ErrorCode, Meaning> kNamed = {
    {ErrorCode::rate_limited, {Class::throttled_key, Effect::neutral}},
    {ErrorCode::slow_down, {Class::throttled_pool, Effect::neutral}},
    {ErrorCode::exhausted, {Class::exhausted, Effect::neutral}},
    {ErrorCode::context_length, {Class::context, Effect::success}},
    {ErrorCode::content_policy, {Class::policy, Effect::success}},
    {ErrorCode::overloaded, {Class::provider_overload, Effect::failure}},
    {ErrorCode::timeout, {Class::silent, Effect::failure}},
};

// Codes it does not name: at most they say what an error inside a 2xx is.
const std::map<ErrorCode, Meaning> kUnnamed = {
    {ErrorCode::none, {Class::broken, Effect::failure}},
    {ErrorCode::server_error, {Class::transient, Effect::failure}},
    {ErrorCode::authentication, {Class::key_dead, Effect::neutral}},
    {ErrorCode::permission, {Class::key_model_denied, Effect::neutral}},
    {ErrorCode::not_found, {Class::key_model_denied, Effect::success}},
    {ErrorCode::invalid_request, {Class::fatal, Effect::success}},
};

std::vector<ErrorCode> all_codes() {
  std::vector<ErrorCode> codes;
  for (const auto& [code, _] : kNamed) codes.push_back(code);
  for (const auto& [code, _] : kUnnamed) codes.push_back(code);
  EXPECT_EQ(codes.size(), static_cast<size_t>(ErrorCode::invalid_request) + 1);
  return codes;
}

void expect_verdict(const Verdict& verdict, Class cls, Effect effect, Billed billed,
                    const Outcome& outcome) {
  SCOPED_TRACE("status " + std::to_string(outcome.status) + ", code " +
               std::to_string(static_cast<int>(outcome.code)) + ", ended " +
               std::to_string(static_cast<int>(outcome.ended)));
  EXPECT_EQ(name_of(verdict.cls), name_of(cls));
  EXPECT_EQ(verdict.effect, effect);
  EXPECT_EQ(name_of(verdict.billed), name_of(billed));
  EXPECT_FALSE(verdict.stop_target);
}

TEST(Classifier, EveryStatusAndCodeOfAWholeReply) {
  for (const Row& row : kByStatus) {
    for (int status = row.from; status <= row.to; ++status) {
      for (ErrorCode code : all_codes()) {
        Outcome outcome = reply(status, code);
        auto named = kNamed.find(code);
        Meaning meaning = named == kNamed.end() ? Meaning{row.cls, row.effect} : named->second;
        expect_verdict(classify(outcome), meaning.cls, meaning.effect, row.billed, outcome);
      }
    }
  }
}

TEST(Classifier, TheRowsCoverEveryStatusOnce) {
  int next = 0;
  for (const Row& row : kByStatus) {
    EXPECT_EQ(row.from, next);
    next = row.to + 1;
  }
  EXPECT_EQ(next, 1000);
}

TEST(Classifier, AnErrorInsideA2xxIsWhatItsCodeSays) {
  for (const auto& meanings : {kNamed, kUnnamed}) {
    for (const auto& [code, meaning] : meanings) {
      Outcome outcome = ended(Ended::unusable, 200, code);
      expect_verdict(classify(outcome), meaning.cls, meaning.effect, Billed::maybe, outcome);
    }
  }
}

TEST(Classifier, WhatNeverBecameAReplyIsJudgedByHowItEnded) {
  for (int status : {0, 200, 400, 429, 500}) {
    for (ErrorCode code : all_codes()) {
      Outcome outcome = ended(Ended::not_sent, status, code);
      expect_verdict(classify(outcome), Class::not_sent, Effect::failure, Billed::no, outcome);
      outcome.ended = Ended::broken;
      expect_verdict(classify(outcome), Class::broken, Effect::failure, Billed::maybe, outcome);
      outcome.ended = Ended::silent;
      expect_verdict(classify(outcome), Class::silent, Effect::failure, Billed::maybe, outcome);
      outcome.ended = Ended::cancelled;
      expect_verdict(classify(outcome), Class::cancelled, Effect::neutral, Billed::maybe, outcome);
    }
  }
}

TEST(Classifier, UsageMeansBilledWheneverSomethingWasSent) {
  for (Ended how :
       {Ended::broken, Ended::silent, Ended::replied, Ended::unusable, Ended::cancelled}) {
    for (int status : {0, 200, 400, 500, 504}) {
      Outcome outcome = ended(how, status);
      outcome.usage = Usage{};
      EXPECT_EQ(classify(outcome).billed, Billed::yes);
      EXPECT_EQ(classify(outcome, {.bills_errors = true}).billed, Billed::yes);
    }
  }
  Outcome outcome = ended(Ended::not_sent);
  outcome.usage = Usage{};
  EXPECT_EQ(classify(outcome).billed, Billed::no);
}

TEST(Classifier, AProviderThatBillsErrorsIsNeverTrustedWithZero) {
  ClassifierSettings settings{.bills_errors = true};
  for (const Row& row : kByStatus) {
    EXPECT_EQ(classify(reply(row.from), settings).billed, Billed::maybe) << row.from;
  }
  EXPECT_EQ(classify(ended(Ended::not_sent), settings).billed, Billed::no);
}

TEST(Classifier, AFilteredAnswerIsABilledSuccess) {
  for (Ended how : {Ended::replied, Ended::unusable}) {
    Outcome outcome = ended(how, 200);
    outcome.content_filtered = true;
    EXPECT_EQ(classify(outcome).cls, Class::policy);
    EXPECT_EQ(classify(outcome).effect, Effect::success);
    EXPECT_EQ(classify(outcome).billed, Billed::maybe);
    outcome.usage = Usage{.in = 3};
    EXPECT_EQ(classify(outcome).billed, Billed::yes);
  }
  Outcome cut = ended(Ended::broken, 200);
  cut.content_filtered = true;
  EXPECT_EQ(classify(cut).cls, Class::broken);
}

TEST(Classifier, ShouldRetryFalseStopsTheTargetAndNothingElse) {
  for (Ended how : {Ended::not_sent, Ended::broken, Ended::silent, Ended::replied, Ended::unusable,
                    Ended::cancelled}) {
    Outcome outcome = ended(how, 503);
    Verdict plain = classify(outcome);
    outcome.hint.should_retry = false;
    Verdict stopped = classify(outcome);
    EXPECT_TRUE(stopped.stop_target);
    EXPECT_EQ(stopped.cls, plain.cls);
    EXPECT_EQ(stopped.billed, plain.billed);
    EXPECT_EQ(stopped.effect, plain.effect);
    outcome.hint.should_retry = true;
    EXPECT_FALSE(classify(outcome).stop_target);
  }
}

}  // namespace
}  // namespace keel::engine
