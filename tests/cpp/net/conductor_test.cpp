// The conductor without a driver around it, as the gateway uses it: on a loop of somebody else's,
// and more than one of them there.

#include "net/conductor.hpp"

#include "io/clock.hpp"
#include "net/e2e_house.hpp"
#include "net/raw_server.hpp"

#include <future>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keel::net::test {
namespace {

using e2e::request;
using relay::Answer;
using relay::AnswerKind;

constexpr std::string_view kAnswer =
    "{\"choices\":[{\"message\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}],"
    "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}";

struct Waiting final : StreamCaller {
  void on_piece(relay::Deliver&&) override {}
  void on_answer(Answer&& given) override { answer.set_value(std::move(given)); }
  std::promise<Answer> answer;
};

class ConductorTest : public ::testing::Test {
 protected:
  // All that belongs to one configuration. Made and destroyed on the loop.
  struct House {
    House(io::Loop& loop, const std::string& url) {
      auto loaded = relay::read_config(
          "version: \"1.0\"\nproviders: {p: {base_url: \"" + url +
              "/v1\", keys: [k], models: {m: {price: {in: 1, out: 2}, output: 100}}}}\n"
              "routes: {r: {targets: [p/m], retry: {max_attempts: 1}}}\n"
              "health_check: {interval: 0}\n",
          "test.yaml", {});
      EXPECT_TRUE(loaded.ok()) << relay::format_problems(loaded);
      auto config = std::make_shared<const relay::Config>(std::move(loaded.config));
      plan = *plan_driver(config, {});
      relay = std::make_unique<relay::Relay>(config, relay::PolicySet(config->routes.size()), 7,
                                             io::now());
      conductor = std::make_unique<Conductor>(loop, plan, *relay);
      conductor->begin();
    }

    DriverPlan plan;
    std::unique_ptr<relay::Relay> relay;
    std::unique_ptr<Conductor> conductor;
  };

  ConductorTest() { loop_.start("test-loop"); }
  ~ConductorTest() override { loop_.stop(); }

  void run(std::function<void()> work) {
    std::promise<void> done;
    loop_.post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }
  std::future<Answer> submit(House& house, CallId call) {
    auto promise = std::make_shared<std::promise<Answer>>();
    run([&] {
      relay::Request made = request(static_cast<int>(call));
      made.call = call;
      house.conductor->submit(std::move(made),
                              [promise](Answer&& a) { promise->set_value(std::move(a)); });
    });
    return promise->get_future();
  }

  io::Loop loop_;
};

void answer_all(RawConnection& connection, int) {
  while (!connection.read_request().empty()) connection.answer(kAnswer);
}

// What a reload does: the new one takes over while the old one still has calls.
TEST_F(ConductorTest, OneOfTwoOnALoopEndsAndTheOtherGoesOn) {
  std::promise<void> arrived, closed;
  RawServer silent([&](RawConnection& connection, int) {
    connection.read_request();
    arrived.set_value();
    connection.wait_closed();
    closed.set_value();
  });
  RawServer server(answer_all);
  std::unique_ptr<House> old, fresh;
  run([&] { old = std::make_unique<House>(loop_, silent.url()); });
  std::future<Answer> left = submit(*old, 1);
  arrived.get_future().wait();
  run([&] { fresh = std::make_unique<House>(loop_, server.url()); });
  EXPECT_EQ(submit(*fresh, 1).get().kind, AnswerKind::ok);
  run([&] {
    EXPECT_EQ(old->conductor->open_calls(), 1u);
    EXPECT_EQ(old->conductor->relay().open_calls(), 1u);
    old->conductor->end();
    EXPECT_EQ(old->conductor->open_calls(), 0u);
    old.reset();
  });
  EXPECT_EQ(left.get().kind, AnswerKind::cancelled);
  closed.get_future().wait();
  EXPECT_EQ(submit(*fresh, 2).get().kind, AnswerKind::ok);
  EXPECT_EQ(server.connections(), 1);
  run([&] {
    EXPECT_THAT(fresh->conductor->relay().metrics(io::now()), ::testing::HasSubstr("keel_"));
    fresh.reset();
  });
}

// Work of one that has gone may still be in the loop's queue.
TEST_F(ConductorTest, OneThatGoesAtOnceLeavesNothingInTheLoop) {
  RawServer server(answer_all);
  for (int i = 0; i < 20; ++i) {
    auto waiting = std::make_shared<Waiting>();
    run([&] {
      House house(loop_, server.url());
      relay::Request made = request(1);
      made.call = 1;
      house.conductor->submit(std::move(made), waiting);
      house.conductor->end();
    });
    EXPECT_EQ(waiting->answer.get_future().get().kind, AnswerKind::cancelled);
  }
  run([] {});
}

TEST_F(ConductorTest, WhoIsAnsweredMaySubmitAndCancelAtOnce) {
  RawServer server(answer_all);
  std::unique_ptr<House> house;
  run([&] { house = std::make_unique<House>(loop_, server.url()); });
  auto cancelled = std::make_shared<Waiting>();
  auto answered = std::make_shared<Waiting>();
  run([&] {
    relay::Request made = request(1);
    made.call = 1;
    house->conductor->submit(std::move(made), [&](Answer&&) {
      for (CallId call : {2u, 3u}) {
        relay::Request next = request(static_cast<int>(call));
        next.call = call;
        house->conductor->submit(std::move(next), call == 2 ? cancelled : answered);
      }
      house->conductor->cancel(2);
      house->conductor->backpressure(3, true);
      house->conductor->backpressure(3, false);
    });
  });
  EXPECT_EQ(cancelled->answer.get_future().get().kind, AnswerKind::cancelled);
  EXPECT_EQ(answered->answer.get_future().get().kind, AnswerKind::ok);
  run([&] { house.reset(); });
}

}  // namespace
}  // namespace keel::net::test
