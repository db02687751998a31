#include "config/values.hpp"

#include "config/url.hpp"

#include <gtest/gtest.h>

namespace keel::relay {
namespace {

using Fault = Decimal::Fault;

TEST(ConfigDecimal, IsExactToNineDecimals) {
  EXPECT_EQ(parse_decimal("0.42").nano, 420'000'000);
  EXPECT_EQ(parse_decimal("0.1").nano, 100'000'000);
  EXPECT_EQ(parse_decimal("0.000000001").nano, 1);
  EXPECT_EQ(parse_decimal("9000000").nano, 9'000'000'000'000'000);
  EXPECT_EQ(parse_decimal("1.50").nano, 1'500'000'000);
  EXPECT_EQ(parse_decimal("1e-9").nano, 1);
  EXPECT_EQ(parse_decimal("2.5E+3").nano, 2'500'000'000'000);
  EXPECT_EQ(parse_decimal("-3").nano, -3'000'000'000);
  EXPECT_EQ(parse_decimal("0").nano, 0);
  EXPECT_EQ(parse_decimal("000.000").nano, 0);
  EXPECT_EQ(parse_decimal("1.0000000000000").nano, 1'000'000'000);
}

TEST(ConfigDecimal, SaysWhyItIsNone) {
  EXPECT_EQ(parse_decimal("0.0000000001").fault, Fault::too_fine);
  EXPECT_EQ(parse_decimal("0.30000000000000004").fault, Fault::too_fine);
  EXPECT_EQ(parse_decimal("1e-10").fault, Fault::too_fine);
  EXPECT_EQ(parse_decimal("9223372036.854775807").fault, Fault::none);
  EXPECT_EQ(parse_decimal("9223372036.854775808").fault, Fault::too_large);
  EXPECT_EQ(parse_decimal("1e999").fault, Fault::too_large);
  for (const char* text : {"", ".", "1.", "-", "1e", "1e+-2", "0x10", "1 ", " 1", "1,5", "1.2.3",
                           "inf", "nan", "1e99999999999999999999"}) {
    EXPECT_EQ(parse_decimal(text).fault, Fault::not_a_number) << text;
  }
}

TEST(ConfigDuration, ReadsUnitsAndBareSeconds) {
  EXPECT_EQ(parse_duration("500ms"), milliseconds(500));
  EXPECT_EQ(parse_duration("2s"), seconds(2));
  EXPECT_EQ(parse_duration("5m"), minutes(5));
  EXPECT_EQ(parse_duration("1h"), hours(1));
  EXPECT_EQ(parse_duration("1d"), hours(24));
  EXPECT_EQ(parse_duration("2.5"), milliseconds(2500));
  EXPECT_EQ(parse_duration("0"), Duration::zero());
  EXPECT_EQ(parse_duration("0.000001ms"), nanoseconds(1));
  for (const char* text : {"", "s", "-1s", "5 m", "5min", "1e30d", "0.0000001ms", "1h30m"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(ConfigDuration, IsWrittenAsItIsRead) {
  for (int64_t ns : {int64_t{0}, int64_t{1}, int64_t{1'500'000'001}, seconds(60).ns, seconds(90).ns,
                     milliseconds(500).ns, hours(48).ns, int64_t{205'242'102'251'000'000},
                     std::numeric_limits<int64_t>::max()}) {
    EXPECT_EQ(parse_duration(duration_text({ns})), Duration{ns}) << duration_text({ns});
  }
  EXPECT_EQ(duration_text(seconds(90)), "90s");
  EXPECT_EQ(duration_text(minutes(5)), "5m");
  EXPECT_EQ(duration_text(milliseconds(1500)), "1500ms");
}

TEST(ConfigSize, ReadsUnitsAndBareBytes) {
  EXPECT_EQ(parse_size("64MiB"), 64 << 20);
  EXPECT_EQ(parse_size("1.5KiB"), 1536);
  EXPECT_EQ(parse_size("2kB"), 2000);
  EXPECT_EQ(parse_size("17"), 17);
  EXPECT_EQ(parse_size("0.5"), std::nullopt);
  EXPECT_EQ(parse_size("64mib"), std::nullopt);
  EXPECT_EQ(parse_size("-1"), std::nullopt);
  EXPECT_EQ(parse_size("9999999999GiB"), std::nullopt);
  EXPECT_EQ(parse_size("12345678901"), 12'345'678'901);
  EXPECT_EQ(parse_size("9223372036854775807"), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(parse_size("9223372036854775808"), std::nullopt);
  EXPECT_EQ(size_text(64 << 20), "64MiB");
  EXPECT_EQ(size_text(1537), "1537");
}

TEST(ConfigNames, FindsTheOneThatWasMeant) {
  std::vector<std::string> known{"timeout", "targets", "openai"};
  EXPECT_EQ(nearest_name("timout", known), "timeout");
  EXPECT_EQ(nearest_name("opneai", known), "openai");
  EXPECT_EQ(nearest_name("Targets", known), "targets");
  EXPECT_EQ(nearest_name("colour", known), "");
  EXPECT_EQ(nearest_name("", known), "");
  EXPECT_EQ(nearest_name("x", {}), "");
}

TEST(ConfigUrl, TakesSchemeHostPortAndPath) {
  EXPECT_EQ(*check_base_url("https://api.example/v1", false), "https://api.example/v1");
  EXPECT_EQ(*check_base_url("HTTPS://API.Example:8443/V1//", false), "https://api.example:8443/V1");
  EXPECT_EQ(*check_base_url("https://[2001:db8::1]:8443", false), "https://[2001:db8::1]:8443");
  EXPECT_EQ(*check_base_url("http://127.0.0.1:8000/v1", false), "http://127.0.0.1:8000/v1");
  EXPECT_EQ(*check_base_url("http://[::1]", false), "http://[::1]");
  EXPECT_EQ(*check_base_url("http://10.0.0.7/v1", true), "http://10.0.0.7/v1");
}

TEST(ConfigUrl, RefusesTheRest) {
  EXPECT_FALSE(check_base_url(std::string_view("https://[::1\0]:1/v1", 17), true).ok());
  EXPECT_EQ(host_kind(std::string_view("127.0.0.1\0", 10)), HostKind::bad);
  for (const char* url : {"",
                          "https://",
                          "https:///v1",
                          "ftp://a.example",
                          "a.example/v1",
                          "file:///etc/passwd",
                          "http://a.example",
                          "http://localhost:8000",
                          "http://10.0.0.7",
                          "https://u:p@a.example",
                          "https://a.example?x=1",
                          "https://a.example/#f",
                          "https://a.example:0",
                          "https://a.example:65536",
                          "https://a.example:",
                          "https://a.example:8o",
                          "https://2130706433",
                          "https://127.1",
                          "https://0x7f.1",
                          "https://0177.0.0.1",
                          "https://1.2.3.4.5",
                          "https://0.0.0.0",
                          "https://[::]",
                          "https://[::1",
                          "https://[x]",
                          "https://[::1]x",
                          "https://a..example",
                          "https://a.example./v1",
                          "https://a b.example",
                          "https://a.example/a b",
                          "https://a.example/../v1",
                          "https://a.example/v1\\x",
                          "https://a%2eexample",
                          "http://::1",
                          "https://-\n"}) {
    EXPECT_FALSE(check_base_url(url, false).ok()) << url;
  }
  EXPECT_FALSE(check_base_url("http://0.0.0.0:80", true).ok());
}

TEST(ConfigUrl, NeverRepeatsAPassword) {
  auto refused = check_base_url("https://user:hunter2@a.example", false);
  EXPECT_EQ(refused.error().message, "found a user in the URL, wanted a URL without one");
  refused = check_base_url("https://a.example/v1?key=hunter2", false);
  EXPECT_EQ(refused.error().message.find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace keel::relay
