// Traces in the format of Azure's LLM inference traces: TIMESTAMP,ContextTokens,GeneratedTokens.

#include "config/values.hpp"
#include "sim/workload.hpp"

#include <algorithm>
#include <charconv>

namespace keel::sim {

namespace {

constexpr std::string_view kHead = "TIMESTAMP,ContextTokens,GeneratedTokens";
constexpr int64_t kMostTokens = 100'000'000;

std::optional<int64_t> number(std::string_view text, int64_t most) {
  int64_t out = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (fault != std::errc{} || end != text.data() + text.size() || out < 0 || out > most)
    return std::nullopt;
  return out;
}

// Days since 1970-01-01 of the proleptic Gregorian calendar (Hinnant, days_from_civil).
int64_t days_of(int64_t year, int64_t month, int64_t day) {
  year -= month <= 2 ? 1 : 0;
  const int64_t era = year / 400, in_era = year - era * 400;
  const int64_t in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146'097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719'468;
}

// "2023-11-16 18:15:46.6805900", with a T or with Z or +00:00 behind it too: unix ns.
std::optional<int64_t> time_of(std::string_view text) {
  if (text.ends_with("+00:00")) text.remove_suffix(6);
  if (text.ends_with("Z")) text.remove_suffix(1);
  if (text.size() < 19 || text[4] != '-' || text[7] != '-' ||
      (text[10] != ' ' && text[10] != 'T') || text[13] != ':' || text[16] != ':')
    return std::nullopt;
  const auto year = number(text.substr(0, 4), 2200), month = number(text.substr(5, 2), 12);
  const auto day = number(text.substr(8, 2), 31), hour = number(text.substr(11, 2), 23);
  const auto minute = number(text.substr(14, 2), 59), second = number(text.substr(17, 2), 60);
  if (!year || *year < 1970 || !month || *month == 0 || !day || *day == 0 || !hour || !minute ||
      !second)
    return std::nullopt;
  int64_t nanos = 0;
  if (text.size() > 19) {
    std::string fraction(text.substr(20));
    if (text[19] != '.' || fraction.empty() || fraction.size() > 9) return std::nullopt;
    fraction.resize(9, '0');
    const auto read = number(fraction, 999'999'999);
    if (!read) return std::nullopt;
    nanos = *read;
  }
  const int64_t seconds_of =
      ((days_of(*year, *month, *day) * 24 + *hour) * 60 + *minute) * 60 + *second;
  return seconds_of * 1'000'000'000 + nanos;
}

class AzureTrace final : public Workload {
 public:
  AzureTrace(const WorkloadSettings& settings, std::string_view trace, uint64_t seed)
      : settings_(settings), random_(seed), trace_(trace), rest_(trace) {
    if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);
    const std::string_view head = line();
    if (head == kHead)
      read_on();
    else
      wrong("", head.empty() ? "nothing" : relay::quoted(head), "the head " + std::string(kHead));
  }

  Instant next_at() const override { return next_ ? next_->at : Instant::never(); }
  std::optional<Arrival> next() override {
    std::optional<Arrival> out = std::move(next_);
    next_.reset();
    if (out) read_on();
    return out;
  }
  std::optional<relay::Problem> problem() const override { return problem_; }
  std::optional<int64_t> wall_start_unix_ns() const override { return began_; }
  std::optional<double> progress() const override {
    if (trace_.empty()) return 1;
    return 1 - static_cast<double>(rest_.size()) / static_cast<double>(trace_.size());
  }
  std::vector<std::string> unknown() const override {
    return {"which model was asked and whether as a stream: as the workload says",
            "which requests were equal: none are taken to be, so no cache can help",
            "which requests failed or were given up, then: all rows are taken as asked"};
  }

 private:
  std::string_view line() {
    const size_t end = rest_.find('\n');
    std::string_view out = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    ++line_;
    if (out.ends_with('\r')) out.remove_suffix(1);
    return out;
  }

  void wrong(std::string_view column, const std::string& found, const std::string& wanted) {
    problem_ = relay::Problem{line_, std::string(column), "found " + found + ", wanted " + wanted};
  }

  void read_on() {
    if (rest_.empty() || (settings_.requests > 0 && given_ >= settings_.requests)) return;
    const std::string_view row = line();
    if (row.empty() && rest_.empty()) return;
    const size_t first = row.find(','), second = row.find(',', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos ||
        row.find(',', second + 1) != std::string_view::npos)
      return wrong("", relay::quoted(row), "three columns");
    const std::string_view stamp = row.substr(0, first);
    const auto time = time_of(stamp);
    if (!time)
      return wrong("TIMESTAMP", relay::quoted(stamp), "a time such as 2023-11-16 18:15:46.6805900");
    if (before_ && *time < *before_)
      return wrong("TIMESTAMP", relay::quoted(stamp), "no time before the row above");
    const auto in = tokens("ContextTokens", row.substr(first + 1, second - first - 1));
    const auto out = tokens("GeneratedTokens", row.substr(second + 1));
    if (!in || !out) return;
    before_ = time;
    if (!began_) began_ = time;
    Arrival arrival;
    arrival.at = Instant{} + scaled(Duration{*time - *began_}, 1 / settings_.speed);
    if (arrival.at >= settings_.end) return;
    arrival.tokens_in = std::max<int64_t>(*in, 1);
    arrival.tokens_out = *out;
    settings_.asking.fill(arrival, random_);
    if (!settings_.asking.tenants.empty())
      arrival.tenant = settings_.asking.tenants[random_.below(settings_.asking.tenants.size())];
    ++given_;
    next_ = std::move(arrival);
  }

  std::optional<int64_t> tokens(std::string_view column, std::string_view text) {
    const auto out = number(text, kMostTokens);
    if (!out) wrong(column, relay::quoted(text), "a whole number of tokens up to 100000000");
    return out;
  }

  WorkloadSettings settings_;
  Random random_;
  std::string_view trace_, rest_;
  int line_ = 0;
  uint64_t given_ = 0;
  std::optional<int64_t> began_, before_;
  std::optional<Arrival> next_;
  std::optional<relay::Problem> problem_;
};

}  // namespace

std::unique_ptr<Workload> azure_trace(const WorkloadSettings& settings, std::string_view trace,
                                      uint64_t seed) {
  return std::make_unique<AzureTrace>(settings, trace, seed);
}

}  // namespace keel::sim
