#include "policy/library.hpp"

#include "policy/digest.hpp"
#include "policy/policies.hpp"
#include "policy/table.hpp"
#include "policy/text.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace keel::policy {

namespace {

#if defined(__x86_64__)
constexpr int kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr int kMachine = EM_AARCH64;
#else
#error "name this machine's ELF number"
#endif

class File {
 public:
  explicit File(const char* path) : descriptor_(::open(path, O_RDONLY | O_CLOEXEC)) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

using Problem = std::optional<std::string>;

// This very code was loaded from a file; who owns that can already run anything here.
uid_t owner_of_keel() {
  Dl_info info{};
  struct stat s {};
  if (dladdr(reinterpret_cast<void*>(&owner_of_keel), &info) == 0 || info.dli_fname == nullptr ||
      ::stat(info.dli_fname, &s) != 0) {
    return 0;
  }
  return s.st_uid;
}

// The loader maps what the program headers say; past the end of a file that was cut short it would
// take the whole process down.
Problem truncation_problem(int descriptor, const Elf64_Ehdr& head, uint64_t file_size) {
  uint64_t wanted = 0;
  for (uint64_t i = 0; i < head.e_phnum; ++i) {
    Elf64_Phdr part{};
    auto offset = static_cast<off_t>(head.e_phoff + i * sizeof part);
    if (::pread(descriptor, &part, sizeof part, offset) != sizeof part) {
      return "is damaged: its program headers cannot be read";
    }
    wanted = std::max(wanted, part.p_offset + part.p_filesz);
  }
  if (wanted <= file_size) return {};
  return "was cut short: found " + std::to_string(file_size) + " bytes, wanted at least " +
         std::to_string(wanted);
}

Problem elf_problem(int descriptor, uint64_t file_size) {
  Elf64_Ehdr head{};
  ssize_t n = ::pread(descriptor, &head, sizeof head, 0);
  if (n < static_cast<ssize_t>(sizeof head) || std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0) {
    return "not a shared object: found no ELF header, wanted a library built by keel_add_policy()";
  }
  if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_machine != kMachine) {
    return "built for another machine: found ELF machine " + std::to_string(head.e_machine) +
           ", wanted " + std::to_string(kMachine);
  }
  if (head.e_type != ET_DYN) {
    return "not a shared object: found ELF type " + std::to_string(head.e_type) +
           ", wanted a library (" + std::to_string(ET_DYN) + ")";
  }
  return truncation_problem(descriptor, head, file_size);
}

Problem digest_problem(int descriptor, std::string_view wanted) {
  if (wanted.empty()) return {};
  std::string pin(wanted);
  std::transform(pin.begin(), pin.end(), pin.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (pin.size() != 64 || pin.find_first_not_of("0123456789abcdef") != std::string::npos) {
    return "sha256: found '" + pin + "', wanted 64 hex digits";
  }
  Result<std::string> found = sha256_of(descriptor);
  if (!found) return found.error().message;
  if (*found == pin) return {};
  return "its SHA-256 is not the pinned one: found " + *found + ", wanted " + pin;
}

Problem file_problem(const std::string& path, std::string_view sha256,
                     std::vector<std::string>& warnings) {
  if (path.empty() || path[0] != '/') return "found a relative path, wanted an absolute one";
  File file(path.c_str());
  struct stat s {};
  if (file.descriptor() < 0 || ::fstat(file.descriptor(), &s) != 0) {
    return std::string("cannot be opened: ") + std::strerror(errno);
  }
  if (!S_ISREG(s.st_mode)) return "found something that is not a regular file";
  if (auto p = distrust(s.st_uid, s.st_mode, ::geteuid(), owner_of_keel())) return p;
  if ((s.st_mode & S_IWGRP) != 0) {
    warnings.push_back("is writable by group " + std::to_string(s.st_gid) +
                       ", whose members can run code in this process");
  }
  if (auto p = elf_problem(file.descriptor(), static_cast<uint64_t>(s.st_size))) return p;
  return digest_problem(file.descriptor(), sha256);
}

std::string last_error() {
  const char* text = dlerror();
  return text == nullptr ? "the loader gave no reason" : text;
}

}  // namespace

std::optional<std::string> distrust(uid_t owner, mode_t mode, uid_t user, uid_t owner_of_keel) {
  if (owner != 0 && owner != user && owner != owner_of_keel) {
    std::string wanted = "wanted root or user " + std::to_string(user);
    if (owner_of_keel != 0 && owner_of_keel != user) {
      wanted += " or " + std::to_string(owner_of_keel) + ", who owns Keel";
    }
    return "is somebody else's: found owner " + std::to_string(owner) + ", " + wanted;
  }
  if ((mode & S_IWOTH) != 0) {
    char text[16];
    std::snprintf(text, sizeof text, "%04o", static_cast<unsigned>(mode & 07777));
    return std::string("is writable by everybody: found mode ") + text +
           ", wanted one without write permission for others";
  }
  return {};
}

Result<Library> Library::open(const std::string& path, std::string_view sha256) {
  auto refused = [&](std::string why) { return Error{"policy_error", path, std::move(why)}; };
  Library library;
  library.path_ = path;
  if (auto problem = file_problem(path, sha256, library.warnings_)) return refused(*problem);

  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return refused("cannot be loaded: " + last_error());
  auto entry = reinterpret_cast<const keel_plugin* (*)()>(dlsym(handle, KEEL_PLUGIN_ENTRY));
  if (entry == nullptr) {
    return refused("is not a Keel plugin: found no function " KEEL_PLUGIN_ENTRY
                   "; did KEEL_POLICIES(...) name the policies?");
  }
  auto policies = policies_of(entry());
  if (!policies) return refused(policies.error().message);
  library.policies_ = std::move(*policies);
  return library;
}

Result<const keel_policy*> Library::find(std::string_view kind, std::string_view id) const {
  std::vector<const keel_policy*> of_kind;
  std::string all;
  for (const keel_policy* policy : policies_) {
    all += (all.empty() ? "" : ", ") + name_of(*policy);
    if (view_of(policy->descriptor->kind) != kind) continue;
    if (view_of(policy->descriptor->id) == id) return policy;
    of_kind.push_back(policy);
  }
  if (id.empty() && of_kind.size() == 1) return of_kind.front();
  std::string wanted = id.empty() ? "exactly one policy of kind " + std::string(kind)
                                  : "'" + std::string(id) + "' of kind " + std::string(kind);
  return Error{"policy_error", path_, "wanted " + wanted + ", found " + all};
}

}  // namespace keel::policy
