#pragma once
// A request body as the mock understands it. Markers in the last user message (or an embedding's
// input) steer the reply: [[in=374]] [[out=123]] [[nonce=abc]].

#include "base/result.hpp"
#include "mock/script.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace keel::mock {

struct Prompt {
  std::string model;       // as asked
  std::string base_model;  // without mock words; what is priced and matched
  nlohmann::json patch;    // of the mock words in the model name
  std::string text;        // the last user message
  std::string nonce;
  std::vector<std::string> inputs;    // embeddings
  int64_t in_tokens = 0;              // the marker, else ceil(bytes of contents / 4)
  std::optional<int64_t> out_tokens;  // the marker
  std::optional<int64_t> max_tokens;
  int64_t n = 1;
  int64_t dimensions = 8;
  bool stream = false;
  bool include_usage = false;
  bool base64 = false;
};

// Error: what a provider's 400 would say; `where` is its `param`.
Result<Prompt> read_prompt(std::string_view body, Endpoint endpoint);

// "gpt-4.1+mock-503+mock-latency-20ms" is the model gpt-4.1 and two words. A whole name "mock-503"
// is the model `mock` and one word; an unknown word makes it an ordinary name.
Result<nlohmann::json> split_model(std::string_view asked, std::string& base);

}  // namespace keel::mock
