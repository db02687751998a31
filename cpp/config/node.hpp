#pragma once
// Strict access to a YAML document: every value knows its line and path, every complaint says what
// was found and what was wanted, and a mapping knows which of its keys nobody asked for.

#include "base/secret.hpp"
#include "config/reader.hpp"

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <yaml-cpp/yaml.h>

namespace keel::relay {

// What is being read, and everything that is said about it.
struct Reading {
  const ConfigSources& sources;
  Loaded& out;

  void problem(int line, std::string path, std::string message) {
    out.problems.push_back({line, std::move(path), std::move(message)});
  }
  void note(std::string text) { out.notes.push_back(std::move(text)); }
};

// `parent.name`, or `parent["na me"]` where the name would not read as one.
std::string path_below(const std::string& parent, std::string_view name);

class Value {
 public:
  Value(Reading& reading, const YAML::Node& node, std::string path, int line)
      : reading_(&reading), node_(node), path_(std::move(path)), line_(line) {}

  Reading& reading() const { return *reading_; }
  const std::string& path() const { return path_; }
  int line() const { return line_; }
  bool is_null() const { return node_.IsNull(); }
  bool is_map() const { return node_.IsMap(); }
  bool is_list() const { return node_.IsSequence(); }
  bool is_text() const { return node_.IsScalar(); }
  // Was it written in quotes? Then it is a text even if it looks like a number.
  bool is_quoted() const { return node_.IsScalar() && node_.Tag() == "!"; }
  const YAML::Node& node() const { return node_; }

  // Each gives the value, or nothing and a problem.
  std::optional<std::string> text() const;
  std::optional<std::string> name_text(std::string_view wanted) const;  // not empty, printable
  std::optional<bool> boolean() const;
  std::optional<int64_t> integer(int64_t least, int64_t most) const;
  std::optional<double> number(double least, double most) const;
  std::optional<Duration> duration(Duration least, Duration most) const;
  std::optional<int64_t> size(int64_t least, int64_t most) const;
  std::optional<NanoUsd> usd(int64_t most_dollars) const;
  std::optional<size_t> choice(std::initializer_list<std::string_view> words) const;
  // A provider's key: as written, from `${NAME}` or from `file:///path`. Fit for a header.
  std::optional<Secret> secret() const;
  std::vector<Value> items() const;

  void problem(std::string message) const;
  void wanted(std::string_view what) const;  // found <this>, wanted <what>
  // What is there, for a message: a text in quotes as the file has it (never what an environment
  // variable holds), else "a list", "a mapping", "nothing".
  std::string found() const;

 private:
  Reading* reading_;
  YAML::Node node_;
  std::string path_;
  int line_;
};

// A mapping. Ask for what may be in it, then finish(): the rest is unknown. Keys that stand twice
// or are no text are problems from the start. Nothing (`routes:`) is an empty mapping.
class Section {
 public:
  explicit Section(const Value& value);

  bool is_map() const { return is_map_; }
  const Value& value() const { return value_; }
  std::optional<Value> get(std::string_view name);
  // Like get(), and nothing where the value is null.
  std::optional<Value> get_unless_null(std::string_view name);
  // Says that it is missing, if it is.
  std::optional<Value> require(std::string_view name, std::string_view wanted);
  // A key that has a meaning, but not in this version.
  void later(std::string_view name);
  void finish();

  struct Entry {
    std::string name;
    Value value;
    int line;
  };
  // For mappings whose keys are names: all of them, in order.
  std::vector<Entry> entries();

  // Reads into `out` if the key is there and right.
  void read(std::string_view name, bool& out);
  void read(std::string_view name, std::string& out);
  void read(std::string_view name, double& out, double least, double most);
  void read(std::string_view name, int64_t& out, int64_t least, int64_t most);
  void read(std::string_view name, int& out, int least, int most);
  void read(std::string_view name, Duration& out, Duration least, Duration most);
  void read_size(std::string_view name, int64_t& out, int64_t least, int64_t most);

 private:
  struct Field {
    std::string name;
    YAML::Node node;
    int line;
    bool asked = false;
  };

  Value value_;
  bool is_map_ = false;
  std::vector<Field> fields_;
  std::vector<std::string> known_;
};

}  // namespace keel::relay
