#include "relay/traces.hpp"

#include <functional>
#include <utility>

namespace keel::relay {

size_t Traces::Hash::operator()(const Name& name) const noexcept {
  const std::hash<std::string_view> hash;
  return hash(name.id) * 31 + hash(name.tenant);
}

void Traces::keep(std::shared_ptr<const Trace> trace) {
  if (limit_ == 0) return;
  const size_t place = next_;
  next_ = (next_ + 1) % limit_;
  if (place == ring_.size()) {
    ring_.emplace_back();
  } else if (auto old = places_.find(name_of(*ring_[place]));
             old != places_.end() && old->second == place) {
    places_.erase(old);  // unless a later request has taken its name
  }
  // The name is a view into the trace that is stored with it.
  places_.erase(name_of(*trace));
  places_.emplace(name_of(*trace), place);
  ring_[place] = std::move(trace);
}

std::shared_ptr<const Trace> Traces::find(std::string_view request_id,
                                          std::string_view tenant) const {
  const auto found = places_.find(Name{tenant, request_id});
  return found == places_.end() ? nullptr : ring_[found->second];
}

}  // namespace keel::relay
