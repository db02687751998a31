// Uses a function nobody defines; linked without -z defs, so only the loader can tell.

#include "good.hpp"

extern "C" int keel_test_nobody_defines_this(void);

struct Undefined : faulty::Good {
  explicit Undefined(const faulty::Config& config) : Good(config) {
    keel_test_nobody_defines_this();
  }
};

KEEL_POLICIES(Undefined)
