// keel/policy.hpp: write a policy in C++20. Header-only; nothing of Keel is linked.
//
//   #include <keel/policy.hpp>
//   using namespace keel::plugin;
//
//   struct Cheapest {
//     static constexpr Descriptor descriptor{.id = "cheapest", .summary = "the cheapest first"};
//     explicit Cheapest(const Config&) {}
//     Answer route(const Request&, Candidates candidates, Order& order) {
//       for (uint32_t i = 0; i < candidates.size(); ++i) order.push(i);
//       std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
//         return candidates[a].estimated_cost_nano_usd < candidates[b].estimated_cost_nano_usd;
//       });
//       return Answer::ok();
//     }
//   };
//   KEEL_POLICIES(Cheapest)
//
// What a struct can do is seen from its members:
//   routing    Answer route(const Request&, Candidates, Order&)
//              void observe(const Attempt&)                                        optional
//   cost       std::optional<int64_t> price(const Request&, const Target&, const Usage&)
//              Answer advise(const Request&, uint32_t preferred, Candidates, const Budget&, Order&)
//                                                                                  optional
//   cache TTL  std::optional<int64_t> ttl(const TtlQuestion&)        nanoseconds, 0: do not cache
// nullopt abstains. An exception that leaves the constructor or a decision becomes a failure with
// its text. <keel/abi.h> says what every field means and what a decision must not do.
#ifndef KEEL_POLICY_HPP
#define KEEL_POLICY_HPP

#include <keel/abi.h>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <exception>
#include <iterator>
#include <limits>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keel::plugin {

using Attempt = keel_attempt;
using Budget = keel_budget;
using Candidate = keel_candidate;
using Request = keel_request;
using Target = keel_target;
using TtlQuestion = keel_ttl_question;
using Usage = keel_usage;

constexpr std::string_view view(keel_text t) {
  return t.data == nullptr ? std::string_view{} : std::string_view{t.data, t.size};
}
constexpr keel_text text(std::string_view s) {
  return {s.data(), s.size()};
}

// ---- describing a policy ------------------------------------------------------------------------

struct Descriptor {
  std::string_view id;
  std::string_view summary;
  std::string_view version = "1";
  uint32_t revision = 1;    // raise it when the same settings may give another answer
  bool needs_text = false;  // TTL policies only
  std::span<const keel_setting_spec> settings = {};
};

struct Range {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
};

namespace detail {
constexpr keel_setting_spec spec(uint32_t type, std::string_view name, std::string_view summary,
                                 Range range = {}) {
  keel_setting_spec s{};
  s.struct_size = sizeof s;
  s.type = type;
  s.name = text(name);
  s.summary = text(summary);
  s.min = range.min;
  s.max = range.max;
  return s;
}
}  // namespace detail

constexpr keel_setting_spec text_setting(std::string_view name, std::string_view otherwise,
                                         std::string_view summary) {
  keel_setting_spec s = detail::spec(KEEL_SETTING_TEXT, name, summary);
  s.default_text = text(otherwise);
  return s;
}
constexpr keel_setting_spec integer_setting(std::string_view name, int64_t otherwise, Range range,
                                            std::string_view summary) {
  keel_setting_spec s = detail::spec(KEEL_SETTING_INTEGER, name, summary, range);
  s.default_integer = otherwise;
  return s;
}
constexpr keel_setting_spec number_setting(std::string_view name, double otherwise, Range range,
                                           std::string_view summary) {
  keel_setting_spec s = detail::spec(KEEL_SETTING_NUMBER, name, summary, range);
  s.default_number = otherwise;
  return s;
}
constexpr keel_setting_spec boolean_setting(std::string_view name, bool otherwise,
                                            std::string_view summary) {
  keel_setting_spec s = detail::spec(KEEL_SETTING_BOOLEAN, name, summary);
  s.default_boolean = otherwise ? 1 : 0;
  return s;
}
// Must be given; its default means nothing.
constexpr keel_setting_spec required(keel_setting_spec s) {
  s.flags |= KEEL_SETTING_REQUIRED;
  return s;
}
// A table `name: {key: value}`; the type is that of its values.
constexpr keel_setting_spec map_of(keel_setting_spec s) {
  s.flags |= KEEL_SETTING_MAP;
  return s;
}

// What the configuration says, checked by the host and with defaults filled in. Valid inside the
// policy's constructor only; asking for what was not declared throws.
class Config {
 public:
  Config(const keel_host* host, const keel_settings* settings) : host_(host), settings_(settings) {}

  std::string_view text(std::string_view name) const {
    return view(get(name, KEEL_SETTING_TEXT).text);
  }
  int64_t integer(std::string_view name) const { return get(name, KEEL_SETTING_INTEGER).integer; }
  double number(std::string_view name) const { return get(name, KEEL_SETTING_NUMBER).number; }
  bool boolean(std::string_view name) const { return get(name, KEEL_SETTING_BOOLEAN).integer != 0; }
  // Entries of a map as (key, value), in configured order; a key may occur more than once.
  std::vector<std::pair<std::string, std::string>> texts(std::string_view map) const {
    return entries<std::string>(map, KEEL_SETTING_TEXT,
                                [](const keel_setting& s) { return std::string(view(s.text)); });
  }
  std::vector<std::pair<std::string, double>> numbers(std::string_view map) const {
    return entries<double>(map, KEEL_SETTING_NUMBER,
                           [](const keel_setting& s) { return s.number; });
  }

  void log(uint32_t level, std::string_view line) const {
    host_->log(host_->context, level, plugin::text(line.substr(0, KEEL_MESSAGE_MAX)));
  }

 private:
  const keel_setting& at(uint32_t index) const {
    const char* first = reinterpret_cast<const char*>(settings_->first);
    return *reinterpret_cast<const keel_setting*>(first + index * settings_->stride);
  }

  const keel_setting& get(std::string_view name, uint32_t type) const {
    for (uint32_t i = 0; i < settings_->count; ++i) {
      if (view(at(i).name) == name && at(i).type == type) return at(i);
    }
    throw std::invalid_argument("setting '" + std::string(name) + "' was not handed over");
  }

  template <typename Value, typename Read>
  std::vector<std::pair<std::string, Value>> entries(std::string_view map, uint32_t type,
                                                     Read read) const {
    std::vector<std::pair<std::string, Value>> out;
    for (uint32_t i = 0; i < settings_->count; ++i) {
      std::string_view name = view(at(i).name);
      if (at(i).type != type || name.size() <= map.size() || name.substr(0, map.size()) != map ||
          name[map.size()] != '.') {
        continue;
      }
      out.emplace_back(std::string(name.substr(map.size() + 1)), read(at(i)));
    }
    return out;
  }

  const keel_host* host_;
  const keel_settings* settings_;
};

// ---- deciding -----------------------------------------------------------------------------------

class [[nodiscard]] Answer {
 public:
  static Answer ok() { return Answer(KEEL_OK); }
  static Answer abstain() { return Answer(KEEL_ABSTAIN); }
  // The text reaches the client.
  static Answer refuse(std::string text) { return Answer(KEEL_REFUSE, std::move(text)); }
  // The text reaches the log; the host counts a failure and goes on with its default.
  static Answer failed(std::string text) { return Answer(KEEL_FAILED, std::move(text)); }

  uint32_t status() const { return status_; }
  const std::string& text() const { return text_; }

 private:
  explicit Answer(uint32_t status, std::string text = {})
      : status_(status), text_(std::move(text)) {}
  uint32_t status_;
  std::string text_;
};

class Candidates {
 public:
  explicit Candidates(const keel_candidates& c) : c_(&c) {}

  uint32_t size() const { return c_->count; }
  const Candidate& operator[](uint32_t index) const {
    const char* first = reinterpret_cast<const char*>(c_->first);
    return *reinterpret_cast<const Candidate*>(first + index * c_->stride);
  }

 private:
  const keel_candidates* c_;
};

// Candidate indices, best first, in the host's memory: sort them in place.
class Order {
 public:
  explicit Order(keel_order& order) : order_(&order) {}

  void push(uint32_t candidate) {
    if (order_->count == order_->capacity) throw std::length_error("more indices than candidates");
    order_->indices[order_->count++] = candidate;
  }
  uint32_t* begin() { return order_->indices; }
  uint32_t* end() { return order_->indices + order_->count; }
  uint32_t size() const { return order_->count; }

  // Moves a candidate to the front, the others keep their order; -1 or one that is not in the order
  // changes nothing.
  void to_front(int64_t candidate) {
    auto* it = std::find(begin(), end(), candidate);
    if (it != end()) std::rotate(begin(), it, it + 1);
  }

 private:
  keel_order* order_;
};

// As many draws as a decision needs from its one entropy word (SplitMix64: Steele, Lea, Flood
// 2014).
class Draws {
 public:
  explicit Draws(uint64_t entropy) : state_(entropy) {}

  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  // Uniform in [0, 1).
  double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }

 private:
  uint64_t state_;
};

namespace detail {
__extension__ typedef __int128 Wide;

// ceil(tokens * price / 1e6), saturating; negative tokens count as none.
constexpr int64_t price_tokens(int64_t tokens, int64_t nano_usd_per_million) {
  if (tokens <= 0 || nano_usd_per_million <= 0) return 0;
  Wide cost = (Wide{tokens} * nano_usd_per_million + 999'999) / 1'000'000;
  Wide most = std::numeric_limits<int64_t>::max();
  return static_cast<int64_t>(std::min(cost, most));
}
constexpr int64_t plus(int64_t a, int64_t b) {
  int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<int64_t>::max() : sum;
}
}  // namespace detail

// What the tokens cost by the target's list prices, each component rounded up to a nano-dollar;
// nullopt when a price is unknown. A worst case takes all input at the dearest input price, and two
// nano-dollars more because an actual cost rounds three input components and a bound only one.
constexpr std::optional<int64_t> list_cost(const Target& target, const Usage& usage) {
  int64_t in_price = target.price_in_nano_usd_per_million;
  int64_t out_price = target.price_out_nano_usd_per_million;
  if (in_price < 0 || out_price < 0) return std::nullopt;
  int64_t cached_price = target.price_cached_nano_usd_per_million;
  int64_t write_price = target.price_cache_write_nano_usd_per_million;
  if (cached_price < 0) cached_price = in_price;
  if (write_price < 0) write_price = in_price;

  int64_t out = detail::price_tokens(usage.out, out_price);
  if (usage.kind == KEEL_USAGE_WORST_CASE) {
    int64_t dearest = std::max({in_price, cached_price, write_price});
    return detail::plus(detail::plus(detail::price_tokens(usage.in, dearest), out), 2);
  }
  int64_t in = std::max<int64_t>(usage.in, 0);
  int64_t cached = std::clamp<int64_t>(usage.cached, 0, in);
  int64_t written = std::clamp<int64_t>(usage.cache_write, 0, in - cached);
  int64_t cost = detail::price_tokens(in - cached - written, in_price);
  cost = detail::plus(cost, detail::price_tokens(cached, cached_price));
  cost = detail::plus(cost, detail::price_tokens(written, write_price));
  return detail::plus(cost, out);
}

}  // namespace keel::plugin

#include <keel/detail/glue.hpp>

// Exports the named policies. Once per shared object.
#define KEEL_POLICIES(...)                                            \
  extern "C" KEEL_EXPORT const keel_plugin* keel_plugin_entry(void) { \
    return &::keel::plugin::detail::Plugin<__VA_ARGS__>::table;       \
  }

#endif  // KEEL_POLICY_HPP
