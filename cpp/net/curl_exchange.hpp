#pragma once
// One exchange on one libcurl handle: what is set on it, what its callbacks decide, and what its
// end means. The handle is reset in full between exchanges.

#include "base/body.hpp"
#include "base/deadlines.hpp"
#include "net/curl_sockets.hpp"
#include "net/reply_reader.hpp"
#include "net/resolver.hpp"
#include "net/spliced_reader.hpp"
#include "net/upstream.hpp"

#include <memory>
#include <string>

#include <curl/curl.h>

namespace keel::net {

// The same for every exchange of an upstream.
struct CurlSettings {
  std::string ca_file;                  // empty: libcurl's own default
  Duration max_age = seconds(50);       // an idle connection is used up to this age: below the idle
                                        // limits of common front ends (60 s), so that a reused
                                        // connection seldom turns out closed
  Duration max_lifetime = minutes(10);  // of a connection in all
};

class CurlExchange {
 public:
  // Told when the first byte of the request is about to leave.
  using OnSent = std::function<void(CurlExchange&)>;

  CurlExchange(CurlSockets& sockets, CURLSH* share, const CurlSettings& settings, OnSent on_sent);
  ~CurlExchange();
  CurlExchange(const CurlExchange&) = delete;
  CurlExchange& operator=(const CurlExchange&) = delete;

  // Takes a request over. A request that may not be sent as it is gives the reason.
  std::string begin(ExchangeId id, HttpRequest request, Instant now);
  // Sets the handle up to connect there; then it is ready for the multi handle.
  void prepare(const Resolved& where);
  // Not under way any more: drops request, reply and settings.
  void reset();

  // The reply as it stands, libcurl's result taken into account.
  HttpReply finish(CURLcode result);
  // The same for one that is given up before anything was sent.
  HttpReply give_up(std::string why) const;
  // How far it has come, for such a reason: "resolving", "connecting", "in the TLS handshake".
  const char* phase() const;

  CURL* easy() const { return easy_; }
  ExchangeId id() const { return id_; }
  const HttpRequest& request() const { return request_; }
  bool sent() const { return sent_; }
  static CurlExchange& of(CURL* easy);

  bool in_multi = false;
  Resolver::Ticket ticket = 0;
  Deadlines<ExchangeId>::Handle connect_deadline = Deadlines<ExchangeId>::kNone;

 private:
  struct SlistDeleter {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };
  using Slist = std::unique_ptr<curl_slist, SlistDeleter>;
  static void append(Slist& list, const std::string& text);

  void set_safety();
  void set_connection(const Resolved& where);
  void set_request();
  bool may_connect_to(const Address& address, uint16_t port) const;
  std::string failure(CURLcode result) const;
  std::string tls_failure(CURLcode result) const;

  int before_request(const char* address, uint16_t port);
  curl_socket_t open_socket(curl_sockaddr& address);

  static int on_prereq(void* self, char* ip, char* local_ip, int port, int local_port);
  static curl_socket_t on_open(void* self, curlsocktype purpose, curl_sockaddr* address);
  static int on_close(void* sockets, curl_socket_t fd);
  static size_t on_read(char* out, size_t size, size_t count, void* self);
  static size_t on_line(char* data, size_t size, size_t count, void* self);
  static size_t on_body(char* data, size_t size, size_t count, void* self);

  CURL* easy_;
  CurlSockets& sockets_;
  CURLSH* share_;
  const CurlSettings& settings_;
  OnSent on_sent_;

  ExchangeId id_ = 0;
  HttpRequest request_;
  SplicedReader body_;
  ReplyReader reply_;
  Resolved where_;
  Slist headers_;
  Slist addresses_;
  Slist redirection_;
  Instant started_;
  Instant first_byte_at_;
  bool any_byte_ = false;
  curl_socket_t socket_ = CURL_SOCKET_BAD;  // the last one opened for it; none: it was reused
  bool sent_ = false;
  bool reused_ = false;
  std::string refusal_;  // why we stopped it ourselves
  char error_[CURL_ERROR_SIZE] = {};
};

}  // namespace keel::net
