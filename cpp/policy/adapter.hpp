#pragma once
// A plugin's C table behind the interface the relay calls. Every answer is checked: index range,
// duplicates, negative money, an upgrade in price, a TTL out of range, text that is too long or not
// UTF-8, an exception that escaped. A wrong answer is `failed` with what was found.

#include "base/result.hpp"
#include "policy/policies.hpp"
#include "policy/settings.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

namespace keel::policy {

// What a policy logs while it is created or destroyed. level: KEEL_LOG_.
using LogSink = std::function<void(uint32_t level, std::string_view policy, std::string_view line)>;

struct CreateOptions {
  bool allow_text = false;  // hand the first message to a policy that declares needs_text
  LogSink log;              // none: lines are dropped
};

// An instance of a policy whose table passed policies_of(). Wrong settings (see check_settings) and
// a create() that fails are errors; their `where` is the setting or empty.
template <typename P>
Result<std::unique_ptr<P>> adapt(const keel_policy& policy, const Settings& settings,
                                 const CreateOptions& options = {});

template <>
Result<std::unique_ptr<RoutingPolicy>> adapt(const keel_policy&, const Settings&,
                                             const CreateOptions&);
template <>
Result<std::unique_ptr<CostPolicy>> adapt(const keel_policy&, const Settings&,
                                          const CreateOptions&);
template <>
Result<std::unique_ptr<TtlPolicy>> adapt(const keel_policy&, const Settings&, const CreateOptions&);

}  // namespace keel::policy
