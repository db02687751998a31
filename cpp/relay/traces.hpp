#pragma once
// The traces of the last answered requests, for whoever asks why afterwards. Bounded: the oldest
// leaves first. A tenant is told of its own requests only, so a trace is found by both names.

#include "relay/trace.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace keel::relay {

class Traces {
 public:
  explicit Traces(size_t kept) : limit_(kept) {}  // 0 keeps none

  void keep(const Trace& trace);
  // Of two requests that came with the same id, the later one. Nothing: never seen, or too long
  // ago. O(1).
  std::shared_ptr<const Trace> find(std::string_view request_id, std::string_view tenant) const;
  size_t size() const { return ring_.size(); }

 private:
  struct Kept {
    uint64_t name = 0;
    std::string packed;
    std::shared_ptr<const TargetNames> names;  // the same for all of one configuration
  };

  size_t limit_;
  size_t next_ = 0;  // where the next one goes: the oldest, once the ring is full
  std::vector<Kept> ring_;
  std::unordered_map<uint64_t, size_t> places_;  // in the ring, by name
};

}  // namespace keel::relay
