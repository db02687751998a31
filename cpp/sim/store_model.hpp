#pragma once
// The shared store as relays meet it, before a real one exists: an authority (engine/escrow) behind
// a network that delays, loses, doubles and reorders what is said, and cuts instances off.

#include "base/random.hpp"
#include "engine/escrow.hpp"

#include <cstdint>
#include <optional>
#include <queue>
#include <variant>
#include <vector>

namespace keel::sim {

struct StoreNetwork {
  Duration delay = milliseconds(2);  // each way, times U(0.5, 1.5)
  Duration slow = milliseconds(120);
  uint32_t slow_per_mille = 20;
  uint32_t lost_per_mille = 20;
  uint32_t doubled_per_mille = 20;
  Duration lease = engine::Escrow::kLease;
};

class StoreModel {
 public:
  struct Counts {
    uint64_t asks = 0;
    uint64_t grants = 0;
    uint64_t lost = 0;  // in either direction, by chance or because somebody was cut off
    uint64_t doubled = 0;
    uint64_t expired = 0;  // leases of holders nobody heard of
  };
  struct Delivery {
    size_t instance = 0;
    engine::LeaseGrant grant;
  };

  StoreModel(StoreNetwork network, int64_t unix_ns, uint64_t seed);

  engine::Escrow& authority() { return authority_; }
  // From now until then nothing leaves or reaches the instance.
  void cut_off(size_t instance, Instant until);
  void calm();  // nothing is lost, doubled or cut off any more
  bool is_cut_off(size_t instance, Instant now) const;

  void ask(size_t instance, const engine::LeaseAsk& ask, Instant now);
  Instant next_at() const;
  // Carries out the one thing that is due: at the authority, or at the instance it is given for.
  std::optional<Delivery> step(Instant now);
  const Counts& counts() const { return counts_; }

 private:
  struct Message {
    Instant at;
    uint64_t order;
    size_t instance;
    std::variant<engine::LeaseAsk, engine::LeaseGrant> what;
  };
  struct Later {
    bool operator()(const Message& a, const Message& b) const {
      return a.at != b.at ? a.at > b.at : a.order > b.order;
    }
  };
  void send(size_t instance, const std::variant<engine::LeaseAsk, engine::LeaseGrant>& what,
            Instant now);

  StoreNetwork network_;
  int64_t unix_ns_;  // the authority's wall clock at instant 0
  Random random_;
  engine::Escrow authority_;
  std::priority_queue<Message, std::vector<Message>, Later> messages_;
  std::vector<Instant> cut_until_;
  uint64_t order_ = 0;
  Counts counts_;
};

}  // namespace keel::sim
