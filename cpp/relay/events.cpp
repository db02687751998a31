#include "relay/events.hpp"

namespace keel::relay {

std::string_view name_of(AnswerKind kind) {
  switch (kind) {
    case AnswerKind::ok:
      return "ok";
    case AnswerKind::invalid_request:
      return "invalid_request";
    case AnswerKind::unknown_model:
      return "unknown_model";
    case AnswerKind::unknown_tenant:
      return "unknown_tenant";
    case AnswerKind::account_frozen:
      return "account_frozen";
    case AnswerKind::rate_limited:
      return "rate_limited";
    case AnswerKind::request_too_large:
      return "request_too_large";
    case AnswerKind::budget_exceeded:
      return "budget_exceeded";
    case AnswerKind::policy_refused:
      return "policy_refused";
    case AnswerKind::no_target:
      return "no_target";
    case AnswerKind::deadline_exceeded:
      return "deadline_exceeded";
    case AnswerKind::upstream_error:
      return "upstream_error";
    case AnswerKind::cancelled:
      return "cancelled";
    case AnswerKind::stream_interrupted:
      return "stream_interrupted";
  }
  return "unknown";
}

std::string_view name_of(Notice::Kind kind) {
  switch (kind) {
    case Notice::Kind::budget_alert:
      return "budget_alert";
    case Notice::Kind::budget_exhausted:
      return "budget_exhausted";
    case Notice::Kind::breaker:
      return "breaker";
    case Notice::Kind::key_dead:
      return "key_dead";
    case Notice::Kind::key_back:
      return "key_back";
    case Notice::Kind::key_benched:
      return "key_benched";
    case Notice::Kind::downgrade_began:
      return "downgrade_began";
    case Notice::Kind::downgrade_ended:
      return "downgrade_ended";
    case Notice::Kind::cache_only_began:
      return "cache_only_began";
    case Notice::Kind::policy_failed:
      return "policy_failed";
    case Notice::Kind::overrun:
      return "overrun";
  }
  return "unknown";
}

}  // namespace keel::relay
