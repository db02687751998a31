#include "sim/night_traffic.hpp"

#include "sim/night_config.hpp"

#include <string>
#include <utility>
#include <vector>

namespace keel::sim {

wire::Facts random_facts(Random& random, const relay::Config& config) {
  wire::Facts facts;
  facts.model = config.routes[random.below(config.routes.size())].name;
  facts.input_tokens_estimate = 1 + up_to(random, random.chance(1, 50) ? 100'000 : 3'000);
  facts.input_tokens_bound = facts.input_tokens_estimate * 4 + 128;
  if (random.chance(1, 2)) facts.max_output_tokens = 1 + up_to(random, 4'000);
  if (random.chance(1, 20)) facts.choices = 1 + up_to(random, 4);
  facts.side_effects = random.chance(1, 15);
  facts.asks_tools = random.chance(1, 10);
  facts.asks_images = random.chance(1, 20);
  if (random.chance(1, 30)) facts.operation = Operation::embeddings;
  if (facts.operation == Operation::embeddings) facts.max_output_tokens = 0;
  return facts;
}

namespace {

void add_stream_members(Random& random, std::vector<std::string>& members) {
  members.emplace_back(R"("stream":true)");
  if (random.chance(1, 3)) members.emplace_back(R"("stream_options":{"include_usage":true})");
  if (random.chance(1, 10)) members.push_back(R"("n":)" + std::to_string(1 + random.below(3)));
  if (random.chance(1, 5))
    members.emplace_back(R"("tools":[{"type":"function","function":{"name":"find"}}])");
}

// One of a few dozen questions, written down in one of many ways: key order, white space and fields
// without an effect differ, so that only its meaning can be what a cache goes by.
std::string random_body(Random& random, const std::string& model, bool streamed) {
  constexpr const char* kWords[] = {"", " realtime", " static", " \\u00e9", " \xc3\xa9"};
  std::vector<std::string> members = {
      R"("model":")" + model + '"', R"("messages":[{"role":"user","content":"q)" +
                                        std::to_string(random.below(12)) + kWords[random.below(5)] +
                                        R"("}])"};
  if (!random.chance(1, 3)) members.push_back(R"("temperature":0)");
  if (random.chance(1, 4))
    members.push_back(R"("max_tokens":)" + std::to_string(300 << random.below(3)));
  if (random.chance(1, 6))
    members.push_back(R"("user":"u)" + std::to_string(random.below(9)) + '"');
  if (random.chance(1, 20)) members.push_back(R"("store":true)");
  if (streamed) add_stream_members(random, members);
  for (size_t i = members.size(); i > 1; --i) std::swap(members[i - 1], members[random.below(i)]);
  std::string out = "{";
  for (const std::string& member : members)
    out += (out.size() > 1 ? "," : "") + std::string(random.below(2), ' ') + member;
  return out + "}";
}

}  // namespace

void add_body(Random& random, bool streamed, relay::Request& request) {
  request.body = Body::take(random_body(random, request.facts.model, streamed));
  auto facts = wire::read_facts(Operation::chat, request.body);
  request.facts = std::move(*facts);
  request.no_cache = random.chance(1, 30);
  request.no_store = random.chance(1, 30);
  if (random.chance(1, 20)) request.max_age = between(random, Duration::zero(), seconds(60));
}

Reading random_reading(Random& random) {
  Reading out;
  if (random.chance(1, 5)) {
    out.unread_max = 200 + up_to(random, 4'000);
    if (!random.chance(1, 10)) out.bytes_per_second = 20 + up_to(random, 3'000);
  }
  if (random.chance(1, 20)) out.leaves_after = 1 + static_cast<uint32_t>(random.below(12));
  return out;
}

}  // namespace keel::sim
