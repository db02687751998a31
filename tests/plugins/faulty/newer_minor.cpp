// Needs a minor version of the ABI that this host does not have.

#include "good.hpp"

extern "C" KEEL_EXPORT const keel_plugin* keel_plugin_entry(void) {
  static const keel_plugin table = [] {
    keel_plugin t = faulty::good_plugin;
    t.abi_minor = KEEL_ABI_MINOR + 1;
    return t;
  }();
  return &table;
}
