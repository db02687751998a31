#pragma once
// Active health checks (SEMANTICS A12) and the recovery of breakers and keys (A5, A2): free calls,
// sent by the relay itself. They feed scores and open the way back; they never disable a key, and
// open a breaker only when three in a row reach nobody.

#include "relay/engines.hpp"

namespace keel::relay {

// Schedules every provider's first check.
void begin_health_checks(Engines& engines, Instant now);
void health_check_due(Engines& engines, ProviderIndex provider, Actions& actions, Instant now);
void key_revival_due(Engines& engines, ProviderIndex provider, Actions& actions, Instant now);
// A breaker's wait or a trial's lease is over.
void breaker_due(Engines& engines, TargetIndex target, Actions& actions, Instant now);
void probed(Engines& engines, const Probed& result, Actions& actions, Instant now);
void probe_is_late(Engines& engines, ProbeId probe, Actions& actions, Instant now);

}  // namespace keel::relay
