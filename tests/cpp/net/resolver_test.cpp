#include "net/resolver.hpp"

#include "io/clock.hpp"

#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace keel::net {
namespace {

// Look-ups that answer when told to.
class FakeDns {
 public:
  LookUp operator()() {
    std::unique_lock lock(mutex_);
    ++asked_;
    asked_changed_.notify_all();
    answers_changed_.wait(lock, [&] { return closed_ || !answers_.empty(); });
    if (closed_) return {{}, "DNS: closed"};
    LookUp next = answers_.front();
    answers_.pop_front();
    return next;
  }
  void close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    answers_changed_.notify_all();
  }
  void answer(std::vector<std::string> texts) {
    LookUp found;
    for (const std::string& text : texts) found.addresses.push_back(*Address::parse(text));
    if (texts.empty()) found.error = "DNS: none";
    std::lock_guard lock(mutex_);
    answers_.push_back(found);
    answers_changed_.notify_all();
  }
  void wait_asked(int times) {
    std::unique_lock lock(mutex_);
    asked_changed_.wait(lock, [&] { return asked_ >= times; });
  }
  int asked() {
    std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable asked_changed_, answers_changed_;
  std::deque<LookUp> answers_;
  int asked_ = 0;
  bool closed_ = false;
};

class ResolverTest : public ::testing::Test {
 protected:
  ResolverTest() {
    settings_.look_up = [dns = dns_](const std::string&) { return (*dns)(); };
    loop_.start("test-loop");
  }
  ~ResolverTest() override {
    on_loop([&] { resolver_.reset(); });
    loop_.stop();
    dns_->close();  // a look-up may still be under way
  }

  void on_loop(std::function<void()> work) {
    std::promise<void> done;
    loop_.post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }
  // Asks at `now`; the future is ready when the resolver answered.
  std::future<Resolved> ask(const std::string& host, Instant now, Resolver::Ticket* ticket = {}) {
    auto answer = std::make_shared<std::promise<Resolved>>();
    on_loop([&] {
      if (!resolver_) resolver_ = std::make_unique<Resolver>(loop_, settings_);
      auto got = resolver_->resolve(
          *parse_endpoint("https://" + host, false, false),
          [answer](const Resolved& r) { answer->set_value(r); }, now);
      if (ticket) *ticket = got;
    });
    return answer->get_future();
  }
  std::string first(std::future<Resolved> answer) {
    Resolved resolved = answer.get();
    return resolved.addresses.empty() ? resolved.error : resolved.addresses.front().text();
  }

  std::shared_ptr<FakeDns> dns_ = std::make_shared<FakeDns>();
  ResolverSettings settings_;
  io::Loop loop_;
  std::unique_ptr<Resolver> resolver_;
};

TEST_F(ResolverTest, ANameIsAskedOnceAndKept) {
  Instant now = io::now();
  auto a = ask("a.test", now);
  auto b = ask("a.test", now);
  dns_->answer({"1.1.1.1"});
  EXPECT_EQ(first(std::move(a)), "1.1.1.1");
  EXPECT_EQ(first(std::move(b)), "1.1.1.1");
  Resolver::Ticket ticket = 1;
  EXPECT_EQ(first(ask("a.test", now, &ticket)), "1.1.1.1");
  EXPECT_EQ(ticket, 0u);
  EXPECT_EQ(dns_->asked(), 1);
}

TEST_F(ResolverTest, AnOldAnswerIsUsedWhileItIsAskedAgain) {
  Instant now = io::now();
  dns_->answer({"1.1.1.1"});
  first(ask("a.test", now));
  EXPECT_EQ(first(ask("a.test", now + seconds(61))), "1.1.1.1");
  dns_->wait_asked(2);
  EXPECT_EQ(first(ask("a.test", now + seconds(61))), "1.1.1.1");
  dns_->answer({"2.2.2.2"});
  while (first(ask("a.test", now)) != "2.2.2.2") std::this_thread::yield();
  EXPECT_EQ(dns_->asked(), 2);
}

TEST_F(ResolverTest, AFailedRefreshTakesNothingAway) {
  Instant now = io::now();
  dns_->answer({"1.1.1.1"});
  first(ask("a.test", now));
  first(ask("a.test", now + seconds(61)));
  dns_->answer({});
  dns_->wait_asked(2);
  EXPECT_EQ(first(ask("a.test", now + seconds(62))), "1.1.1.1");
}

TEST_F(ResolverTest, AnAnswerOverItsTimeIsNone) {
  Instant now = io::now();
  dns_->answer({"1.1.1.1"});
  first(ask("a.test", now));
  auto late = ask("a.test", now + seconds(700));
  dns_->answer({"2.2.2.2"});
  EXPECT_EQ(first(std::move(late)), "2.2.2.2");
}

TEST_F(ResolverTest, AFailureIsAnAnswerForAMoment) {
  Instant now = io::now();
  dns_->answer({});
  EXPECT_EQ(first(ask("a.test", now)), "DNS: none");
  EXPECT_EQ(first(ask("a.test", now)), "DNS: none");
  EXPECT_EQ(dns_->asked(), 1);
  auto again = ask("a.test", now + seconds(3600));
  dns_->answer({"1.1.1.1"});
  EXPECT_EQ(first(std::move(again)), "1.1.1.1");
}

TEST_F(ResolverTest, ACancelledOneIsNotCalled) {
  Instant now = io::now();
  Resolver::Ticket ticket = 0;
  auto dropped = ask("a.test", now, &ticket);
  EXPECT_NE(ticket, 0u);
  on_loop([&] { resolver_->cancel(ticket); });
  auto kept = ask("a.test", now);
  dns_->answer({"1.1.1.1"});
  EXPECT_EQ(first(std::move(kept)), "1.1.1.1");
  EXPECT_THROW(dropped.get(), std::future_error);  // forgotten, not answered
}

TEST_F(ResolverTest, NamesBeyondTheBoundPushOutTheOldest) {
  settings_.names_max = 2;
  Instant now = io::now();
  for (const char* name : {"a.test", "b.test", "c.test"}) {
    dns_->answer({"1.1.1.1"});
    first(ask(name, now));
  }
  first(ask("c.test", now));
  EXPECT_EQ(dns_->asked(), 3);
  dns_->answer({"2.2.2.2"});
  EXPECT_EQ(first(ask("a.test", now)), "2.2.2.2");
}

TEST_F(ResolverTest, LiteralsAndRedirectionsAskNobody) {
  settings_.redirections = *Redirections::parse({"a.test:443:127.0.0.1:99"});
  Resolved redirected = ask("a.test", io::now()).get();
  EXPECT_TRUE(redirected.redirected);
  EXPECT_EQ(redirected.port, 99);
  EXPECT_EQ(first(ask("10.1.2.3", io::now())), "10.1.2.3");
  EXPECT_EQ(dns_->asked(), 0);
}

// The look-up ends long after the resolver: its thread must find nobody to tell, and nobody waits.
TEST_F(ResolverTest, DestructionDoesNotWaitForALookUp) {
  auto never = ask("a.test", io::now());
  dns_->wait_asked(1);
  on_loop([&] { resolver_.reset(); });
  dns_->answer({"1.1.1.1"});
  EXPECT_THROW(never.get(), std::future_error);
}

TEST(SystemLookUp, KnowsLocalhostAndOtherSpellings) {
  auto local = system_look_up("localhost");
  ASSERT_FALSE(local.addresses.empty()) << local.error;
  for (const Address& address : local.addresses) EXPECT_TRUE(address.is_loopback());
  for (const char* spelling : {"2130706433", "0x7f000001", "0177.0.0.1", "127.1"}) {
    auto found = system_look_up(spelling);
    ASSERT_EQ(found.addresses.size(), 1u) << spelling;
    EXPECT_EQ(found.addresses.front().forbidden(), "loopback") << spelling;
  }
  EXPECT_TRUE(system_look_up("name.invalid").addresses.empty());
}

}  // namespace
}  // namespace keel::net
