#include "sim/stream_plan.hpp"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

namespace keel::sim {

namespace {

using Kind = StreamEvent::Kind;

constexpr std::string_view kGarbage[] = {
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"cu\n\n", "data: nonsense\n\n",
    "data: {\"choices\":[]}}\n\n", "data: \xFF\xFE\n\n"};
constexpr std::string_view kErrors[] = {
    R"({"error":{"message":"it broke","type":"server_error"}})",
    R"({"error":{"message":"too many","type":"overloaded_error"}})",
    R"({"error":{"message":"slower","type":"rate_limit_error"}})",
    R"({"error":{"message":"no more","type":"insufficient_quota"}})",
    R"({"error":{"message":"no word for it","type":"odd"}})"};

// Only the first `count` frames come.
void keep(StreamPlan& plan, size_t count) {
  if (count >= plan.frames.size()) return;
  plan.bytes.resize(plan.frames[count].at.offset);
  plan.frames.resize(count);
}

void add(StreamPlan& plan, std::string_view bytes, Kind kind) {
  plan.frames.push_back({.at = {plan.bytes.size(), bytes.size()}, .kind = kind});
  plan.bytes += bytes;
}

// How many frames come before the one that makes it complete.
size_t frames_before_the_end(const StreamPlan& plan) {
  std::set<int> finished;
  for (size_t i = 0; i < plan.frames.size(); ++i) {
    if (plan.frames[i].kind == Kind::finish) finished.insert(plan.frames[i].finishes);
    if (finished.size() == plan.choices) return i;
  }
  return plan.frames.size();
}

void break_off(StreamPlan& plan, Ending ending, Random& random) {
  const size_t at = random.chance(1, 4) ? 0 : random.below(plan.frames.size());
  switch (ending) {
    case Ending::whole:
      return;
    case Ending::no_end_marker:
      return keep(plan, plan.frames.size() - 1);
    case Ending::no_finish:
      keep(plan, std::min(at, frames_before_the_end(plan)));
      if (random.chance(1, 2)) add(plan, "data: [DONE]\n\n", Kind::done);
      return;
    case Ending::cut: {
      const std::string part =
          plan.bytes.substr(plan.frames[at].at.offset, random.below(plan.frames[at].at.length - 3));
      keep(plan, at);
      if (random.chance(1, 2)) plan.bytes += part;
      plan.broken = true;
      return;
    }
    case Ending::stall:
      keep(plan, at);
      plan.over = false;
      return;
    case Ending::error_event: {
      keep(plan, at);
      plan.error = static_cast<StreamError>(random.below(std::size(kErrors)));
      const std::string name = random.chance(1, 3) ? "event: error\n" : "";
      add(plan, name + "data: " + std::string(kErrors[static_cast<size_t>(plan.error)]) + "\n\n",
          Kind::error);
      return;
    }
    case Ending::garbage:
      keep(plan, at);
      return add(plan, kGarbage[random.below(std::size(kGarbage))], Kind::unparsable);
  }
}

// Mostly an arrival is an event; some bring several, some events come in two.
void give_times(StreamPlan& plan, const Pace& pace, Random& random) {
  Duration at = pace.first;
  size_t begun = 0;
  for (const Frame& frame : plan.frames) {
    if (random.chance(1, 6)) {
      plan.arrivals.push_back({at, frame.at.offset + 1 + random.below(frame.at.length - 1)});
      at = at + pace.gap / 2;
    }
    begun = frame.at.end();
    if (random.chance(1, 6)) continue;  // the next event is there with it
    plan.arrivals.push_back({at, begun});
    at = at + scaled(pace.gap, 2 * random.unit());
    if (pace.pauses && random.chance(1, 200))
      at = at + seconds(static_cast<int64_t>(random.below(30)));
  }
  if (plan.arrivals.empty() || plan.arrivals.back().end < plan.bytes.size())
    plan.arrivals.push_back({at, plan.bytes.size()});
}

}  // namespace

Ending EndingMix::draw(Random& random) const {
  uint64_t drawn = random.below(std::accumulate(weight.begin(), weight.end(), uint64_t{0}));
  for (int i = 0; i < kEndingCount; ++i) {
    if (drawn < weight[i]) return static_cast<Ending>(i);
    drawn -= weight[i];
  }
  return Ending::whole;
}

StreamPlan plan_stream(std::vector<Said> answer, const Spelling& how, Ending ending,
                       const Pace& pace, Random& random) {
  StreamPlan plan;
  plan.id = how.id;
  plan.model = how.model;
  plan.answer = std::move(answer);
  spell(plan.answer, how, random, plan.bytes, plan.frames);
  uint16_t last = 0;
  for (const Said& said : plan.answer) last = std::max(last, said.lane.choice);
  plan.choices = last + size_t{1};
  break_off(plan, ending, random);
  give_times(plan, pace, random);
  return plan;
}

}  // namespace keel::sim
