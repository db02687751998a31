#pragma once
// A configuration read with a made-up environment and made-up files.

#include "config/reader.hpp"

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace keel::relay::testing {

using Texts = std::map<std::string, std::string>;

inline const Texts kKeys{{"OPENAI_API_KEY", "sk-canary-openai"},
                         {"HOLYSHEEP_API_KEY", "hs-canary-relay"}};

inline Loaded read(std::string_view text, const Texts& env = kKeys, const Texts& files = {}) {
  ConfigSources sources;
  sources.env = [&](const std::string& name) -> std::optional<std::string> {
    auto at = env.find(name);
    return at == env.end() ? std::nullopt : std::optional(at->second);
  };
  sources.read_file = [&](const std::string& path) -> Result<std::string> {
    auto at = files.find(path);
    if (at == files.end()) return Error{"io", path, "no such file"};
    return at->second;
  };
  return read_config(text, "keel.yaml", sources);
}

// The problems, one line each.
inline std::string problems(std::string_view text, const Texts& env = kKeys,
                            const Texts& files = {}) {
  return format_problems(read(text, env, files));
}

inline std::string fixture(const std::string& name) {
  std::ifstream file(std::string(KEEL_SOURCE_DIR) + "/tests/data/config/" + name);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

// A valid file with `extra` at its end; line 1 of extra is line 7.
inline std::string with(std::string_view extra) {
  return std::string(
             "version: \"1.0\"\n"
             "providers:\n"
             "  a: {base_url: \"https://a.example/v1\", keys: [\"key-a\"], models: {m: {}}}\n"
             "  b: {base_url: \"https://b.example/v1\", keys: [\"key-b\"], models: {m: {}, n: "
             "{}}}\n"
             "routes:\n"
             "  main: {targets: [a/m, b/m]}\n") +
         std::string(extra);
}

}  // namespace keel::relay::testing
