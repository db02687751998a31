#pragma once
// A strict reader of the Prometheus text format 0.0.4: it accepts less than Prometheus does, so
// that what it accepts is beyond doubt.

#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace keel::relay::prometheus {

using LabelMap = std::map<std::string, std::string>;

struct Sample {
  std::string name;
  LabelMap labels;
  std::string value;
};
struct Family {
  std::string name, help, type;
  std::vector<Sample> samples;
};

class Page {
 public:
  explicit Page(std::string_view text) {
    if (text.empty() || text.back() != '\n') fail("the last line has no end");
    while (!text.empty()) {
      const size_t end = text.find('\n');
      line_ = text.substr(0, end);
      text.remove_prefix(end + 1);
      read_line();
    }
    for (const Family& family : families) check(family);
  }

  std::vector<Family> families;

  bool has(std::string_view family) const {
    for (const Family& f : families)
      if (f.name == family) return true;
    return false;
  }
  // The sample's value as it stands there.
  std::optional<std::string> value(std::string_view name, const LabelMap& labels) const {
    for (const Family& f : families)
      for (const Sample& s : f.samples)
        if (s.name == name && s.labels == labels) return s.value;
    return std::nullopt;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw std::runtime_error(what + ": " + std::string(line_));
  }
  static bool starts(std::string_view text, std::string_view with) {
    return text.substr(0, with.size()) == with;
  }
  static bool is_name(std::string_view text) {
    if (text.empty() || (text[0] >= '0' && text[0] <= '9')) return false;
    return text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789") == text.npos;
  }

  void read_line() {
    if (starts(line_, "# HELP ")) return read_help(line_.substr(7));
    if (starts(line_, "# TYPE ")) return read_type(line_.substr(7));
    if (line_.empty() || line_[0] == '#') fail("neither HELP, TYPE nor a sample");
    read_sample();
  }
  void read_help(std::string_view rest) {
    const size_t space = rest.find(' ');
    if (space == rest.npos || space + 1 == rest.size()) fail("HELP without text");
    if (!families.empty() && families.back().type.empty()) fail("HELP after HELP");
    if (has(rest.substr(0, space))) fail("a family twice");
    families.push_back({std::string(rest.substr(0, space)), std::string(rest.substr(space + 1))});
    if (!is_name(families.back().name)) fail("no metric name");
  }
  void read_type(std::string_view rest) {
    const size_t space = rest.find(' ');
    if (families.empty() || rest.substr(0, space) != families.back().name) fail("TYPE of another");
    Family& family = families.back();
    if (!family.type.empty()) fail("TYPE twice");
    family.type = rest.substr(space + 1);
    if (family.type != "counter" && family.type != "gauge" && family.type != "histogram")
      fail("unknown type");
    const std::string_view name = family.name;
    const bool total = name.size() > 6 && name.substr(name.size() - 6) == "_total";
    if ((family.type == "counter") != total) fail("only counters end in _total");
  }
  void read_sample() {
    if (families.empty() || families.back().type.empty()) fail("a sample without HELP and TYPE");
    Sample out;
    size_t at = line_.find_first_of("{ ");
    if (at == line_.npos) fail("a sample without a value");
    out.name = line_.substr(0, at);
    if (line_[at] == '{') {
      at = read_labels(at + 1, out.labels);
      if (line_[at] != ' ') fail("no space before the value");
    }
    out.value = line_.substr(at + 1);
    char* end = nullptr;
    std::strtod(out.value.c_str(), &end);
    if (out.value.empty() || *end != 0 || out.value[0] == ' ') fail("no number");
    if (!seen_.insert({out.name, out.labels}).second) fail("a sample twice");
    check_belongs(out);
    families.back().samples.push_back(std::move(out));
  }
  size_t read_labels(size_t at, LabelMap& labels) {
    for (;;) {
      const size_t equals = line_.find("=\"", at);
      if (equals == line_.npos || !is_name(line_.substr(at, equals - at))) fail("no label name");
      std::string name(line_.substr(at, equals - at)), value;
      for (at = equals + 2; at < line_.size() && line_[at] != '"'; ++at) {
        char c = line_[at];
        if (c == '\\') {
          c = ++at < line_.size() ? line_[at] : 0;
          if (c != '\\' && c != '"' && c != 'n') fail("unknown escape");
          if (c == 'n') c = '\n';
        }
        value += c;
      }
      if (!labels.emplace(name, value).second) fail("a label twice");
      if (++at >= line_.size()) fail("labels without an end");
      if (line_[at] == '}') return at + 1;
      if (line_[at++] != ',') fail("no comma between labels");
    }
  }
  void check_belongs(const Sample& sample) const {
    const Family& family = families.back();
    if (family.type != "histogram") {
      if (sample.name != family.name) fail("a sample of another family");
      return;
    }
    const bool bucket = sample.name == family.name + "_bucket";
    if (!bucket && sample.name != family.name + "_sum" && sample.name != family.name + "_count")
      fail("no series of this histogram");
    if (bucket != (sample.labels.count("le") == 1)) fail("le belongs to buckets");
  }
  // Per set of labels: buckets by rising edge, cumulative, the last +Inf, then sum, then count,
  // which is the last bucket's.
  void check(const Family& family) {
    line_ = family.name;
    if (family.type.empty()) fail("HELP without TYPE");
    if (family.type != "histogram") return;
    double edge = -1, so_far = 0;
    std::optional<double> count;
    const Sample* before = nullptr;
    for (const Sample& s : family.samples) {
      LabelMap own = s.labels, last = before ? before->labels : LabelMap{};
      own.erase("le");
      last.erase("le");
      const double value = std::strtod(s.value.c_str(), nullptr);
      if (s.labels.count("le")) {
        if (count) fail("buckets after +Inf");
        if (edge < 0 ? before && before->name != family.name + "_count" : own != last)
          fail("series of a histogram are mixed");
        const std::string& le = s.labels.at("le");
        const double this_edge = std::strtod(le.c_str(), nullptr);
        if (this_edge <= edge) fail("edges do not rise");
        if (value < so_far) fail("buckets are not cumulative");
        edge = this_edge;
        so_far = value;
        if (le == "+Inf") count = value;
      } else if (s.name == family.name + "_sum") {
        if (!count || own != last) fail("sum without buckets");
      } else {
        if (!count || *count != value || own != last || before->name != family.name + "_sum")
          fail("count is not the last bucket's");
        edge = -1;
        so_far = 0;
        count.reset();
      }
      before = &s;
    }
    if (count || edge >= 0) fail("an unfinished histogram");
  }

  std::string_view line_;
  std::set<std::pair<std::string, LabelMap>> seen_;
};

}  // namespace keel::relay::prometheus
