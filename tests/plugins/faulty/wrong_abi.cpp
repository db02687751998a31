// Built for another major version of the ABI.

#include "good.hpp"

extern "C" KEEL_EXPORT const keel_plugin* keel_plugin_entry(void) {
  static const keel_plugin table = [] {
    keel_plugin t = faulty::good_plugin;
    t.abi_major = 2;
    return t;
  }();
  return &table;
}
