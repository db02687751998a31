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
  for (const TraceLine& line : lines) {
    std::snprintf(stamp, sizeof stamp, "%10.3f s  %-8s  ", elapsed(began, line.at).seconds(),
                  std::string(name_of(line.stage)).c_str());
    out += stamp;
    out += line.text;
    out += '\n';
  }
  return out;
}

}  // namespace keel::relay
