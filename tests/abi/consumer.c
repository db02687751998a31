/* The contract as a C11 author reads it: a whole plugin in C, and the sizes C sees. */

#include <keel/abi.h>

#include <string.h>

static uint32_t create(const keel_host* host, const keel_settings* settings, void** self,
                       keel_message* message) {
  (void)settings;
  (void)message;
  *self = (void*)(uintptr_t)host;
  return KEEL_OK;
}

static void destroy(void* self) {
  (void)self;
}

static uint32_t price(void* self, const keel_request* request, const keel_target* target,
                      const keel_usage* usage, int64_t* nano_usd, keel_message* message) {
  (void)self;
  (void)request;
  (void)message;
  if (!KEEL_HAS(target, keel_target, output_tokens)) return KEEL_ABSTAIN;
  *nano_usd = usage->in + usage->out;
  return KEEL_OK;
}

static const keel_cost_functions functions = {sizeof(keel_cost_functions), 0, price, NULL};
static const keel_descriptor descriptor = {sizeof(keel_descriptor),
                                           0,
                                           {KEEL_KIND_COST, sizeof(KEEL_KIND_COST) - 1},
                                           {"nano", 4},
                                           {"1", 1},
                                           {"one nano-dollar a token", 23},
                                           1,
                                           0,
                                           0,
                                           NULL};
static const keel_policy policy = {sizeof(keel_policy), 0, &descriptor, create, destroy,
                                   &functions};

static int same(keel_text a, keel_text b) {
  return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}
static const keel_policy* get(keel_text kind, keel_text id) {
  return same(kind, descriptor.kind) && same(id, descriptor.id) ? &policy : NULL;
}
static const keel_policy* at(uint32_t index) {
  return index == 0 ? &policy : NULL;
}

static const keel_plugin plugin = {sizeof(keel_plugin), KEEL_ABI_MAJOR, KEEL_ABI_MINOR, 1, get, at};

const keel_plugin* keel_plugin_entry(void) {
  return &plugin;
}
