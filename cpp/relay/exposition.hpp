#pragma once
// Writes the Prometheus text exposition format 0.0.4: families with HELP and TYPE, samples with
// escaped label values. Numbers are written the same in every locale.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keel::relay {

using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

class Exposition {
 public:
  // `type`: counter, gauge or histogram. Every sample until the next family belongs to this one,
  // as the format wants it.
  void family(std::string_view name, std::string_view type, std::string_view help);

  void sample(const Labels& labels, uint64_t value);
  void sample(const Labels& labels, int64_t value);
  void sample(const Labels& labels, double value);
  // `value` is a number already.
  void sample(const Labels& labels, std::string_view value) { line("", labels, value); }

  // A histogram's series: buckets, sum and count (`suffix` with its underscore).
  void part(std::string_view suffix, const Labels& labels, uint64_t value);
  void part(std::string_view suffix, const Labels& labels, double value);

  std::string take() { return std::move(out_); }

 private:
  void line(std::string_view suffix, const Labels& labels, std::string_view value);

  std::string name_;
  std::string out_;
};

// The shortest decimal text that reads back as the same double.
std::string decimal_text(double value);

}  // namespace keel::relay
