#pragma once
// What a run comes to: counts, fixed histograms, sums per target, a bounded time series and a
// bounded list of what the relay told. Flat in the number of requests; the tables, where they are
// wanted, are not.

#include "relay/config.hpp"
#include "relay/events.hpp"
#include "sim/quantiles.hpp"
#include "sim/series.hpp"
#include "sim/tables.hpp"
#include "sim/workload.hpp"

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace keel::sim {

// How a user's request ended, its client's retries included; and how a call did.
enum class UserOutcome : uint8_t {
  ok,
  cached,
  rejected,
  rate_limited,
  budget,
  no_target,
  deadline,
  upstream_error,
  cut,
  cancelled,
  client_timeout,  // the client's own limit passed
  left,            // the user lost patience
};
inline constexpr size_t kOutcomeCount = 12;
std::string_view name_of(UserOutcome outcome);
UserOutcome user_outcome_of(const relay::Answer& answer);

// One call as its client saw it.
struct Told {
  CallId call = 0;
  uint64_t request = 0;  // the user's
  int client_try = 0;
  bool last = true;  // nothing follows for this user
  UserOutcome outcome = UserOutcome::ok;
  Instant first_arrived;  // of the request
  Instant arrived;        // of this call
  NanoUsd true_bill;
};

class Results {
 public:
  Results(std::shared_ptr<const relay::Config> config, bool tables);

  void asked(Instant now);                  // a user's request
  void called(bool is_retry, Instant now);  // of the relay
  void told(const Told& told, const Arrival& asks, const relay::Answer& answer, Instant now);
  // A request of the relay's own is over: what it took counts, and no client waited for it. The
  // tables have clients' calls only.
  void refreshed(const relay::Answer& answer, NanoUsd true_bill, Instant now);
  // A user's request is over.
  void concluded(UserOutcome outcome, Instant first_arrived, Instant now);
  void noticed(const relay::Notice& notice, Instant now);
  // Posted beyond an account's limit; the most there ever was is kept.
  void overspent(NanoUsd by) { overspend_ = std::max(overspend_, by); }

  struct Ending {
    uint64_t seed = 0;
    Instant end;
    bool cancelled = false;
    uint64_t events = 0;
    uint64_t fingerprint = 0;
    std::vector<NanoUsd> true_bills;  // per target
    std::vector<std::string> unknown;
    std::optional<uint64_t> checks;  // nothing: the invariants were off
    std::vector<std::string> violations;
  };
  // The summary as one JSON object. Seconds end in _s, money is in nano-USD.
  std::string json(const Ending& ending) const;

  uint64_t asked_count() const { return asked_; }
  uint64_t concluded_count() const { return concluded_; }
  RequestTable& requests() { return requests_; }
  AttemptTable& attempts() { return attempts_; }
  Names names() const;

 private:
  struct PerTarget {
    uint64_t attempts = 0, sends = 0, answers = 0;
    std::array<uint64_t, kClassCount> classes{};
    NanoUsd posted;
    int64_t tokens_in = 0, tokens_out = 0;
    DurationQuantiles took;  // of its answers
  };
  struct Happening {
    Instant at;
    relay::Notice notice;
  };

  nlohmann::ordered_json targets_json(const Ending& ending) const;
  void add_told(nlohmann::ordered_json& out) const;
  void spent(const relay::Answer& answer, NanoUsd true_bill, Instant now);
  void count_attempts(const relay::Answer& answer);
  void add_rows(const Told& told, const Arrival& asks, const relay::Answer& answer, Instant now);
  int32_t code(std::unordered_map<std::string, int32_t>& codes, const std::string& name);

  std::shared_ptr<const relay::Config> config_;
  bool tables_;
  uint64_t asked_ = 0, concluded_ = 0, calls_ = 0, client_retries_ = 0;
  uint64_t sends_ = 0, tries_ = 0, retries_ = 0, failovers_ = 0;
  uint64_t looked_up_ = 0, hits_ = 0, joined_ = 0, stale_ = 0, refreshes_ = 0;
  uint64_t downgraded_ = 0, clamped_ = 0;
  std::array<uint64_t, kOutcomeCount> outcomes_{}, call_outcomes_{};
  DurationQuantiles latency_, first_token_;
  std::vector<PerTarget> targets_;
  NanoUsd posted_, overrun_, unposted_, overspend_;
  uint64_t estimated_ = 0;
  Series series_;
  std::vector<Happening> happenings_;
  std::array<uint64_t, 16> happened_{};  // per kind of notice
  RequestTable requests_;
  AttemptTable attempts_;
  std::unordered_map<std::string, int32_t> model_codes_, tenant_codes_, route_codes_;
};

}  // namespace keel::sim
