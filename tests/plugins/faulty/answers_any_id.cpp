// Returns a policy for an id it does not have.

#include "good.hpp"

extern "C" KEEL_EXPORT const keel_plugin* keel_plugin_entry(void) {
  static const keel_plugin table = [] {
    keel_plugin t = faulty::good_plugin;
    t.get = [](keel_text, keel_text) { return &faulty::good_policy; };
    return t;
  }();
  return &table;
}
