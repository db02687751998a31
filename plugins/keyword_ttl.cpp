// keyword_ttl: a lifetime by what the first message contains (case counts); of several keywords the
// first in the configuration. Without access to the text every reply gets the default.

#include <keel/policy.hpp>

using namespace keel::plugin;

namespace {

constexpr double kYearSeconds = 31'536'000;

constexpr keel_setting_spec kSettings[] = {
    map_of(number_setting("keywords", 0.0, {0.0, kYearSeconds},
                          "seconds by keyword, 0: do not cache; realtime: 5, static: 3600 if none "
                          "is given")),
    number_setting("default_seconds", 60.0, {0.0, kYearSeconds},
                   "for a message with none of the keywords; 0: do not cache"),
};

int64_t nanoseconds(double seconds) {
  return static_cast<int64_t>(seconds * 1e9);
}

struct KeywordTtl {
  static constexpr Descriptor descriptor{.id = "keyword_ttl",
                                         .summary = "a lifetime by keywords of the first message",
                                         .needs_text = true,
                                         .settings = kSettings};

  explicit KeywordTtl(const Config& config)
      : keywords_(config.numbers("keywords")),
        default_ns_(nanoseconds(config.number("default_seconds"))) {
    if (keywords_.empty()) keywords_ = {{"realtime", 5.0}, {"static", 3600.0}};
  }

  std::optional<int64_t> ttl(const TtlQuestion& question) {
    std::string_view message = view(question.first_message);
    for (const auto& [keyword, seconds] : keywords_) {
      if (message.find(keyword) != std::string_view::npos) return nanoseconds(seconds);
    }
    return default_ns_;
  }

 private:
  std::vector<std::pair<std::string, double>> keywords_;
  int64_t default_ns_;
};

}  // namespace

KEEL_POLICIES(KeywordTtl)
