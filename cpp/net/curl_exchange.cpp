#include "net/curl_exchange.hpp"

#include "io/clock.hpp"
#include "net/curl_failure.hpp"
#include "net/request_check.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace keel::net {

namespace {

// libcurl reads a fast reply a hundred buffers at a time; a stream is handed on before that.
constexpr size_t kUntakenBytesMax = 64u << 10;
// A body up to this size is copied once more to leave with its head in one write: a system call, a
// packet and a wake-up of the other side less.
constexpr size_t kOneWriteBytesMax = 32u << 10;

bool names(std::string_view field, std::string_view name) {
  return field.size() == name.size() && strncasecmp(field.data(), name.data(), name.size()) == 0;
}

uint16_t port_of(const sockaddr& raw) {
  return ntohs(raw.sa_family == AF_INET ? reinterpret_cast<const sockaddr_in&>(raw).sin_port
                                        : reinterpret_cast<const sockaddr_in6&>(raw).sin6_port);
}

std::string bracketed(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

long in_seconds(Duration duration) {
  return static_cast<long>(duration.ns / 1'000'000'000);
}

CurlExchange& self_of(void* self) {
  return *static_cast<CurlExchange*>(self);
}

}  // namespace

CurlExchange::CurlExchange(CurlSockets& sockets, CURLSH* share, const CurlSettings& settings,
                           OnProgress on_progress)
    : easy_(curl_easy_init()),
      sockets_(sockets),
      share_(share),
      settings_(settings),
      on_progress_(std::move(on_progress)) {
  if (!easy_) throw std::bad_alloc();
}

CurlExchange::~CurlExchange() {
  curl_easy_cleanup(easy_);
}

CurlExchange& CurlExchange::of(CURL* easy) {
  char* self = nullptr;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &self);
  return self_of(self);
}

std::string CurlExchange::begin(ExchangeId id, HttpRequest request, Instant now) {
  id_ = id;
  request_ = std::move(request);
  started_ = now;
  reply_ = ReplyReader(request_.limits);
  if (!request_.ask_at_head) way = BodyWay::whole;
  return why_unsendable(request_);
}

void CurlExchange::append(Slist& list, const std::string& text) {
  curl_slist* longer = curl_slist_append(list.get(), text.c_str());
  if (!longer) throw std::bad_alloc();
  static_cast<void>(list.release());
  list.reset(longer);
}

void CurlExchange::prepare(const Resolved& where) {
  where_ = where;
  set_safety();
  set_connection(where);
  set_request();
}

// What makes libcurl do what it is told and nothing else (SEMANTICS T2, T7, T14).
void CurlExchange::set_safety() {
  curl_easy_setopt(easy_, CURLOPT_PRIVATE, this);
  curl_easy_setopt(easy_, CURLOPT_SHARE, share_);
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_);
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy_, CURLOPT_QUICK_EXIT, 1L);
  const char* protocol = request_.endpoint->tls ? "https" : "http";
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, protocol);
  curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy_, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(easy_, CURLOPT_PROXY, "");
  curl_easy_setopt(easy_, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(easy_, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  curl_easy_setopt(easy_, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));

  curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(easy_, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!settings_.ca_file.empty()) {
    curl_easy_setopt(easy_, CURLOPT_CAINFO, settings_.ca_file.c_str());
  }
  // A directory beside the file would widen a pinned file, and libcurl caches the parsed store only
  // without one.
  curl_easy_setopt(easy_, CURLOPT_CAPATH, nullptr);
}

// Connections are pooled by host, port and TLS settings; keys are in the headers of each request,
// so two keys of a provider may take turns on one connection (HTTP/1.1, no connection-bound login).
void CurlExchange::set_connection(const Resolved& where) {
  curl_easy_setopt(easy_, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(easy_, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy_, CURLOPT_TCP_KEEPIDLE, 30L);
  curl_easy_setopt(easy_, CURLOPT_TCP_KEEPINTVL, 15L);
  curl_easy_setopt(easy_, CURLOPT_MAXAGE_CONN, in_seconds(settings_.max_age));
  curl_easy_setopt(easy_, CURLOPT_MAXLIFETIME_CONN, in_seconds(settings_.max_lifetime));
  curl_easy_setopt(easy_, CURLOPT_PREREQFUNCTION, on_prereq);
  curl_easy_setopt(easy_, CURLOPT_PREREQDATA, this);
  curl_easy_setopt(easy_, CURLOPT_OPENSOCKETFUNCTION, on_open);
  curl_easy_setopt(easy_, CURLOPT_OPENSOCKETDATA, this);
  curl_easy_setopt(easy_, CURLOPT_CLOSESOCKETFUNCTION, on_close);
  curl_easy_setopt(easy_, CURLOPT_CLOSESOCKETDATA, &sockets_);  // outlives this exchange

  const Endpoint& endpoint = *request_.endpoint;
  std::string from = bracketed(endpoint.host) + ":" + std::to_string(endpoint.port) + ":";
  if (where.redirected) {
    append(redirection_,
           from + bracketed(where.addresses.front().text()) + ":" + std::to_string(where.port));
    curl_easy_setopt(easy_, CURLOPT_CONNECT_TO, redirection_.get());
  } else if (!endpoint.literal) {
    for (const Address& address : where.addresses) {
      if (from.back() != ':') from += ',';
      from += bracketed(address.text());
    }
    append(addresses_, from);
    curl_easy_setopt(easy_, CURLOPT_RESOLVE, addresses_.get());
  }
}

void CurlExchange::set_request() {
  std::string url = request_.endpoint->origin + request_.endpoint->prefix + request_.path;
  curl_easy_setopt(easy_, CURLOPT_URL, url.c_str());
  bool content_type = false;
  for (const auto& [name, value] : request_.headers) {
    content_type = content_type || names(name, "content-type");
    value.empty() ? headers_.add({name, ";"}) : headers_.add({name, ": ", value});
  }
  headers_.add({"Accept-Encoding: identity"});  // the client gets the provider's own bytes
  if (request_.method == HttpRequest::Method::get) {
    curl_easy_setopt(easy_, CURLOPT_HTTPGET, 1L);
  } else {
    headers_.add({"Expect:"});  // else libcurl waits for a 100 before a large body
    if (!content_type) headers_.add({"Content-Type:"});
    set_body();
  }
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers_.list());
  curl_easy_setopt(easy_, CURLOPT_MAXFILESIZE_LARGE,
                   static_cast<curl_off_t>(request_.limits.body_bytes));
  curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, on_line);
  curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
}

void CurlExchange::set_body() {
  const size_t size = request_.body.size();
  curl_easy_setopt(easy_, CURLOPT_POST, 1L);
  curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(size));
  if (size <= kOneWriteBytesMax) {
    flat_ = request_.body.flatten();
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, flat_.c_str());
    return;
  }
  body_ = SplicedReader(request_.body);
  curl_easy_setopt(easy_, CURLOPT_READFUNCTION, on_read);
  curl_easy_setopt(easy_, CURLOPT_READDATA, this);
}

void CurlExchange::reset() {
  curl_easy_reset(easy_);  // full: nothing of one request may show in the next (CVE-2022-32221)
  id_ = 0;
  request_ = {};
  body_ = {};
  flat_ = {};
  reply_ = {};
  where_ = {};
  headers_.clear();
  addresses_.reset();
  redirection_.reset();
  way.reset();
  any_byte_ = sent_ = reused_ = in_multi = false;
  paused_ = held_ = news_told_ = false;
  socket_ = CURL_SOCKET_BAD;
  ticket = 0;
  refusal_.clear();
  error_[0] = '\0';
}

HttpReply CurlExchange::give_up(std::string why) const {
  HttpReply reply;
  reply.error = std::move(why);
  return reply;
}

const char* CurlExchange::phase() const {
  if (!in_multi) return "resolving";
  // libcurl's own times are set only when all of it is done.
  sockaddr_storage peer;
  socklen_t size = sizeof peer;
  bool connected = ::getpeername(socket_, reinterpret_cast<sockaddr*>(&peer), &size) == 0;
  return connected ? "in the TLS handshake" : "connecting";
}

HttpReply CurlExchange::finish(CURLcode result) {
  HttpReply reply;
  reply.reused_connection = reused_;
  if (any_byte_) reply.first_byte = elapsed(started_, first_byte_at_);
  bool complete = sent_ && result == CURLE_OK && refusal_.empty() && reply_.refusal().empty();
  reply.end = complete ? TransportEnd::complete
              : sent_  ? TransportEnd::broken
                       : TransportEnd::not_sent;
  reply_.take(reply);
  if (complete && reply.status != 0) return reply;
  if (complete) reply.end = TransportEnd::broken;
  const std::string where = request_.endpoint->label();
  if (!refusal_.empty()) {
    reply.error = where + ": " + refusal_;
  } else if (!reply_.refusal().empty()) {
    reply.error = where + ": " + reply_.refusal();
  } else if (sent_) {
    const char* text = error_[0] ? error_ : curl_easy_strerror(result);
    const char* which = reused_ ? ": a reused connection broke: " : ": the connection broke: ";
    reply.error = where + which + text;
  } else {
    reply.error = why_not_sent(easy_, result, error_, where);
  }
  return reply;
}

// Addresses we gave out, or, for a connection from the pool, one that we would give out.
bool CurlExchange::may_connect_to(const Address& address, uint16_t port) const {
  if (port != where_.port) return false;
  const auto& known = where_.addresses;
  if (std::find(known.begin(), known.end(), address) != known.end()) return true;
  return !where_.redirected && !request_.endpoint->literal &&
         !permitted(*request_.endpoint, {{address}, {}}).addresses.empty();
}

// Called when a connection is ready and before its first request byte, so this is the boundary
// between not_sent and sent. Called again in one exchange it is libcurl about to repeat a request
// whose reused connection died without an answer: the provider may have billed it, so it must not.
int CurlExchange::before_request(const char* address, uint16_t port) {
  auto parsed = Address::parse(address);
  if (sent_) {
    refusal_ = "a reused connection broke before any reply; not sent again";
    return CURL_PREREQFUNC_ABORT;
  }
  if (!parsed || !may_connect_to(*parsed, port)) {
    refusal_ = std::string("a connection to ") + address + " is not one this request may use";
    return CURL_PREREQFUNC_ABORT;
  }
  sent_ = true;
  reused_ = socket_ == CURL_SOCKET_BAD;
  on_progress_(*this, Progress::sent);
  return CURL_PREREQFUNC_OK;
}

// The second check of the address, whatever libcurl made of host and list. After the request was
// sent a new connection can only be for a silent repeat: refused here it fails at once, without the
// wait for a handshake.
curl_socket_t CurlExchange::open_socket(curl_sockaddr& address) {
  if (sent_) {
    refusal_ = "a reused connection broke before any reply; not sent again";
    return CURL_SOCKET_BAD;
  }
  auto parsed = Address::from(address.addr);
  if (!parsed || !may_connect_to(*parsed, port_of(address.addr))) {
    refusal_ = "connecting to " + (parsed ? parsed->text() : "an unknown address") + " is refused";
    return CURL_SOCKET_BAD;
  }
  curl_socket_t fd = sockets_.open(address);
  if (fd != CURL_SOCKET_BAD) socket_ = fd;
  return fd;
}

void CurlExchange::tell_news() {
  if (!std::exchange(news_told_, true)) on_progress_(*this, Progress::news);
}

// Told to wait libcurl keeps these bytes, one read of its buffer, and reads no more; while it waits
// it does not see the end either, so nothing can be lost.
size_t CurlExchange::on_piece(std::string_view piece) {
  bool full = way != BodyWay::whole && reply_.untaken_bytes() >= kUntakenBytesMax;
  if (paused_ || full) {
    held_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  if (!reply_.on_body(piece)) return 0;
  if (way != BodyWay::whole) tell_news();
  return piece.size();
}

std::string CurlExchange::take_bytes() {
  news_told_ = false;
  return way == BodyWay::pieces ? reply_.take_bytes() : std::string();
}

CURLcode CurlExchange::go_on() {
  if (paused_ || !std::exchange(held_, false)) return CURLE_OK;
  return curl_easy_pause(easy_, CURLPAUSE_CONT);
}

int CurlExchange::on_prereq(void* self, char* ip, char*, int port, int) {
  return self_of(self).before_request(ip, static_cast<uint16_t>(port));
}

curl_socket_t CurlExchange::on_open(void* self, curlsocktype, curl_sockaddr* address) {
  return self_of(self).open_socket(*address);
}

int CurlExchange::on_close(void* sockets, curl_socket_t fd) {
  static_cast<CurlSockets*>(sockets)->close(fd);
  return 0;
}

size_t CurlExchange::on_read(char* out, size_t size, size_t count, void* self) {
  return self_of(self).body_.read(out, size * count);
}

size_t CurlExchange::on_line(char* data, size_t size, size_t count, void* self) {
  CurlExchange& exchange = self_of(self);
  if (!exchange.any_byte_) {
    exchange.any_byte_ = true;
    exchange.first_byte_at_ = io::now();
  }
  if (!exchange.reply_.on_line({data, size * count})) return 0;
  if (!exchange.way && exchange.reply_.head_complete()) exchange.tell_news();
  return size * count;
}

size_t CurlExchange::on_body(char* data, size_t size, size_t count, void* self) {
  return self_of(self).on_piece({data, size * count});
}

}  // namespace keel::net
