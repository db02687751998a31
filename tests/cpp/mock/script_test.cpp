// Scripts: what is refused, which of several behaviours applies, windows, capacity, outages.

#include "mock/script.hpp"

#include "mock/fixture.hpp"
#include "mock/yaml.hpp"

namespace keel::mock {
namespace {

std::string problem_with(const std::string& text) {
  auto script = parse_script(text);
  return script.ok() ? "" : script.error().text();
}

TEST(Script, RefusesWhatItDoesNotKnow) {
  EXPECT_NE(problem_with("defaults: {}").find("defaults: unknown key"), std::string::npos);
  EXPECT_NE(problem_with("rules: [{at: 1, latency: 3}]").find("rules[0].latency"),
            std::string::npos);
  EXPECT_NE(problem_with("default: {fault: explode}").find("found \"explode\""), std::string::npos);
  EXPECT_NE(problem_with("default: {latency_ms: -1}").find("wanted a number >= 0"),
            std::string::npos);
  EXPECT_NE(problem_with("default: {latency_ms: {p50: 3, p99: 2}}").find("p99 >= p50"),
            std::string::npos);
  EXPECT_NE(problem_with("default: {error: 200}").find("300 to 599"), std::string::npos);
  EXPECT_NE(problem_with("rules: [{probability: [3, 2]}]").find("[n, of]"), std::string::npos);
  EXPECT_NE(problem_with("rules: [{match: {model: a}, outage: refuse}]").find("no match"),
            std::string::npos);
  EXPECT_NE(problem_with("a: [").find("line"), std::string::npos);
  EXPECT_NE(problem_with("[1]").find("wanted an object"), std::string::npos);
  EXPECT_EQ(problem_with(""), "");
}

TEST(Script, ReadsYamlAsJson) {
  const json value = *json_of_yaml("{a: 1, b: 1.5, c: '1', d: true, e: null, f: [x, -2], g: 1e3}");
  EXPECT_EQ(value,
            json::parse(R"({"a":1,"b":1.5,"c":"1","d":true,"e":null,"f":["x",-2],"g":1e3})"));
}

TEST(Spread, FixedAndLogNormal) {
  Random random(7);
  EXPECT_EQ((Spread{5, 5}).draw(random), 5);
  int over_median = 0, over_p99 = 0;
  for (int i = 0; i < 10000; ++i) {
    const double value = Spread{100, 1000}.draw(random);
    over_median += value > 100;
    over_p99 += value > 1000;
  }
  EXPECT_NEAR(over_median, 5000, 250);
  EXPECT_NEAR(over_p99, 100, 50);
}

TEST(Words, ManyAndNone) {
  EXPECT_EQ(*patch_of_words(""), json::object());
  EXPECT_EQ(*patch_of_words("latency-200ms+tps-50"),
            json::parse(R"({"latency_ms":200.0,"tokens_per_second":50.0})"));
  EXPECT_FALSE(patch_of_words("latency-xms").ok());
  EXPECT_FALSE(patch_of_words("200").ok());
  EXPECT_NE(patch_of_words("resett").error().text().find("reset-after-head"), std::string::npos);
  std::string base;
  EXPECT_EQ(*split_model("a+mock-503+b", base), json::parse(R"({"error":{"status":503}})"));
  EXPECT_EQ(base, "a+b");
  EXPECT_TRUE(split_model("mock-silence", base).ok());
  EXPECT_EQ(base, "mock");
  EXPECT_EQ(*split_model("mock-small", base), json::object());  // an ordinary name
  EXPECT_EQ(base, "mock-small");
  EXPECT_FALSE(split_model("a+mock-small", base).ok());
}

TEST(Capacity, WindowAndSeats) {
  CapacityMeter meter;
  Capacity capacity;
  capacity.rpm = 2;
  const Instant t0{1000};
  EXPECT_FALSE(meter.enter(capacity, "k", t0));
  EXPECT_FALSE(meter.enter(capacity, "k", t0 + seconds(10)));
  EXPECT_EQ(meter.enter(capacity, "k", t0 + seconds(20)), seconds(40));
  EXPECT_FALSE(meter.enter(capacity, "other", t0 + seconds(20)));
  EXPECT_FALSE(meter.enter(capacity, "k", t0 + seconds(60)));
  Capacity one_at_once;
  one_at_once.concurrent = 1;
  EXPECT_FALSE(meter.enter(one_at_once, "c", t0));
  EXPECT_TRUE(meter.enter(one_at_once, "c", t0));
  meter.leave("c");
  EXPECT_FALSE(meter.enter(one_at_once, "c", t0));
}

TEST_F(MockTest, LaterAndCloserWinsOver) {
  start("default: {error: 500}\nrules: [{error: 502}, {match: {model: 'b*'}, error: 503}]");
  EXPECT_EQ(ask(chat("a", "x")).status, 502);
  EXPECT_EQ(ask(chat("bb", "x")).status, 503);
  EXPECT_EQ(ask(chat("bb+mock-504", "x")).status, 504);
  EXPECT_EQ(ask(chat("bb+mock-504", "x", {}, "x-mock: 529\r\n")).status, 529);
  const std::string both = "x-mock: 529\r\nx-mock-behaviour: {\"error\": null}\r\n";
  EXPECT_EQ(ask(chat("bb", "x", {}, both)).status, 200);
  EXPECT_EQ(ask(chat("bb", "x", {}, "x-mock: 999\r\n")).status, 400);
  EXPECT_EQ(ask(chat("bb", "x", {}, "x-mock-behaviour: 3\r\n")).status, 400);
  EXPECT_EQ(state()["by_rule"], json::parse("[7,6]"));
}

TEST_F(MockTest, DeadKeyAndDeniedModel) {
  start(
      "rules: [{match: {key: sk-dead}, error: 401},"
      "{match: {model: secret, key: sk-a}, error: 403}]");
  const auto with_key = [](const std::string& key) {
    return "Authorization: Bearer " + key + "\r\n";
  };
  EXPECT_EQ(ask(chat("m", "x", {}, with_key("sk-dead"))).status, 401);
  EXPECT_EQ(ask("GET /v1/models HTTP/1.1\r\nHost: m\r\n" + with_key("sk-dead") + "\r\n").status,
            401);
  EXPECT_EQ(ask(chat("secret", "x", {}, with_key("sk-a"))).status, 403);
  EXPECT_EQ(ask(chat("secret", "x", {}, "x-api-key: sk-b\r\n")).status, 200);
}

TEST_F(MockTest, ProbabilityIsASeededRatio) {
  const std::string script = "seed: 3\nrules: [{probability: [1, 3], error: 500}]";
  auto run = [&] {
    start(script);
    std::string seen;
    RawClient client(mock_->port());
    for (int i = 0; i < 60; ++i) {
      client.send(chat("m", "x"));
      seen += client.read_reply().status == 500 ? 'x' : '.';
    }
    return seen;
  };
  const std::string first = run();
  EXPECT_EQ(run(), first);
  EXPECT_NE(first.find('x'), std::string::npos);
  EXPECT_NE(first.find('.'), std::string::npos);
}

TEST_F(MockTest, WindowsBeginWhenStarted) {
  start("start: manual\nrules: [{at: 0, error: 503}]");
  EXPECT_EQ(ask(chat("m", "x")).status, 200);
  mock_->start_clock();
  EXPECT_EQ(ask(chat("m", "x")).status, 503);
  script("start: first_request\nrules: [{at: 0, for: 0.5, error: 503}]");
  EXPECT_EQ(state()["script_time_s"], -1);
  EXPECT_EQ(ask(chat("m", "x")).status, 503);
  EXPECT_TRUE(eventually([&] { return ask(chat("m", "x")).status == 200; }));
}

TEST_F(MockTest, CapacityAnswersHonestly) {
  start("default: {capacity: {rpm: 1}}");
  const RawReply first = ask(chat("m", "x", {}, "api-key: a\r\n"));
  EXPECT_EQ(first.status, 200);
  EXPECT_NE(first.head.find("x-ratelimit-remaining-requests: 0\r\n"), std::string::npos);
  const RawReply second = ask(chat("m", "x", {}, "api-key: a\r\n"));
  EXPECT_EQ(second.status, 429);
  const size_t at = second.head.find("retry-after: ");
  ASSERT_NE(at, std::string::npos);
  EXPECT_GT(std::atof(second.head.c_str() + at + 13), 0);
  EXPECT_LE(std::atof(second.head.c_str() + at + 13), 60);
  EXPECT_EQ(ask(chat("m", "x", {}, "api-key: b\r\n")).status, 200);
}

TEST_F(MockTest, ConcurrencyIsCapped) {
  start("rules: [{capacity: {concurrent: 1, per_key: false}}]");
  RawClient holder(mock_->port());
  holder.send(chat("m", "x", {}, "x-mock: silence\r\n"));
  ASSERT_TRUE(eventually([&] { return state()["in_flight"] == 1; }));
  EXPECT_EQ(ask(chat("m", "x", {}, "api-key: b\r\n")).status, 429);
  holder.close();
  ASSERT_TRUE(eventually([&] { return state()["in_flight"] == 0; }));
  EXPECT_EQ(ask(chat("m", "x")).status, 200);
}

TEST_F(MockTest, OutageThatAcceptsAndCloses) {
  start();
  RawClient before(mock_->port());
  before.send(chat("m", "x"));
  EXPECT_EQ(before.read_reply().status, 200);
  script("default: {outage: accept_and_close}");
  before.send(chat("m", "x"));
  EXPECT_EQ(before.read_to_end(), "");
  EXPECT_EQ(watch(chat("m", "x")).first, "");
  script("");
  EXPECT_EQ(ask(chat("m", "x")).status, 200);
}

TEST_F(MockTest, OutageThatRefusesConnections) {
  start();
  RawClient before(mock_->port());
  before.send(chat("m", "x"));
  EXPECT_EQ(before.read_reply().status, 200);
  script("rules: [{at: 0, outage: refuse}]");
  before.read_to_end();
  EXPECT_EQ(before.end(), End::reset);
  EXPECT_TRUE(eventually([&] { return !RawClient(mock_->port()).connected(); }));
  script("");
  EXPECT_TRUE(eventually([&] { return RawClient(mock_->port()).connected(); }));
  EXPECT_EQ(ask(chat("m", "x")).status, 200);
}

TEST_F(MockTest, StopsWhileRefusingAndWhileSilent) {
  start("rules: [{at: 0, outage: refuse}]");
  eventually([&] { return !RawClient(mock_->port()).connected(); });
  mock_.reset();
  start("default: {fault: silence}");
  RawClient client(mock_->port());
  client.send(chat("m", "x"));
  ASSERT_TRUE(eventually([&] { return state()["in_flight"] == 1; }));
  mock_.reset();
  client.read_to_end();
  EXPECT_NE(client.end(), End::timed_out);
}

}  // namespace
}  // namespace keel::mock
