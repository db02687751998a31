#pragma once
// libcurl's sockets on the Asio loop. A socket stays registered while its connection idles in
// libcurl's pool; two bits say whether libcurl wants to hear of it now. Without them an idle
// connection that the provider closes would report itself readable for ever.
//
// libcurl 7.88.1 closes a socket that did not get connected without calling back, so a number is
// watched or closed only while the socket behind it is the one that was opened.

#include "io/loop.hpp"

#include <functional>
#include <memory>
#include <unordered_map>

#include <curl/curl.h>

namespace keel::net {

class CurlSockets {
 public:
  // events: CURL_CSELECT_ bits.
  using Ready = std::function<void(curl_socket_t fd, int events)>;

  CurlSockets(io::Loop& loop, Ready ready);
  ~CurlSockets();

  // CURLOPT_OPENSOCKETFUNCTION's and CURLOPT_CLOSESOCKETFUNCTION's work. CURL_SOCKET_BAD with
  // errno.
  curl_socket_t open(const curl_sockaddr& address);
  void close(curl_socket_t fd);
  // CURLMOPT_SOCKETFUNCTION's: `what` is a CURL_POLL_ value.
  void watch(curl_socket_t fd, int what);

  size_t size() const { return sockets_.size(); }

 private:
  struct Socket;
  void let_go(Socket& socket);
  void listen(const std::shared_ptr<Socket>& socket);
  template <bool kRead>
  void listen_for(const std::shared_ptr<Socket>& socket);

  io::Loop& loop_;
  Ready ready_;
  std::unordered_map<curl_socket_t, std::shared_ptr<Socket>> sockets_;
};

}  // namespace keel::net
