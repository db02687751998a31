// Claims a longer message than there is room for.

#include "good.hpp"

namespace {

uint32_t route(void*, const keel_request*, const keel_candidates* candidates, keel_order* order,
               keel_message* message) {
  (void)candidates, (void)order;
  message->size = message->capacity + 1;
  return KEEL_REFUSE;
}

const keel_routing_functions functions{sizeof functions, 0, route, nullptr};
const keel_policy policy = [] {
  keel_policy p = faulty::good_policy;
  p.functions = &functions;
  return p;
}();

}  // namespace

extern "C" KEEL_EXPORT const keel_plugin* keel_plugin_entry(void) {
  static const keel_plugin table = [] {
    keel_plugin t = faulty::good_plugin;
    t.at = [](uint32_t) { return &policy; };
    t.get = [](keel_text, keel_text id) { return id.size == 4 ? &policy : nullptr; };
    return t;
  }();
  return &table;
}
