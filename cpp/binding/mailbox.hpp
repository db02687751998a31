#pragma once
// What was completed for one event loop, on its way from the driver's thread to the loop's: a list
// and an eventfd that the loop listens on. One wake-up brings everything that has come by then.

#include "binding/given_answer.hpp"
#include "io/bell.hpp"

#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

namespace keel::binding {

class Mailbox {
 public:
  struct Letter {
    uint64_t token = 0;                 // the loop's own word for what it waits for
    std::optional<GivenAnswer> answer;  // nothing: a stream has something to take
  };

  Mailbox() = default;  // throws std::system_error
  ~Mailbox();           // in a child of fork() the letters leak: they may be torn
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // Readable while there are letters. Stop listening before the mailbox goes.
  int fd() const { return bell_.fd(); }
  // From any thread.
  void put(Letter letter);
  std::vector<Letter> take();

 private:
  io::Bell bell_;
  std::mutex mutex_;
  std::vector<Letter> letters_;
};

}  // namespace keel::binding
