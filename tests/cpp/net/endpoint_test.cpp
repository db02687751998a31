#include "net/endpoint.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keel::net {
namespace {

std::string origin_and_prefix(const std::string& url) {
  auto endpoint = parse_endpoint(url, true, false);
  return endpoint ? endpoint->origin + " " + endpoint->prefix : endpoint.error().code;
}

TEST(Endpoint, ABaseUrlIsSchemeHostPortAndPath) {
  EXPECT_EQ(origin_and_prefix("https://API.OpenAI.com/v1"), "https://api.openai.com:443 /v1");
  EXPECT_EQ(origin_and_prefix("http://127.0.0.1:8000"), "http://127.0.0.1:8000 ");
  EXPECT_EQ(origin_and_prefix("http://h/"), "http://h:80 ");
  EXPECT_EQ(origin_and_prefix("https://h:8443/a/b//"), "https://h:8443 /a/b");
  EXPECT_EQ(origin_and_prefix("https://[2606:4700:0::1]:1/v1"), "https://[2606:4700::1]:1 /v1");
  EXPECT_EQ(origin_and_prefix("https://2130706433"), "https://2130706433:443 ");
}

TEST(Endpoint, NothingElseIsTaken) {
  for (const char* url : {"",
                          "h",
                          "ftp://h",
                          "HTTPS://h",
                          "https://",
                          "https:///v1",
                          "https://u:p@h",
                          "https://h:0",
                          "https://h:65536",
                          "https://h:",
                          "https://h:8x",
                          "https://h/v1?x=1",
                          "https://h/v1#f",
                          "https://h?x",
                          "https://h h",
                          "https://h/a b",
                          "https://h\\@e",
                          "https://[::1",
                          "https://[h]",
                          "https://.h",
                          "https://-h",
                          "https://caf\xc3\xa9.fr",
                          "https://h/\r\nX: y",
                          "https://h%00"}) {
    EXPECT_EQ(origin_and_prefix(url), "invalid_base_url") << url;
  }
  EXPECT_EQ(origin_and_prefix(std::string("https://h\0", 10)), "invalid_base_url");
}

TEST(Redirections, MapOneHostAndPortToAnAddressAndPort) {
  auto all =
      Redirections::parse({"Api.Test:443:127.0.0.1:8443", "api.test:80:[::1]:8080",
                           "[::1]:443:10.0.0.1:1", "twice:1:1.1.1.1:1", "twice:1:2.2.2.2:2"});
  ASSERT_TRUE(all);
  ASSERT_TRUE(all->find("api.test", 443));
  EXPECT_EQ(all->find("api.test", 443)->address.text(), "127.0.0.1");
  EXPECT_EQ(all->find("api.test", 443)->port, 8443);
  EXPECT_EQ(all->find("api.test", 80)->address.text(), "::1");
  EXPECT_EQ(all->find("::1", 443)->port, 1);
  EXPECT_EQ(all->find("twice", 1)->port, 2);
  EXPECT_FALSE(all->find("api.test", 444));
  EXPECT_FALSE(Redirections{}.find("api.test", 443));
}

TEST(Redirections, ABadOneIsNamed) {
  for (const char* text :
       {"", "h", "h:1", "h:1:2.2.2.2", "h:1:2.2.2.2:", ":1:2.2.2.2:2", "h:0:2.2.2.2:2",
        "h:1:name:2", "h:1:::1:2", "h:1:[2.2.2.2]:2", "h:1:2.2.2.2:2:3", "h:x:2.2.2.2:2"}) {
    auto all = Redirections::parse({"ok:1:2.2.2.2:2", text});
    ASSERT_FALSE(all) << text;
    EXPECT_EQ(all.error().code, "invalid_resolve");
    EXPECT_EQ(all.error().where, text);
  }
}

}  // namespace
}  // namespace keel::net
