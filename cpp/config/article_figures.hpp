#pragma once
// Figures of the article that its configuration does not name (SEMANTICS section C).

#include <cstdint>
#include <string_view>

namespace keel::relay::article {

// Its price table (USD per million tokens, here in nano-USD) and the limits of its models.
struct Model {
  std::string_view name;
  int64_t in;
  int64_t out;
  int64_t context;
  int64_t output;
};
inline constexpr Model kModels[] = {
    {"gpt-4.1", 8'000'000'000, 8'000'000'000, 1'047'576, 32'768},
    {"claude-sonnet-4.5", 15'000'000'000, 15'000'000'000, 200'000, 64'000},
    {"gemini-2.5-flash", 2'500'000'000, 10'000'000'000, 1'048'576, 65'536},
    {"deepseek-v3.2", 420'000'000, 1'680'000'000, 128'000, 64'000},
};

// The weights of its gateway's providers, by the family a model's name shows.
struct Family {
  std::string_view prefix;
  double weight;
};
inline constexpr Family kFamilies[] = {
    {"gpt", 0.4},    {"o1", 0.4},     {"o3", 0.4},       {"o4", 0.4},
    {"claude", 0.3}, {"gemini", 0.2}, {"deepseek", 0.1},
};
inline constexpr double kWeightOfOthers = 0.1;

inline double weight_of(std::string_view model) {
  for (const Family& family : kFamilies) {
    if (model.starts_with(family.prefix)) return family.weight;
  }
  return kWeightOfOthers;
}

}  // namespace keel::relay::article
