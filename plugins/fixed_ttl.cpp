// fixed_ttl: every reply may be served from the cache for the same time.

#include <keel/policy.hpp>

using namespace keel::plugin;

namespace {

constexpr double kYearSeconds = 31'536'000;

constexpr keel_setting_spec kSettings[] = {
    number_setting("ttl_seconds", 60.0, {0.0, kYearSeconds}, "0: do not cache"),
};

struct FixedTtl {
  static constexpr Descriptor descriptor{
      .id = "fixed_ttl", .summary = "the same lifetime for every reply", .settings = kSettings};

  explicit FixedTtl(const Config& config)
      : ttl_ns_(static_cast<int64_t>(config.number("ttl_seconds") * 1e9)) {}

  std::optional<int64_t> ttl(const TtlQuestion&) { return ttl_ns_; }

 private:
  int64_t ttl_ns_;
};

}  // namespace

KEEL_POLICIES(FixedTtl)
