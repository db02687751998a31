/* keel/abi.h: the contract between Keel and a policy, in C11.
 *
 * A policy is a shared object that exports one function, keel_plugin_entry(). It returns a static
 * const table; everything else is asked for by kind and id. There is no init and no deinit, and a
 * library is never unloaded. C++ authors use <keel/policy.hpp>, which is this contract in comfort.
 *
 * Rules that hold everywhere in this file:
 *  - Every struct but keel_text and keel_latency begins with `struct_size`, the sizeof its writer
 * was compiled with, and only ever grows at its end. Before reading a field that a newer minor
 * version added, ask KEEL_HAS(pointer, type, field). Arrays carry a stride, so an element may be
 * larger than yours.
 *  - Strings are UTF-8 (data, size), not zero-terminated. data may be NULL only when size is 0.
 *  - Pointers passed into a call are borrowed for that call; what lives longer says so. Nothing
 *    allocated on one side is freed on the other: a callee writes into memory of its caller.
 *  - Flags and enumerations are fixed-width integers (KEEL_ constants, never C enums). A reader
 *    tolerates values it does not know. Booleans are uint32_t 0 or 1.
 *  - Units end a name: _ns nanoseconds, _nano_usd 1e-9 US dollar, _share a part of 1.
 *  - No exception and no longjmp crosses the boundary.
 *
 * Threads. A tag names a guard, not an operating system thread:
 *  [control]  create, destroy, log. Serialised by the host; may allocate, block and log.
 *  [decision] route, price, advise, ttl, observe. Never concurrent on one instance (two instances
 *             may run at once). Does not block, do I/O, log, read a clock or draw randomness:
 *             now_ns and entropy are inputs. So a decision is a function of settings, observations
 *             and inputs, and it replays.
 *  [any]      may be called at any time from any thread.
 */
#ifndef KEEL_ABI_H
#define KEEL_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A host refuses another major. A plugin states the least minor it needs; a host that is older
 * refuses it, a newer one serves it. */
#define KEEL_ABI_MAJOR 1u
#define KEEL_ABI_MINOR 0u

#define KEEL_KIND_ROUTING "keel.routing/1"
#define KEEL_KIND_COST "keel.cost/1"
#define KEEL_KIND_CACHE_TTL "keel.cache-ttl/1"

#define KEEL_EXPORT __attribute__((visibility("default")))
#define KEEL_HAS(pointer, type, field) \
  ((pointer)->struct_size >= offsetof(type, field) + sizeof((pointer)->field))

/* What a function answers. */
#define KEEL_OK 0u
#define KEEL_ABSTAIN 1u /* no opinion: the host's default applies; not a failure */
#define KEEL_REFUSE 2u  /* do not serve this request; the message is for the client */
#define KEEL_FAILED 3u  /* the policy could not do its work; counted; the message is for logs */

/* Limits the host enforces on what a plugin hands over. */
#define KEEL_MESSAGE_MAX 512u                      /* bytes of a message */
#define KEEL_NAME_MAX 128u                         /* bytes of an id or a setting's name */
#define KEEL_SETTINGS_MAX 256u                     /* declared settings of one policy */
#define KEEL_POLICIES_MAX 64u                      /* policies of one plugin */
#define KEEL_TTL_MAX_NS INT64_C(31536000000000000) /* one year */

/* Passed by value, so it never grows. */
typedef struct keel_text {
  const char* data;
  size_t size;
} keel_text;

/* A message a callee may leave. `data` is the host's, `capacity` bytes; the callee writes at most
 * that many and sets `size`. */
typedef struct keel_message {
  uint32_t struct_size;
  uint32_t capacity;
  uint32_t size;
  uint32_t reserved;
  char* data;
} keel_message;

/* ---- settings --------------------------------------------------------------------------------
 * A policy declares what may be set; the host refuses a wrong setting by name before create() and
 * hands over a flat table in which every declared setting that is not a map stands, its default
 * filled in. A map setting `mapping` arrives as entries named `mapping.gpt-4`; a name that occurs
 * more than once is a list, in order. */
#define KEEL_SETTING_TEXT 1u
#define KEEL_SETTING_INTEGER 2u
#define KEEL_SETTING_NUMBER 3u
#define KEEL_SETTING_BOOLEAN 4u

#define KEEL_SETTING_REQUIRED 1u /* has no default */
#define KEEL_SETTING_MAP 2u      /* entries `name.key`, each of the declared type */

typedef struct keel_setting_spec {
  uint32_t struct_size;
  uint32_t type;
  uint32_t flags;
  uint32_t default_boolean;
  keel_text name;    /* [a-z0-9_]+; static */
  keel_text summary; /* one line; static */
  keel_text default_text;
  int64_t default_integer;
  double default_number;
  double min; /* of integers and numbers, inclusive; both ends finite or infinite, never NaN */
  double max;
} keel_setting_spec;

/* `text` is set for TEXT, `integer` for INTEGER and BOOLEAN, `number` for NUMBER. */
typedef struct keel_setting {
  uint32_t struct_size;
  uint32_t type;
  keel_text name;
  keel_text text;
  int64_t integer;
  double number;
} keel_setting;

typedef struct keel_settings {
  uint32_t struct_size;
  uint32_t count;
  size_t stride;
  const keel_setting* first;
} keel_settings;

/* ---- what a policy is asked about -------------------------------------------------------------*/

#define KEEL_ASKS_TOOLS 1u
#define KEEL_ASKS_SCHEMA 2u /* structured output */
#define KEEL_ASKS_IMAGES 4u
#define KEEL_ASKS_REASONING 8u

typedef struct keel_request {
  uint32_t struct_size;
  uint32_t capabilities; /* KEEL_ASKS_ bits */
  keel_text route;
  keel_text tenant;     /* empty: the relay has no tenants */
  keel_text model;      /* as the client wrote it */
  int64_t input_tokens; /* estimated */
  /* Learned from this route and model, else bounded by the client. */
  int64_t expected_output_tokens;
  int64_t deadline_left_ns;
  double budget_left_share; /* [0,1] of the tightest budget that applies; 1 without one */
  int64_t now_ns;           /* monotonic; only differences mean anything */
  uint64_t entropy;         /* 64 random bits, new for every question */
  uint32_t stream;          /* the client asked for a stream */
  uint32_t attempt;         /* which send this would be: 1 is the first */
  uint32_t tries;           /* tries so far, those that sent nothing included */
  /* Which candidate the client named, as an index into the candidates of this call; -1: none, or
   * the one it named is not among them. */
  int32_t requested_candidate;
} keel_request;

/* What does not change about a target while a configuration is in force. Prices are in nano-USD
 * per 1,000,000 tokens, -1 unknown; cached and cache_write are set to `in` where the provider names
 * none. Token limits are 0 when unknown. */
typedef struct keel_target {
  uint32_t struct_size;
  uint32_t tier;  /* 0 is preferred; configured */
  double weight;  /* configured, > 0, 1 by default */
  keel_text name; /* provider/model */
  keel_text provider;
  keel_text model;
  int64_t price_in_nano_usd_per_million;
  int64_t price_out_nano_usd_per_million;
  int64_t price_cached_nano_usd_per_million;
  int64_t price_cache_write_nano_usd_per_million;
  int64_t context_tokens;
  int64_t output_tokens;
} keel_target;

#define KEEL_BREAKER_CLOSED 0u
#define KEEL_BREAKER_HALF_OPEN 1u
#define KEEL_BREAKER_OPEN 2u

/* How an attempt ended. */
#define KEEL_VERDICT_NONE 0u /* not tried in this request */
#define KEEL_VERDICT_OK 1u
#define KEEL_VERDICT_NOT_SENT 2u
#define KEEL_VERDICT_BROKEN 3u
#define KEEL_VERDICT_TRANSIENT 4u
#define KEEL_VERDICT_THROTTLED_KEY 5u
#define KEEL_VERDICT_THROTTLED_POOL 6u
#define KEEL_VERDICT_EXHAUSTED 7u
#define KEEL_VERDICT_KEY_DEAD 8u
#define KEEL_VERDICT_KEY_MODEL_DENIED 9u
#define KEEL_VERDICT_FATAL 10u
#define KEEL_VERDICT_CONTEXT 11u
#define KEEL_VERDICT_POLICY 12u
#define KEEL_VERDICT_PROVIDER_OVERLOAD 13u
#define KEEL_VERDICT_SILENT 14u
#define KEEL_VERDICT_UNSUPPORTED 15u
#define KEEL_VERDICT_CANCELLED 16u

/* Rolling latency of one target; every figure is 0 while unknown. Embedded, so it never grows. */
typedef struct keel_latency {
  int64_t samples;
  int64_t ewma_ns;
  int64_t p50_ns;
  int64_t p95_ns;
  int64_t p99_ns;
} keel_latency;

/* A target that may be asked now: the host has already left out those that cannot serve the
 * request, whose breaker is open, or for which no key, limit or money is left. */
typedef struct keel_candidate {
  uint32_t struct_size;
  uint32_t position;                /* in the route as configured; 0 is first */
  const keel_target* target;        /* never NULL; borrowed like the candidate */
  double health_score;              /* [0,1] */
  double success_rate;              /* [0,1]; 1 while unknown */
  double requests_left_share;       /* [0,1] of the requests-per-minute limit; 1 without one */
  double tokens_left_share;         /* [0,1] of the tokens-per-minute limit; 1 without one */
  double concurrency_left_share;    /* [0,1]; 1 without a limit */
  int64_t estimated_cost_nano_usd;  /* of this request; -1 unknown */
  int64_t worst_case_cost_nano_usd; /* what a hold would take; -1 unknown */
  uint32_t in_flight;
  uint32_t breaker_state; /* KEEL_BREAKER_ */
  uint32_t last_verdict;  /* KEEL_VERDICT_: how it last ended in this request */
  uint32_t reserved;
  keel_latency first_token;  /* streams: time to the first token */
  keel_latency output_token; /* plain replies: time per output token */
} keel_candidate;

typedef struct keel_candidates {
  uint32_t struct_size;
  uint32_t count;
  size_t stride; /* bytes from one candidate to the next */
  const keel_candidate* first;
} keel_candidates;

/* Candidate indices, best first. `indices` is the host's, room for `capacity` = the number of
 * candidates; the callee sets `count`, which the host has set to 0. */
typedef struct keel_order {
  uint32_t struct_size;
  uint32_t capacity;
  uint32_t count;
  uint32_t reserved;
  uint32_t* indices;
} keel_order;

/* How an attempt at a target ended, for policies that learn. */
typedef struct keel_attempt {
  uint32_t struct_size;
  uint32_t verdict; /* KEEL_VERDICT_ */
  keel_text route;
  const keel_target* target;
  int64_t first_token_ns; /* 0: none came, or not a stream */
  int64_t total_ns;
  int64_t input_tokens;  /* 0 unknown */
  int64_t output_tokens; /* 0 unknown */
  int64_t cost_nano_usd; /* as posted */
  int64_t now_ns;
  uint32_t status; /* HTTP status; 0: none came */
  uint32_t reserved;
  int64_t limit_ns; /* how long it might have taken; of a stream, until its first token */
} keel_attempt;

#define KEEL_USAGE_ACTUAL 0u
#define KEEL_USAGE_WORST_CASE 1u /* a bound: `in` at the dearest input price, `out` tokens */

/* Tokens to be priced. cached and cache_write are part of in, reasoning is part of out. */
typedef struct keel_usage {
  uint32_t struct_size;
  uint32_t kind; /* KEEL_USAGE_ */
  int64_t in;
  int64_t cached;
  int64_t cache_write;
  int64_t out;
  int64_t reasoning;
} keel_usage;

/* The tightest budget that applies to the request. */
typedef struct keel_budget {
  uint32_t struct_size;
  uint32_t applies;      /* 0: no budget; the other fields mean nothing */
  uint32_t alert_passed; /* spent_share has reached alert_share in this window */
  uint32_t reserved;
  double spent_share;    /* posted and held, of the limit; may pass 1 after an overrun */
  double alert_share;    /* from here on cheaper models are to stand in */
  int64_t left_nano_usd; /* may be negative after an overrun */
} keel_budget;

typedef struct keel_ttl_question {
  uint32_t struct_size;
  uint32_t reserved;
  const keel_request* request;
  const keel_target* target; /* which answered */
  /* The text of the conversation's first message; data is NULL unless the descriptor says
   * KEEL_NEEDS_TEXT and the configuration allows it. */
  keel_text first_message;
} keel_ttl_question;

/* ---- what a policy answers --------------------------------------------------------------------
 * Every function returns KEEL_OK, _ABSTAIN, _REFUSE or _FAILED; with the last two it may leave a
 * message. `self` is what create() gave. The host checks every answer: a wrong one counts as
 * KEEL_FAILED. */

/* keel.routing/1 */
typedef struct keel_routing_functions {
  uint32_t struct_size;
  uint32_t reserved;
  /* [decision] An order over candidate indices without repetition; one left out is not asked. An
   * empty order with KEEL_OK means that none of them shall be asked. */
  uint32_t (*route)(void* self, const keel_request* request, const keel_candidates* candidates,
                    keel_order* order, keel_message* message);
  /* [decision] Called once per attempt when it is settled; answers KEEL_OK or KEEL_FAILED. May be
   * NULL. */
  uint32_t (*observe)(void* self, const keel_attempt* attempt, keel_message* message);
} keel_routing_functions;

/* keel.cost/1 */
typedef struct keel_cost_functions {
  uint32_t struct_size;
  uint32_t reserved;
  /* [decision] What these tokens cost at this target, >= 0. KEEL_ABSTAIN: the price is unknown (the
   * host refuses the target where a budget applies). Not less for more tokens, and for
   * KEEL_USAGE_WORST_CASE not less than for any actual usage within the bound: a hold covers what
   * is settled. KEEL_REFUSE is not an answer here. */
  uint32_t (*price)(void* self, const keel_request* request, const keel_target* target,
                    const keel_usage* usage, int64_t* nano_usd, keel_message* message);
  /* [decision] May the request go to candidate `preferred`? KEEL_OK with an empty order, or
   * KEEL_ABSTAIN: yes. KEEL_OK with an order: rather to these, first that fits; when none does,
   * the preferred one. KEEL_REFUSE: no. None may have a higher estimated cost than the preferred
   * one. May be NULL: always yes. */
  uint32_t (*advise)(void* self, const keel_request* request, uint32_t preferred,
                     const keel_candidates* candidates, const keel_budget* budget,
                     keel_order* downgrades, keel_message* message);
} keel_cost_functions;

/* keel.cache-ttl/1 */
typedef struct keel_ttl_functions {
  uint32_t struct_size;
  uint32_t reserved;
  /* [decision] How long a stored reply may be served, 0..KEEL_TTL_MAX_NS; 0: do not cache it.
   * KEEL_REFUSE is not an answer here. */
  uint32_t (*ttl)(void* self, const keel_ttl_question* question, int64_t* ttl_ns,
                  keel_message* message);
} keel_ttl_functions;

/* ---- what a plugin is -------------------------------------------------------------------------*/

#define KEEL_LOG_DEBUG 0u
#define KEEL_LOG_INFO 1u
#define KEEL_LOG_WARNING 2u
#define KEEL_LOG_ERROR 3u

/* The host as a policy instance sees it. Owned by the host, valid until destroy() has returned. */
typedef struct keel_host {
  uint32_t struct_size;
  uint32_t abi_minor; /* of the host */
  void* context;      /* the host's; pass it back */
  /* [control] One line, at most KEEL_MESSAGE_MAX bytes. */
  void (*log)(void* context, uint32_t level, keel_text line);
} keel_host;

#define KEEL_NEEDS_TEXT 1u

/* Static, const. */
typedef struct keel_descriptor {
  uint32_t struct_size;
  uint32_t needs;    /* KEEL_NEEDS_ bits; default: nothing of the prompt or the user */
  keel_text kind;    /* KEEL_KIND_ */
  keel_text id;      /* [a-z0-9_-]+; what the configuration names */
  keel_text version; /* for people */
  keel_text summary; /* one line, for people */
  /* Raised whenever the same settings and inputs may give another answer: it is part of what a
   * cached reply was stored under. */
  uint32_t revision;
  uint32_t setting_count;
  size_t setting_stride;
  const keel_setting_spec* settings;
} keel_descriptor;

/* Static, const. */
typedef struct keel_policy {
  uint32_t struct_size;
  uint32_t reserved;
  const keel_descriptor* descriptor;
  /* [control] Makes an instance of a checked configuration. KEEL_OK and *self (owned by the plugin,
   * valid until destroy), or KEEL_FAILED and a message. */
  uint32_t (*create)(const keel_host* host, const keel_settings* settings, void** self,
                     keel_message* message);
  /* [control] */
  void (*destroy)(void* self);
  /* By kind: keel_routing_functions, keel_cost_functions or keel_ttl_functions. */
  const void* functions;
} keel_policy;

/* Static, const. The first four fields stay where they are in every major version. */
typedef struct keel_plugin {
  uint32_t struct_size;
  uint32_t abi_major;
  uint32_t abi_minor; /* the least the plugin needs */
  uint32_t policy_count;
  /* [any] NULL for a kind and id it does not have. */
  const keel_policy* (*get)(keel_text kind, keel_text id);
  /* [any] For listing; NULL from policy_count on. */
  const keel_policy* (*at)(uint32_t index);
} keel_plugin;

/* [any] The one exported symbol. Pure: the same pointer every time. */
KEEL_EXPORT const keel_plugin* keel_plugin_entry(void);
#define KEEL_PLUGIN_ENTRY "keel_plugin_entry"

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* KEEL_ABI_H */
