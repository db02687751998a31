#pragma once
// One streamed answer between the driver's thread, which puts pieces in, and the thread or event
// loop that reads it. Bounded: who reads slowly makes the provider wait.

#include "base/time.hpp"
#include "base/vocabulary.hpp"
#include "binding/mailbox.hpp"
#include "net/driver.hpp"
#include "relay/events.hpp"
#include "wire/stream.hpp"

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace keel::binding {

class Host;

class Streaming final : public net::StreamCaller {
 public:
  static constexpr size_t kBytesHigh = 256 * 1024;  // from here on the provider waits
  static constexpr size_t kBytesLow = 64 * 1024;    // down to here; also the most taken at once

  // One event with data, the end marker left out.
  struct Chunk {
    std::string bytes;  // as the client of a gateway would get it
    std::string text;   // what it adds to the first choice's text
    bool finish = false;
  };
  struct Taken {
    std::vector<Chunk> chunks;
    std::optional<relay::Answer> answer;  // behind the last chunk; from then on always

    bool empty() const { return chunks.empty() && !answer; }
  };
  // Whom to tell when there is something to take; nobody where a thread waits.
  struct Reader {
    std::shared_ptr<Mailbox> mailbox;
    uint64_t token = 0;
  };

  // Submits. The host outlives whoever takes. Throws Refusal: "closed", "forked".
  static std::shared_ptr<Streaming> begin(Host& host, relay::Request request, Reader reader);

  // Waits up to `limit`. Throws Refusal "forked" in a child, whose parent reads this.
  Taken take(Duration limit);
  // Waits for nothing; where there is nothing the reader is told, once, when there is.
  Taken take_now();
  // The answer comes soon, unless it is there already.
  void cancel();

  Host& host() { return host_; }

  void on_piece(relay::Deliver&& piece) override;
  void on_answer(relay::Answer&& answer) override;

 private:
  Streaming(Host& host, Operation operation, Reader reader);
  bool has_something() const { return !pieces_.empty() || answer_; }
  Taken take_some();
  void hand_over(std::vector<Chunk>& chunks);

  Host& host_;
  const Reader reader_;
  CallId call_ = 0;  // set before anybody takes

  std::mutex taking_;  // several threads may read one stream; locked before mutex_
  std::unique_ptr<wire::StreamReader> events_;
  std::vector<StreamEvent> read_;
  bool ended_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> pieces_;
  size_t bytes_ = 0;
  std::optional<relay::Answer> answer_;
  // The relay was told that no more can be taken. Told with the lock held: the last word must be
  // the right one.
  bool pressed_ = false;
  bool wanted_ = false;  // the reader found nothing and wants to be told
};

}  // namespace keel::binding
