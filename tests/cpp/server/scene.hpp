#pragma once
// Heads and configurations for these tests.

#include "config/reader.hpp"
#include "http/head.hpp"
#include "http/message.hpp"

#include <optional>
#include <string>

#include <gtest/gtest.h>

namespace keel::server {

// A POST with these header lines, each ended by CRLF.
inline http::Head head_with(const std::string& fields, const std::string& target = "/v1/x") {
  const std::string text = "POST " + target + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
  http::HeadScan scan;
  EXPECT_EQ(scan.scan(text), http::HeadRule::ok) << fields;
  return scan.take(text);
}

inline http::Request request_with(const std::string& fields, std::string body,
                                  const std::string& target = "/v1/x") {
  http::Request request;
  request.head = head_with(fields, target);
  request.body = std::move(body);
  return request;
}

inline std::string field(const http::Fields& fields, std::string_view name) {
  for (const auto& [key, value] : fields)
    if (key == name) return value;
  return "(none)";
}

inline relay::Config config_of(const std::string& yaml) {
  relay::Loaded loaded = relay::read_config(yaml, "test", {});
  EXPECT_EQ(relay::format_problems(loaded), "");
  return loaded.config;
}

inline constexpr const char* kOneTarget = R"(
version: "1.0"
providers:
  p:
    base_url: "http://127.0.0.1:1/v1"
    dialect: openai
    keys: []
    models: {m: {price: {in: 1, out: 2}, context: 1000, output: 100}}
routes: {r: {targets: [p/m]}}
)";

}  // namespace keel::server
