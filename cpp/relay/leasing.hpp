#pragma once
// Shared accounts (SEMANTICS A8): what this relay may spend of them it leases, ahead of time, from
// an authority that the driver asks. A call that finds too little waits a moment for more and is
// then refused: a budget fails closed.

#include "relay/call.hpp"

namespace keel::relay {

// SEMANTICS A7: how long a request waits for an authority, in all, before each attempt.
inline constexpr Duration kLeaseWait = milliseconds(50);

// From now on the shared accounts are leased in this life's name, which nobody has had before.
void hold_leases(Engines& engines, engine::HolderId holder);
// After any event: what is to be asked, and when to look again.
void tend_leases(Engines& engines, Actions& actions, Instant now);
void take_lease(Engines& engines, const engine::LeaseGrant& grant, Instant now);
// Is so much missing only because no more was leased, and may more come within moments? Then it is
// asked for.
bool may_be_leased(Engines& engines, const Call& call, NanoUsd amount, Instant now);
// A request of the call holds so much: the holders go by it.
void note_hold(Engines& engines, const Call& call, NanoUsd amount, Instant now);

}  // namespace keel::relay
