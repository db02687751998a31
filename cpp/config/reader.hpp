#pragma once
// Text to a validated configuration, all problems at once. Two forms are read (CONVENTIONS,
// Configuration): ours, and the article's, which is translated into ours by SEMANTICS section C.
// Input is YAML, and so also JSON. Nothing here opens a file or looks at the environment: both are
// asked of ConfigSources.

#include "base/result.hpp"
#include "relay/config.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keel::relay {

struct ConfigSources {
  // An environment variable, nothing if unset. May be empty: then every variable is unset.
  std::function<std::optional<std::string>(const std::string& name)> env;
  // The content of a secret's file. May be empty: then no file can be read.
  std::function<Result<std::string>(const std::string& path)> read_file;
  // False where nothing is ever sent (a simulation): a key is what stands in the file, `${NAME}`
  // and all, so that neither a variable nor a key's file has to be there.
  bool keys_needed = true;
};

struct Problem {
  int line = 0;         // 1 is the first; 0: the file as a whole
  std::string path;     // `routes.support.targets[1]`; empty: the file as a whole
  std::string message;  // what was found and what was wanted; never a secret

  friend bool operator==(const Problem&, const Problem&) = default;
};

struct Loaded {
  std::string file_name;
  Config config;  // complete only if ok()
  std::vector<Problem> problems;
  // What is worth knowing and stops nothing: a model without a known price, a section that this
  // version reads and does not use.
  std::vector<std::string> notes;
  // What a value came from where the file did not say it in our form:
  // `routes.default.retry.max_attempts` -> `from relay.failover.max_retries`.
  std::map<std::string, std::string> origins;

  bool ok() const { return problems.empty(); }
};

// file_name is only repeated in what is printed.
Loaded read_config(std::string_view text, std::string_view file_name, const ConfigSources& sources);

// `file:line: path: message`, without the parts a problem does not have.
std::string format_problem(std::string_view file_name, const Problem& problem);
// One problem per line, in the order of the file.
std::string format_problems(const Loaded& loaded);

// The effective configuration as YAML in our form, every default written out. A key stands as
// `${KEY_<label>}`, so that the text can be read again where these variables are set. Read from
// the article's form, each line says what it came from.
std::string explain_config(const Loaded& loaded);
std::string explain_config(const Config& config);

}  // namespace keel::relay
