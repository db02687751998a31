#include "wire/errors.hpp"

#include "wire/hints.hpp"

#include <algorithm>
#include <charconv>

namespace keel::wire {

namespace {

using json::Cursor;
using json::Kind;
using json::String;

// Reads any value; keeps a string, or a number as its digits.
void read_word(Cursor& cursor, std::string& out, size_t most = kWordBytesMax) {
  String text;
  std::string_view number;
  if (cursor.kind() == Kind::string) {
    if (cursor.string(text)) out = cut_utf8(text.text(), most);
  } else if (cursor.kind() == Kind::number) {
    if (cursor.number(number)) out = number.substr(0, most);
  } else {
    cursor.skip();
  }
}

// `details` of Gemini is a list of objects, of Anthropic one object; Gemini nests its quota
// violations once more. All that is looked for has a name of its own, so one walk finds it.
void read_details(Cursor& cursor, ProviderError& out) {
  if (cursor.kind() == Kind::array) {
    cursor.array([&](size_t) { read_details(cursor, out); });
    return;
  }
  if (cursor.kind() != Kind::object) {
    cursor.skip();
    return;
  }
  cursor.object([&](const String& key) {
    std::string word;
    if (key.equals("error_code") || key.equals("reason")) {
      read_word(cursor, out.detail);
    } else if (key.equals("retryDelay")) {
      read_word(cursor, word);
      if (auto delay = parse_go_duration(word)) out.retry_after = delay;
    } else if (key.equals("quotaId")) {
      read_word(cursor, word);
      if (word.find("PerDay") != std::string::npos) out.per_day = true;
    } else if (key.equals("violations")) {
      read_details(cursor, out);
    } else {
      cursor.skip();
    }
  });
}

void read_error_member(Cursor& cursor, const String& key, ProviderError& out) {
  bool status_word = key.equals("status") && cursor.kind() == Kind::string && out.type.empty();
  if (key.equals("type") || status_word) {
    read_word(cursor, out.type);
  } else if (key.equals("code")) {
    read_word(cursor, out.code);
  } else if (key.equals("message")) {
    read_word(cursor, out.message, kMessageBytesMax);
  } else if (key.equals("details")) {
    read_details(cursor, out);
  } else if (key.equals("innererror") && cursor.kind() == Kind::object) {
    cursor.object([&](const String& inner) {
      if (inner.equals("code")) {
        read_word(cursor, out.detail);
      } else {
        cursor.skip();
      }
    });
  } else {
    cursor.skip();
  }
}

bool says(const ProviderError& e, std::string_view word) {
  return e.detail == word || e.code == word || e.type == word;
}

bool mentions(const ProviderError& e, std::string_view phrase) {
  return e.message.find(phrase) != std::string::npos;
}

struct Named {
  std::string_view word;
  ErrorCode code;
};

// Stronger statements first: a body may carry a general type beside an exact code.
constexpr Named kNamed[] = {
    {"insufficient_quota", ErrorCode::exhausted},
    {"credit_balance_exhausted", ErrorCode::exhausted},
    {"organization_spend_limit_exceeded", ErrorCode::exhausted},
    {"project_spend_limit_exceeded", ErrorCode::exhausted},
    {"organization_usage_limit_exceeded", ErrorCode::exhausted},
    {"enforced_spend_limit_reached", ErrorCode::exhausted},
    {"slow_down", ErrorCode::slow_down},
    {"context_length_exceeded", ErrorCode::context_length},
    {"content_policy_violation", ErrorCode::content_policy},
    {"content_filter", ErrorCode::content_policy},
    {"ResponsibleAIPolicyViolation", ErrorCode::content_policy},
    {"overloaded_error", ErrorCode::overloaded},
    {"timeout_error", ErrorCode::timeout},
    {"DEADLINE_EXCEEDED", ErrorCode::timeout},
    {"model_not_found", ErrorCode::not_found},
    {"invalid_api_key", ErrorCode::authentication},
    {"API_KEY_INVALID", ErrorCode::authentication},
    {"rate_limit_exceeded", ErrorCode::rate_limited},
    {"rate_limit_error", ErrorCode::rate_limited},
    {"RESOURCE_EXHAUSTED", ErrorCode::rate_limited},
};

constexpr Named kGeneral[] = {
    {"authentication_error", ErrorCode::authentication},
    {"UNAUTHENTICATED", ErrorCode::authentication},
    {"permission_error", ErrorCode::permission},
    {"PERMISSION_DENIED", ErrorCode::permission},
    {"not_found_error", ErrorCode::not_found},
    {"NOT_FOUND", ErrorCode::not_found},
    {"server_error", ErrorCode::server_error},
    {"api_error", ErrorCode::server_error},
    {"internal_error", ErrorCode::server_error},
    {"internal_server_error", ErrorCode::server_error},
    {"INTERNAL", ErrorCode::server_error},
    {"UNAVAILABLE", ErrorCode::server_error},
    {"invalid_request_error", ErrorCode::invalid_request},
    {"INVALID_ARGUMENT", ErrorCode::invalid_request},
};

ErrorCode of_status(int status) {
  switch (status) {
    case 400:
    case 415:
    case 422:
      return ErrorCode::invalid_request;
    case 401:
      return ErrorCode::authentication;
    case 402:
      return ErrorCode::exhausted;
    case 403:
      return ErrorCode::permission;
    case 404:
      return ErrorCode::not_found;
    case 408:
    case 504:
    case 524:
      return ErrorCode::timeout;
    case 413:
      return ErrorCode::context_length;
    case 429:
      return ErrorCode::rate_limited;
    case 529:
      return ErrorCode::overloaded;
    default:
      return status >= 500 && status < 600 ? ErrorCode::server_error : ErrorCode::none;
  }
}

// What only the message says: Anthropic and Gemini have no code for a prompt that is too long, nor
// Anthropic for its filter, an empty account or its acceleration limit; vLLM and its kin have none.
ErrorCode of_message(const ProviderError& e, int status) {
  bool about_request = status == 400 || status == 413 || status == 422 || status / 100 == 2;
  if (about_request) {
    if (e.message.starts_with("prompt is too long") || mentions(e, "input token count") ||
        mentions(e, "maximum context length") || mentions(e, "exceed context limit")) {
      return ErrorCode::context_length;
    }
    if (mentions(e, "content filtering policy")) return ErrorCode::content_policy;
    if (mentions(e, "credit balance is too low")) return ErrorCode::exhausted;
  }
  if (says(e, "rate_limit_error") && mentions(e, "acceleration limit")) {
    return ErrorCode::slow_down;
  }
  return ErrorCode::none;
}

}  // namespace

void read_error_value(Cursor& cursor, ProviderError& out) {
  switch (cursor.kind()) {
    case Kind::object:
      out.present = true;
      cursor.object([&](const String& key) { read_error_member(cursor, key, out); });
      return;
    case Kind::string:
      read_word(cursor, out.message, kMessageBytesMax);
      out.present = !out.message.empty();
      return;
    default:
      cursor.skip();
  }
}

void read_flat_error_member(Cursor& cursor, const String& key, ProviderError& out) {
  if (key.equals("detail")) {
    read_word(cursor, out.message, kMessageBytesMax);
  } else if (key.equals("error_type")) {
    read_word(cursor, out.type);
  } else {
    read_error_member(cursor, key, out);
  }
}

ProviderError read_error_body(std::string_view body) {
  ProviderError wrapped, flat;
  if (!json::valid_utf8(body)) return {};
  Cursor cursor(body, kReplyDepthMax);
  auto read = [&] {
    cursor.object([&](const String& key) {
      if (key.equals("error")) {
        read_error_value(cursor, wrapped);
      } else if (key.equals("details")) {
        read_details(cursor, wrapped);
      } else {
        read_flat_error_member(cursor, key, flat);
      }
    });
  };
  if (cursor.kind() == Kind::array) {  // Gemini's OpenAI endpoint wraps the object once more
    cursor.array([&](size_t index) { index == 0 ? read() : static_cast<void>(cursor.skip()); });
  } else {
    read();
  }
  if (!cursor.finish()) return {};
  if (wrapped.present) {
    if (wrapped.type.empty() && wrapped.code.empty()) {  // {"error": "text", "error_type": "..."}
      wrapped.type = flat.type;
      wrapped.code = flat.code;
    }
    return wrapped;
  }
  flat.present = !flat.message.empty() || !flat.code.empty();
  return flat.present ? flat : ProviderError{};
}

ErrorCode code_of(const ProviderError& error, int status) {
  if (status == 402) return ErrorCode::exhausted;  // whatever its body says
  if (!error.present) return ErrorCode::none;
  if (error.per_day && says(error, "RESOURCE_EXHAUSTED")) return ErrorCode::exhausted;
  if (ErrorCode code = of_message(error, status); code != ErrorCode::none) return code;
  for (const Named& named : kNamed) {
    if (says(error, named.word)) return named.code;
  }
  bool inside_success = status / 100 == 2;
  for (const Named& general : kGeneral) {
    if (says(error, general.word) && (inside_success || of_status(status) == general.code)) {
      return general.code;
    }
  }
  int number = 0;
  const char* end = error.code.data() + error.code.size();
  bool numeric = std::from_chars(error.code.data(), end, number).ptr == end && number > 0;
  return inside_success && numeric ? of_status(number) : ErrorCode::none;
}

void take_words(const ProviderError& error, Outcome& outcome) {
  outcome.error_type = error.type;
  outcome.error_code = error.code;
  outcome.message = error.message;
  outcome.code = code_of(error, outcome.status);
}

std::string openai_error_body(std::string_view type, std::string_view code,
                              std::string_view message, std::string_view param) {
  auto or_null = [](std::string_view text) { return text.empty() ? "null" : json_quote(text); };
  return R"({"error":{"message":)" + json_quote(message) + R"(,"type":)" + json_quote(type) +
         R"(,"param":)" + or_null(param) + R"(,"code":)" + or_null(code) + "}}";
}

std::string_view cut_utf8(std::string_view text, size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) --bytes;
  return text.substr(0, bytes);
}

}  // namespace keel::wire
