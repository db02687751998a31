#include "server/metrics_page.hpp"

#include "server/error_body.hpp"

namespace keel::server {

http::Reply metrics_reply(std::string text) {
  http::Reply reply(200, std::move(text));
  reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
  return reply;
}

http::Task<> MetricsPage::on_request(http::Request& request, http::Responder& responder) {
  const bool read = request.head.method() == "GET" || request.head.method() == "HEAD";
  http::Reply reply;
  if (request.head.path() != "/metrics") {
    reply = refusal(404, "not_found", "there is only GET /metrics here");
  } else if (!read) {
    reply = refusal(405, "method_not_allowed", "/metrics takes GET, HEAD");
    reply.fields.emplace_back("allow", "GET, HEAD");
  } else {
    reply = metrics_reply(text_());
  }
  co_await responder.reply(reply);
}

}  // namespace keel::server
