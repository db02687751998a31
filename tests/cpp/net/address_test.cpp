#include "net/address.hpp"

#include "net/resolver.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keel::net {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string why(const std::string& text) {
  auto address = Address::parse(text);
  return address ? std::string(address->forbidden()) : "not an address";
}

TEST(Address, OnlyThePlainSpellingsAreLiterals) {
  for (const char* text : {"1.2.3.4", "255.255.255.255", "::1", "[::1]", "2001:db8::1",
                           "::ffff:1.2.3.4", "[2606:4700::1]"}) {
    EXPECT_TRUE(Address::parse(text)) << text;
  }
  for (const char* text :
       {"",         "[]",         "[1.2.3.4]", "2130706433",   "0x7f.0.0.1", "0177.0.0.1",
        "127.1",    "127.0.0.1.", "1.2.3.4.5", "256.1.1.1",    "1.2.3",      " 1.2.3.4",
        "1.2.3.4 ", "01.2.3.4",   "localhost", "fe80::1%eth0", "::g",        "[::1",
        "::1]",     "1.2.3.4:80"}) {
    EXPECT_FALSE(Address::parse(text)) << text;
  }
  EXPECT_FALSE(Address::parse(std::string_view("1.2.3.4\0", 8)));
}

TEST(Address, TextComesBackInItsShortestForm) {
  EXPECT_EQ(Address::parse("1.2.3.4")->text(), "1.2.3.4");
  EXPECT_EQ(Address::parse("[0:0:0:0:0:0:0:1]")->text(), "::1");
  EXPECT_EQ(Address::parse("2606:4700:0:0::1"), Address::parse("2606:4700::1"));
  EXPECT_FALSE(Address::parse("::ffff:1.2.3.4") == Address::parse("1.2.3.4"));
}

TEST(Address, EveryForbiddenRangeEndsWhereItEnds) {
  struct Edge {
    const char* before;
    const char* first;
    const char* last;
    const char* after;
    const char* reason;
  };
  const Edge edges[] = {
      {"", "0.0.0.0", "0.255.255.255", "1.0.0.0", "this network"},
      {"9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0", "private"},
      {"100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0", "shared"},
      {"126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0", "loopback"},
      {"169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0", "link-local"},
      {"172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0", "private"},
      {"192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0", "private"},
      {"198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0", "benchmarking"},
      {"223.255.255.255", "224.0.0.0", "239.255.255.255", "", "multicast"},
      {"", "240.0.0.0", "255.255.255.255", "", "reserved"},
      {"::2:0:0:0", "fc00::", "fdff:ffff::1", "fe00::", "private"},
      {"fe7f::", "fe80::", "febf:ffff::", "", "link-local"},
      {"fe00::", "ff00::", "ffff::", "", "multicast"},
  };
  for (const Edge& edge : edges) {
    for (const char* outside : {edge.before, edge.after}) {
      EXPECT_TRUE(!*outside || why(outside).empty()) << outside;
    }
    EXPECT_EQ(why(edge.first), edge.reason) << edge.first;
    EXPECT_EQ(why(edge.last), edge.reason) << edge.last;
  }
}

TEST(Address, IPv4InsideIPv6IsJudgedAsWhatItIs) {
  EXPECT_EQ(why("::1"), "loopback");
  EXPECT_EQ(why("::"), "unspecified");
  EXPECT_EQ(why("::ffff:127.0.0.1"), "loopback");
  EXPECT_EQ(why("::ffff:7f00:1"), "loopback");
  EXPECT_EQ(why("::127.0.0.1"), "loopback");
  EXPECT_EQ(why("::ffff:169.254.169.254"), "link-local");
  EXPECT_EQ(why("64:ff9b::10.0.0.1"), "private");
  EXPECT_EQ(why("2002:0a00:0001::"), "private");
  EXPECT_EQ(why("::ffff:0:192.168.0.1"), "private");
  EXPECT_EQ(why("64:ff9b:1::1"), "translation");
  EXPECT_EQ(why("2001::1"), "tunnel");
  EXPECT_THAT(why("::ffff:8.8.8.8"), IsEmpty());
  EXPECT_THAT(why("64:ff9b::8.8.8.8"), IsEmpty());
  EXPECT_THAT(why("2002:0808:0808::1"), IsEmpty());
  EXPECT_THAT(why("2606:4700::6810:85e5"), IsEmpty());
}

Resolved judge(const std::string& url, bool plaintext, bool allow_private,
               std::vector<std::string> led_to) {
  LookUp found;
  for (const std::string& text : led_to) found.addresses.push_back(*Address::parse(text));
  return permitted(*parse_endpoint(url, plaintext, allow_private), found);
}

TEST(Permitted, ANameMustLeadToPublicAddressesALiteralNot) {
  EXPECT_EQ(judge("https://a.test", false, false, {"8.8.8.8", "10.0.0.1"}).addresses.size(), 1u);
  Resolved refused = judge("https://a.test", false, false, {"169.254.169.254"});
  EXPECT_THAT(refused.addresses, IsEmpty());
  EXPECT_EQ(refused.error,
            "a.test:443 leads to 169.254.169.254 (link-local), refused: the provider "
            "needs allow_private");
  EXPECT_EQ(judge("https://a.test", false, true, {"10.0.0.1"}).addresses.size(), 1u);
  EXPECT_EQ(judge("https://10.0.0.1", false, false, {"10.0.0.1"}).addresses.size(), 1u);
  EXPECT_THAT(judge("https://2130706433", false, false, {"127.0.0.1"}).addresses, IsEmpty());
  EXPECT_THAT(judge("https://a.test", false, false, {}).addresses, IsEmpty());
}

TEST(Permitted, PlainHttpGoesToLoopbackUnlessAllowed) {
  EXPECT_EQ(judge("http://127.0.0.1:8000", false, false, {"127.0.0.1"}).addresses.size(), 1u);
  EXPECT_EQ(judge("http://[::1]:8000", false, false, {"::1"}).addresses.size(), 1u);
  EXPECT_EQ(judge("http://localhost", false, true, {"127.0.0.1"}).addresses.size(), 1u);
  EXPECT_THAT(judge("http://localhost", false, false, {"127.0.0.1"}).addresses, IsEmpty());
  Resolved refused = judge("http://8.8.8.8", false, true, {"8.8.8.8"});
  EXPECT_THAT(refused.addresses, IsEmpty());
  EXPECT_THAT(refused.error, HasSubstr("allow_plaintext"));
  EXPECT_EQ(judge("http://8.8.8.8", true, false, {"8.8.8.8"}).addresses.size(), 1u);
}

}  // namespace
}  // namespace keel::net
