#pragma once
// One exchange on one libcurl handle: what is set on it, what its callbacks decide, and what its
// end means. The handle is reset in full between exchanges.

#include "base/body.hpp"
#include "base/deadlines.hpp"
#include "net/curl_sockets.hpp"
#include "net/header_list.hpp"
#include "net/reply_reader.hpp"
#include "net/resolver.hpp"
#include "net/spliced_reader.hpp"
#include "net/upstream.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

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
  enum class Progress : uint8_t {
    sent,  // the first byte of the request is about to leave
    news,  // there is something to take: a head, or bytes of a body in pieces
  };
  // Called from inside libcurl; of news once, until it is taken.
  using OnProgress = std::function<void(CurlExchange&, Progress)>;

  CurlExchange(CurlSockets& sockets, CURLSH* share, const CurlSettings& settings,
               OnProgress on_progress);
  ~CurlExchange();
  CurlExchange(const CurlExchange&) = delete;
  CurlExchange& operator=(const CurlExchange&) = delete;

  // Takes a request over. A request that may not be sent as it is gives the reason.
  std::string begin(ExchangeId id, HttpRequest request, Instant now);
  // Sets the handle up to connect there; then it is ready for the multi handle.
  void prepare(const Resolved& where);
  // Not under way any more: drops request, reply and settings.
  void reset();

  void pause(bool on) { paused_ = on; }
  // Empty unless the body comes in pieces.
  std::string take_bytes();
  // Goes on if libcurl was told to wait and the reason is gone. Not from inside libcurl, which may
  // deliver at once what it holds; an error is the exchange's end, and libcurl tells it here only.
  CURLcode go_on();

  // The reply as it stands, libcurl's result taken into account.
  HttpReply finish(CURLcode result);
  // The same for one that is given up before anything was sent.
  HttpReply give_up(std::string why) const;
  // How far it has come, for such a reason: "resolving", "connecting", "in the TLS handshake".
  const char* phase() const;

  CURL* easy() const { return easy_; }
  ExchangeId id() const { return id_; }
  const HttpRequest& request() const { return request_; }
  const ReplyReader& reply() const { return reply_; }
  static CurlExchange& of(CURL* easy);

  std::optional<BodyWay> way;  // nothing: its head is to be told first
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
  void set_body();
  bool may_connect_to(const Address& address, uint16_t port) const;

  void tell_news();
  size_t on_piece(std::string_view piece);
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
  OnProgress on_progress_;

  ExchangeId id_ = 0;
  HttpRequest request_;
  SplicedReader body_;
  ReplyReader reply_;
  Resolved where_;
  std::string flat_;  // the body of a request that leaves in one piece with its head
  HeaderList headers_;
  Slist addresses_;
  Slist redirection_;
  Instant started_;
  Instant first_byte_at_;
  bool any_byte_ = false;
  curl_socket_t socket_ = CURL_SOCKET_BAD;  // the last one opened for it; none: it was reused
  bool sent_ = false;
  bool reused_ = false;
  bool paused_ = false;
  bool held_ = false;  // libcurl was told to wait, and holds what it read
  bool news_told_ = false;
  std::string refusal_;  // why we stopped it ourselves
  char error_[CURL_ERROR_SIZE] = {};
};

}  // namespace keel::net
