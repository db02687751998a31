#pragma once
// What was truly answered, to whom and when: every answer a caller gets is looked up here by the
// reply's nonce (invariants H1 and H4 of SEMANTICS B, and that nobody gets another's reply). The
// meaning of a request is found without the relay's own canonical form.

#include "relay/events.hpp"
#include "sim/upstream.hpp"

#include <string>
#include <string_view>
#include <unordered_map>

namespace keel::sim {

class CacheBooks {
 public:
  // A reply left a provider: to which request, by whom, in which state.
  void replied(std::string_view reply, const relay::Request& asked, RouteIndex route,
               TargetIndex target, bool whole, Instant now);
  // What is wrong with this answer, or nothing. `words`: its body, or all of a stream's bytes.
  std::string judge(const relay::Config& config, const relay::Request& request, RouteIndex route,
                    const relay::Answer& answer, std::string_view words, Instant now) const;

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
  std::string judge_hit(const relay::Config& config, const relay::Request& request,
                        RouteIndex route, const relay::Answer& answer, const Reply& stored,
                        Instant now) const;

  std::unordered_map<std::string, Reply> replies_;
};

}  // namespace keel::sim
