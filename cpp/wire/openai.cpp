#include "wire/openai.hpp"

#include "wire/openai_plain.hpp"
#include "wire/openai_reply.hpp"
#include "wire/openai_stream.hpp"

#include <utility>

namespace keel::wire {

namespace {

constexpr std::string_view kUserAgent = "keel";
constexpr size_t kUserAgentBytesMax = 256;

std::string path_of(Operation operation) {
  switch (operation) {
    case Operation::chat:
      return "/chat/completions";
    case Operation::completions:
      return "/completions";
    case Operation::embeddings:
      break;
  }
  return "/embeddings";
}

// A stream is asked for in the body; OpenAI's own clients accept application/json then too.
HttpRequest start(std::string method, std::string path, const Secret& key) {
  HttpRequest out{std::move(method), std::move(path), {}};
  if (!key.empty() && is_header_value(key.reveal())) {
    out.headers.emplace_back("authorization", "Bearer " + std::string(key.reveal()));
  }
  out.headers.emplace_back("accept", "application/json");
  return out;
}

class OpenAi final : public Dialect {
 public:
  std::string_view name() const override { return "openai"; }

  HttpRequest head(Operation operation, const Secret& key,
                   std::string_view client_user_agent) const override {
    HttpRequest out = start("POST", path_of(operation), key);
    out.headers.emplace_back("content-type", "application/json");
    std::string agent(kUserAgent);
    bool known = !client_user_agent.empty() && client_user_agent.size() <= kUserAgentBytesMax &&
                 is_header_value(client_user_agent);
    if (known) agent.append(" ").append(client_user_agent);
    out.headers.emplace_back("user-agent", std::move(agent));
    return out;
  }

  HttpRequest probe(const Secret& key) const override {
    HttpRequest out = start("GET", "/models", key);
    out.headers.emplace_back("user-agent", kUserAgent);
    return out;
  }

  SplicedBody encode(const Body& request, const Facts& facts, const Retarget& to) const override {
    return retarget(request, facts, to);
  }

  Decoded decode_reply(Operation operation, int status, const Headers& headers, const Body& reply,
                       int64_t unix_now_ns) const override {
    return decode_openai_reply(operation, status, headers, reply, unix_now_ns);
  }

  std::unique_ptr<StreamReader> stream_reader(Operation operation) const override {
    return std::make_unique<OpenAiStreamReader>(operation);
  }

  std::vector<StreamEvent> events_of_plain(Operation operation, const Body& reply) const override {
    return openai_events_of_plain(operation, reply);
  }

  std::string text_of(const Body& reply) const override { return openai_text_of(reply); }
};

}  // namespace

const Dialect& openai_dialect() {
  static const OpenAi dialect;
  return dialect;
}

}  // namespace keel::wire
