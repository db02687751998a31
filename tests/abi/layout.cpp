// The layout of the policy contract, frozen. No code: a build that fails here has broken every
// plugin already built. A new field goes to the end of its struct, moves KEEL_ABI_MINOR and gets a
// line here (and the new size); anything else moves KEEL_ABI_MAJOR and the revision of the kinds
// concerned.

#include <keel/abi.h>

#include <cstddef>

static_assert(KEEL_ABI_MAJOR == 1 && KEEL_ABI_MINOR == 0);
static_assert(sizeof(void*) == 8 && sizeof(size_t) == 8);

static_assert(sizeof(keel_text) == 16);
static_assert(offsetof(keel_text, data) == 0);
static_assert(offsetof(keel_text, size) == 8);

static_assert(sizeof(keel_message) == 24);
static_assert(offsetof(keel_message, struct_size) == 0);
static_assert(offsetof(keel_message, capacity) == 4);
static_assert(offsetof(keel_message, size) == 8);
static_assert(offsetof(keel_message, reserved) == 12);
static_assert(offsetof(keel_message, data) == 16);

static_assert(sizeof(keel_setting_spec) == 96);
static_assert(offsetof(keel_setting_spec, struct_size) == 0);
static_assert(offsetof(keel_setting_spec, type) == 4);
static_assert(offsetof(keel_setting_spec, flags) == 8);
static_assert(offsetof(keel_setting_spec, default_boolean) == 12);
static_assert(offsetof(keel_setting_spec, name) == 16);
static_assert(offsetof(keel_setting_spec, summary) == 32);
static_assert(offsetof(keel_setting_spec, default_text) == 48);
static_assert(offsetof(keel_setting_spec, default_integer) == 64);
static_assert(offsetof(keel_setting_spec, default_number) == 72);
static_assert(offsetof(keel_setting_spec, min) == 80);
static_assert(offsetof(keel_setting_spec, max) == 88);

static_assert(sizeof(keel_setting) == 56);
static_assert(offsetof(keel_setting, struct_size) == 0);
static_assert(offsetof(keel_setting, type) == 4);
static_assert(offsetof(keel_setting, name) == 8);
static_assert(offsetof(keel_setting, text) == 24);
static_assert(offsetof(keel_setting, integer) == 40);
static_assert(offsetof(keel_setting, number) == 48);

static_assert(sizeof(keel_settings) == 24);
static_assert(offsetof(keel_settings, struct_size) == 0);
static_assert(offsetof(keel_settings, count) == 4);
static_assert(offsetof(keel_settings, stride) == 8);
static_assert(offsetof(keel_settings, first) == 16);

static_assert(sizeof(keel_request) == 120);
static_assert(offsetof(keel_request, struct_size) == 0);
static_assert(offsetof(keel_request, capabilities) == 4);
static_assert(offsetof(keel_request, route) == 8);
static_assert(offsetof(keel_request, tenant) == 24);
static_assert(offsetof(keel_request, model) == 40);
static_assert(offsetof(keel_request, input_tokens) == 56);
static_assert(offsetof(keel_request, expected_output_tokens) == 64);
static_assert(offsetof(keel_request, deadline_left_ns) == 72);
static_assert(offsetof(keel_request, budget_left_share) == 80);
static_assert(offsetof(keel_request, now_ns) == 88);
static_assert(offsetof(keel_request, entropy) == 96);
static_assert(offsetof(keel_request, stream) == 104);
static_assert(offsetof(keel_request, attempt) == 108);
static_assert(offsetof(keel_request, tries) == 112);
static_assert(offsetof(keel_request, requested_candidate) == 116);

static_assert(sizeof(keel_target) == 112);
static_assert(offsetof(keel_target, struct_size) == 0);
static_assert(offsetof(keel_target, tier) == 4);
static_assert(offsetof(keel_target, weight) == 8);
static_assert(offsetof(keel_target, name) == 16);
static_assert(offsetof(keel_target, provider) == 32);
static_assert(offsetof(keel_target, model) == 48);
static_assert(offsetof(keel_target, price_in_nano_usd_per_million) == 64);
static_assert(offsetof(keel_target, price_out_nano_usd_per_million) == 72);
static_assert(offsetof(keel_target, price_cached_nano_usd_per_million) == 80);
static_assert(offsetof(keel_target, price_cache_write_nano_usd_per_million) == 88);
static_assert(offsetof(keel_target, context_tokens) == 96);
static_assert(offsetof(keel_target, output_tokens) == 104);

static_assert(sizeof(keel_latency) == 40);
static_assert(offsetof(keel_latency, samples) == 0);
static_assert(offsetof(keel_latency, ewma_ns) == 8);
static_assert(offsetof(keel_latency, p50_ns) == 16);
static_assert(offsetof(keel_latency, p95_ns) == 24);
static_assert(offsetof(keel_latency, p99_ns) == 32);

static_assert(sizeof(keel_candidate) == 168);
static_assert(offsetof(keel_candidate, struct_size) == 0);
static_assert(offsetof(keel_candidate, position) == 4);
static_assert(offsetof(keel_candidate, target) == 8);
static_assert(offsetof(keel_candidate, health_score) == 16);
static_assert(offsetof(keel_candidate, success_rate) == 24);
static_assert(offsetof(keel_candidate, requests_left_share) == 32);
static_assert(offsetof(keel_candidate, tokens_left_share) == 40);
static_assert(offsetof(keel_candidate, concurrency_left_share) == 48);
static_assert(offsetof(keel_candidate, estimated_cost_nano_usd) == 56);
static_assert(offsetof(keel_candidate, worst_case_cost_nano_usd) == 64);
static_assert(offsetof(keel_candidate, in_flight) == 72);
static_assert(offsetof(keel_candidate, breaker_state) == 76);
static_assert(offsetof(keel_candidate, last_verdict) == 80);
static_assert(offsetof(keel_candidate, reserved) == 84);
static_assert(offsetof(keel_candidate, first_token) == 88);
static_assert(offsetof(keel_candidate, output_token) == 128);

static_assert(sizeof(keel_candidates) == 24);
static_assert(offsetof(keel_candidates, struct_size) == 0);
static_assert(offsetof(keel_candidates, count) == 4);
static_assert(offsetof(keel_candidates, stride) == 8);
static_assert(offsetof(keel_candidates, first) == 16);

static_assert(sizeof(keel_order) == 24);
static_assert(offsetof(keel_order, struct_size) == 0);
static_assert(offsetof(keel_order, capacity) == 4);
static_assert(offsetof(keel_order, count) == 8);
static_assert(offsetof(keel_order, reserved) == 12);
static_assert(offsetof(keel_order, indices) == 16);

static_assert(sizeof(keel_attempt) == 96);
static_assert(offsetof(keel_attempt, struct_size) == 0);
static_assert(offsetof(keel_attempt, verdict) == 4);
static_assert(offsetof(keel_attempt, route) == 8);
static_assert(offsetof(keel_attempt, target) == 24);
static_assert(offsetof(keel_attempt, first_token_ns) == 32);
static_assert(offsetof(keel_attempt, total_ns) == 40);
static_assert(offsetof(keel_attempt, input_tokens) == 48);
static_assert(offsetof(keel_attempt, output_tokens) == 56);
static_assert(offsetof(keel_attempt, cost_nano_usd) == 64);
static_assert(offsetof(keel_attempt, now_ns) == 72);
static_assert(offsetof(keel_attempt, status) == 80);
static_assert(offsetof(keel_attempt, reserved) == 84);
static_assert(offsetof(keel_attempt, limit_ns) == 88);

static_assert(sizeof(keel_usage) == 48);
static_assert(offsetof(keel_usage, struct_size) == 0);
static_assert(offsetof(keel_usage, kind) == 4);
static_assert(offsetof(keel_usage, in) == 8);
static_assert(offsetof(keel_usage, cached) == 16);
static_assert(offsetof(keel_usage, cache_write) == 24);
static_assert(offsetof(keel_usage, out) == 32);
static_assert(offsetof(keel_usage, reasoning) == 40);

static_assert(sizeof(keel_budget) == 40);
static_assert(offsetof(keel_budget, struct_size) == 0);
static_assert(offsetof(keel_budget, applies) == 4);
static_assert(offsetof(keel_budget, alert_passed) == 8);
static_assert(offsetof(keel_budget, reserved) == 12);
static_assert(offsetof(keel_budget, spent_share) == 16);
static_assert(offsetof(keel_budget, alert_share) == 24);
static_assert(offsetof(keel_budget, left_nano_usd) == 32);

static_assert(sizeof(keel_ttl_question) == 40);
static_assert(offsetof(keel_ttl_question, struct_size) == 0);
static_assert(offsetof(keel_ttl_question, reserved) == 4);
static_assert(offsetof(keel_ttl_question, request) == 8);
static_assert(offsetof(keel_ttl_question, target) == 16);
static_assert(offsetof(keel_ttl_question, first_message) == 24);

static_assert(sizeof(keel_routing_functions) == 24);
static_assert(offsetof(keel_routing_functions, struct_size) == 0);
static_assert(offsetof(keel_routing_functions, reserved) == 4);
static_assert(offsetof(keel_routing_functions, route) == 8);
static_assert(offsetof(keel_routing_functions, observe) == 16);

static_assert(sizeof(keel_cost_functions) == 24);
static_assert(offsetof(keel_cost_functions, struct_size) == 0);
static_assert(offsetof(keel_cost_functions, reserved) == 4);
static_assert(offsetof(keel_cost_functions, price) == 8);
static_assert(offsetof(keel_cost_functions, advise) == 16);

static_assert(sizeof(keel_ttl_functions) == 16);
static_assert(offsetof(keel_ttl_functions, struct_size) == 0);
static_assert(offsetof(keel_ttl_functions, reserved) == 4);
static_assert(offsetof(keel_ttl_functions, ttl) == 8);

static_assert(sizeof(keel_host) == 24);
static_assert(offsetof(keel_host, struct_size) == 0);
static_assert(offsetof(keel_host, abi_minor) == 4);
static_assert(offsetof(keel_host, context) == 8);
static_assert(offsetof(keel_host, log) == 16);

static_assert(sizeof(keel_descriptor) == 96);
static_assert(offsetof(keel_descriptor, struct_size) == 0);
static_assert(offsetof(keel_descriptor, needs) == 4);
static_assert(offsetof(keel_descriptor, kind) == 8);
static_assert(offsetof(keel_descriptor, id) == 24);
static_assert(offsetof(keel_descriptor, version) == 40);
static_assert(offsetof(keel_descriptor, summary) == 56);
static_assert(offsetof(keel_descriptor, revision) == 72);
static_assert(offsetof(keel_descriptor, setting_count) == 76);
static_assert(offsetof(keel_descriptor, setting_stride) == 80);
static_assert(offsetof(keel_descriptor, settings) == 88);

static_assert(sizeof(keel_policy) == 40);
static_assert(offsetof(keel_policy, struct_size) == 0);
static_assert(offsetof(keel_policy, reserved) == 4);
static_assert(offsetof(keel_policy, descriptor) == 8);
static_assert(offsetof(keel_policy, create) == 16);
static_assert(offsetof(keel_policy, destroy) == 24);
static_assert(offsetof(keel_policy, functions) == 32);

static_assert(sizeof(keel_plugin) == 32);
static_assert(offsetof(keel_plugin, struct_size) == 0);
static_assert(offsetof(keel_plugin, abi_major) == 4);
static_assert(offsetof(keel_plugin, abi_minor) == 8);
static_assert(offsetof(keel_plugin, policy_count) == 12);
static_assert(offsetof(keel_plugin, get) == 16);
static_assert(offsetof(keel_plugin, at) == 24);
