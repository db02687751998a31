#pragma once
// A plugin in the process. What a file must be to be loaded: named by an absolute path, a shared
// object for this machine, writable by nobody else, owned by root, by this user or by whoever owns
// Keel itself, of the digest it is pinned to. A plugin has the privileges of the process; these
// checks are about who could have put it there.

#include "base/result.hpp"

#include <keel/abi.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace keel::policy {

// Why a file with this owner and mode is not to be loaded, as "found ..., wanted ...".
std::optional<std::string> distrust(uid_t owner, mode_t mode, uid_t user, uid_t owner_of_keel);

class Library {
 public:
  // `sha256`: 64 hex digits the file must have, or empty. The error's `where` is the path.
  static Result<Library> open(const std::string& path, std::string_view sha256 = {});

  const std::string& path() const { return path_; }
  // What to tell the operator though it was loaded: a group-writable file.
  const std::vector<std::string>& warnings() const { return warnings_; }
  // Checked; they stay valid as long as the process lives, for a library is never unloaded
  // (thread-locals and static objects of a plugin would outlive their code).
  const std::vector<const keel_policy*>& policies() const { return policies_; }
  // The policy of that kind and id; an empty id means the only one of its kind.
  Result<const keel_policy*> find(std::string_view kind, std::string_view id) const;

 private:
  std::string path_;
  std::vector<std::string> warnings_;
  std::vector<const keel_policy*> policies_;
};

}  // namespace keel::policy
