#include "sim/workload.hpp"

#include "base/deadlines.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace keel::sim {

namespace {

constexpr uint64_t kSpread = 0x9e3779b97f4a7c15ULL;
constexpr std::array<std::string_view, 7> kKinds = {
    "poisson", "diurnal", "spike", "closed_loop", "agents", "azure_trace", "request_log"};

using Kind = WorkloadSettings::Kind;

Duration drawn(Duration mean, Random& random) {
  return scaled(mean, exponential(random));
}

// Arrivals at a rate that changes with time, by thinning (Lewis and Shedler 1979): candidates come
// at the highest rate, and each is taken with the share that the rate has of it then.
class OpenLoop final : public Workload {
 public:
  OpenLoop(const WorkloadSettings& settings, uint64_t seed) : settings_(settings), random_(seed) {
    highest_ = settings.rate;
    if (settings.kind == Kind::diurnal) highest_ *= 1 + settings.swing;
    if (settings.kind == Kind::spike) highest_ *= std::max(settings.factor, 1.0);
    go_on();
  }

  Instant next_at() const override { return next_; }
  std::optional<Arrival> next() override {
    if (next_ == Instant::never()) return std::nullopt;
    Arrival out = settings_.asking.draw(random_);
    out.at = next_;
    ++given_;
    go_on();
    return out;
  }
  std::optional<double> progress() const override {
    double done = 0;
    if (settings_.requests > 0)
      done = static_cast<double>(given_) / static_cast<double>(settings_.requests);
    if (settings_.end != Instant::never())
      done = std::max(done, static_cast<double>(at_.ns) / static_cast<double>(settings_.end.ns));
    return std::min(done, 1.0);
  }

 private:
  double rate_at(Instant now) const {
    if (settings_.kind == Kind::spike)
      return settings_.rate * (now >= settings_.from && now < settings_.to ? settings_.factor : 1);
    if (settings_.kind != Kind::diurnal) return settings_.rate;
    const double turn = (Duration{now.ns} - settings_.peak_at).seconds();
    return settings_.rate *
           (1 + settings_.swing * std::cos(6.283185307179586 * turn / settings_.period.seconds()));
  }
  void go_on() {
    next_ = Instant::never();
    if (settings_.requests > 0 && given_ >= settings_.requests) return;
    do {
      at_ = at_ + from_seconds(exponential(random_) / highest_);
      if (at_ >= settings_.end) return;
    } while (settings_.kind != Kind::poisson && random_.unit() * highest_ >= rate_at(at_));
    next_ = at_;
  }

  WorkloadSettings settings_;
  Random random_;
  double highest_ = 0;
  Instant at_, next_;
  uint64_t given_ = 0;
};

// So many clients, each of which thinks, asks, and waits for the answer.
class ClosedLoop final : public Workload {
 public:
  ClosedLoop(const WorkloadSettings& settings, uint64_t seed) : settings_(settings), random_(seed) {
    for (uint32_t i = 0; i < settings.clients; ++i) think(i, Instant{});
  }

  Instant next_at() const override { return over() ? Instant::never() : ready_.next(); }
  std::optional<Arrival> next() override {
    const Instant at = next_at();
    uint32_t client = 0;
    if (at == Instant::never() || !ready_.pop_due(at, client)) return std::nullopt;
    Arrival out = settings_.asking.draw(random_);
    out.at = at;
    out.client = client;
    ++given_;
    return out;
  }
  void answered(uint32_t client, Instant now) override { think(client, now); }
  std::optional<double> progress() const override {
    const double by_count = settings_.requests > 0 ? static_cast<double>(given_) /
                                                         static_cast<double>(settings_.requests)
                                                   : 0;
    const double by_time =
        settings_.end == Instant::never()
            ? 0
            : static_cast<double>(last_.ns) / static_cast<double>(settings_.end.ns);
    return std::min(1.0, std::max(by_count, by_time));
  }
  size_t held() const override { return ready_.size(); }

 private:
  bool over() const { return settings_.requests > 0 && given_ >= settings_.requests; }
  void think(uint32_t client, Instant now) {
    last_ = now;
    const Instant at = now + drawn(settings_.think, random_);
    if (at < settings_.end) ready_.add(at, client);
  }

  WorkloadSettings settings_;
  Random random_;
  Deadlines<uint32_t> ready_;
  uint64_t given_ = 0;
  Instant last_;
};

// Agents begin at a rate; each asks `steps` times, its context growing, and waits for every answer.
// Where they repeat, a whole agent's questions are those of one of the pool.
class Agents final : public Workload {
 public:
  Agents(const WorkloadSettings& settings, uint64_t seed) : settings_(settings), random_(seed) {
    begin_next(Instant{});
  }

  Instant next_at() const override {
    if (settings_.requests > 0 && given_ >= settings_.requests) return Instant::never();
    return std::min(begins_, ready_.next());
  }
  std::optional<Arrival> next() override {
    const Instant at = next_at();
    if (at == Instant::never()) return std::nullopt;
    uint32_t client = 0;
    if (begins_ <= ready_.next()) {
      client = begin_agent();
      begin_next(at);
    } else {
      ready_.pop_due(at, client);
    }
    Agent& agent = agents_[client];
    Arrival out = agent.asks;
    out.at = at;
    out.client = client;
    const double growth = std::pow(settings_.growth, static_cast<double>(agent.step));
    out.tokens_in = std::clamp<int64_t>(std::llround(static_cast<double>(out.tokens_in) * growth),
                                        1, settings_.asking.tokens_in.most);
    if (out.identity != 0)
      out.identity = (out.identity ^ (static_cast<uint64_t>(agent.step) + 1)) * kSpread | 1;
    ++agent.step;
    ++given_;
    return out;
  }
  void answered(uint32_t client, Instant now) override {
    const Instant at = now + drawn(settings_.think, random_);
    if (agents_[client].step < settings_.steps && at < settings_.end)
      ready_.add(at, client);
    else
      free_.push_back(client);
  }
  std::optional<double> progress() const override {
    const double by_time =
        settings_.end == Instant::never()
            ? 0
            : static_cast<double>(begins_ == Instant::never() ? settings_.end.ns : begins_.ns) /
                  static_cast<double>(settings_.end.ns);
    const double by_count = settings_.requests > 0 ? static_cast<double>(given_) /
                                                         static_cast<double>(settings_.requests)
                                                   : 0;
    return std::min(1.0, std::max(by_count, by_time));
  }
  size_t held() const override { return agents_.size(); }

 private:
  struct Agent {
    Arrival asks;
    int64_t step = 0;
  };

  uint32_t begin_agent() {
    Agent agent{settings_.asking.draw(random_), 0};
    if (free_.empty()) {
      agents_.push_back(std::move(agent));
      return static_cast<uint32_t>(agents_.size() - 1);
    }
    const uint32_t place = free_.back();
    free_.pop_back();
    agents_[place] = std::move(agent);
    return place;
  }
  void begin_next(Instant now) {
    begins_ = now + from_seconds(exponential(random_) / settings_.rate);
    if (begins_ >= settings_.end) begins_ = Instant::never();
  }

  WorkloadSettings settings_;
  Random random_;
  Instant begins_;
  std::vector<Agent> agents_;  // as many as are under way at once
  std::vector<uint32_t> free_;
  Deadlines<uint32_t> ready_;
  uint64_t given_ = 0;
};

// A number in [0, 1) that only the question decides.
double unit_of(uint64_t identity) {
  return Random(identity * kSpread).unit();
}

}  // namespace

std::string_view name_of(Kind kind) {
  return kKinds[static_cast<size_t>(kind)];
}

Arrival Asking::draw(Random& random) const {
  Arrival out;
  if (repeat_share > 0 && random.unit() < repeat_share) {
    // The square makes the first of the pool the most common.
    const double u = random.unit();
    const auto place = static_cast<uint64_t>(u * u * static_cast<double>(repeat_pool));
    out.identity = (place + 1) * kSpread | 1;
    Random question(out.identity);  // all of it is decided by which one it is
    out.tokens_in = tokens_in.draw(question);
    fill(out, question);
  } else {
    out.tokens_in = tokens_in.draw(random);
    fill(out, random);
  }
  if (!tenants.empty()) out.tenant = tenants[random.below(tenants.size())];
  return out;
}

void Asking::fill(Arrival& out, Random& random) const {
  const double which = models.size() > 1 ? random.unit() : 0;
  for (const Weighted& model : models) {  // none: a trace has named it
    out.model = model.name;
    if (which < model.below) break;
  }
  if (!out.tokens_out && tokens_out) out.tokens_out = tokens_out->draw(random);
  if (!out.max_tokens) out.max_tokens = max_tokens;
  if (stream_share > 0) out.stream = random.unit() < stream_share;
  if (deterministic_share > 0 && !out.deterministic)
    out.deterministic = out.identity != 0 ? unit_of(out.identity) < deterministic_share
                                          : random.unit() < deterministic_share;
  if (!out.timeout) out.timeout = timeout;
}

std::unique_ptr<Workload> make_workload(const WorkloadSettings& settings, std::string_view trace,
                                        uint64_t seed) {
  switch (settings.kind) {
    case Kind::closed_loop:
      return std::make_unique<ClosedLoop>(settings, seed);
    case Kind::agents:
      return std::make_unique<Agents>(settings, seed);
    case Kind::azure_trace:
      return azure_trace(settings, trace, seed);
    case Kind::request_log:
      return request_log(settings, trace, seed);
    default:
      return std::make_unique<OpenLoop>(settings, seed);
  }
}

}  // namespace keel::sim
