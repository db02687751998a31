#include "wire/openai_plain.hpp"

#include "wire/errors.hpp"
#include "wire/json.hpp"
#include "wire/openai_reply.hpp"
#include "wire/openai_stream.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

namespace keel::wire {

namespace {

using json::Cursor;
using json::Kind;
using json::String;

// Writes the reply's own values into frames; a second look then reads the frames as any stream's.
class Unrolling {
 public:
  Unrolling(Operation operation, std::string_view text)
      : chat_(operation != Operation::completions), cursor_(text, kReplyDepthMax), text_(text) {}

  std::string frames();

 private:
  void choice(size_t position);
  void message();
  void tool_call();
  std::string called();
  void say(const std::string& delta, std::string_view finish = "null");
  void close_choice();

  // Reads a value of any kind: its bytes, on one line.
  std::string value();
  void add(std::string_view key, std::string_view text, std::string& members);
  template <typename Member>
  void object_or_skip(Member&& member) {
    cursor_.kind() == Kind::object ? cursor_.object(member) : cursor_.skip();
  }

  bool chat_;
  Cursor cursor_;
  std::string_view text_;
  std::string head_;     // members that every frame repeats
  std::string choices_;  // frames, from behind their heads on, each ended by a line break
  std::string usage_;
  // Of the choice being read:
  std::string index_, role_, said_, finish_, logprobs_;
  std::vector<std::string> calls_;
};

std::string Unrolling::frames() {
  cursor_.object([this](const String& key) {
    constexpr std::string_view repeated[] = {
        "id", "created", "model", "provider", "system_fingerprint", "service_tier"};
    bool of_head = std::any_of(std::begin(repeated), std::end(repeated),
                               [&](std::string_view name) { return key.equals(name); });
    if (of_head) {
      add(key.text(), value(), head_);
    } else if (key.equals("choices") && cursor_.kind() == Kind::array) {
      cursor_.array([this](size_t position) { choice(position); });
    } else if (key.equals("usage") && cursor_.kind() == Kind::object) {
      usage_ = value();
    } else {
      cursor_.skip();
    }
  });
  add("object", chat_ ? R"("chat.completion.chunk")" : R"("text_completion")", head_);
  std::string_view rest = choices_;
  std::string out;
  while (!rest.empty()) {
    size_t end = rest.find('\n');
    out.append("data: {").append(head_).append(rest.substr(0, end)).append("\n\n");
    rest.remove_prefix(end + 1);
  }
  if (!usage_.empty()) {
    out.append("data: {").append(head_).append(R"(,"choices":[],"usage":)").append(usage_);
    out.append("}\n\n");
  }
  return out.append(end_marker());
}

void Unrolling::choice(size_t position) {
  index_ = std::to_string(position);
  role_ = R"("assistant")";
  logprobs_ = "null";
  said_.clear();
  finish_.clear();
  calls_.clear();
  object_or_skip([this](const String& key) {
    Kind kind = cursor_.kind();
    if (key.equals("index") && kind == Kind::number) {
      index_ = value();
    } else if (key.equals("finish_reason") && kind == Kind::string) {
      finish_ = value();
    } else if (key.equals("logprobs")) {
      logprobs_ = value();
    } else if (key.equals("message") && chat_) {
      message();
    } else if (key.equals("text") && !chat_ && kind == Kind::string) {
      said_ = value();
    } else {
      cursor_.skip();
    }
  });
  close_choice();
}

void Unrolling::message() {
  object_or_skip([this](const String& key) {
    Kind kind = cursor_.kind();
    if (key.equals("role") && kind == Kind::string) {
      role_ = value();
    } else if (key.equals("tool_calls") && kind == Kind::array) {
      cursor_.array([this](size_t) { tool_call(); });
    } else if (kind == Kind::null) {
      cursor_.skip();
    } else {
      add(key.text(), value(), said_);
    }
  });
}

void Unrolling::tool_call() {
  std::string members = R"("index":)" + std::to_string(calls_.size());
  object_or_skip([&](const String& key) {
    if (key.equals("index")) {
      cursor_.skip();
    } else if (key.equals("function")) {
      add("function", called(), members);
    } else {
      add(key.text(), value(), members);
    }
  });
  calls_.push_back(R"("tool_calls":[{)" + members + "}]");
}

// A function's name and arguments; some (Ollama) give the arguments as the object they mean.
std::string Unrolling::called() {
  std::string members;
  object_or_skip([&](const String& key) {
    bool unquoted = key.equals("arguments") && cursor_.kind() == Kind::object;
    std::string given = value();
    add(key.text(), unquoted ? json_quote(given) : given, members);
  });
  return "{" + members + "}";
}

void Unrolling::close_choice() {
  bool ended = finish_.size() > 2;
  if (!ended) finish_ = calls_.empty() ? R"("stop")" : R"("tool_calls")";
  if (!chat_) {
    if (said_.size() > 2) say(R"("text":)" + said_);
    logprobs_ = "null";
    return say(R"("text":"")", finish_);
  }
  std::string logprobs = std::exchange(logprobs_, "null");
  say(R"("delta":{"role":)" + role_ + R"(,"content":""})");
  logprobs_ = std::move(logprobs);
  if (!said_.empty()) say(R"("delta":{)" + said_ + "}");
  logprobs_ = "null";
  for (const std::string& call : calls_) say(R"("delta":{)" + call + "}");
  say(R"("delta":{})", finish_);
}

void Unrolling::say(const std::string& delta, std::string_view finish) {
  choices_.append(R"(,"choices":[{"index":)").append(index_).append(",").append(delta);
  choices_.append(R"(,"logprobs":)").append(logprobs_).append(R"(,"finish_reason":)");
  choices_.append(finish).append("}]}\n");
}

std::string Unrolling::value() {
  cursor_.kind();  // stands at the value
  size_t begin = cursor_.offset();
  cursor_.skip();
  std::string out(text_.substr(begin, cursor_.offset() - begin));
  // Between a value's parts only: a string holds none.
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return out;
}

void Unrolling::add(std::string_view key, std::string_view text, std::string& members) {
  if (!members.empty()) members += ',';
  members.append(json_quote(key)).append(":").append(text);
}

}  // namespace

std::vector<StreamEvent> openai_events_of_plain(Operation operation, const Body& reply) {
  std::vector<StreamEvent> out;
  Decoded decoded = decode_openai_reply(operation, 200, {}, reply, 0);
  if (decoded.outcome.ended == Ended::replied) {
    OpenAiStreamReader reader(operation);
    reader.feed(Unrolling(operation, reply.view()).frames(), out);
    reader.end(out);
    return out;
  }
  Cursor cursor(reply.view(), kReplyDepthMax);
  bool json = json::valid_utf8(reply.view()) && cursor.skip() && cursor.finish();
  StreamEvent& event = out.emplace_back();
  event.kind = json ? StreamEvent::Kind::error : StreamEvent::Kind::unparsable;
  event.outcome = std::move(decoded.outcome);
  return out;
}

}  // namespace keel::wire
