#pragma once
// What a provider's pool bears (SEMANTICS A2, THROTTLED_POOL): unlimited until it says that it is
// too much, then additive increase and multiplicative decrease. Each refusal leaves 0.7 of the
// limit, or of what was in flight where there was none, at least 1; each full window of successes
// is one more.
//
// Requests that were under way together meet the same wall and are one refusal, and what they
// achieve says nothing of the limit that came after. A window of which never half was used proves
// nothing either: else a quiet hour would raise the limit beyond all use.
//
// Ten seconds without a refusal, and every success is one more: what was cut to one place in an
// incident would otherwise take minutes to come back after it.

#include "engine/concurrency.hpp"

#include <cstdint>
#include <optional>

namespace keel::engine {

class AdaptiveConcurrency {
 public:
  using Lease = Concurrency::Lease;

  bool would_allow(Instant now) const { return places_.would_allow(now); }
  Lease enter(Instant until, Instant now);
  // How it ended, told before the place is given back. Neither: it proves nothing.
  void throttled(Lease lease, Instant now);
  void succeeded(Lease lease, Instant now);
  // It shows life and counts until then.
  void renew(Lease lease, Instant until, Instant now) { places_.renew(lease, until, now); }
  bool leave(Lease lease, Instant now) { return places_.leave(lease, now); }

  int64_t in_flight(Instant now) const { return places_.in_flight(now); }
  std::optional<int64_t> limit() const;  // nothing: it never was too much
  double share_left(Instant now) const { return places_.share_left(now); }

 private:
  Concurrency places_;
  Instant cut_at_;
  uint64_t before_cut_ = 0;  // the newest place when the limit was cut last
  int64_t successes_ = 0;    // of the window
  bool used_ = false;        // at least half of it at once
};

}  // namespace keel::engine
