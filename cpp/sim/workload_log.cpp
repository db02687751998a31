// Keel's own request log as a workload: JSON lines (CONVENTIONS, "Request log"), each written when
// its request was answered. They are put into the order in which the requests came, within the
// longest time a request can take; so only that much is held.

#include "config/values.hpp"
#include "sim/workload.hpp"

#include <algorithm>
#include <queue>

#include <nlohmann/json.hpp>

namespace keel::sim {

namespace {

using Json = nlohmann::json;

constexpr Duration kLongestCall = seconds(605);  // SEMANTICS A1, and what an answer may be late

struct Row {
  int64_t time = 0;  // unix ns
  uint64_t order = 0;
  Arrival asks;
};
struct Later {
  bool operator()(const Row& a, const Row& b) const {
    return a.time != b.time ? a.time > b.time : a.order > b.order;
  }
};

template <typename T>
std::optional<T> value_at(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return std::nullopt;
  if constexpr (std::is_same_v<T, bool>) {
    if (!found->is_boolean()) return std::nullopt;
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (!found->is_string()) return std::nullopt;
  } else {
    if (!found->is_number()) return std::nullopt;
  }
  return found->get<T>();
}

class RequestLog final : public Workload {
 public:
  RequestLog(const WorkloadSettings& settings, std::string_view trace, uint64_t seed)
      : settings_(settings), random_(seed), trace_(trace), rest_(trace) {
    read_ahead();
    if (!rows_.empty()) began_ = rows_.top().time;
  }

  Instant next_at() const override {
    if (rows_.empty() || (settings_.requests > 0 && given_ >= settings_.requests))
      return Instant::never();
    const Instant at = instant_of(rows_.top().time);
    return at < settings_.end ? at : Instant::never();
  }
  std::optional<Arrival> next() override {
    const Instant at = next_at();
    if (at == Instant::never()) return std::nullopt;
    Arrival out = rows_.top().asks;
    rows_.pop();
    out.at = latest_given_ = at;
    ++given_;
    settings_.asking.fill(out, random_);
    read_ahead();
    return out;
  }
  std::optional<relay::Problem> problem() const override { return problem_; }
  std::optional<int64_t> wall_start_unix_ns() const override {
    return given_ + rows_.size() > 0 ? std::optional(began_) : std::nullopt;
  }
  std::optional<double> progress() const override {
    if (trace_.empty()) return 1;
    return 1 - static_cast<double>(rest_.size()) / static_cast<double>(trace_.size());
  }
  size_t held() const override { return rows_.size(); }

  std::vector<std::string> unknown() const override {
    std::vector<std::string> out = {
        "the texts: what a policy or a cache would do by them, and whether another model's answer "
        "would have been as good",
        "how fast targets are that the log never asked: they behave as the scenario says",
        "which requests asked for tools, images, a schema or several choices: no target is left "
        "out for lacking them",
        "whether a deadline was the caller's or its route's: it is taken as the caller's"};
    auto count = [&](uint64_t n, const char* what) {
      if (n > 0) out.push_back(std::to_string(n) + " of " + std::to_string(read_) + what);
    };
    count(unanswered_,
          " requests have no counted answer: its length is drawn as the scenario says");
    count(unnamed_, " requests have no identity: they are taken to be like no other");
    count(uncached_,
          " requests never looked into a cache: they are taken as not deterministic "
          "unless the workload says otherwise");
    return out;
  }

 private:
  Instant instant_of(int64_t time) const {
    return std::max(latest_given_,
                    Instant{} + scaled(Duration{time - began_}, 1 / settings_.speed));
  }

  void wrong(const char* member, const std::string& found, const char* wanted) {
    problem_ = relay::Problem{line_, member, "found " + found + ", wanted " + wanted};
  }

  // Until nothing unread can come before the first of what is held.
  void read_ahead() {
    while (!rest_.empty() && !problem_ &&
           (rows_.empty() || rows_.top().time > answered_ - kLongestCall.ns)) {
      const size_t end = rest_.find('\n');
      const std::string_view text = rest_.substr(0, end);
      rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
      ++line_;
      if (text.find_first_not_of(" \r\t") != std::string_view::npos) read_line(text);
    }
  }

  void read_line(std::string_view text) {
    const Json line = Json::parse(text, nullptr, false);
    if (!line.is_object()) return wrong("", relay::quoted(text), "a line of the request log");
    const auto version = value_at<int64_t>(line, "v");
    if (version != 1) return wrong("v", version ? std::to_string(*version) : "nothing", "1");
    Row row;
    const auto time = value_at<int64_t>(line, "time");
    if (!time || *time < 0) return wrong("time", "no time", "unix nanoseconds");
    row.time = *time;
    row.order = read_++;
    Arrival& asks = row.asks;
    auto model = value_at<std::string>(line, "model_asked");
    if (!model) return wrong("model_asked", "no name", "the model that was asked for");
    asks.model = std::move(*model);
    asks.tenant = value_at<std::string>(line, "tenant").value_or("");
    asks.stream = value_at<bool>(line, "stream").value_or(false);
    asks.tokens_in = std::max<int64_t>(1, value_at<int64_t>(line, "tokens_in_est").value_or(1));
    asks.max_tokens = value_at<int64_t>(line, "max_tokens");
    if (auto ms = value_at<double>(line, "deadline_ms")) asks.timeout = from_seconds(*ms / 1e3);
    read_identity(line, asks);
    read_tokens(line, asks);
    const Duration took = from_seconds(value_at<double>(line, "total_ms").value_or(0) / 1e3);
    answered_ = std::max(answered_, row.time + took.ns);
    rows_.push(std::move(row));
  }

  void read_identity(const Json& line, Arrival& asks) {
    const std::string identity = value_at<std::string>(line, "identity").value_or("");
    for (char c : identity.substr(0, 16)) {
      const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 0;
      asks.identity = asks.identity << 4 | static_cast<uint64_t>(digit);
    }
    unnamed_ += asks.identity == 0 ? 1 : 0;
    const std::string cache = value_at<std::string>(line, "cache").value_or("");
    asks.deterministic = cache == "hit" || cache == "miss" || cache == "joined";
    uncached_ += cache.empty() ? 1 : 0;
  }

  // Of the attempt that answered.
  void read_tokens(const Json& line, Arrival& asks) {
    const auto attempts = line.find("attempts");
    if (attempts != line.end() && attempts->is_array())
      for (const Json& attempt : *attempts) {
        if (!attempt.is_object() || value_at<std::string>(attempt, "class") != "ok") continue;
        const auto tokens = attempt.find("tokens");
        if (tokens == attempt.end() || !tokens->is_object()) continue;
        asks.tokens_in = value_at<int64_t>(*tokens, "in").value_or(asks.tokens_in);
        asks.tokens_out = value_at<int64_t>(*tokens, "out");
      }
    unanswered_ += asks.tokens_out ? 0 : 1;
  }

  WorkloadSettings settings_;
  Random random_;
  std::string_view trace_, rest_;
  std::priority_queue<Row, std::vector<Row>, Later> rows_;
  int64_t began_ = 0;
  int64_t answered_ = INT64_MIN / 2;  // the latest answer read
  Instant latest_given_;
  int line_ = 0;
  uint64_t read_ = 0, given_ = 0, unanswered_ = 0, unnamed_ = 0, uncached_ = 0;
  std::optional<relay::Problem> problem_;
};

}  // namespace

std::unique_ptr<Workload> request_log(const WorkloadSettings& settings, std::string_view trace,
                                      uint64_t seed) {
  return std::make_unique<RequestLog>(settings, trace, seed);
}

}  // namespace keel::sim
