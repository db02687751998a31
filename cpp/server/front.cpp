#include "server/front.hpp"

#include "server/error_body.hpp"
#include "wire/headers.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <openssl/rand.h>

namespace keel::server {

namespace {

constexpr size_t kIdBytesMax = 128;
constexpr size_t kForwardedBytesMax = 1024;

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= kIdBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c == '.' || c == '_' || c == ':' || c == '-';
         });
}

template <typename T>
std::optional<T> number(std::string_view text) {
  T value{};
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Duration> seconds_of(std::string_view text) {
  auto value = number<double>(text);
  if (!value || !std::isfinite(*value) || *value <= 0) return std::nullopt;
  return from_seconds(*value);
}

bool is_yes(std::string_view value) {
  return value == "1" || http::same_word(value, "true") || http::same_word(value, "yes");
}

// Our own header is a wish and must be right. The SDKs' tell how long they wait for bytes: for a
// plain request that is its deadline, for a stream it says nothing (SEMANTICS A1).
std::optional<http::Reply> read_deadline(const http::Head& head, relay::Request& out) {
  if (auto wish = head.value_of("x-keel-timeout"); !wish.empty()) {
    auto timeout = seconds_of(wish);
    if (!timeout)
      return refusal(400, "invalid_request",
                     "x-keel-timeout: wanted seconds such as 30 or 2.5, found " + std::string(wish),
                     "x-keel-timeout");
    out.timeout = *timeout;
    return std::nullopt;
  }
  if (out.facts.stream) return std::nullopt;
  for (const char* name : {"x-stainless-read-timeout", "x-stainless-timeout"}) {
    auto hint = seconds_of(head.value_of(name));
    if (!hint) continue;
    out.timeout = *hint;
    break;
  }
  return std::nullopt;
}

// RFC 9111 directives, those that a client of a cache like ours can mean; others say nothing.
void read_cache_control(std::string_view text, relay::Request& out) {
  while (!text.empty()) {
    size_t comma = std::min(text.find(','), text.size());
    std::string_view word = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    word.remove_prefix(std::min(word.find_first_not_of(" \t"), word.size()));
    word = word.substr(0, word.find_last_not_of(" \t") + 1);
    constexpr std::string_view kMaxAge = "max-age=";
    if (http::same_word(word, "no-store")) {
      out.no_store = true;
    } else if (http::same_word(word, "no-cache")) {
      out.no_cache = true;
    } else if (word.size() > kMaxAge.size() &&
               http::same_word(word.substr(0, kMaxAge.size()), kMaxAge)) {
      if (auto age = number<int64_t>(word.substr(kMaxAge.size())); age && *age >= 0)
        out.max_age = seconds(*age);
    }
  }
}

std::optional<http::Reply> read_hops(const http::Head& head, int64_t& hops) {
  const std::string_view text = head.value_of("x-keel-hops");
  hops = 0;
  if (text.empty()) return std::nullopt;
  auto value = number<int64_t>(text);
  if (!value || *value < 0)
    return refusal(400, "invalid_request", "x-keel-hops: wanted a count", "x-keel-hops");
  hops = *value;
  if (hops <= kMostHops) return std::nullopt;
  return refusal(508, "loop_detected",
                 "the request has passed " + std::to_string(hops) +
                     " gateways: does a provider's base_url lead back here?");
}

std::shared_ptr<const relay::Fields> forwarded(const http::Head& head, int64_t hops) {
  auto fields = std::make_shared<relay::Fields>();
  for (const char* name :
       {"openai-beta", "openai-organization", "openai-project", "anthropic-version",
        "anthropic-beta", "traceparent", "tracestate", "user-agent"}) {
    const std::string_view value = head.value_of(name);
    if (value.empty() || value.size() > kForwardedBytesMax || !wire::is_header_value(value))
      continue;
    fields->emplace_back(name, value);
  }
  fields->emplace_back("x-keel-hops", std::to_string(hops + 1));
  return fields;
}

}  // namespace

std::string RequestIds::of(const http::Head& head) {
  const std::string_view offered = head.value_of("x-request-id");
  return is_id(offered) ? std::string(offered) : make();
}

std::string RequestIds::make() {
  constexpr size_t kBytes = 16;
  if (used_ + kBytes > chance_.size()) {
    RAND_bytes(chance_.data(), static_cast<int>(chance_.size()));
    used_ = 0;
  }
  constexpr char kDigits[] = "0123456789abcdef";
  std::string id;
  id.reserve(4 + 2 * kBytes);
  id = "req_";
  for (const size_t end = used_ + kBytes; used_ < end; ++used_) {
    id += kDigits[chance_[used_] >> 4];
    id += kDigits[chance_[used_] & 15];
  }
  return id;
}

bool asked_in_query(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    size_t end = std::min(query.find('&'), query.size());
    std::string_view part = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const size_t equals = std::min(part.find('='), part.size());
    const std::string_view value = part.substr(std::min(equals + 1, part.size()));
    if (part.substr(0, equals) == name) return value != "0" && value != "false";
  }
  return false;
}

std::optional<http::Reply> refuse_body(const http::Head& head) {
  std::string_view type = head.value_of("content-type");
  type = type.substr(0, type.find(';'));
  type = type.substr(0, type.find_last_not_of(" \t") + 1);
  if (!type.empty() && !http::same_word(type, "application/json"))
    return refusal(415, "invalid_request",
                   "content-type: wanted application/json, found " + std::string(type),
                   "content-type");
  const std::string_view encoding = head.value_of("content-encoding");
  if (!encoding.empty() && !http::same_word(encoding, "identity"))
    return refusal(415, "invalid_request",
                   "content-encoding: wanted none, found " + std::string(encoding),
                   "content-encoding");
  return std::nullopt;
}

std::optional<http::Reply> read_request(http::Request& request, Operation operation,
                                        const std::string& id, relay::Request& out) {
  int64_t hops = 0;
  if (auto refused = read_hops(request.head, hops)) return refused;
  out.id = id;
  out.body = Body::take(std::move(request.body));
  auto facts = wire::read_facts(operation, out.body);
  if (!facts) {
    const Error& error = facts.error();
    return refusal(400, "invalid_request", error.text(), error.where);
  }
  out.facts = std::move(*facts);
  if (auto refused = read_deadline(request.head, out)) return refused;
  read_cache_control(request.head.value_of("cache-control"), out);
  out.no_cache |= asked_in_query(request.head.query(), "noCache");
  out.cache_namespace = request.head.value_of("x-keel-cache-namespace");
  out.no_downgrade = is_yes(request.head.value_of("x-keel-no-downgrade"));
  out.tags = request.head.value_of("x-keel-tags");
  out.forward = forwarded(request.head, hops);
  return std::nullopt;
}

}  // namespace keel::server
