#include "sim/store_model.hpp"

#include <algorithm>

namespace keel::sim {

StoreModel::StoreModel(StoreNetwork network, int64_t unix_ns, uint64_t seed)
    : network_(network), unix_ns_(unix_ns), random_(seed), authority_(1, true, network.lease) {}

void StoreModel::cut_off(size_t instance, Instant until) {
  if (cut_until_.size() <= instance) cut_until_.resize(instance + 1);
  cut_until_[instance] = std::max(cut_until_[instance], until);
}

void StoreModel::calm() {
  network_.lost_per_mille = network_.doubled_per_mille = 0;
  cut_until_.clear();
}

bool StoreModel::is_cut_off(size_t instance, Instant now) const {
  return instance < cut_until_.size() && now < cut_until_[instance];
}

void StoreModel::send(size_t instance,
                      const std::variant<engine::LeaseAsk, engine::LeaseGrant>& what, Instant now) {
  if (is_cut_off(instance, now) || random_.chance(network_.lost_per_mille, 1000)) {
    ++counts_.lost;
    return;
  }
  const bool twice = random_.chance(network_.doubled_per_mille, 1000);
  if (twice) ++counts_.doubled;
  for (int i = 0; i < (twice ? 2 : 1); ++i) {
    Duration takes = scaled(network_.delay, 0.5 + random_.unit());
    if (random_.chance(network_.slow_per_mille, 1000))
      takes = takes + scaled(network_.slow, random_.unit());
    messages_.push({now + takes, order_++, instance, what});
  }
}

void StoreModel::ask(size_t instance, const engine::LeaseAsk& ask, Instant now) {
  ++counts_.asks;
  send(instance, ask, now);
}

Instant StoreModel::next_at() const {
  return messages_.empty() ? Instant::never() : messages_.top().at;
}

std::optional<StoreModel::Delivery> StoreModel::step(Instant now) {
  const Message message = messages_.top();
  messages_.pop();
  if (is_cut_off(message.instance, now)) {
    ++counts_.lost;
    return std::nullopt;
  }
  if (const auto* grant = std::get_if<engine::LeaseGrant>(&message.what))
    return Delivery{message.instance, *grant};
  counts_.expired += static_cast<uint64_t>(authority_.expire(now));
  const auto& ask = std::get<engine::LeaseAsk>(message.what);
  if (const auto grant = authority_.handle(ask, unix_ns_ + now.ns, now)) {
    ++counts_.grants;
    send(message.instance, *grant, now);
  }
  return std::nullopt;
}

}  // namespace keel::sim
