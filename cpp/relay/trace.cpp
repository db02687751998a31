#include "relay/trace.hpp"

#include <cstdio>

namespace keel::relay {

std::string_view name_of(Stage stage) {
  switch (stage) {
    case Stage::begin:
      return "begin";
    case Stage::admit:
      return "admit";
    case Stage::look_up:
      return "look_up";
    case Stage::choose:
      return "choose";
    case Stage::attempt:
      return "attempt";
    case Stage::classify:
      return "classify";
    case Stage::settle:
      return "settle";
    case Stage::retry:
      return "retry";
    case Stage::respond:
      return "respond";
  }
  return "unknown";
}

std::string Trace::explain() const {
  std::string out = "request " + id + " for \"" + model_asked + "\" on route " + route;
  if (!tenant.empty()) out += ", tenant " + tenant;
  out += '\n';
  char stamp[64];
  auto choice = choices.begin();
  size_t number = 0;
  for (const TraceLine& line : lines) {
    std::snprintf(stamp, sizeof stamp, "%10.3f s  %-8s  ", elapsed(began, line.at).seconds(),
                  std::string(name_of(line.stage)).c_str());
    out += stamp;
    out += line.text;
    out += '\n';
    for (; choice != choices.end() && choice->line <= number; ++choice)
      out += text_of(*choice, *names);
    ++number;
  }
  if (ended != Instant{}) out += summary();
  return out;
}

// What it came to: the time it took and where that went, and the money.
std::string Trace::summary() const {
  NanoUsd held, posted;
  int sends = 0;
  for (const AttemptRecord& attempt : attempts) {
    held += attempt.held;
    posted += attempt.posted;
    sends += attempt.sent ? 1 : 0;
  }
  char text[160];
  std::snprintf(text, sizeof text, "%10.3f s  in all: %.3f s between attempts",
                elapsed(began, ended).seconds(), paused.seconds());
  std::string out = text;
  if (waited > Duration::zero()) {
    std::snprintf(text, sizeof text, ", %.3f s for another request's answer", waited.seconds());
    out += text;
  }
  out += "; " + std::to_string(attempts.size()) + " tries, " + std::to_string(sends) + " sends; ";
  return out + to_usd_text(posted) + " USD posted of " + to_usd_text(held) + " held\n";
}

}  // namespace keel::relay
