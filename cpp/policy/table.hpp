#pragma once
// Is what a plugin's entry function returned a table this host can use? Everything is checked once,
// before anything of it is called or believed.

#include "base/result.hpp"

#include <keel/abi.h>

#include <string>
#include <vector>

namespace keel::policy {

// Every policy of the plugin, each with a sound descriptor and functions. Policies of a kind this
// host does not know are listed too (another host may serve them). The error says what was expected
// and what was found; its `where` is left to the caller, who knows the file.
Result<std::vector<const keel_policy*>> policies_of(const keel_plugin* plugin);

// "ordered (keel.routing/1)", for messages.
std::string name_of(const keel_policy& policy);

}  // namespace keel::policy
