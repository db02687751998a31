#pragma once
// A seeded generator (xoshiro256**, Blackman and Vigna 2018): the same seed gives the same numbers
// on every machine. Chance is an argument everywhere; nothing here asks the system for entropy.

#include <array>
#include <cstdint>

namespace keel {

class Random {
 public:
  explicit Random(uint64_t seed);

  uint64_t next();
  // Uniform in [0, n); n = 0 gives 0. Unbiased (Lemire's multiply-and-reject).
  uint64_t below(uint64_t n);
  // Uniform in [0, 1) with 53 bits.
  double unit();
  // True with probability numerator/denominator: integers, so a seed replays anywhere.
  bool chance(uint64_t numerator, uint64_t denominator);

 private:
  std::array<uint64_t, 4> state_;
};

}  // namespace keel
