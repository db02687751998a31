// Its table ends before what version 1.0 had.

#include "good.hpp"

extern "C" KEEL_EXPORT const keel_plugin* keel_plugin_entry(void) {
  static const keel_plugin table = [] {
    keel_plugin t = faulty::good_plugin;
    t.struct_size = offsetof(keel_plugin, at);
    return t;
  }();
  return &table;
}
