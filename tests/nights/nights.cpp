// Nights until a time or a number is up, or until an invariant is violated:
//   nights hostile [--first SEED] [--nights N] [--requests N] [--seconds S]
//   nights fair    ...
// hostile: every invariant after every event; the first violation is printed with its seed, and the
// exit code is 1. fair: the availability oracle; who could have been answered and was not, by
// reason; the exit code is 1 below 99.99 %.

#include "policy/registry.hpp"
#include "relay/policy_set.hpp"
#include "sim/fair_night.hpp"
#include "sim/night.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

using namespace keel;
using Clock = std::chrono::steady_clock;

struct Asked {
  std::string kind;
  uint64_t first = 1;
  uint64_t nights = 1'000'000'000;
  int requests = 2'000;
  double seconds = 1e9;
};

[[noreturn]] void usage(const char* found) {
  std::fprintf(stderr,
               "found %s, wanted: nights hostile|fair [--first SEED] [--nights N] [--requests N] "
               "[--seconds S]\n",
               found);
  std::exit(2);
}

Asked read(int argc, char** argv) {
  Asked out;
  if (argc < 2) usage("no kind");
  out.kind = argv[1];
  if (out.kind != "hostile" && out.kind != "fair") usage(argv[1]);
  for (int i = 2; i < argc; i += 2) {
    if (i + 1 >= argc) usage(argv[i]);
    char* end = nullptr;
    const double value = std::strtod(argv[i + 1], &end);
    if (end == argv[i + 1] || *end != '\0' || !(value >= 1)) usage(argv[i + 1]);
    if (!std::strcmp(argv[i], "--first"))
      out.first = static_cast<uint64_t>(value);
    else if (!std::strcmp(argv[i], "--nights"))
      out.nights = static_cast<uint64_t>(value);
    else if (!std::strcmp(argv[i], "--requests"))
      out.requests = static_cast<int>(value);
    else if (!std::strcmp(argv[i], "--seconds"))
      out.seconds = value;
    else
      usage(argv[i]);
  }
  return out;
}

relay::PolicySet policies_of(const sim::Night& night) {
  static policy::Registry registry({KEEL_BINARY_DIR "/plugins"});
  if (!night.with_policies) return {};
  relay::PolicyLoad load = relay::load_policies(*night.config, registry);
  for (const Error& problem : load.problems) {
    std::fprintf(stderr, "%s\n", problem.text().c_str());
    std::exit(2);
  }
  return std::move(load.policies);
}

// Calls `night` with seeds until time or number is up or it says stop; tells how it goes.
template <typename Run>
uint64_t through_the_nights(const Asked& asked, Run&& run) {
  const Clock::time_point begin = Clock::now();
  double told_at = 10;
  uint64_t done = 0;
  while (done < asked.nights) {
    const bool go_on = run(asked.first + done);
    ++done;
    const double passed = std::chrono::duration<double>(Clock::now() - begin).count();
    if (passed >= told_at) {
      std::fprintf(stderr, "%.0f s, %llu nights\n", passed, static_cast<unsigned long long>(done));
      told_at = passed + 10;
    }
    if (!go_on || passed >= asked.seconds) break;
  }
  return done;
}

unsigned long long wide(uint64_t n) {
  return n;
}

int hostile(const Asked& asked) {
  uint64_t requests = 0, answered = 0, sends = 0, events = 0, checks = 0;
  int code = 0;
  const uint64_t nights = through_the_nights(asked, [&](uint64_t seed) {
    const sim::Night night = sim::hostile_night(seed, asked.requests);
    const sim::NightResult result = sim::run_night(night, policies_of(night));
    requests += result.requests;
    answered += result.answered;
    sends += result.sends;
    events += result.events;
    checks += result.checks;
    if (result.violations.empty()) return true;
    std::printf("seed %llu after %llu requests\n", wide(seed), wide(requests));
    for (const std::string& violation : result.violations) std::printf("  %s\n", violation.c_str());
    code = 1;
    return false;
  });
  std::printf(
      "%llu nights from seed %llu, %llu requests, %llu answered, %llu sends, %llu events, "
      "%llu checks, %s\n",
      wide(nights), wide(asked.first), wide(requests), wide(answered), wide(sends), wide(events),
      wide(checks), code ? "VIOLATED" : "no violation");
  return code;
}

int fair(const Asked& asked) {
  sim::FairResult all;
  const uint64_t nights = through_the_nights(asked, [&](uint64_t seed) {
    const sim::Night night = sim::fair_night(seed, asked.requests);
    all.add(sim::run_fair_night(night, policies_of(night)));
    return true;
  });
  const auto share = [](uint64_t part, uint64_t whole) {
    return whole ? 100.0 * static_cast<double>(part) / static_cast<double>(whole) : 100.0;
  };
  for (const auto& [name, reason] : all.reasons) std::printf("%s\n", reason.story.c_str());
  std::printf("%llu nights from seed %llu, %llu requests, %.3f %% answered, %llu sends\n",
              wide(nights), wide(asked.first), wide(all.requests),
              share(all.answered, all.requests), wide(all.sends));
  std::printf("%llu could be answered, %.5f %% of them were\n", wide(all.could),
              share(all.could_and_were, all.could));
  for (const auto& [name, reason] : all.reasons)
    std::printf("%12llu %s\n", wide(reason.count), name.c_str());
  return all.could_and_were * 10'000 >= all.could * 9'999 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const Asked asked = read(argc, argv);
  return asked.kind == "hostile" ? hostile(asked) : fair(asked);
}
