#include "relay/traces.hpp"

#include "relay/packed_trace.hpp"

#include <functional>
#include <utility>

namespace keel::relay {

namespace {

// A trace this much larger than the one that takes its place leaves no room behind.
constexpr size_t kRoomKept = 4096;

// Two names with the same number are as likely as not in 2^32 requests, and then the earlier of
// them is not found any more.
uint64_t number_of(std::string_view id, std::string_view tenant) {
  const std::hash<std::string_view> hash;
  return hash(id) * 31 + hash(tenant);
}

}  // namespace

void Traces::keep(const Trace& trace) {
  if (limit_ == 0) return;
  const size_t place = next_;
  next_ = (next_ + 1) % limit_;
  if (place == ring_.size()) ring_.emplace_back();
  Kept& kept = ring_[place];
  if (auto old = places_.find(kept.name); old != places_.end() && old->second == place)
    places_.erase(old);  // unless a later request has taken its name
  kept.name = number_of(trace.id, trace.tenant);
  pack(trace, kept.packed);
  kept.names = trace.names;
  if (kept.packed.capacity() > kept.packed.size() + kRoomKept) kept.packed.shrink_to_fit();
  places_[kept.name] = place;
}

std::shared_ptr<const Trace> Traces::find(std::string_view request_id,
                                          std::string_view tenant) const {
  const auto found = places_.find(number_of(request_id, tenant));
  if (found == places_.end()) return nullptr;
  const Kept& kept = ring_[found->second];
  auto trace = std::make_shared<Trace>(unpack(kept.packed));
  trace->names = kept.names;
  return trace->id == request_id && trace->tenant == tenant ? trace : nullptr;
}

}  // namespace keel::relay
