#include "relay/redaction.hpp"

#include <string>
#include <string_view>

namespace keel::relay {

namespace {

constexpr std::string_view kInstead = "[key]";

void replace_all(std::string& text, std::string_view secret) {
  size_t at = 0;
  while ((at = text.find(secret, at)) != std::string::npos) {
    text.replace(at, secret.size(), kInstead);
    at += kInstead.size();
  }
}

}  // namespace

void hide_keys(const ProviderConfig& provider, Outcome& outcome, Body& reply) {
  const bool is_answer = outcome.status >= 200 && outcome.status < 300;
  for (const KeyConfig& key : provider.keys) {
    const std::string_view secret = key.secret.reveal();
    if (secret.size() < kShortestSecret) continue;
    replace_all(outcome.error_type, secret);
    replace_all(outcome.error_code, secret);
    replace_all(outcome.message, secret);
    if (is_answer || reply.view().find(secret) == std::string_view::npos) continue;
    std::string text(reply.view());
    replace_all(text, secret);
    reply = Body::take(std::move(text));
  }
}

}  // namespace keel::relay
