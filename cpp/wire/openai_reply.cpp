#include "wire/openai_reply.hpp"

#include "wire/errors.hpp"
#include "wire/hints.hpp"
#include "wire/json.hpp"
#include "wire/openai_usage.hpp"

#include <iterator>
#include <utility>

namespace keel::wire {

namespace {

using json::Cursor;
using json::Kind;
using json::String;

constexpr size_t kRequestIdBytesMax = 128;
constexpr size_t kPlainErrorBytesMax = 200;

void read_text(Cursor& cursor, std::string& out, size_t most) {
  String text;
  if (cursor.kind() != Kind::string) {
    cursor.skip();
  } else if (cursor.string(text)) {
    out = cut_utf8(text.text(), most);
  }
}

// What a complete 2xx holds.
struct Answer {
  ProviderError error;  // an error object inside, in the reply or in a choice
  ProviderError flat;   // error words without an error object
  bool usable = false;  // has a choice with a message, or an embedding
  bool filtered = false;
  std::string finish_reason;
  std::string model;
  Counts counts;
};

void read_choice(Operation operation, Cursor& cursor, bool first, Answer& answer) {
  bool chat = operation == Operation::chat;
  if (cursor.kind() != Kind::object) {
    cursor.skip();
    return;
  }
  std::string finish;
  cursor.object([&](const String& key) {
    if (key.equals("finish_reason")) {
      read_text(cursor, finish, kWordBytesMax);
    } else if (key.equals(chat ? "message" : "text")) {
      if (cursor.kind() == (chat ? Kind::object : Kind::string)) answer.usable = true;
      cursor.skip();
    } else if (key.equals("error")) {
      read_error_value(cursor, answer.error);
    } else {
      cursor.skip();
    }
  });
  if (finish == "content_filter") answer.filtered = true;
  if (finish == "error") answer.error.present = true;  // OpenRouter: the model failed midway
  if (first) answer.finish_reason = std::move(finish);
}

void read_choices(Operation operation, Cursor& cursor, Answer& answer) {
  if (cursor.kind() != Kind::array) {
    cursor.skip();
    return;
  }
  cursor.array([&](size_t index) { read_choice(operation, cursor, index == 0, answer); });
}

void read_data(Cursor& cursor, Answer& answer) {
  if (cursor.kind() != Kind::array) {
    cursor.skip();
    return;
  }
  cursor.array([&](size_t) {
    if (cursor.kind() != Kind::object) {
      cursor.skip();
      return;
    }
    cursor.object([&](const String& key) {
      Kind kind = cursor.kind();  // floats, or base64
      if (key.equals("embedding") && (kind == Kind::array || kind == Kind::string)) {
        answer.usable = true;
      }
      cursor.skip();
    });
  });
}

// Nothing, or why these bytes cannot be read.
std::string read_answer(Operation operation, std::string_view body, Answer& answer) {
  if (body.find_first_not_of(" \t\r\n") == std::string_view::npos) return "the reply is empty";
  if (!json::valid_utf8(body)) return "the reply is not UTF-8";
  Cursor cursor(body, kReplyDepthMax);
  cursor.object([&](const String& key) {
    if (key.equals("choices") && operation != Operation::embeddings) {
      read_choices(operation, cursor, answer);
    } else if (key.equals("data") && operation == Operation::embeddings) {
      read_data(cursor, answer);
    } else if (key.equals("usage")) {
      answer.counts = read_counts(cursor);
    } else if (key.equals("model")) {
      read_text(cursor, answer.model, kModelBytesMax);
    } else if (key.equals("error")) {
      read_error_value(cursor, answer.error);
    } else {
      read_flat_error_member(cursor, key, answer.flat);
    }
  });
  return cursor.finish() ? "" : "the reply is not JSON: " + cursor.problem();
}

void judge_success(Operation operation, const Body& reply, const Headers& headers,
                   int64_t unix_now_ns, Decoded& out) {
  Answer answer;
  std::string unreadable = read_answer(operation, reply.view(), answer);
  Outcome& outcome = out.outcome;
  bool unusable = !unreadable.empty() || answer.error.present || !answer.usable;
  if (unreadable.empty()) {
    outcome.usage = answer.counts.usage(operation);
    outcome.content_filtered = answer.filtered;
    out.model_served = std::move(answer.model);
    out.finish_reason = std::move(answer.finish_reason);
  }
  if (!unusable) return;
  outcome.ended = Ended::unusable;
  std::optional<Duration> delay;
  if (!unreadable.empty()) {
    outcome.message = std::move(unreadable);
  } else {
    ProviderError& error = answer.error.present ? answer.error : answer.flat;
    error.present = answer.error.present || !error.message.empty() || !error.code.empty();
    take_words(error, outcome);
    delay = error.retry_after;
    if (outcome.message.empty()) {
      outcome.message = answer.error.present                 ? "the reply holds an error"
                        : operation == Operation::embeddings ? "the reply has no embeddings"
                                                             : "the reply has no choices";
    }
  }
  outcome.hint = read_hint(headers, delay, unix_now_ns);
}

void judge_failure(const Body& reply, const Headers& headers, int64_t unix_now_ns, Decoded& out) {
  ProviderError error = read_error_body(reply.view());
  take_words(error, out.outcome);
  out.outcome.hint = read_hint(headers, error.retry_after, unix_now_ns);
  // A proxy's line of text is worth keeping, its page of HTML is not.
  std::string_view body = reply.view();
  bool plain = !body.empty() && body[0] != '<' && body[0] != '{' && body[0] != '[';
  if (!error.present && plain && json::valid_utf8(body)) {
    out.outcome.message = cut_utf8(body, kPlainErrorBytesMax);
  }
}

std::string request_id(const Headers& headers) {
  for (const char* name : {"x-request-id", "request-id", "apim-request-id"}) {
    std::optional<std::string_view> id = find_header(headers, name);
    if (id && !id->empty() && id->size() <= kRequestIdBytesMax && is_header_value(*id)) {
      return std::string(*id);
    }
  }
  return {};
}

// A string, or a list of parts of which those with `text` are meant (Mistral's reasoning models).
void append_content(Cursor& cursor, std::string& out) {
  String text;
  if (cursor.kind() == Kind::string) {
    if (cursor.string(text)) out += text.text();
  } else if (cursor.kind() == Kind::array) {
    cursor.array([&](size_t) {
      if (cursor.kind() != Kind::object) {
        cursor.skip();
        return;
      }
      cursor.object([&](const String& key) {
        if (key.equals("text")) {
          append_content(cursor, out);
        } else {
          cursor.skip();
        }
      });
    });
  } else {
    cursor.skip();
  }
}

// Descends through objects by these names; an array on the way is entered at its first element.
void descend(Cursor& cursor, const std::string_view* names, size_t count, std::string& out) {
  if (count == 0) return append_content(cursor, out);
  if (cursor.kind() == Kind::array) {
    cursor.array([&](size_t index) {
      if (index == 0) {
        descend(cursor, names, count, out);
      } else {
        cursor.skip();
      }
    });
  } else if (cursor.kind() == Kind::object) {
    cursor.object([&](const String& key) {
      if (key.equals(names[0])) {
        descend(cursor, names + 1, count - 1, out);
      } else {
        cursor.skip();
      }
    });
  } else {
    cursor.skip();
  }
}

}  // namespace

Decoded decode_openai_reply(Operation operation, int status, const Headers& headers,
                            const Body& reply, int64_t unix_now_ns) {
  Decoded out;
  out.outcome.status = status;
  out.upstream_request_id = request_id(headers);
  if (status >= 200 && status < 300) {
    judge_success(operation, reply, headers, unix_now_ns, out);
  } else {
    judge_failure(reply, headers, unix_now_ns, out);
  }
  return out;
}

std::string openai_text_of(const Body& reply) {
  constexpr std::string_view chat[] = {"choices", "message", "content"};
  constexpr std::string_view completion[] = {"choices", "text"};
  std::string out;
  Cursor messages(reply.view(), kReplyDepthMax);
  descend(messages, chat, std::size(chat), out);
  if (!out.empty()) return out;
  Cursor texts(reply.view(), kReplyDepthMax);
  descend(texts, completion, std::size(completion), out);
  return out;
}

}  // namespace keel::wire
