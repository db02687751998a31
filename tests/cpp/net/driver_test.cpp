#include "net/driver.hpp"

#include "config/reader.hpp"
#include "io/clock.hpp"
#include "mock/server.hpp"
#include "net/raw_server.hpp"
#include "relay/relay.hpp"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <stdexcept>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace keel::net::test {
namespace {

using relay::Answer;
using relay::AnswerKind;
using ::testing::HasSubstr;

std::unique_ptr<mock::Server> start_mock(const std::string& script = "") {
  mock::Settings settings;
  settings.script = script;
  auto server = mock::Server::start(std::move(settings));
  EXPECT_TRUE(server) << server.error().text();
  return std::move(*server);
}

// A route `r` over one model per provider URL, without health checks.
std::string config_over(const std::vector<std::string>& urls, const std::string& more = "") {
  std::string providers = "providers:\n";
  std::string targets;
  for (size_t i = 0; i < urls.size(); ++i) {
    std::string name = "p" + std::to_string(i);
    providers += "  " + name + ": {base_url: \"" + urls[i] + "\", dialect: openai, keys: [\"k" +
                 std::to_string(i) + "\"], models: {m: {price: {in: 1, out: 2}, output: 100}}}\n";
    targets += (targets.empty() ? "" : ", ") + name + "/m";
  }
  return "version: \"1.0\"\n" + providers + "routes:\n  r: {targets: [" + targets +
         "], routing: ordered}\nhealth_check: {interval: 0}\n" + more;
}

class DriverTest : public ::testing::Test {
 protected:
  // Throws, which ends the test: without a driver nothing else makes sense.
  void build(const std::string& yaml, DriverOptions options = {}) {
    auto loaded = relay::read_config(yaml, "test.yaml", {});
    if (!loaded.ok()) throw std::runtime_error(relay::format_problems(loaded) + yaml);
    auto config = std::make_shared<const relay::Config>(std::move(loaded.config));
    auto made = std::make_unique<relay::Relay>(config, relay::PolicySet(config->routes.size()), 1,
                                               io::now());
    auto driver = Driver::create(config, std::move(made), std::move(options));
    if (!driver) throw std::runtime_error(driver.error().text());
    driver_ = std::move(*driver);
  }

  static relay::Request request(const std::string& model = "r", const std::string& text = "hi") {
    relay::Request made;
    made.id = "t";
    made.body = Body::take("{\"model\":\"" + model + "\",\"messages\":[{\"role\":\"user\"," +
                           "\"content\":\"" + text + "\"}]}");
    made.facts = *wire::read_facts(Operation::chat, made.body);
    return made;
  }
  struct Call {
    CallId id = 0;
    std::future<Answer> answer;
  };
  Call submit(relay::Request made) {
    auto promise = std::make_shared<std::promise<Answer>>();
    auto id = driver_->submit(std::move(made),
                              [promise](Answer&& a) { promise->set_value(std::move(a)); });
    EXPECT_TRUE(id) << id.error().text();
    return {id ? *id : 0, promise->get_future()};
  }
  Answer ask(relay::Request made) { return submit(std::move(made)).answer.get(); }

  static nlohmann::json state_of(const mock::Server& server) {
    return nlohmann::json::parse(server.state_json());
  }

  std::unique_ptr<Driver> driver_;
};

std::string threads_of_this_process() {
  size_t count = 0;
  for (auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    static_cast<void>(entry);
    ++count;
  }
  return std::to_string(count);
}

TEST_F(DriverTest, NothingRunsBeforeTheFirstCall) {
  auto before = threads_of_this_process();
  build(config_over({"http://127.0.0.1:1/v1"}));
  EXPECT_FALSE(driver_->started());
  EXPECT_THAT(driver_->metrics(), HasSubstr("keel_"));
  driver_->cancel(1);
  EXPECT_EQ(threads_of_this_process(), before);
  driver_->close();
  driver_->close();
  auto refused = driver_->submit(request(), [](Answer&&) { FAIL(); });
  EXPECT_EQ(refused.error().code, "closed");
  EXPECT_THAT(driver_->metrics(), HasSubstr("keel_"));
}

TEST_F(DriverTest, ACallIsAnsweredAndPriced) {
  auto server = start_mock();
  build(config_over({server->url() + "/v1"}));
  Answer answer = ask(request());
  EXPECT_EQ(answer.kind, AnswerKind::ok) << answer.message;
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(std::string(answer.body.view()), HasSubstr("choices"));
  EXPECT_EQ(answer.sends, 1);
  EXPECT_GT(answer.usage.out, 0);
  EXPECT_GT(answer.cost, NanoUsd{0});
  auto state = state_of(*server);
  EXPECT_EQ(state["requests"], 1);
  EXPECT_EQ(state["records"][0]["model"], "m");
  EXPECT_THAT(driver_->metrics(), HasSubstr("keel_requests_total"));
}

TEST_F(DriverTest, ADeadProviderIsFollowedByTheNext) {
  uint16_t nobody = RawServer([](RawConnection&, int) {}).port();
  auto server = start_mock();
  build(config_over({"http://127.0.0.1:" + std::to_string(nobody) + "/v1", server->url()}));
  Answer answer = ask(request());
  EXPECT_EQ(answer.kind, AnswerKind::ok) << answer.message;
  EXPECT_EQ(answer.sends, 1);
  EXPECT_EQ(answer.tries, 2);
  EXPECT_EQ(answer.target, 1u);
}

// What the providers saw is what was sent, however exchanges end; reused connections that die at a
// request's first byte are where libcurl would send twice.
TEST_F(DriverTest, SendsAreWhatTheProvidersSaw) {
  for (const char* fault : {"close_on_reuse: first_byte", "fault: reset", "fault: close",
                            "fault: truncated", "error: {status: 503}", "fault: unparsable"}) {
    auto faulty = start_mock(std::string("{default: {") + fault + "}}");
    auto fine = start_mock();
    build(config_over({faulty->url(), fine->url()},
                      "breaker: {consecutive: 10000, min_requests: 10000}\n"));
    int64_t sends = 0;
    for (int round = 0; round < 10; ++round) {
      std::vector<Call> calls;
      for (int i = 0; i < 8; ++i) calls.push_back(submit(request()));
      for (Call& call : calls) {
        sends += call.answer.get().sends;
      }
    }
    auto requests_of = [&](const mock::Server& s) {
      return state_of(s)["requests"].get<int64_t>();
    };
    EXPECT_EQ(requests_of(*faulty) + requests_of(*fine), sends) << fault;
    driver_.reset();
  }
}

TEST_F(DriverTest, ACancelledCallClosesItsConnection) {
  std::promise<void> arrived, closed;
  RawServer server([&](RawConnection& connection, int) {
    connection.read_request();
    arrived.set_value();
    connection.wait_closed();
    closed.set_value();
  });
  build(config_over({server.url()}));
  Call call = submit(request());
  arrived.get_future().wait();
  driver_->cancel(call.id);
  EXPECT_EQ(call.answer.get().kind, AnswerKind::cancelled);
  closed.get_future().wait();
  driver_->cancel(call.id);
  driver_->cancel(999);
}

TEST_F(DriverTest, TheCallersTimeoutEndsTheCall) {
  RawServer server([](RawConnection& connection, int) { connection.wait_closed(); });
  build(config_over({server.url()}));
  relay::Request made = request();
  made.timeout = milliseconds(30);
  EXPECT_EQ(ask(std::move(made)).kind, AnswerKind::deadline_exceeded);
}

TEST_F(DriverTest, CloseAnswersEveryPendingCall) {
  RawServer server([](RawConnection& connection, int) { connection.wait_closed(); });
  build(config_over({server.url()}));
  std::vector<Call> calls;
  for (int i = 0; i < 50; ++i) calls.push_back(submit(request()));
  driver_->close();
  for (Call& call : calls) EXPECT_EQ(call.answer.get().kind, AnswerKind::cancelled);
  EXPECT_THAT(driver_->metrics(), HasSubstr("keel_"));
}

TEST_F(DriverTest, ACompletionMayCallTheDriver) {
  auto server = start_mock();
  build(config_over({server->url()}));
  std::promise<std::string> text;
  std::promise<Answer> second;
  auto submitted = driver_->submit(request(), [&](Answer&&) {
    text.set_value(driver_->metrics());
    auto again = driver_->submit(request(), [&](Answer&& a) { second.set_value(std::move(a)); });
    driver_->cancel(*again);
  });
  ASSERT_TRUE(submitted);
  EXPECT_THAT(text.get_future().get(), HasSubstr("keel_requests_total"));
  EXPECT_EQ(second.get_future().get().kind, AnswerKind::cancelled);
}

TEST_F(DriverTest, NoticesComeAsTheyHappen) {
  auto server = start_mock("{default: {error: {status: 401}}}");
  std::promise<relay::Notice> noticed;
  std::atomic<int> count{0};
  DriverOptions options;
  options.on_notice = [&](const relay::Notice& notice) {
    if (count++ == 0) noticed.set_value(notice);
  };
  build(config_over({server->url()}), options);
  EXPECT_EQ(ask(request()).kind, AnswerKind::upstream_error);
  EXPECT_EQ(noticed.get_future().get().kind, relay::Notice::Kind::key_dead);
  driver_.reset();
}

TEST_F(DriverTest, ProvidersAreProbed) {
  auto server = start_mock();
  std::string yaml = config_over({server->url()});
  yaml.replace(yaml.find("interval: 0"), 11, "interval: 20ms");
  build(yaml);
  EXPECT_EQ(ask(request()).kind, AnswerKind::ok);
  while (state_of(*server)["probes"] < 2) std::this_thread::yield();
}

TEST_F(DriverTest, ManyThreadsCallAndCancelOneDriver) {
  auto server = start_mock("{default: {latency_ms: 2}}");
  build(config_over({server->url()}));
  std::atomic<int> answered{0}, cancelled{0}, other{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 40; ++i) {
        Call call = submit(request("r", std::to_string(t * 100 + i)));
        if (i % 3 == 0) driver_->cancel(call.id);
        if (i % 10 == 0) driver_->metrics();
        AnswerKind kind = call.answer.get().kind;
        ++(kind == AnswerKind::ok ? answered : kind == AnswerKind::cancelled ? cancelled : other);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(answered + cancelled, 320);
  EXPECT_EQ(other, 0);
}

TEST_F(DriverTest, ARedirectedHostIsVerifiedAsItself) {
  TestAuthority authority;
  std::atomic<int> seen{0};
  auto serve = [&](RawConnection& connection, int) {
    while (!connection.read_request().empty()) {
      ++seen;
      connection.answer(
          "{\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}],"
          "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}");
    }
  };
  for (bool right_name : {true, false}) {
    auto cert = authority.issue(right_name ? "api.keel.test" : "other.keel.test");
    RawServer server(serve, cert.cert_pem, cert.key_pem);
    DriverOptions options;
    options.ca_file = authority.ca_file();
    options.resolve = {"api.keel.test:443:127.0.0.1:" + std::to_string(server.port())};
    build(config_over({"https://api.keel.test/v1"}, "retry: {max_attempts: 1}\n"), options);
    relay::Request made = request();
    made.timeout = seconds(3);
    Answer answer = ask(std::move(made));
    EXPECT_EQ(answer.kind == AnswerKind::ok, right_name) << answer.message;
    driver_.reset();
  }
  EXPECT_EQ(seen, 1);
}

TEST_F(DriverTest, BadOptionsAreNamed) {
  auto config = std::make_shared<relay::Config>();
  auto code_of = [&](DriverOptions options) {
    auto made = std::make_unique<relay::Relay>(config, relay::PolicySet{}, 1, io::now());
    auto driver = Driver::create(config, std::move(made), std::move(options));
    return driver ? "none" : driver.error().code;
  };
  EXPECT_EQ(code_of({}), "none");
  DriverOptions options;
  options.resolve = {"nonsense"};
  EXPECT_EQ(code_of(options), "invalid_resolve");
  options = {};
  options.ca_file = "/nonexistent/ca.pem";
  EXPECT_EQ(code_of(options), "unreadable_ca_file");
  config->providers.push_back({});
  config->providers[0].name = "p";
  config->providers[0].base_url = "nonsense";
  EXPECT_EQ(code_of({}), "invalid_base_url");
  config->providers[0].base_url = "https://p.test";
  config->providers[0].dialect = "klingon";
  EXPECT_EQ(code_of({}), "unknown_dialect");
}

// ThreadSanitizer cannot go on in the child of a process with several threads.
#ifndef __SANITIZE_THREAD__

// A child has the parent's memory and none of its threads: it must neither hang nor disturb.
TEST_F(DriverTest, AChildOfForkLeavesTheParentsDriverAlone) {
  auto server = start_mock("{default: {latency_ms: 5}}");
  build(config_over({server->url()}));
  EXPECT_EQ(ask(request()).kind, AnswerKind::ok);
  Call during = submit(request());
  pid_t child = ::fork();
  if (child == 0) {
    bool good = driver_->forked() && driver_->metrics().empty();
    auto refused = driver_->submit(request(), [](Answer&&) {});
    good = good && !refused && refused.error().code == "forked";
    driver_->cancel(1);
    driver_->close();
    driver_.reset();
    size_t sockets = 0;
    for (int fd = 3; fd < 256; ++fd) {
      sockaddr_storage peer;
      socklen_t size = sizeof peer;
      bool tcp_client = ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0 &&
                        peer.ss_family == AF_INET &&
                        ntohs(reinterpret_cast<sockaddr_in&>(peer).sin_port) == server->port();
      if (tcp_client) ++sockets;
    }
    ::_exit(good && sockets == 0 ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_FALSE(driver_->forked());
  EXPECT_EQ(during.answer.get().kind, AnswerKind::ok);
  EXPECT_EQ(ask(request()).kind, AnswerKind::ok);
}

#endif

TEST_F(DriverTest, NoThreadAndNoDescriptorStaysBehind) {
  auto count = [] {
    size_t fds = 0;
    for (auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      static_cast<void>(entry);
      ++fds;
    }
    return fds;
  };
  auto server = start_mock();
  build(config_over({server->url()}));
  ask(request());
  driver_.reset();
  server.reset();
  auto threads = threads_of_this_process();
  size_t fds = count();
  for (int i = 0; i < 5; ++i) {
    auto again = start_mock();
    build(config_over({again->url()}));
    for (int j = 0; j < 5; ++j) submit(request());
    ask(request());
    driver_.reset();
  }
  EXPECT_EQ(threads_of_this_process(), threads);
  EXPECT_EQ(count(), fds);
}

}  // namespace
}  // namespace keel::net::test
