#include "net/heads.hpp"

#include "wire/headers.hpp"

#include <algorithm>
#include <optional>

#include <strings.h>

namespace keel::net {

namespace {

constexpr size_t kFieldsMax = 32;
constexpr size_t kValueBytesMax = 256;
constexpr std::string_view kUserAgent = "user-agent";

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

bool may_pass(std::string_view value) {
  return !value.empty() && value.size() <= kValueBytesMax && wire::is_header_value(value);
}

}  // namespace

void forward_fields(const relay::Fields& forward, Headers& headers) {
  for (const auto& [name, value] : forward) {
    auto is_named = [&](const auto& field) { return same_name(field.first, name); };
    bool there = std::any_of(headers.begin(), headers.end(), is_named);
    if (there || same_name(name, kUserAgent) || !wire::is_header_value(value)) continue;
    headers.emplace_back(name, value);
  }
}

std::string_view user_agent_of(const relay::Fields& forward) {
  for (const auto& [name, value] : forward) {
    if (same_name(name, kUserAgent)) return value;
  }
  return {};
}

relay::Fields fields_for_client(const Headers& reply) {
  relay::Fields fields;
  for (const char* name : {"x-request-id", "request-id", "apim-request-id"}) {
    auto id = wire::find_header(reply, name);
    if (!id || !may_pass(*id)) continue;
    fields.emplace_back("x-keel-upstream-request-id", *id);
    break;
  }
  for (const auto& [name, value] : reply) {
    if (fields.size() == kFieldsMax) break;
    if (name.starts_with("x-ratelimit-") && may_pass(value)) fields.emplace_back(name, value);
  }
  return fields;
}

bool is_event_stream(const Headers& reply) {
  std::string_view type = wire::find_header(reply, "content-type").value_or("");
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
  return same_name(type, "text/event-stream");
}

}  // namespace keel::net
