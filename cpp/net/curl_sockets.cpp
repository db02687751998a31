#include "net/curl_sockets.hpp"

#include "io/fork.hpp"

#include <utility>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace keel::net {

namespace asio = boost::asio;

namespace {

// Of the socket behind a descriptor: tells whether a number still means what it meant. 0: closed.
ino_t inode_of(int fd) {
  struct stat found {};
  return ::fstat(fd, &found) == 0 ? found.st_ino : 0;
}

}  // namespace

struct CurlSockets::Socket {
  struct Direction {
    bool wanted = false;   // libcurl wants to hear of it
    bool waiting = false;  // a wait is under way, perhaps left from before
  };

  Socket(io::Loop& loop, curl_socket_t fd, bool is_ours)
      : descriptor(loop.context(), fd), ours(is_ours), inode(inode_of(fd)) {}

  bool still_open() { return inode_of(descriptor.native_handle()) == inode; }

  asio::posix::basic_stream_descriptor<asio::io_context::executor_type> descriptor;
  bool ours;  // opened by open(), closed by close()
  ino_t inode;
  bool gone = false;
  Direction read;
  Direction write;
};

CurlSockets::CurlSockets(io::Loop& loop, Ready ready) : loop_(loop), ready_(std::move(ready)) {}

CurlSockets::~CurlSockets() {
  while (!sockets_.empty()) close(sockets_.begin()->first);
}

curl_socket_t CurlSockets::open(const curl_sockaddr& address) {
  int fd =
      ::socket(address.family, address.socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address.protocol);
  if (fd < 0) return CURL_SOCKET_BAD;
  // The number of one that libcurl closed by itself: it still counts what it wanted of that one.
  auto stale = sockets_.extract(fd);
  if (!stale.empty()) let_go(*stale.mapped());
  io::track_descriptor(fd);
  auto& socket = sockets_[fd] = std::make_shared<Socket>(loop_, fd, true);
  if (!stale.empty()) {
    socket->read.wanted = stale.mapped()->read.wanted;
    socket->write.wanted = stale.mapped()->write.wanted;
    listen(socket);
  }
  return fd;
}

// Ends the waits; the descriptor stays as it is.
void CurlSockets::let_go(Socket& socket) {
  socket.gone = true;
  if (socket.ours) io::untrack_descriptor(socket.descriptor.native_handle());
  socket.descriptor.release();
}

void CurlSockets::close(curl_socket_t fd) {
  auto found = sockets_.find(fd);
  if (found == sockets_.end()) return;
  std::shared_ptr<Socket> socket = std::move(found->second);
  sockets_.erase(found);
  bool close_it = socket->ours && socket->still_open();
  let_go(*socket);
  if (close_it) ::close(fd);
}

void CurlSockets::watch(curl_socket_t fd, int what) {
  auto found = sockets_.find(fd);
  if (found == sockets_.end()) {
    if (what == CURL_POLL_REMOVE) return;
    // One of libcurl's own; it tells us nothing when it closes it, so it goes with REMOVE.
    found = sockets_.emplace(fd, std::make_shared<Socket>(loop_, fd, false)).first;
  }
  std::shared_ptr<Socket> socket = found->second;
  socket->read.wanted = what == CURL_POLL_IN || what == CURL_POLL_INOUT;
  socket->write.wanted = what == CURL_POLL_OUT || what == CURL_POLL_INOUT;
  if (what == CURL_POLL_REMOVE && !(socket->ours && socket->still_open())) return close(fd);
  listen(socket);
}

void CurlSockets::listen(const std::shared_ptr<Socket>& socket) {
  listen_for<true>(socket);
  listen_for<false>(socket);
}

template <bool kRead>
void CurlSockets::listen_for(const std::shared_ptr<Socket>& socket) {
  Socket::Direction& direction = kRead ? socket->read : socket->write;
  if (socket->gone || !direction.wanted || direction.waiting) return;
  direction.waiting = true;
  auto kind =
      kRead ? asio::posix::descriptor_base::wait_read : asio::posix::descriptor_base::wait_write;
  socket->descriptor.async_wait(kind, [this, socket](const boost::system::error_code& error) {
    Socket::Direction& mine = kRead ? socket->read : socket->write;
    mine.waiting = false;
    if (socket->gone || !mine.wanted) return;
    int event = error ? CURL_CSELECT_ERR : kRead ? CURL_CSELECT_IN : CURL_CSELECT_OUT;
    ready_(socket->descriptor.native_handle(), event);
    listen_for<kRead>(socket);
  });
}

}  // namespace keel::net
