// One of three providers closes its listener and its connections under steady load, everything as
// configured by default: how many failures its breaker needs, and how soon it is closed again.

#include "net/e2e_house.hpp"

#include <atomic>
#include <map>
#include <mutex>
#include <optional>

namespace keel::net::e2e {
namespace {

// Who was told what of the breaker of p0, and when; written on the driver's thread.
struct Heard {
  std::mutex mutex;
  std::vector<std::pair<Instant, std::string>> of_p0;

  void note(const relay::Notice& notice) {
    if (notice.kind != relay::Notice::Kind::breaker || notice.subject != "p0/m") return;
    std::lock_guard lock(mutex);
    of_p0.emplace_back(io::now(), notice.text);
  }
  // When its breaker went into this state for the first time since then.
  std::optional<Instant> went(const std::string& state, Instant since) {
    std::lock_guard lock(mutex);
    for (const auto& [at, text] : of_p0)
      if (at >= since && text.find("-> " + state) != std::string::npos) return at;
    return std::nullopt;
  }
};

// A request every 25 ms, whatever becomes of the earlier ones.
class SteadyTraffic {
 public:
  explicit SteadyTraffic(Driver& driver) : driver_(driver), thread_([this] { run(); }) {}
  std::vector<Answer> end() {
    over_ = true;
    thread_.join();
    eventually([&] { return answered() == asked_; });
    std::lock_guard lock(mutex_);
    return std::move(answers_);
  }
  size_t answered() {
    std::lock_guard lock(mutex_);
    return answers_.size();
  }

 private:
  void run() {
    for (; !over_; ++asked_) {
      relay::Request made = request(static_cast<int>(asked_));
      made.timeout = seconds(20);
      auto call = driver_.submit(std::move(made), [this](Answer&& answer) {
        std::lock_guard lock(mutex_);
        answers_.push_back(std::move(answer));
      });
      EXPECT_TRUE(call);
      std::this_thread::sleep_for(std::chrono::milliseconds(25));
    }
  }

  Driver& driver_;
  std::atomic<bool> over_{false};
  size_t asked_ = 0;
  std::mutex mutex_;
  std::vector<Answer> answers_;
  std::thread thread_;
};

TEST(Outage, OneOfThreeProvidersStopsUnderLoadAndComesBack) {
  const std::string calm = "default: {latency_ms: 300}\n";
  Heard heard;
  DriverOptions options;
  options.on_notice = [&](const relay::Notice& notice) { heard.note(notice); };
  HouseStyle style;
  style.in_order = true;
  House house({calm, calm, calm}, style, std::move(options));
  SteadyTraffic traffic(*house.driver);
  ASSERT_TRUE(eventually([&] { return traffic.answered() >= 20; }));

  const Instant stopped = io::now();
  ASSERT_TRUE(house.mocks[0]->set_script(calm + "rules: [{outage: refuse}]\n"));
  ASSERT_TRUE(eventually([&] { return heard.went("open", stopped).has_value(); }));
  std::this_thread::sleep_for(std::chrono::seconds(1));
  const Instant returned = io::now();
  ASSERT_TRUE(house.mocks[0]->set_script(calm));
  ASSERT_TRUE(eventually([&] { return heard.went("closed", returned).has_value(); }, seconds(20)));
  const Instant closed = *heard.went("closed", returned);
  auto answers = traffic.end();
  house.driver->close();

  const Instant opened = *heard.went("open", stopped);
  int64_t sends = 0;
  std::map<Instant, bool> of_p0_until_open;  // did it fail?
  for (const Answer& answer : answers) {
    EXPECT_EQ(answer.kind, AnswerKind::ok) << answer.trace->explain();
    sends += answer.sends;
    for (const AttemptRecord& attempt : answer.trace->attempts) {
      EXPECT_TRUE(attempt.target == 0 || attempt.cls == Class::ok) << answer.trace->explain();
      if (attempt.target == 0 && attempt.ended <= opened)
        of_p0_until_open[attempt.ended] = attempt.cls != Class::ok;
    }
  }
  int failures = 0;  // in a row, at the end
  for (const auto& [at, failed] : of_p0_until_open) failures = failed ? failures + 1 : 0;
  EXPECT_GE(failures, 1);
  EXPECT_LE(failures, 6);
  EXPECT_LT(static_cast<double>(sends), 1.3 * static_cast<double>(answers.size()));
  RecordProperty("requests", static_cast<int>(answers.size()));
  RecordProperty("sends", static_cast<int>(sends));
  RecordProperty("failures_until_open", failures);
  RecordProperty("closed_after_ms", static_cast<int>(elapsed(returned, closed).ns / 1'000'000));
}

}  // namespace
}  // namespace keel::net::e2e
