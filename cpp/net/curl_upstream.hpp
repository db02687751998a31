#pragma once
// Upstream by libcurl's multi interface on the Asio loop: one multi handle, sockets watched by
// Asio, timers on the loop's coarse timer, handles reused. All limits in time but the one for
// connecting are the relay's.

#include "net/curl_exchange.hpp"
#include "net/curl_sockets.hpp"
#include "net/resolver.hpp"
#include "net/upstream.hpp"

#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include <curl/curl.h>

namespace keel::net {

struct CurlUpstreamSettings {
  CurlSettings curl;
  Duration connect_timeout = seconds(5);  // name, connection and TLS together
  long connections_max = 256;             // idle ones kept; those in use are not limited here
};

// Made and destroyed on the loop's thread, or while that does not run.
class CurlUpstream final : public Upstream {
 public:
  CurlUpstream(io::Loop& loop, Resolver& resolver, UpstreamListener& listener,
               CurlUpstreamSettings settings);
  ~CurlUpstream() override;

  void start(ExchangeId exchange, HttpRequest request, Instant now) override;
  void pause(ExchangeId exchange, bool on) override;
  void abort(ExchangeId exchange) override;

  size_t under_way() const { return active_.size(); }
  size_t connections() const { return sockets_.size(); }

 private:
  using Exchange = std::unique_ptr<CurlExchange>;
  struct Ended {
    ExchangeId exchange;
    HttpReply reply;
    std::optional<BodyWay> way;
  };

  Exchange take_handle();
  void resolved(ExchangeId exchange, const Resolved& where);
  void act(curl_socket_t fd, int events);
  void collect();
  void end(ExchangeId exchange, HttpReply&& reply);
  void release(ExchangeId exchange, bool complete = false);
  void go_on(CurlExchange& exchange);
  void tell_later();
  void tell();
  void tell_news(ExchangeId exchange);
  void tell_end(Ended&& ended);
  void connect_time_over(Instant now);
  void timer_wanted(long timeout_ms);

  static int on_socket(CURL*, curl_socket_t fd, int what, void* self, void*);
  static int on_timer(CURLM*, long timeout_ms, void* self);

  io::Loop& loop_;
  Resolver& resolver_;
  UpstreamListener& listener_;
  CurlUpstreamSettings settings_;
  CurlSockets sockets_;
  CURLM* multi_ = nullptr;
  CURLSH* share_ = nullptr;
  std::unordered_map<ExchangeId, Exchange> active_;
  std::vector<Exchange> idle_;
  std::deque<ExchangeId> sent_;  // to be told, before any news
  std::deque<ExchangeId> news_;  // heads and bytes to be told, before any end
  std::deque<Ended> ended_;
  std::optional<ExchangeId> ending_;  // whose end is told now, unless it was aborted meanwhile
  Deadlines<ExchangeId> connect_deadlines_;
  io::Timer curl_timer_;
  io::Timer connect_timer_;
  bool kick_posted_ = false;
  bool tell_posted_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for work posted to the loop
};

}  // namespace keel::net
