// Configurations in both forms: whatever the text, problems name lines that are in the file and
// show no secret, and a configuration that was accepted explains itself in a text that is read back
// as the same.

#include "config/reader.hpp"
#include "target.hpp"

#include <map>

namespace keel::relay {
namespace {

// No text holds it: it is made from the text.
std::string g_secret;

using Variables = std::map<std::string, std::string>;

Loaded read(std::string_view text, const Variables& variables) {
  ConfigSources sources;
  sources.env = [&](const std::string& name) -> std::optional<std::string> {
    auto at = variables.find(name);
    if (at != variables.end()) return at->second;
    if (name.ends_with("_KEY")) return g_secret;
    return std::nullopt;
  };
  sources.read_file = [](const std::string& path) -> Result<std::string> {
    if (path.ends_with("key")) return g_secret + "\n";
    return Error{"io", path, "no such file"};
  };
  return read_config(text, "keel.yaml", sources);
}

Variables placeholders(const Config& config) {
  Variables out;
  for (const ProviderConfig& provider : config.providers) {
    for (const KeyConfig& key : provider.keys) {
      out["KEY_" + key.label] = std::string(key.secret.reveal());
    }
  }
  for (const AccountConfig& account : config.accounts) {
    for (const std::string& digest : account.client_keys) {
      out["CLIENT_KEY_" + digest.substr(0, 8)] = "sha256:" + digest;
    }
  }
  return out;
}

void judge(std::string_view text) {
  g_secret = "sk-canary-" + std::to_string(fuzz::hash_of(text));
  Loaded loaded = read(text, {});
  std::string problems = format_problems(loaded);
  KEEL_HOLDS(loaded.ok() == problems.empty());
  KEEL_HOLDS(problems.find(g_secret) == std::string::npos, problems);
  int lines = 1 + static_cast<int>(std::count(text.begin(), text.end(), '\n')) +
              static_cast<int>(std::count(text.begin(), text.end(), '\r'));
  for (const Problem& problem : loaded.problems) {
    KEEL_HOLDS(problem.line >= 0 && problem.line <= lines, problems);
    KEEL_HOLDS(!problem.message.empty());
  }
  if (!loaded.ok()) return;
  std::string explained = explain_config(loaded.config);
  KEEL_HOLDS(explained.find(g_secret) == std::string::npos, explained);
  Variables variables = placeholders(loaded.config);
  Loaded again = read(explained, variables);
  KEEL_HOLDS(again.ok(), explained + format_problems(again));
  KEEL_HOLDS(explain_config(again.config) == explained,
             explained + "and again\n" + explain_config(again.config));
  Loaded with_origins = read(explain_config(loaded), variables);
  KEEL_HOLDS(with_origins.ok(), explain_config(loaded) + format_problems(with_origins));
}

}  // namespace
}  // namespace keel::relay

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  keel::relay::judge(keel::fuzz::text_of(data, size));
  return 0;
}
