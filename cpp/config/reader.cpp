#include "config/reader.hpp"

#include "config/document.hpp"
#include "config/parts.hpp"

#include <algorithm>

namespace keel::relay {

namespace {

void read_version(Section& root) {
  auto version = root.get("version");
  if (!version) return;
  auto text = version->text();
  if (text && *text != "1.0") version->wanted("\"1.0\"");
}

void read_root(const Value& document, Reading& reading) {
  if (!document.is_map()) {
    // Not wanted(): whatever this file is, it may be secret.
    reading.problem(document.line(), "", "found no mapping, wanted providers and routes");
    return;
  }
  Section root(document);
  read_version(root);
  auto has = [&](const char* name) { return document.node()[name].IsDefined(); };
  if (!has("relay")) {
    read_ours(root, reading);
  } else if (has("providers") || has("routes")) {
    root.get("relay")->problem(
        "this is the article's form and providers and routes are ours, wanted one of the two");
    read_ours(root, reading);
  } else {
    read_article(root, reading);
  }
}

}  // namespace

Loaded read_config(std::string_view text, std::string_view file_name,
                   const ConfigSources& sources) {
  Loaded loaded;
  loaded.file_name = file_name;
  loaded.config.accounts.emplace_back().name = "relay";
  auto document = parse_document(text, loaded.problems);
  if (!document) return loaded;
  Reading reading{sources, loaded};
  read_root(Value(reading, *document, "", 1), reading);
  mark_sole_targets(loaded.config);
  std::stable_sort(loaded.problems.begin(), loaded.problems.end(),
                   [](const Problem& a, const Problem& b) { return a.line < b.line; });
  return loaded;
}

std::string format_problem(std::string_view file_name, const Problem& problem) {
  std::string out(file_name);
  if (problem.line > 0) out += ":" + std::to_string(problem.line);
  if (!out.empty()) out += ": ";
  if (!problem.path.empty()) out += problem.path + ": ";
  return out + problem.message;
}

std::string format_problems(const Loaded& loaded) {
  std::string out;
  for (const Problem& problem : loaded.problems) {
    out += format_problem(loaded.file_name, problem) + "\n";
  }
  return out;
}

}  // namespace keel::relay
