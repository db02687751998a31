// Eight threads on one driver: calling, going away, running out of time, reading the metrics, while
// providers fail and are probed; and a close() in the middle. What the thread sanitizer is for.

#include "net/e2e_house.hpp"

#include <atomic>
#include <future>

namespace keel::net::e2e {
namespace {

constexpr int kThreads = 8;
constexpr const char* kUneven = R"(
default: {latency_ms: {p50: 2, p99: 20}, close_on_reuse: first_byte, reuse_limit: 20}
rules:
  - {probability: [1, 12], error: 503}
  - {probability: [1, 20], fault: silence}
  - {probability: [1, 20], fault: reset}
  - {probability: [1, 12], error: {status: 429, retry_after_ms: 10}}
)";
constexpr const char* kLively = R"(
retry: {scale: 2ms, throttled_scale: 5ms}
breaker: {open: 50ms, open_max: 100ms}
health_check: {interval: 20ms, timeout: 50ms}
)";

bool is_own(const Answer& answer, int number) {
  return answer.body.view().find(nonce_of(number)) != std::string_view::npos;
}

TEST(Threads, EightCallCancelTimeOutAndReadMetricsOnOneDriver) {
  std::atomic<int> notices{0};
  DriverOptions options;
  options.on_notice = [&](const relay::Notice&) { ++notices; };
  const std::string uneven(kUneven);
  House house({"seed: 1\n" + uneven, "seed: 2\n" + uneven}, {kLively, ", attempt_timeout: 150ms"},
              std::move(options));
  std::atomic<int> ok{0}, cancelled{0}, late{0}, others{0};
  auto work = [&](int thread) {
    for (int i = thread * 1000; i < thread * 1000 + 100 / kSlowed; ++i) {
      relay::Request made = request(i);
      if (i % 5 == 1) made.timeout = milliseconds(i % 40);
      std::promise<Answer> done;
      auto call = house.driver->submit(std::move(made),
                                       [&](Answer&& answer) { done.set_value(std::move(answer)); });
      if (i % 3 == 0) std::this_thread::yield();
      if (i % 6 < 2) house.driver->cancel(*call);
      if (i % 10 == 0) {
        EXPECT_NE(house.driver->metrics().find("keel_requests_total"), std::string::npos);
      }
      Answer answer = done.get_future().get();
      house.driver->cancel(*call);  // too late: nothing
      ++(answer.kind == AnswerKind::ok                  ? ok
         : answer.kind == AnswerKind::cancelled         ? cancelled
         : answer.kind == AnswerKind::deadline_exceeded ? late
                                                        : others);
      EXPECT_TRUE(answer.kind != AnswerKind::ok || is_own(answer, i)) << i;
    }
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) threads.emplace_back(work, t);
  for (std::thread& thread : threads) thread.join();
  house.driver->close();
  EXPECT_EQ(ok + cancelled + late + others, kThreads * (100 / kSlowed));
  EXPECT_GT(ok, 0);
  EXPECT_GT(cancelled, 0);
  EXPECT_EQ(house.engines().budget->open_holds(), 0);
  EXPECT_TRUE(house.engines().attempts.empty());
}

TEST(Threads, CloseMeetsCallsUnderWay) {
  for (int round = 0; round < 5; ++round) {
    House house({kUneven, kUneven}, {kLively, ", attempt_timeout: 150ms"});
    std::atomic<int> submitted{0}, answered{0}, refused{0};
    auto work = [&](int thread) {
      for (int i = thread * 1000; i < thread * 1000 + 1000; ++i) {
        auto call = house.driver->submit(request(i), [&](Answer&&) { ++answered; });
        if (!call) {
          EXPECT_EQ(call.error().code, "closed");
          ++refused;
          return;
        }
        ++submitted;
        if (i % 4 == 0) house.driver->cancel(*call);
        std::this_thread::sleep_for(std::chrono::microseconds(200));
      }
    };
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) threads.emplace_back(work, t);
    eventually([&] { return answered > 20; });
    house.driver->close();
    // Every call that was taken has been answered by now, or is refused from here on.
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(answered, submitted);
    EXPECT_EQ(refused, kThreads);
    EXPECT_EQ(house.engines().budget->open_holds(), 0);
    EXPECT_TRUE(house.engines().attempts.empty());
  }
}

}  // namespace
}  // namespace keel::net::e2e
