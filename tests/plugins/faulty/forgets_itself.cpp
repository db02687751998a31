// Lists a policy that get() does not return.

#include "good.hpp"

extern "C" KEEL_EXPORT const keel_plugin* keel_plugin_entry(void) {
  static const keel_plugin table = [] {
    keel_plugin t = faulty::good_plugin;
    t.get = [](keel_text, keel_text) -> const keel_policy* { return nullptr; };
    return t;
  }();
  return &table;
}
