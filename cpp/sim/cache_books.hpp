#pragma once
// What was truly answered, to whom and when: every answer a caller gets is looked up here by its
// words and, where it was kept, by its age, for providers may say the same twice (invariants H1 and
// H4 of SEMANTICS B, and that nobody gets another's reply). The meaning of a request is found
// without the relay's own canonical form.

#include "relay/events.hpp"
#include "sim/upstream.hpp"

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace keel::sim {

class CacheBooks {
 public:
  // A reply left a provider: to which request, by whom, in which state.
  void replied(std::string_view reply, const relay::Request& asked, RouteIndex route,
               TargetIndex target, bool whole, Instant now);
  struct Asked {
    const relay::Request& request;
    RouteIndex route;     // that was asked for
    bool failed = false;  // through no fault of the client, so that a stale answer may stand in
  };
  // What is wrong with this answer, or nothing. `words`: its body, or all of a stream's bytes.
  std::string judge(const relay::Config& config, const Asked& asked, const relay::Answer& answer,
                    std::string_view words, Instant now) const;

 private:
  struct Reply {
    CallId call = 0;
    Body body;
    std::string tenant;
    RouteIndex route = 0;
    TargetIndex target = 0;
    bool whole = false;  // a plain, unclamped 200
    Instant at;
  };
  static std::string judge_hit(const relay::Config& config, const Asked& asked,
                               const relay::Answer& answer, const Reply& stored, Instant now);
  static std::string judge_age(const relay::Config& config, const Asked& asked,
                               const relay::Answer& answer, const Reply& stored, Instant now);

  std::unordered_map<std::string, std::vector<Reply>> replies_;  // by their words, oldest first
};

}  // namespace keel::sim
