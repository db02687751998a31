#include "net/curl_upstream.hpp"

#include "io/clock.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace keel::net {

namespace {

constexpr size_t kIdleHandlesMax = 256;

void initialise_libcurl_once() {
  static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
  static_cast<void>(done);
}

}  // namespace

CurlUpstream::CurlUpstream(io::Loop& loop, Resolver& resolver, UpstreamListener& listener,
                           CurlUpstreamSettings settings)
    : loop_(loop),
      resolver_(resolver),
      listener_(listener),
      settings_(std::move(settings)),
      sockets_(loop, [this](curl_socket_t fd, int events) { act(fd, events); }),
      curl_timer_(loop, [this](Instant) { act(CURL_SOCKET_TIMEOUT, 0); }),
      connect_timer_(loop, [this](Instant now) { connect_time_over(now); }) {
  initialise_libcurl_once();
  multi_ = curl_multi_init();
  share_ = curl_share_init();
  if (!multi_ || !share_) throw std::bad_alloc();
  // TLS sessions only: names are in the multi handle's own cache already.
  curl_share_setopt(share_, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, settings_.connections_max);
  curl_multi_setopt(multi_, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
}

CurlUpstream::~CurlUpstream() {
  *alive_ = false;
  while (!active_.empty()) release(active_.begin()->first);
  idle_.clear();
  curl_multi_cleanup(multi_);
  curl_share_cleanup(share_);
}

CurlUpstream::Exchange CurlUpstream::take_handle() {
  if (!idle_.empty()) {
    Exchange exchange = std::move(idle_.back());
    idle_.pop_back();
    return exchange;
  }
  return std::make_unique<CurlExchange>(
      sockets_, share_, settings_.curl,
      [this](CurlExchange& exchange, CurlExchange::Progress progress) {
        if (progress == CurlExchange::Progress::news) return news_.push_back(exchange.id());
        connect_deadlines_.remove(exchange.connect_deadline);
        sent_.push_back(exchange.id());
      });
}

void CurlUpstream::start(ExchangeId id, HttpRequest request, Instant now) {
  CurlExchange& exchange = *active_.emplace(id, take_handle()).first->second;
  std::string refusal = exchange.begin(id, std::move(request), now);
  if (!refusal.empty()) {
    end(id, exchange.give_up(std::move(refusal)));
    return tell_later();
  }
  exchange.connect_deadline = connect_deadlines_.add(now + settings_.connect_timeout, id);
  connect_timer_.at(connect_deadlines_.next());
  Resolver::Ticket ticket = resolver_.resolve(
      *exchange.request().endpoint, [this, id](const Resolved& where) { resolved(id, where); },
      now);
  if (ticket != 0) exchange.ticket = ticket;
}

void CurlUpstream::resolved(ExchangeId id, const Resolved& where) {
  auto found = active_.find(id);
  if (found == active_.end()) return;
  CurlExchange& exchange = *found->second;
  exchange.ticket = 0;
  if (where.addresses.empty()) {
    end(id, exchange.give_up(where.error));
    return tell_later();
  }
  exchange.prepare(where);
  exchange.in_multi = curl_multi_add_handle(multi_, exchange.easy()) == CURLM_OK;
  if (!exchange.in_multi) {
    end(id, exchange.give_up("libcurl does not take the request"));
    tell_later();
  }
}

void CurlUpstream::pause(ExchangeId id, bool on) {
  auto found = active_.find(id);
  if (found == active_.end()) return;
  found->second->pause(on);
  go_on(*found->second);
  if (!news_.empty() || !ended_.empty()) tell_later();
}

void CurlUpstream::go_on(CurlExchange& exchange) {
  CURLcode result = exchange.go_on();
  if (result != CURLE_OK) end(exchange.id(), exchange.finish(result));
}

void CurlUpstream::abort(ExchangeId id) {
  if (ending_ == id) ending_.reset();
  std::erase(sent_, id);
  std::erase(news_, id);
  std::erase_if(ended_, [id](const Ended& ended) { return ended.exchange == id; });
  release(id);
}

// Lets libcurl work, then tells what came of it: never from inside its callbacks, because whoever
// is told may start and abort exchanges.
void CurlUpstream::act(curl_socket_t fd, int events) {
  int running = 0;
  curl_multi_socket_action(multi_, fd, events, &running);
  collect();
  tell();
}

void CurlUpstream::collect() {
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURLcode result = message->data.result;  // the message goes with the handle
    CurlExchange& exchange = CurlExchange::of(message->easy_handle);
    end(exchange.id(), exchange.finish(result));
  }
}

void CurlUpstream::end(ExchangeId id, HttpReply&& reply) {
  std::optional<BodyWay> way = active_.at(id)->way;
  release(id, reply.end == TransportEnd::complete);
  ended_.push_back({id, std::move(reply), way});
}

// Removing a handle that is under way closes its connection; one that is complete goes to the pool.
// Only the handle of a complete exchange is used again: one that libcurl wanted to repeat remembers
// that across curl_easy_reset (7.88.1) and fails its next request with "rewind wasn't possible".
void CurlUpstream::release(ExchangeId id, bool complete) {
  auto found = active_.find(id);
  if (found == active_.end()) return;
  Exchange exchange = std::move(found->second);
  active_.erase(found);
  if (exchange->ticket != 0) resolver_.cancel(exchange->ticket);
  connect_deadlines_.remove(exchange->connect_deadline);
  if (exchange->in_multi) curl_multi_remove_handle(multi_, exchange->easy());
  if (!complete || idle_.size() >= kIdleHandlesMax) return;
  exchange->reset();
  idle_.push_back(std::move(exchange));
}

void CurlUpstream::tell_later() {
  if (std::exchange(tell_posted_, true)) return;
  loop_.post([this, alive = alive_] {
    if (!*alive) return;
    tell_posted_ = false;
    tell();
  });
}

// Who is told may start, pause and abort exchanges, the one it is told of among them.
void CurlUpstream::tell() {
  while (!sent_.empty() || !news_.empty() || !ended_.empty()) {
    if (!sent_.empty()) {
      ExchangeId id = sent_.front();
      sent_.pop_front();
      listener_.on_sent(id);
    } else if (!news_.empty()) {
      ExchangeId id = news_.front();
      news_.pop_front();
      tell_news(id);
    } else {
      Ended ended = std::move(ended_.front());
      ended_.pop_front();
      tell_end(std::move(ended));
    }
  }
}

void CurlUpstream::tell_news(ExchangeId id) {
  auto found = active_.find(id);
  if (found == active_.end()) return;  // it has ended: told with that
  if (!found->second->way) {
    Headers headers = found->second->reply().headers();  // the exchange may be aborted meanwhile
    BodyWay way = listener_.on_head(id, found->second->reply().status(), headers);
    found = active_.find(id);
    if (found == active_.end()) return;
    found->second->way = way;
  }
  std::string bytes = found->second->take_bytes();
  if (!bytes.empty()) listener_.on_bytes(id, std::move(bytes));
  found = active_.find(id);
  if (found != active_.end()) go_on(*found->second);
}

void CurlUpstream::tell_end(Ended&& ended) {
  ending_ = ended.exchange;
  HttpReply& reply = ended.reply;
  if (!ended.way && reply.status != 0) {
    ended.way = listener_.on_head(ended.exchange, reply.status, reply.headers);
  }
  if (ending_ && ended.way == BodyWay::pieces) {
    std::string bytes = std::exchange(reply.body, {});
    if (!bytes.empty()) listener_.on_bytes(ended.exchange, std::move(bytes));
  }
  if (std::exchange(ending_, std::nullopt)) listener_.on_end(ended.exchange, std::move(reply));
}

void CurlUpstream::connect_time_over(Instant now) {
  ExchangeId id = 0;
  while (connect_deadlines_.pop_due(now, id)) {
    auto found = active_.find(id);
    if (found == active_.end()) continue;
    CurlExchange& exchange = *found->second;
    exchange.connect_deadline = Deadlines<ExchangeId>::kNone;
    end(id, exchange.give_up("connect to " + exchange.request().endpoint->label() + ": still " +
                             exchange.phase() + " after " +
                             std::to_string(settings_.connect_timeout.ns / 1'000'000) + " ms"));
  }
  connect_timer_.at(connect_deadlines_.next());
  tell();
}

// "At once" is posted, once, because libcurl forbids calling it from here; anything later is left
// to the loop's coarse timer, which costs nothing until then.
void CurlUpstream::timer_wanted(long timeout_ms) {
  if (timeout_ms < 0) return curl_timer_.at(Instant::never());
  if (timeout_ms > 0) return curl_timer_.at(io::now() + milliseconds(timeout_ms));
  curl_timer_.at(Instant::never());
  if (std::exchange(kick_posted_, true)) return;
  loop_.post([this, alive = alive_] {
    if (!*alive) return;
    kick_posted_ = false;
    act(CURL_SOCKET_TIMEOUT, 0);
  });
}

int CurlUpstream::on_socket(CURL*, curl_socket_t fd, int what, void* self, void*) {
  static_cast<CurlUpstream*>(self)->sockets_.watch(fd, what);
  return 0;
}

int CurlUpstream::on_timer(CURLM*, long timeout_ms, void* self) {
  static_cast<CurlUpstream*>(self)->timer_wanted(timeout_ms);
  return 0;
}

}  // namespace keel::net
