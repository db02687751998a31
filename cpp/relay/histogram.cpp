#include "relay/histogram.hpp"

#include <algorithm>
#include <string>

namespace keel::relay {

void Histogram::add(Duration value) {
  const double s = std::max(value, Duration::zero()).seconds();  // a sum never goes back
  const auto edge = std::lower_bound(edges_s_.begin(), edges_s_.end(), s);
  ++counts_[static_cast<size_t>(edge - edges_s_.begin())];
  sum_s_ += s;
}

void Histogram::render(Exposition& out, const Labels& labels) const {
  Labels bucket = labels;
  bucket.emplace_back("le", "");
  uint64_t so_far = 0;
  for (size_t i = 0; i < counts_.size(); ++i) {
    so_far += counts_[i];
    const std::string edge = i < edges_s_.size() ? decimal_text(edges_s_[i]) : "+Inf";
    bucket.back().second = edge;
    out.part("_bucket", bucket, so_far);
  }
  out.part("_sum", labels, sum_s_);
  out.part("_count", labels, so_far);
}

}  // namespace keel::relay
