// create answers with a status that is none of its own.

#include "good.hpp"

namespace {

const keel_policy& spoilt() {
  static keel_descriptor descriptor = *faulty::good_policy.descriptor;
  static keel_policy policy = [] {
    keel_policy p = faulty::good_policy;
    p.descriptor = &descriptor;
    p.create = [](auto...) -> uint32_t { return KEEL_ABSTAIN; };
    return p;
  }();
  return policy;
}

}  // namespace

extern "C" KEEL_EXPORT const keel_plugin* keel_plugin_entry(void) {
  static const keel_plugin table = [] {
    keel_plugin t = faulty::good_plugin;
    t.at = [](uint32_t) { return &spoilt(); };
    t.get = [](keel_text, keel_text id) { return id.size == 4 ? &spoilt() : nullptr; };
    return t;
  }();
  return &table;
}
