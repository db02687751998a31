#include "io/line_file.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

namespace keel::io {
namespace {

class LineFileTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) /
              ("line_file_" + std::to_string(::getpid()) + "_" +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path() const { return folder_ / "log"; }
  static std::string content(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

  std::filesystem::path folder_;
};

TEST_F(LineFileTest, AppendsToWhatIsThere) {
  std::ofstream(path()) << "before\n";
  auto file = LineFile::open(path());
  ASSERT_TRUE(file);
  EXPECT_EQ(file->append("one"), std::nullopt);
  EXPECT_EQ(file->append(""), std::nullopt);
  EXPECT_EQ(content(path()), "before\none\n\n");
}

TEST_F(LineFileTest, RotatesBySizeAndKeepsOneBefore) {
  auto file = LineFile::open(path(), 8);
  ASSERT_TRUE(file);
  for (const char* line : {"1234567", "second", "third", "fourth"}) file->append(line);
  EXPECT_EQ(content(path()), "fourth\n");
  EXPECT_EQ(content(path() + ".1"), "second\nthird\n");
}

TEST_F(LineFileTest, SeveralLinesAreWrittenTogether) {
  auto file = LineFile::open(path(), 8);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->append_all(""), std::nullopt);
  EXPECT_EQ(content(path()), "");
  file->append_all("one\ntwo\nthree\n");
  file->append_all("four\n");
  EXPECT_EQ(content(path()), "four\n");
  EXPECT_EQ(content(path() + ".1"), "one\ntwo\nthree\n");
}

TEST_F(LineFileTest, FindsOutInTimeWhatOthersWrote) {
  const int64_t most = 1 << 20;
  auto mine = LineFile::open(path(), most), theirs = LineFile::open(path(), most);
  ASSERT_TRUE(mine && theirs);
  const std::string line(1023, 'x');
  for (int i = 0; i < 1024; ++i) theirs->append(line);
  for (int i = 0; i < 100; ++i) mine->append(line);
  EXPECT_LT(std::filesystem::file_size(path()), static_cast<uintmax_t>(most) / 2);
  EXPECT_LE(std::filesystem::file_size(path() + ".1"), static_cast<uintmax_t>(most) + (2 << 10));
}

TEST_F(LineFileTest, FollowsARotationByAnotherProcess) {
  auto mine = LineFile::open(path(), 4), theirs = LineFile::open(path(), 4);
  ASSERT_TRUE(mine && theirs);
  mine->append("first");
  theirs->append("theirs");  // rotates
  mine->append("mine");      // finds the file full that is no longer `log`: does not rotate again
  EXPECT_EQ(content(path() + ".1"), "first\n");
  EXPECT_EQ(content(path()), "theirs\nmine\n");
}

TEST_F(LineFileTest, SaysWhatCannotBeOpened) {
  auto file = LineFile::open(folder_ / "no" / "log");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, "unwritable");
  EXPECT_NE(file.error().text().find("No such file"), std::string::npos);
}

TEST_F(LineFileTest, AFullDiskStopsItOnceAndLeavesNoHalfLine) {
  auto file = LineFile::open(path());
  ASSERT_TRUE(file);
  file->append("whole");
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit full{10, before.rlim_max};
  auto* handler = std::signal(SIGXFSZ, SIG_IGN);
  ::setrlimit(RLIMIT_FSIZE, &full);
  auto stopped = file->append("a line that does not fit");
  auto again = file->append("nor does this one");
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  ASSERT_TRUE(stopped);
  EXPECT_NE(stopped->find("stopped"), std::string::npos);
  EXPECT_EQ(again, std::nullopt);
  EXPECT_EQ(content(path()), "whole\n");
  auto on = file->append("later");
  ASSERT_TRUE(on);
  EXPECT_NE(on->find("2 lines are missing"), std::string::npos);
  EXPECT_EQ(content(path()), "whole\nlater\n");
}

}  // namespace
}  // namespace keel::io
