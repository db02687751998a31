// HTTPS with certificates of the test CA, the wrong ones included.

#include "mock/fixture.hpp"
#include "mock/test_ca.hpp"

#include <filesystem>

#include <boost/asio/connect.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <sys/stat.h>

namespace keel::mock {
namespace {

namespace asio = boost::asio;

class TlsTest : public MockTest {
 protected:
  void SetUp() override {
    dir_ = std::string(KEEL_BINARY_DIR) + "/test_ca_" +
           ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(dir_);
  }
  void start_with(Leaf leaf) {
    auto made = make_test_certificate(dir_, "api.example.com", leaf);
    ASSERT_TRUE(made.ok()) << made.error().text();
    auto tls = io::server_tls(made->cert_pem, made->key_pem);
    ASSERT_TRUE(tls.ok()) << tls.error().text();
    Settings settings;
    settings.http.tls = *tls;
    start("", settings);
  }
  // A client that verifies; gives the reply, or what OpenSSL said.
  std::string ask_as(const std::string& host, const std::string& request, int version = 0) {
    asio::io_context loop;
    asio::ssl::context context(asio::ssl::context::tls_client);
    context.load_verify_file(dir_ + "/ca.pem");
    context.set_verify_mode(asio::ssl::verify_peer);
    if (version) SSL_CTX_set_max_proto_version(context.native_handle(), version);
    asio::ssl::stream<asio::ip::tcp::socket> stream(loop, context);
    stream.set_verify_callback(asio::ssl::host_name_verification(host));
    stream.next_layer().connect({asio::ip::address_v4::loopback(), mock_->port()});
    boost::system::error_code ec;
    stream.handshake(asio::ssl::stream_base::client, ec);
    if (ec) return ec.message();
    asio::write(stream, asio::buffer(request));
    std::string text;
    asio::read(stream, asio::dynamic_buffer(text), ec);
    end_ = ec;
    return text;
  }

  std::string dir_;
  boost::system::error_code end_;
};

const std::string kAsk = chat("m", "x [[nonce=tls]]", {}, "Connection: close\r\n");

TEST_F(TlsTest, ServesItsHosts) {
  start_with(Leaf::good);
  for (const char* host : {"api.example.com", "localhost", "127.0.0.1"}) {
    EXPECT_NE(ask_as(host, kAsk).find("[[nonce=tls]]"), std::string::npos) << host;
    EXPECT_EQ(end_, asio::error::eof) << "closed by close_notify";
  }
  EXPECT_NE(ask_as("other.example.com", kAsk).find("certificate verify failed"), std::string::npos);
  EXPECT_EQ(mock_->url().rfind("https://127.0.0.1:", 0), 0u);
  EXPECT_EQ(state()["requests"], 3);
}

TEST_F(TlsTest, StreamsAndBreaks) {
  start_with(Leaf::good);
  EXPECT_NE(ask_as("localhost", chat("m", "x", {{"stream", true}}, "Connection: close\r\n"))
                .find("data: [DONE]"),
            std::string::npos);
  ask_as("localhost", chat("m+mock-truncated", "x"));
  EXPECT_EQ(end_, asio::ssl::error::stream_truncated);
}

TEST_F(TlsTest, WrongHost) {
  start_with(Leaf::wrong_host);
  EXPECT_NE(ask_as("api.example.com", kAsk).find("certificate verify failed"), std::string::npos);
}

TEST_F(TlsTest, Expired) {
  start_with(Leaf::expired);
  EXPECT_NE(ask_as("api.example.com", kAsk).find("certificate verify failed"), std::string::npos);
  EXPECT_EQ(state()["requests"], 0);
}

TEST_F(TlsTest, NothingOlderThanTls12) {
  start_with(Leaf::good);
  EXPECT_EQ(ask_as("localhost", kAsk, TLS1_1_VERSION).find("HTTP/1.1"), std::string::npos);
  EXPECT_NE(ask_as("localhost", kAsk, TLS1_2_VERSION).find("HTTP/1.1 200"), std::string::npos);
}

TEST_F(TlsTest, APlainClientIsDropped) {
  start_with(Leaf::good);
  const auto [bytes, end] = watch(kAsk);
  EXPECT_EQ(bytes.find("HTTP"), std::string::npos);
  EXPECT_NE(end, End::timed_out);
}

TEST_F(TlsTest, OneCaForManyMocksAndKeysThatStayPrivate) {
  auto first = make_test_certificate(dir_, "a.example.com");
  auto second = make_test_certificate(dir_, "b.example.com");
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->ca_pem, second->ca_pem);
  EXPECT_NE(first->cert_pem, second->cert_pem);
  for (const char* name : {"/key.pem", "/ca-key.pem"}) {
    struct stat status {};
    ASSERT_EQ(stat((dir_ + name).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
  }
  auto mixed = io::server_tls(first->cert_pem, second->key_pem);
  EXPECT_FALSE(mixed.ok());
  EXPECT_EQ(io::server_tls("nonsense", first->key_pem).error().where, "certificate");
  EXPECT_EQ(io::server_tls_from_files(dir_ + "/absent.pem", dir_ + "/key.pem").error().code,
            "unreadable_file");
  EXPECT_TRUE(io::server_tls_from_files(dir_ + "/cert.pem", dir_ + "/key.pem").ok());
  EXPECT_EQ(make_test_certificate("/proc/nowhere", "a").error().code, "unwritable");
}

}  // namespace
}  // namespace keel::mock
