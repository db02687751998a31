#pragma once
// What the relay tells, on its way from the driver's thread to Python: a bounded queue. The driver
// only puts; one Python thread takes and does the slow part. No thread of ours ever wants the GIL.

#include "base/time.hpp"
#include "relay/events.hpp"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <variant>
#include <vector>

namespace keel::binding {

struct Told {
  relay::Notice notice;
  int64_t unix_ns = 0;
};
struct Answered {
  relay::Answer answer;  // without its body
  int64_t began_unix_ns = 0;
};
using Item = std::variant<Told, Answered>;

class Outbox {
 public:
  static constexpr size_t kItemsMax = 10'000;

  struct Batch {
    std::vector<Item> items;
    uint64_t lost = 0;    // put while the queue was full, since the last batch
    bool closed = false;  // nothing will follow
  };

  void put(Item item);
  // Waits up to `limit` for something to take.
  Batch take(Duration limit);
  void close();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> items_;
  uint64_t lost_ = 0;
  bool closed_ = false;
};

}  // namespace keel::binding
