// Runs a target without a fuzzer: every file given (a folder: the files in it), then a number of
// seeded mutations of them, the same on every machine. What ends it is kept, and how to repeat it
// is said.
//
//   fuzz_NAME [--mutations N] FILE|FOLDER...

#include "target.hpp"

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <unistd.h>

// A sanitizer's: what it calls before it ends the program.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*)());

namespace keel::fuzz {
namespace {

constexpr size_t kLongest = 4096;

std::string g_program;
std::string g_kept;        // where the input goes if it ends us
std::string_view g_input;  // the one that is running

void say(std::string_view text) {
  [[maybe_unused]] auto written = write(STDERR_FILENO, text.data(), text.size());
}

void keep_input() {
  int file = open(g_kept.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file >= 0) {
    [[maybe_unused]] auto written = write(file, g_input.data(), g_input.size());
    say("the input is kept; again: ");
    say(g_program);
    say(" ");
    say(g_kept);
    say("\n");
  }
}

void on_signal(int signal) {
  keep_input();
  std::signal(signal, SIG_DFL);
  raise(signal);
}

void watch_for_the_end() {
  std::signal(SIGABRT, on_signal);
  if (__sanitizer_set_death_callback) return __sanitizer_set_death_callback(keep_input);
  for (int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) std::signal(signal, on_signal);
}

void run(const std::string& input) {
  // A copy of just its size, so that a sanitizer sees a look behind its end.
  std::vector<uint8_t> bytes(input.begin(), input.end());
  g_input = input;
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

std::vector<std::string> files_in(const std::vector<std::string>& places) {
  std::vector<std::string> out;
  for (const std::string& place : places) {
    if (!std::filesystem::is_directory(place)) {
      out.push_back(place);
      continue;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(place)) {
      if (entry.is_regular_file()) out.push_back(entry.path().string());
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "cannot read %s\n", path.c_str());
    std::exit(2);
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string part_of(const std::string& text, Random& random) {
  size_t begin = random.below(text.size() + 1);
  return text.substr(begin, random.below(std::min<size_t>(text.size() - begin, 32) + 1));
}

void mutate(std::string& text, const std::vector<std::string>& seeds, Random& random) {
  constexpr char kTelling[] = "\r\n\0 \t:;,\"\\{}[]0-9eE.\x7f\xC3\xFF";
  char byte = kTelling[random.below(sizeof kTelling - 1)];
  size_t at = random.below(text.size() + 1);
  switch (random.below(6)) {
    case 0:
      if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << random.below(8)));
      return;
    case 1:
      if (at < text.size()) text[at] = byte;
      return;
    case 2:
      text.insert(at, 1, byte);
      return;
    case 3:
      text.erase(at, random.below(16) + 1);
      return;
    case 4:
      text.insert(at, part_of(text, random));
      return;
    default:
      text.insert(at, part_of(seeds[random.below(seeds.size())], random));
  }
}

int main(int argc, char** argv) {
  uint64_t mutations = 0;
  std::vector<std::string> places;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--mutations") == 0 && i + 1 < argc) {
      mutations = std::strtoull(argv[++i], nullptr, 10);
    } else {
      places.emplace_back(argv[i]);
    }
  }
  g_program = argv[0];
  g_kept = g_program + ".input";
  watch_for_the_end();
  std::vector<std::string> seeds;
  for (const std::string& path : files_in(places)) seeds.push_back(content_of(path));
  for (const std::string& seed : seeds) run(seed);
  if (seeds.empty()) seeds.emplace_back();
  Random random(1);
  for (uint64_t i = 0; i < mutations; ++i) {
    std::string input = seeds[random.below(seeds.size())].substr(0, kLongest);
    for (uint64_t n = 1 + random.below(8); n > 0; --n) mutate(input, seeds, random);
    run(input);
  }
  std::printf("%zu seeds, %llu mutations\n", seeds.size(),
              static_cast<unsigned long long>(mutations));
  return 0;
}

}  // namespace
}  // namespace keel::fuzz

int main(int argc, char** argv) {
  return keel::fuzz::main(argc, argv);
}
