#pragma once
// Policies by name. Built-ins are plugins like any other, found in directories the caller names;
// others are loaded by absolute path. One registry belongs to one relay; [control] only.

#include "base/result.hpp"
#include "policy/adapter.hpp"
#include "policy/library.hpp"
#include "policy/policies.hpp"
#include "policy/settings.hpp"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace keel::policy {

class Registry {
 public:
  // Directories of built-ins, absolute, searched in order; nothing is loaded yet. `ordered` is
  // looked for as `ordered.so` first, so one name costs one library.
  explicit Registry(std::vector<std::string> builtin_directories);

  // A plugin by absolute path; the same path gives the same library. `sha256`: pinned digest or
  // empty. What open() warns of stands in the library's warnings().
  Result<const Library*> load(const std::string& path, std::string_view sha256 = {});

  // The table of a built-in policy; for its description and settings before it is created. The
  // error names the nearest known id.
  Result<const keel_policy*> find(std::string_view kind, std::string_view id);

  // An instance of a built-in. P: RoutingPolicy, CostPolicy or TtlPolicy.
  template <typename P>
  Result<std::unique_ptr<P>> create(std::string_view id, const Settings& settings,
                                    const CreateOptions& options = {}) {
    auto policy = find(P::kKind, id);
    if (!policy) return policy.error();
    return adapt<P>(**policy, settings, options);
  }

  // An instance of a policy of a loaded library; an empty id means its only one of that kind.
  template <typename P>
  static Result<std::unique_ptr<P>> create(const Library& library, std::string_view id,
                                           const Settings& settings,
                                           const CreateOptions& options = {}) {
    auto policy = library.find(P::kKind, id);
    if (!policy) return policy.error();
    return adapt<P>(**policy, settings, options);
  }

  // Every built-in there is, by kind and id; loads all of them. A library that cannot be loaded is
  // reported in `problems` when given, and left out.
  std::vector<const keel_policy*> builtins(std::vector<Error>* problems = nullptr);

 private:
  std::vector<std::string> directories_;
  std::map<std::string, std::unique_ptr<Library>> libraries_;  // by path
};

}  // namespace keel::policy
