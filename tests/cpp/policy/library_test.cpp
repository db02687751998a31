#include "policy/library.hpp"

#include "policy/digest.hpp"
#include "policy/policies.hpp"
#include "policy/scene.hpp"
#include "policy/table.hpp"

#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

namespace keel::policy {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

// A directory of this test's own, gone afterwards.
class LibraryFile : public ::testing::Test {
 protected:
  LibraryFile() {
    char name[] = "/tmp/keel-library-XXXXXX";
    directory_ = mkdtemp(name);
  }
  ~LibraryFile() override { fs::remove_all(directory_); }

  // Under its own name each time: what is loaded stays mapped.
  std::string copy_of(const std::string& path, mode_t mode) {
    std::string to = directory_ + "/" + std::to_string(mode) + fs::path(path).filename().string();
    fs::copy_file(path, to);
    chmod(to.c_str(), mode);
    return to;
  }
  std::string written(std::string_view bytes) {
    std::string to = directory_ + "/written.so";
    std::ofstream(to, std::ios::binary) << bytes;
    return to;
  }
  std::string directory_;
};

std::string refusal(const std::string& path, std::string_view sha256 = {}) {
  auto library = Library::open(path, sha256);
  if (library) return "was loaded";
  EXPECT_EQ(library.error().where, path);
  EXPECT_EQ(library.error().code, "policy_error");
  return library.error().message;
}

TEST_F(LibraryFile, RelativePath) {
  EXPECT_EQ(refusal("ordered.so"), "found a relative path, wanted an absolute one");
  EXPECT_EQ(refusal(""), "found a relative path, wanted an absolute one");
}

TEST_F(LibraryFile, Missing) {
  EXPECT_EQ(refusal(directory_ + "/none.so"), "cannot be opened: No such file or directory");
}

TEST_F(LibraryFile, Directory) {
  EXPECT_EQ(refusal(directory_), "found something that is not a regular file");
}

TEST_F(LibraryFile, NotElf) {
  EXPECT_THAT(refusal(written("")), HasSubstr("found no ELF header"));
  EXPECT_THAT(refusal(written("\x7f"
                              "ELF")),
              HasSubstr("found no ELF header"));
  EXPECT_THAT(refusal(written(std::string(4096, '#'))), HasSubstr("found no ELF header"));
}

TEST_F(LibraryFile, AnotherMachine) {
  std::string head(4096, '\0');
  head.replace(0, 5,
               "\x7f"
               "ELF\x02");
  head[18] = 8;  // MIPS
  EXPECT_THAT(refusal(written(head)), HasSubstr("found ELF machine 8"));
}

TEST_F(LibraryFile, CutShort) {
  std::ifstream in(kBuiltins + "/ordered.so", std::ios::binary);
  std::string bytes(2000, '\0');
  in.read(bytes.data(), 2000);
  EXPECT_THAT(refusal(written(bytes)),
              HasSubstr("was cut short: found 2000 bytes, wanted at least "));
}

TEST_F(LibraryFile, WorldWritable) {
  EXPECT_EQ(refusal(copy_of(kBuiltins + "/ordered.so", 0757)),
            "is writable by everybody: found mode 0757, wanted one without write permission for "
            "others");
}

TEST_F(LibraryFile, GroupWritableIsWarnedOf) {
  auto library = Library::open(copy_of(kBuiltins + "/ordered.so", 0775));
  ASSERT_TRUE(library) << library.error().text();
  ASSERT_EQ(library->warnings().size(), 1u);
  EXPECT_THAT(library->warnings()[0], HasSubstr("is writable by group"));
  auto quiet = Library::open(copy_of(kBuiltins + "/list_price.so", 0755));
  ASSERT_TRUE(quiet) << quiet.error().text();
  EXPECT_TRUE(quiet->warnings().empty());
}

TEST(Distrust, WhoMayOwnAPlugin) {
  EXPECT_FALSE(distrust(0, 0644, 1000, 1000));
  EXPECT_FALSE(distrust(1000, 0644, 1000, 0));
  EXPECT_FALSE(distrust(1001, 0644, 1000, 1001));  // deployed together with Keel itself
  EXPECT_EQ(distrust(1001, 0644, 1000, 0),
            "is somebody else's: found owner 1001, wanted root or user 1000");
  EXPECT_EQ(
      distrust(1001, 0644, 1000, 1002),
      "is somebody else's: found owner 1001, wanted root or user 1000 or 1002, who owns Keel");
  EXPECT_TRUE(distrust(0, 0646, 1000, 1000));
  EXPECT_FALSE(distrust(0, 0664, 1000, 1000));
}

TEST_F(LibraryFile, PinnedDigest) {
  std::string path = written("abc");
  int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  auto digest = sha256_of(descriptor);
  close(descriptor);
  ASSERT_TRUE(digest);
  // FIPS 180-2, appendix B.1.
  EXPECT_EQ(*digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");

  std::string plugin = kBuiltins + "/fixed_ttl.so";
  descriptor = open(plugin.c_str(), O_RDONLY | O_CLOEXEC);
  std::string pin = *sha256_of(descriptor);
  close(descriptor);
  EXPECT_TRUE(Library::open(plugin, pin));
  std::string upper = pin;
  for (char& c : upper) c = static_cast<char>(toupper(c));
  EXPECT_TRUE(Library::open(plugin, upper));
  EXPECT_EQ(refusal(plugin, *digest),
            "its SHA-256 is not the pinned one: found " + pin + ", wanted " + *digest);
  EXPECT_EQ(refusal(plugin, "abc"), "sha256: found 'abc', wanted 64 hex digits");
}

struct Sin {
  const char* plugin;
  const char* says;
};

class LoadRefusal : public ::testing::TestWithParam<Sin> {};

TEST_P(LoadRefusal, SaysWhatWasExpectedAndFound) {
  EXPECT_THAT(refusal(faulty(GetParam().plugin)), HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Faulty, LoadRefusal,
    ::testing::Values(Sin{"no_entry", "found no function keel_plugin_entry"},
                      Sin{"null_entry", "keel_plugin_entry() returned NULL, wanted a table"},
                      Sin{"undefined_symbol", "keel_test_nobody_defines_this"},
                      Sin{"wrong_abi", "was built for policy ABI 2.0, this Keel speaks 1.0"},
                      Sin{"newer_minor", "was built for policy ABI 1.1, this Keel speaks 1.0"},
                      Sin{"small_table", "keel_plugin: found struct_size 24, wanted at least 32"},
                      Sin{"small_policy", "policy 0: found struct_size 32, wanted at least 40"},
                      Sin{"no_policies", "found 0 policies, wanted 1 to 64"},
                      Sin{"fewer_policies", "policy 1: at() returned NULL, wanted a policy"},
                      Sin{"no_create", "create, destroy or functions is NULL, wanted all three"},
                      Sin{"bad_id", "its id is not of [a-z0-9_-]+"},
                      Sin{"answers_any_id", "get() returned a policy for an id it does not have"},
                      Sin{"forgets_itself", "get() does not return it for its own kind and id"}),
    [](const auto& sin) { return std::string(sin.param.plugin); });

TEST(Library, FindsByKindAndId) {
  auto library = Library::open(kBuiltins + "/ordered.so");
  ASSERT_TRUE(library) << library.error().text();
  ASSERT_EQ(library->policies().size(), 1u);
  EXPECT_EQ(name_of(*library->policies()[0]), "ordered (keel.routing/1)");
  EXPECT_TRUE(library->find(KEEL_KIND_ROUTING, "ordered"));
  EXPECT_TRUE(library->find(KEEL_KIND_ROUTING, ""));
  auto none = library->find(KEEL_KIND_ROUTING, "orderly");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message,
            "wanted 'orderly' of kind keel.routing/1, found ordered (keel.routing/1)");
  EXPECT_FALSE(library->find(KEEL_KIND_COST, "ordered"));
  EXPECT_FALSE(library->find(KEEL_KIND_COST, ""));
}

TEST(Library, APluginInC) {
  auto library = Library::open(kNano);
  ASSERT_TRUE(library) << library.error().text();
  auto policy = library->find(KEEL_KIND_COST, "nano");
  ASSERT_TRUE(policy) << policy.error().text();
  auto made = adapt<CostPolicy>(**policy, {});
  ASSERT_TRUE(made) << made.error().text();
  Scene scene;
  scene.add("a/b");
  keel_usage usage{sizeof usage, KEEL_USAGE_ACTUAL, 40, 0, 0, 2, 0};
  int64_t nano_usd = 0;
  EXPECT_TRUE((*made)->price(request(), scene.target(0), usage, nano_usd));
  EXPECT_EQ(nano_usd, 42);
  std::vector<uint32_t> downgrades{7};
  EXPECT_TRUE((*made)->advise(request(), 0, scene.view(), {}, downgrades));  // it has no advise
  EXPECT_TRUE(downgrades.empty());
}

}  // namespace
}  // namespace keel::policy
