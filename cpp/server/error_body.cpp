#include "server/error_body.hpp"

#include "wire/errors.hpp"
#include "wire/json.hpp"

namespace keel::server {

namespace {

// OpenAI's words for kinds of errors.
std::string_view type_of(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 429:
      return "rate_limit_error";
    default:
      return status < 500 ? "invalid_request_error" : "server_error";
  }
}

// {"error": {...}}, or a text: what OpenAI's clients read as an error.
bool is_openai_error(std::string_view body) {
  wire::json::Cursor cursor(body, wire::kReplyDepthMax);
  if (cursor.kind() != wire::json::Kind::object) return false;
  bool found = false;
  const bool whole = cursor.object([&](const wire::json::String& key) {
    if (key.equals("error")) {
      const auto kind = cursor.kind();
      found |= kind == wire::json::Kind::object || kind == wire::json::Kind::string;
    }
    cursor.skip();
  });
  return whole && found;
}

}  // namespace

http::Reply refusal(int status, std::string_view code, std::string_view message,
                    std::string_view param) {
  return {status, wire::openai_error_body(type_of(status), code, message, param)};
}

std::string error_body(const relay::Answer& answer) {
  if (is_openai_error(answer.body.view())) return std::string(answer.body.view());
  const std::string_view code =
      answer.code.empty() ? relay::name_of(answer.kind) : std::string_view(answer.code);
  const std::string message = answer.message.empty() ? std::string(code) : answer.message;
  return wire::openai_error_body(type_of(answer.status), code, message);
}

std::string error_event(const relay::Answer& answer) {
  std::string_view code = answer.code;
  if (code.empty()) code = relay::name_of(relay::AnswerKind::stream_interrupted);
  const std::string message = answer.message.empty() ? std::string(code) : answer.message;
  return "data: " + wire::openai_error_body("server_error", code, message) + "\n\n";
}

void say_shutting_down(relay::Answer& answer, bool streamed) {
  answer.kind = streamed ? relay::AnswerKind::stream_interrupted : relay::AnswerKind::no_target;
  answer.status = 503;
  answer.code = streamed ? "stream_interrupted" : "no_target_available";
  answer.message = "the gateway is shutting down";
  answer.retry_after = seconds(1);
}

}  // namespace keel::server
