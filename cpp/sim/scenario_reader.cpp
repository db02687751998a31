// A scenario's text to a Scenario, all problems at once.

#include "config/document.hpp"
#include "config/node.hpp"
#include "config/values.hpp"
#include "sim/reading.hpp"
#include "sim/scenario.hpp"

#include <algorithm>
#include <cmath>

namespace keel::sim {

namespace {

using relay::Section;
using relay::Value;

constexpr Duration kLongest = hours(24 * 366);
constexpr double kMostRate = 1e9;

Duration at_least_a_bit(const Value& value) {
  return value.duration(nanoseconds(1), kLongest).value_or(seconds(1));
}

std::optional<Trouble> read_trouble(const Value& where, std::string_view word) {
  auto trouble = trouble_named(word);
  if (!trouble)
    where.problem("unknown trouble " + relay::quoted(word) +
                  relay::suggestion(word, trouble_names(), "there are:"));
  return trouble;
}

TroubleMix read_mix(const Value& value) {
  TroubleMix out;
  double sum = 0;
  Section section(value);
  for (const auto& entry : section.entries()) {
    auto trouble = read_trouble(entry.value, entry.name);
    auto share = entry.value.number(0, 1);
    if (!trouble || !share) continue;
    sum += *share;
    out.shares.push_back({*trouble, static_cast<uint64_t>(std::llround(std::min(sum, 1.0) * 1e9))});
  }
  if (sum > 1 + 1e-9) value.problem("the shares add up to more than 1");
  return out;
}

// `kind` of an outage: any way in which a send can fail before its answer begins.
void read_kind(Section& section, Fault& out) {
  auto value = section.get("kind");
  auto word = value ? value->text() : std::nullopt;
  auto trouble = word ? read_trouble(*value, *word) : std::nullopt;
  if (!trouble) return;
  if (trouble->fault == Fault::none || answers(trouble->fault))
    return value->wanted("refused, silence, 503, 429 or another way to fail");
  out = trouble->fault;
}

void read_times(Section& section, Instant& from, Instant& to) {
  Duration begin, end;
  auto first = section.get("from");
  if (first) begin = first->duration(Duration::zero(), kLongest).value_or(Duration::zero());
  auto last = section.require("to", "when it ends, counted from the start");
  if (last) {
    if (auto read = last->duration(Duration::zero(), kLongest)) {
      end = *read;
      if (end <= begin) last->wanted("an end after its beginning");
    }
  }
  from = Instant{} + begin;
  to = Instant{} + end;
}

void read_outages(const Value& value, std::vector<Outage>& out) {
  for (const Value& item : value.items()) {
    Section section(item);
    Outage outage;
    read_times(section, outage.from, outage.to);
    read_kind(section, outage.kind);
    section.finish();
    out.push_back(outage);
  }
}

void read_brownouts(const Value& value, std::vector<Brownout>& out) {
  for (const Value& item : value.items()) {
    Section section(item);
    Brownout brownout;
    read_times(section, brownout.from, brownout.to);
    section.read("slowness", brownout.slowness, 0.001, 1e6);
    if (auto errors = section.get("errors")) brownout.errors = read_mix(*errors);
    section.finish();
    out.push_back(std::move(brownout));
  }
}

void read_drains(const Value& value, std::vector<SlowDrain>& out) {
  for (const Value& item : value.items()) {
    Section section(item);
    SlowDrain drain;
    read_times(section, drain.from, drain.to);
    section.read("tokens_per_second", drain.tokens_per_second, 0.001, kMostRate);
    section.finish();
    out.push_back(drain);
  }
}

void read_capacity(const Value& value, Capacity& out) {
  Section section(value);
  section.read("concurrent", out.concurrent, 0, 1'000'000'000);
  section.read("queue", out.queue, 0, 1'000'000'000);
  if (out.queue > 0 && out.concurrent == 0)
    value.problem("found a queue without concurrent, wanted how many are served at once");
  section.read("requests_per_minute", out.requests_per_minute, 0, 1'000'000'000'000);
  section.read("refusals_count", out.refusals_count);
  section.read("burst", out.burst, milliseconds(1), hours(24));
  if (auto word = section.get("refuses_with")) {
    if (auto choice = word->choice({"429", "503"}))
      out.refuses_with = *choice == 0 ? Fault::throttled : Fault::unavailable;
  }
  section.read("tokens_per_minute", out.tokens_per_minute, 0, 1'000'000'000'000);
  section.finish();
}

void read_behaviour(const Value& value, Behaviour& out) {
  Section section(value);
  section.read("connect", out.connect, Duration::zero(), minutes(10));
  section.read("ttft_p50", out.ttft_p50, Duration::zero(), hours(1));
  section.read("ttft_spread", out.ttft_spread, 0, 5);
  section.read("tokens_per_second", out.tokens_per_second, 0.001, kMostRate);
  section.read("error_latency", out.error_latency, Duration::zero(), hours(1));
  if (auto sizes = section.get("output_tokens")) read_sizes(*sizes, out.output_tokens);
  if (auto errors = section.get("errors")) out.errors = read_mix(*errors);
  if (auto capacity = section.get("capacity")) read_capacity(*capacity, out.capacity);
  if (auto list = section.get("brownouts")) read_brownouts(*list, out.brownouts);
  if (auto list = section.get("outages")) read_outages(*list, out.outages);
  if (auto list = section.get("slow_drain")) read_drains(*list, out.slow_drains);
  section.finish();
}

class Reader {
 public:
  explicit Reader(const relay::Config& config, Scenario& out) : config_(config), out_(out) {}

  void read_root(const Value& document) {
    Section root(document);
    if (auto value = root.get("defaults")) {
      Behaviour usual;
      read_behaviour(*value, usual);
      for (Behaviour& behaviour : out_.behaviours) behaviour = usual;
    }
    if (auto value = root.get("providers")) read_providers(*value);
    if (auto value = root.get("correlated")) read_correlated(*value);
    if (auto value = root.get("random_outages")) read_random(*value);
    if (auto value = root.get("clock_steps")) read_steps(*value);
    if (auto value = root.get("clients")) read_clients(*value);
    root.finish();
  }

 private:
  std::optional<ProviderIndex> provider_named(const Value& where, std::string_view name) const {
    std::vector<std::string> known;
    for (ProviderIndex i = 0; i < config_.providers.size(); ++i) {
      if (config_.providers[i].name == name) return i;
      known.push_back(config_.providers[i].name);
    }
    where.problem("unknown provider " + relay::quoted(name) +
                  relay::suggestion(name, known, "the configuration has:"));
    return std::nullopt;
  }

  std::optional<TargetIndex> target_named(const Value& where, std::string_view name) const {
    std::vector<std::string> known;
    for (TargetIndex i = 0; i < config_.targets.size(); ++i) {
      if (config_.targets[i].name == name) return i;
      known.push_back(config_.targets[i].name);
    }
    where.problem("unknown target " + relay::quoted(name) +
                  relay::suggestion(name, known, "the configuration has:"));
    return std::nullopt;
  }

  // Providers first: what a target does not say is its provider's.
  void read_providers(const Value& value) {
    Section section(value);
    const auto entries = section.entries();
    auto is_target = [&](const std::string& name) {
      return name.find('/') != std::string::npos &&
             std::none_of(config_.providers.begin(), config_.providers.end(),
                          [&](const auto& provider) { return provider.name == name; });
    };
    for (const auto& entry : entries) {
      if (is_target(entry.name)) continue;
      if (auto provider = provider_named(entry.value, entry.name))
        read_behaviour(entry.value, out_.behaviours[out_.of_provider[*provider]]);
    }
    for (const auto& entry : entries) {
      if (!is_target(entry.name)) continue;
      auto target = target_named(entry.value, entry.name);
      if (!target) continue;
      Behaviour own = out_.behaviours[out_.of_target[*target]];
      read_behaviour(entry.value, own);
      out_.of_target[*target] = static_cast<uint32_t>(out_.behaviours.size());
      out_.behaviours.push_back(std::move(own));
    }
  }

  std::vector<ProviderIndex> read_names(Section& section, bool all_if_none) const {
    std::vector<ProviderIndex> out;
    auto list = all_if_none ? section.get("providers")
                            : section.require("providers", "a list of providers");
    if (list) {
      for (const Value& item : list->items())
        if (auto name = item.text())
          if (auto provider = provider_named(item, *name)) out.push_back(*provider);
    } else if (all_if_none) {
      for (ProviderIndex i = 0; i < config_.providers.size(); ++i) out.push_back(i);
    }
    return out;
  }

  // Every behaviour of these providers, their targets' own ones included.
  template <typename Do>
  void for_all_of(const std::vector<ProviderIndex>& providers, Do what) {
    for (uint32_t i = 0; i < out_.behaviours.size(); ++i)
      for (ProviderIndex provider : providers)
        if (belongs(i, provider)) what(out_.behaviours[i], provider);
  }
  bool belongs(uint32_t behaviour, ProviderIndex provider) const {
    if (out_.of_provider[provider] == behaviour) return true;
    for (TargetIndex i = 0; i < config_.targets.size(); ++i)
      if (out_.of_target[i] == behaviour && config_.targets[i].provider == provider) return true;
    return false;
  }

  void read_correlated(const Value& value) {
    for (const Value& item : value.items()) {
      Section section(item);
      const auto providers = read_names(section, false);
      Outage outage;
      read_times(section, outage.from, outage.to);
      read_kind(section, outage.kind);
      section.finish();
      for_all_of(providers,
                 [&](Behaviour& behaviour, ProviderIndex) { behaviour.outages.push_back(outage); });
    }
  }

  void read_random(const Value& value) {
    Section section(value);
    RandomOutages out;
    out.providers = read_names(section, true);
    if (auto between = section.get("mean_between")) out.mean_between = at_least_a_bit(*between);
    if (auto length = section.get("mean_length")) out.mean_length = at_least_a_bit(*length);
    section.read("correlated", out.correlated, 0, 1);
    read_kind(section, out.kind);
    section.finish();
    for_all_of(out.providers, [](Behaviour& behaviour, ProviderIndex provider) {
      behaviour.drawn_outages = provider;
    });
    out_.random_outages = std::move(out);
  }

  void read_steps(const Value& value) {
    for (const Value& item : value.items()) {
      Section section(item);
      ClockStep step;
      if (auto at = section.require("at", "when, counted from the start"))
        step.at = Instant{} + at->duration(Duration::zero(), kLongest).value_or(Duration{});
      if (auto by = section.require("by", "a duration such as -2s or 1h"))
        step.by = signed_duration(*by);
      section.finish();
      out_.clock_steps.push_back(step);
    }
    std::stable_sort(out_.clock_steps.begin(), out_.clock_steps.end(),
                     [](const ClockStep& a, const ClockStep& b) { return a.at < b.at; });
  }

  static Duration signed_duration(const Value& value) {
    auto word = value.text();
    if (!word) return {};
    const bool back = word->starts_with('-');
    auto read = relay::parse_duration(std::string_view(*word).substr(back ? 1 : 0));
    if (read && *read <= kLongest) return back ? Duration{} - *read : *read;
    value.wanted("a duration such as -2s or 1h");
    return {};
  }

  void read_clients(const Value& value) {
    Section section(value);
    ClientModel& out = out_.clients;
    out.max_retries = 2;  // OpenAI's SDK, unless told otherwise
    section.read("max_retries", out.max_retries, 0, 100);
    if (auto timeout = section.get_unless_null("timeout")) out.timeout = at_least_a_bit(*timeout);
    if (auto abandon = section.get("abandon")) {
      Section one(*abandon);
      one.read("share", out.abandon_share, 0, 1);
      if (auto after = one.get("after")) out.abandon_after = at_least_a_bit(*after);
      one.finish();
    }
    section.finish();
  }

  const relay::Config& config_;
  Scenario& out_;
};

}  // namespace

void read_sizes(const Value& value, Sizes& out) {
  if (value.is_text()) {
    if (auto tokens = value.integer(1, out.most)) out.p50 = static_cast<double>(*tokens);
    out.spread = 0;
    return;
  }
  Section section(value);
  section.read("p50", out.p50, 1, 1e9);
  section.read("spread", out.spread, 0, 5);
  section.read("most", out.most, 1, 1'000'000'000);
  section.finish();
}

bool read_text(std::string_view text, const std::function<void(const relay::Value&)>& read,
               std::vector<relay::Problem>& problems) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return false;
  const relay::ConfigSources sources;  // no variable is set and no file can be read
  relay::Loaded loaded;
  auto document = relay::parse_document(text, loaded.problems);
  relay::Reading reading{sources, loaded};
  if (document) read(Value(reading, *document, "", 1));
  std::stable_sort(loaded.problems.begin(), loaded.problems.end(),
                   [](const auto& a, const auto& b) { return a.line < b.line; });
  problems.insert(problems.end(), loaded.problems.begin(), loaded.problems.end());
  return document.has_value();
}

Parsed<Scenario> read_scenario(std::string_view text, const relay::Config& config) {
  Parsed<Scenario> out;
  out.value.behaviours.resize(config.providers.size());
  for (ProviderIndex i = 0; i < config.providers.size(); ++i) out.value.of_provider.push_back(i);
  for (const relay::TargetConfig& target : config.targets)
    out.value.of_target.push_back(target.provider);
  Reader reader(config, out.value);
  read_text(
      text, [&](const Value& document) { reader.read_root(document); }, out.problems);
  return out;
}

}  // namespace keel::sim
