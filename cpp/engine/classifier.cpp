#include "engine/classifier.hpp"

#include <optional>

namespace keel::engine {

namespace {

// What a code named in the table forces, whatever the status says.
std::optional<Class> class_of_named(ErrorCode code) {
  switch (code) {
    case ErrorCode::rate_limited:
      return Class::throttled_key;
    case ErrorCode::slow_down:
      return Class::throttled_pool;
    case ErrorCode::exhausted:
      return Class::exhausted;
    case ErrorCode::context_length:
      return Class::context;
    case ErrorCode::content_policy:
      return Class::policy;
    case ErrorCode::overloaded:
      return Class::provider_overload;
    case ErrorCode::timeout:
      return Class::silent;
    default:
      return std::nullopt;
  }
}

// The status an error inside a 2xx would have come with; 0 when its code says nothing.
int status_of_inner(ErrorCode code) {
  switch (code) {
    case ErrorCode::server_error:
      return 500;
    case ErrorCode::authentication:
      return 401;
    case ErrorCode::permission:
      return 403;
    case ErrorCode::not_found:
      return 404;
    case ErrorCode::invalid_request:
      return 400;
    default:
      return 0;
  }
}

// Every 404 counts as "this key has no such model here", also one without a code: providers word it
// freely, and read as FATAL it would end a request that another target can answer.
Class class_of_status(int status) {
  switch (status) {
    case 401:
      return Class::key_dead;
    case 402:
      return Class::exhausted;
    case 403:
    case 404:
      return Class::key_model_denied;
    case 408:
    case 409:
    case 425:
      return Class::transient;
    case 413:
      return Class::context;
    case 429:
      return Class::throttled_key;
    case 501:
      return Class::unsupported;
    case 504:
    case 524:
      return Class::silent;
    case 529:
      return Class::provider_overload;
    default:
      if (status < 200) return Class::broken;
      if (status < 300) return Class::ok;
      return status < 500 ? Class::fatal : Class::transient;
  }
}

Effect effect_of(Class cls, int status) {
  switch (cls) {
    case Class::ok:
    case Class::context:
    case Class::policy:
      return Effect::success;
    case Class::not_sent:
    case Class::broken:
    case Class::silent:
    case Class::provider_overload:
      return Effect::failure;
    case Class::transient:  // 408, 409 and 425 tell of a race or a limit, not of the model
      return status >= 500 ? Effect::failure : Effect::neutral;
    case Class::key_model_denied:
      return status == 404 ? Effect::success : Effect::neutral;
    case Class::fatal:  // a redirect is an answer of something in front of the model
      return status >= 400 ? Effect::success : Effect::neutral;
    default:
      return Effect::neutral;
  }
}

bool is_error_reply(const Outcome& outcome) {
  int status = outcome.status;
  return outcome.ended == Ended::replied && status >= 300 && status < 600 && status != 408 &&
         status != 502 && status != 504 && status != 524;
}

Billed billed_of(const Outcome& outcome, bool bills_errors) {
  if (outcome.ended == Ended::not_sent) return Billed::no;
  if (outcome.usage) return Billed::yes;
  return is_error_reply(outcome) && !bills_errors ? Billed::no : Billed::maybe;
}

// The class and the effect of a reply that came whole.
Verdict judge_reply(const Outcome& outcome) {
  bool good_status = outcome.status >= 200 && outcome.status < 300;
  Verdict verdict;
  int status = outcome.ended == Ended::unusable ? status_of_inner(outcome.code) : outcome.status;
  if (good_status && outcome.content_filtered) {
    verdict.cls = Class::policy;
  } else {
    verdict.cls = class_of_named(outcome.code).value_or(class_of_status(status));
  }
  verdict.effect = effect_of(verdict.cls, status);
  return verdict;
}

}  // namespace

Verdict classify(const Outcome& outcome, const ClassifierSettings& settings) {
  Verdict verdict;
  switch (outcome.ended) {
    case Ended::not_sent:
      verdict = {Class::not_sent, Billed::no, Effect::failure, false};
      break;
    case Ended::broken:
      verdict = {Class::broken, Billed::maybe, Effect::failure, false};
      break;
    case Ended::silent:
      verdict = {Class::silent, Billed::maybe, Effect::failure, false};
      break;
    case Ended::cancelled:
      verdict = {Class::cancelled, Billed::maybe, Effect::neutral, false};
      break;
    case Ended::replied:
    case Ended::unusable:
      verdict = judge_reply(outcome);
      break;
  }
  verdict.billed = billed_of(outcome, settings.bills_errors);
  verdict.stop_target = outcome.hint.should_retry == false;
  return verdict;
}

}  // namespace keel::engine
