#pragma once
// One try at one target: what it took (permit, key lease, limits, hold) and what became of it.
// Taken all or nothing by choose, given back exactly once by settle.

#include "base/body.hpp"
#include "base/money.hpp"
#include "base/vocabulary.hpp"
#include "engine/breaker.hpp"
#include "engine/budget.hpp"
#include "engine/concurrency.hpp"
#include "engine/key_pool.hpp"
#include "relay/delivery.hpp"
#include "relay/events.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace keel::relay {

struct Attempt {
  AttemptId id = 0;
  uint32_t candidate = 0;  // index into the route's targets
  TargetIndex target = 0;

  engine::Breaker::Permit permit;
  std::optional<engine::KeyPool::Lease> key;
  engine::Concurrency::Lease place;    // among the provider's
  engine::Concurrency::Lease in_pool;  // ... and the target's, whether they are limited or not
  int64_t tokens = 0;                  // taken from tokens-per-minute limits
  engine::HoldId hold = 0;
  NanoUsd held;
  std::optional<int64_t> clamped;      // max_tokens as sent, where money or a default limited it
  std::optional<uint32_t> instead_of;  // the candidate it stands in for, as a downgrade

  Instant started;
  std::optional<Instant> sent;
  Instant limit;     // when it is given up
  Duration allowed;  // ... as it was at the start
  uint32_t limit_timer = UINT32_MAX;
  uint32_t connect_timer = UINT32_MAX;
  uint32_t hedge_timer = UINT32_MAX;  // when it is late
  bool hedge = false;                 // taken beside one that was late
  bool free = false;                  // extra load that no budget pays for (extra_send_is_free)

  // Of a stream: how it stands to what was delivered before, and how far it has come.
  Speech speech = Speech::fresh;
  struct Stream {
    bool any = false;             // an event came
    bool content = false;         // ... with content
    std::vector<uint16_t> ended;  // choices that have their finish_reason
    std::vector<uint16_t> open;   // ... and that have none, though they spoke
    bool finished = false;        // all of them have, as many as were asked for
    bool filtered = false;        // content_filter was one
    std::optional<Usage> usage;
    std::optional<Instant> first_content;
    Instant last_progress;  // comments and pings are none
  };
  Stream stream;
  std::vector<StreamEvent> opening;  // of one that is not heard yet, while two race
  Fields fields;                     // of the reply's head, for the client

  // What came of it, filled once.
  Outcome outcome;
  Body reply;
  bool reused_connection = false;
  bool given_up = false;  // by us: a limit passed
  Verdict verdict;
};

}  // namespace keel::relay
