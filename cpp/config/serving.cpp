// What concerns those who are served: where the gateway listens, and how a stream is kept alive.

#include "config/listen.hpp"
#include "config/parts.hpp"
#include "config/values.hpp"

#include <algorithm>

namespace keel::relay {

namespace {

constexpr Duration kLongestDrain = hours(1);
constexpr int64_t kMostConnections = 1'000'000;
constexpr int64_t kMostHeldTokens = 1'000'000;

void read_resume(const Value& value, std::vector<Resume>& resume) {
  resume.clear();
  for (const Value& item : value.items()) {
    auto word = item.choice({"continue", "replay"});
    if (!word) continue;
    auto way = static_cast<Resume>(*word);
    if (std::find(resume.begin(), resume.end(), way) != resume.end()) {
      item.problem("found " + item.found() + " twice, wanted each once");
      continue;
    }
    resume.push_back(way);
  }
}

// 0, 50 (content events), 200ms, complete.
void read_hold_back(const Value& value, HoldBack& hold_back) {
  hold_back = {};
  auto word = value.text();
  if (!word) return;
  if (*word == "complete") {
    hold_back.complete = true;
  } else if (auto tokens = parse_integer(*word)) {
    hold_back.tokens = value.integer(0, kMostHeldTokens).value_or(0);
  } else if (parse_duration(*word)) {
    hold_back.time = value.duration(Duration::zero(), kLongestRequest).value_or(Duration::zero());
  } else {
    value.wanted("a number of tokens, a duration such as 500ms, or complete");
  }
}

}  // namespace

std::optional<Value> read_server(const Value& value, ServerConfig& server) {
  Section section(value);
  auto listen = section.get("listen");
  if (auto text = listen ? listen->text() : std::nullopt) {
    if (auto address = parse_listen(*text)) {
      server.host = address->host;
      server.port = address->port;
    } else {
      listen->wanted(kListenWanted);
    }
  }
  section.read("open_models", server.open_models);
  section.read("drain", server.drain, Duration::zero(), kLongestDrain);
  section.read("connections", server.connections, 1, kMostConnections);
  section.read("connections_per_address", server.connections_per_address, 1, kMostConnections);
  section.finish();
  return listen;
}

void read_stream(const Value& value, StreamConfig& stream) {
  Section section(value);
  if (auto resume = section.get("resume")) read_resume(*resume, stream.resume);
  if (auto replay = section.get("replay")) {
    auto word = replay->choice({"any", "deterministic"});
    if (word) stream.replay_deterministic_only = *word == 1;
  }
  if (auto hold_back = section.get("hold_back")) read_hold_back(*hold_back, stream.hold_back);
  section.read("first_token", stream.first_token, milliseconds(1), kLongestRequest);
  section.read("first_token_reasoning", stream.first_token_reasoning, milliseconds(1),
               kLongestRequest);
  section.read("stall", stream.stall, milliseconds(1), kLongestRequest);
  section.finish();
}

}  // namespace keel::relay
