#include "net/raw_server.hpp"

#include "io/loop.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

namespace keel::net::test {

namespace {

std::string pem_of(X509* cert) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, cert);
  char* data = nullptr;
  long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<size_t>(size));
  BIO_free(bio);
  return text;
}

std::string pem_of(EVP_PKEY* key) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  char* data = nullptr;
  long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<size_t>(size));
  BIO_free(bio);
  return text;
}

void extend(X509* cert, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, cert, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  X509_add_ext(cert, extension, -1);
  X509_EXTENSION_free(extension);
}

X509* make_cert(const std::string& name, int from_days, int to_days, EVP_PKEY* key) {
  static std::atomic<long> serial{1};
  X509* cert = X509_new();
  X509_set_version(cert, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(cert), 86400L * from_days);
  X509_gmtime_adj(X509_getm_notAfter(cert), 86400L * to_days);
  X509_set_pubkey(cert, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return cert;
}

bool is_address(const std::string& name) {
  in_addr address;
  return inet_pton(AF_INET, name.c_str(), &address) == 1;
}

}  // namespace

struct TestAuthority::Keys {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* cert = nullptr;
};

TestAuthority::TestAuthority() : keys_(std::make_unique<Keys>()) {
  static std::atomic<int> made{0};  // two of one name would be taken for each other
  std::string name = "Keel test authority " + std::to_string(++made);
  keys_->cert = make_cert(name, -1, 30, keys_->key);
  X509_set_issuer_name(keys_->cert, X509_get_subject_name(keys_->cert));
  extend(keys_->cert, keys_->cert, NID_basic_constraints, "critical,CA:TRUE");
  extend(keys_->cert, keys_->cert, NID_key_usage, "critical,keyCertSign,cRLSign");
  X509_sign(keys_->cert, keys_->key, EVP_sha256());
  char path[] = "/tmp/keel-test-ca-XXXXXX";
  int fd = mkstemp(path);
  std::string pem = pem_of(keys_->cert);
  if (fd < 0 || ::write(fd, pem.data(), pem.size()) != static_cast<ssize_t>(pem.size())) {
    throw std::runtime_error("cannot write the test authority");
  }
  ::close(fd);
  ca_file_ = path;
}

TestAuthority::~TestAuthority() {
  ::unlink(ca_file_.c_str());
  X509_free(keys_->cert);
  EVP_PKEY_free(keys_->key);
}

TestCertificate TestAuthority::issue(const std::string& name, int from_days, int to_days) const {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* cert = make_cert(name, from_days, to_days, key);
  X509_set_issuer_name(cert, X509_get_subject_name(keys_->cert));
  extend(cert, keys_->cert, NID_subject_alt_name, (is_address(name) ? "IP:" : "DNS:") + name);
  X509_sign(cert, keys_->key, EVP_sha256());
  TestCertificate made{pem_of(cert), pem_of(key)};
  X509_free(cert);
  EVP_PKEY_free(key);
  return made;
}

RawConnection::RawConnection(int fd, ssl_ctx_st* tls) : fd_(fd) {
  if (!tls) return;
  ssl_ = SSL_new(tls);
  SSL_set_fd(ssl_, fd);
}

RawConnection::~RawConnection() {
  SSL_free(ssl_);
  ::close(fd_);
}

bool RawConnection::handshake() {
  return !ssl_ || SSL_accept(ssl_) == 1;
}

long RawConnection::receive(char* out, size_t room) {
  if (ssl_) return SSL_read(ssl_, out, static_cast<int>(room));
  return ::recv(fd_, out, room, 0);
}

std::string RawConnection::read_request() {
  char chunk[16384];
  for (;;) {
    size_t head = unread_.find("\r\n\r\n");
    if (head != std::string::npos) {
      size_t at = unread_.find("Content-Length: ");
      size_t length = at < head ? std::strtoul(unread_.c_str() + at + 16, nullptr, 10) : 0;
      size_t whole = head + 4 + length;
      if (unread_.size() >= whole) {
        std::string request = unread_.substr(0, whole);
        unread_.erase(0, whole);
        return request;
      }
    }
    long n = receive(chunk, sizeof chunk);
    if (n <= 0) return {};
    unread_.append(chunk, static_cast<size_t>(n));
  }
}

void RawConnection::write(std::string_view bytes) {
  while (!bytes.empty()) {
    long n = ssl_ ? SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()))
                  : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

void RawConnection::answer(std::string_view body, std::string_view more_headers) {
  std::string head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
                     std::to_string(body.size()) + "\r\n" + std::string(more_headers) + "\r\n";
  write(head.append(body));
}

void RawConnection::wait_closed() {
  char byte;
  while (receive(&byte, 1) > 0) {
  }
}

void RawConnection::reset() {
  linger hard{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

RawServer::RawServer(Script script, const std::string& cert_pem, const std::string& key_pem)
    : script_(std::move(script)) {
  if (!cert_pem.empty()) {
    tls_ = SSL_CTX_new(TLS_server_method());
    BIO* cert_bio = BIO_new_mem_buf(cert_pem.data(), static_cast<int>(cert_pem.size()));
    X509* cert = PEM_read_bio_X509(cert_bio, nullptr, nullptr, nullptr);
    SSL_CTX_use_certificate(tls_, cert);
    X509_free(cert);
    BIO_free(cert_bio);
    BIO* key_bio = BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size()));
    EVP_PKEY* key = PEM_read_bio_PrivateKey(key_bio, nullptr, nullptr, nullptr);
    SSL_CTX_use_PrivateKey(tls_, key);
    EVP_PKEY_free(key);
    BIO_free(key_bio);
  }
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("cannot listen on loopback");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = io::start_quiet_thread("test-accept", [this] { accept_all(); });
}

RawServer::~RawServer() {
  stopping_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  {
    std::lock_guard lock(mutex_);
    for (int fd : open_) ::shutdown(fd, SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
  SSL_CTX_free(tls_);
}

std::string RawServer::url() const {
  return std::string(tls_ ? "https" : "http") + "://127.0.0.1:" + std::to_string(port_);
}

void RawServer::accept_all() {
  for (;;) {
    int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0 || stopping_) {
      if (fd >= 0) ::close(fd);
      return;
    }
    int number = ++connections_;
    std::lock_guard lock(mutex_);
    open_.push_back(fd);
    // Without signals: OpenSSL writes to closed sockets with SIGPIPE.
    threads_.push_back(io::start_quiet_thread("test-server", [this, fd, number] {
      RawConnection connection(fd, tls_);
      if (connection.handshake()) script_(connection, number);
      std::lock_guard inner(mutex_);
      std::erase(open_, fd);
    }));
  }
}

}  // namespace keel::net::test
