#pragma once
// An answer as Python holds it: with the configuration that has the names of who gave it.

#include "relay/config.hpp"
#include "relay/events.hpp"

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace keel::binding {

// Answers that Python is done with, on their way back to the driver's thread to be freed. Freed in
// place they would make both threads wait for one lock of malloc, some ten times a call.
class Returns {
 public:
  static constexpr size_t kAnswersMax = 256;
  static constexpr size_t kBodyBytesMax = 64 * 1024;  // larger ones are freed in place

  void put(relay::Answer&& answer) {
    if (answer.body.size() > kBodyBytesMax) return;
    std::unique_lock lock(mutex_,
                          std::try_to_lock);  // a child of fork() may find it locked for ever
    if (lock && answers_.size() < kAnswersMax) answers_.push_back(std::move(answer));
  }
  // On the driver's thread, with every answer.
  void free_all() {
    std::vector<relay::Answer> answers;
    std::lock_guard lock(mutex_);
    answers.swap(answers_);
  }

 private:
  std::mutex mutex_;
  std::vector<relay::Answer> answers_;
};

class GivenAnswer {
 public:
  GivenAnswer(relay::Answer&& given, std::shared_ptr<const relay::Config> names,
              std::shared_ptr<Returns> returns)
      : answer(std::move(given)), config_(std::move(names)), returns_(std::move(returns)) {}
  ~GivenAnswer() {
    if (returns_) returns_->put(std::move(answer));
  }
  GivenAnswer(GivenAnswer&&) = default;
  GivenAnswer& operator=(GivenAnswer&&) = default;

  relay::Answer answer;

  std::string provider() const;  // empty: nobody answered
  std::string model() const;
  std::string text() const;  // of the first choice of a whole reply

 private:
  const relay::TargetConfig* target() const {
    return answer.from_target ? &config_->targets[answer.target] : nullptr;
  }

  std::shared_ptr<const relay::Config> config_;
  std::shared_ptr<Returns> returns_;
};

}  // namespace keel::binding
