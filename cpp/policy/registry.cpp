#include "policy/registry.hpp"

#include "policy/text.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

namespace keel::policy {

namespace {

// Shared objects of a directory, by name, so that every run looks at them in the same order.
std::vector<std::string> plugins_in(const std::string& directory) {
  std::vector<std::string> paths;
  std::error_code error;
  std::filesystem::directory_iterator entries(directory, error), end;
  for (; !error && entries != end; entries.increment(error)) {
    if (entries->path().extension() == ".so") paths.push_back(entries->path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

auto key_of(const keel_policy* policy) {
  return std::pair(view_of(policy->descriptor->kind), view_of(policy->descriptor->id));
}

bool is_file_name(std::string_view id) {
  return !id.empty() && id.find('/') == std::string_view::npos &&
         id.find('\0') == std::string_view::npos;
}

}  // namespace

Registry::Registry(std::vector<std::string> builtin_directories)
    : directories_(std::move(builtin_directories)) {}

Result<const Library*> Registry::load(const std::string& path, std::string_view sha256) {
  auto known = libraries_.find(path);
  // A pin is checked each time it is asked for, loaded already or not.
  if (known != libraries_.end() && sha256.empty()) return known->second.get();
  auto opened = Library::open(path, sha256);
  if (!opened) return opened.error();
  auto& slot = libraries_[path];
  if (!slot) slot = std::make_unique<Library>(std::move(*opened));
  return slot.get();
}

Result<const keel_policy*> Registry::find(std::string_view kind, std::string_view id) {
  for (const std::string& directory : directories_) {
    std::string path = directory + "/" + std::string(id) + ".so";
    std::error_code error;
    if (!is_file_name(id) || !std::filesystem::exists(path, error)) continue;
    auto library = load(path);
    if (!library) return library.error();
    if (auto policy = (*library)->find(kind, id)) return *policy;
  }
  std::vector<std::string_view> known;
  for (const keel_policy* policy : builtins()) {
    if (key_of(policy) == std::pair(kind, id)) return policy;
    if (key_of(policy).first == kind) known.push_back(key_of(policy).second);
  }
  return Error{"policy_error", "",
               "found no built-in policy '" + std::string(id) + "' of kind " + std::string(kind) +
                   suggestion(id, known)};
}

std::vector<const keel_policy*> Registry::builtins(std::vector<Error>* problems) {
  std::vector<const keel_policy*> all;
  for (const std::string& directory : directories_) {
    for (const std::string& path : plugins_in(directory)) {
      auto library = load(path);
      if (!library) {
        if (problems != nullptr) problems->push_back(library.error());
        continue;
      }
      all.insert(all.end(), (*library)->policies().begin(), (*library)->policies().end());
    }
  }
  std::stable_sort(all.begin(), all.end(), [](auto* a, auto* b) { return key_of(a) < key_of(b); });
  // The first directory wins.
  all.erase(
      std::unique(all.begin(), all.end(), [](auto* a, auto* b) { return key_of(a) == key_of(b); }),
      all.end());
  return all;
}

}  // namespace keel::policy
