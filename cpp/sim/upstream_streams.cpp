// What a seeded provider says where a stream is asked for, and how fast.

#include "sim/upstream.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace keel::sim {

namespace {

constexpr uint64_t kSpread = 0x9e3779b97f4a7c15ULL;  // makes seeds of neighbours differ
constexpr Duration kLongestGap = seconds(2);

// The first `share` of a text, in whole characters.
void shorten(std::string& text, double share) {
  size_t end = static_cast<size_t>(static_cast<double>(text.size()) * share);
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
}

}  // namespace

std::vector<Said> Upstream::answer_to(const relay::Send& send, const Asked& asked) {
  const Manner manner = models_[config_.targets[send.target].provider].manner;
  uint64_t seed = send.call * kSpread;
  if (manner == Manner::own) seed ^= (send.target + 1) * (kSpread << 1);
  if (manner == Manner::fickle) seed = random_.next();
  std::vector<Said> answer = answer_of(seed, asked.choices, asked.tools);
  if (manner == Manner::wavering && random_.chance(1, 3)) {
    Said& last = answer.back();
    shorten(last.text, last.lane.part == Lane::Part::tool_name ? 1 : random_.unit());
  }
  if (asked.begun.empty()) return answer;
  std::string text(said_in(answer, {}));
  const bool knows_it = text.starts_with(asked.begun);
  if (!knows_it) text = asked.begun + std::string(said_in(answer_of(random_.next(), 1, false), {}));
  if (!asked.echoes) text.erase(0, asked.begun.size());
  return {{Lane{}, std::move(text)}};
}

void Upstream::answer_in_a_stream(const relay::Send& send, const Asked& asked, const Phase& phase,
                                  Exchange& out) {
  const relay::TargetConfig& target = config_.targets[send.target];
  const ProviderModel& model = models_[target.provider];
  Spelling how;
  how.id = "c-" + std::to_string(send.attempt);
  how.model = target.name;
  how.says_usage = out.outcome.usage.has_value();
  if (how.says_usage) how.usage = *out.outcome.usage;
  how.filtered = out.fault == Fault::filtered;
  how.finishes_twice = random_.chance(1, 20);
  const auto& weight = phase.endings.weight;
  const Ending ending = std::accumulate(weight.begin(), weight.end(), 0u) == 0
                            ? Ending::whole
                            : phase.endings.draw(random_);
  Pace pace{
      scaled(log_normal(model.first_byte_p50, model.spread), phase.slowness), {}, model.pauses};
  if (model.tokens_per_second > 0)
    pace.gap = std::min(kLongestGap, from_seconds(static_cast<double>(out.true_usage.out) / 10 /
                                                  model.tokens_per_second * phase.slowness));
  out.stream = std::make_shared<const StreamPlan>(
      plan_stream(answer_to(send, asked), how, ending, pace, random_));
  out.outcome = {};
  out.outcome.status = 200;
  out.outcome.ended = out.stream->broken ? Ended::broken : Ended::replied;
}

}  // namespace keel::sim
