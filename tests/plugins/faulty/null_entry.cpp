// Its entry function returns NULL.

#include <keel/abi.h>

extern "C" KEEL_EXPORT const keel_plugin* keel_plugin_entry(void) {
  return nullptr;
}
