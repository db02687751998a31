#pragma once
// /metrics on a port of its own, as the article's metrics_endpoint has it.

#include "http/responder.hpp"
#include "http/server.hpp"

#include <functional>
#include <string>

namespace keel::server {

http::Reply metrics_reply(std::string text);

class MetricsPage final : public http::Handler {
 public:
  explicit MetricsPage(std::function<std::string()> text) : text_(std::move(text)) {}
  http::Task<> on_request(http::Request& request, http::Responder& responder) override;

 private:
  std::function<std::string()> text_;
};

}  // namespace keel::server
