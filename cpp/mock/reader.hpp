#pragma once
// Reads a JSON object field by field; what is left over at the end is an unknown key. Throws
// ScriptProblem, caught where a script is taken in.

#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace keel::mock {

struct ScriptProblem : std::runtime_error {
  ScriptProblem(const std::string& path, const std::string& message)
      : std::runtime_error(message), where(path) {}
  std::string where;
};

class Reader {
 public:
  Reader(const nlohmann::json& object, std::string where)
      : object_(object), where_(std::move(where)) {
    if (!object.is_object()) {
      throw ScriptProblem(where_, std::string("wanted an object, found ") + object.type_name());
    }
  }

  // The value of a key, or nullptr if absent or null. Marks the key as known.
  const nlohmann::json* find(const char* key) {
    known_.emplace_back(key);
    auto at = object_.find(key);
    return at == object_.end() || at->is_null() ? nullptr : &*at;
  }
  std::string path(const char* key) const { return where_.empty() ? key : where_ + "." + key; }

  void number(const char* key, double& out) {
    if (auto* v = find(key))
      out =
          checked(v->is_number() && v->get<double>() >= 0, key, *v, "a number >= 0").get<double>();
  }
  void integer(const char* key, int64_t& out) {
    if (auto* v = find(key))
      out = checked(v->is_number_integer(), key, *v, "an integer").get<int64_t>();
  }
  void flag(const char* key, bool& out) {
    if (auto* v = find(key)) out = checked(v->is_boolean(), key, *v, "true or false").get<bool>();
  }
  void text(const char* key, std::string& out) {
    if (auto* v = find(key)) out = checked(v->is_string(), key, *v, "a string").get<std::string>();
  }
  // One of `names`; its position goes to `out`.
  template <typename Enum, size_t N>
  void choice(const char* key, const char* const (&names)[N], Enum& out) {
    const nlohmann::json* v = find(key);
    if (!v) return;
    std::string wanted;
    for (size_t i = 0; i < N; ++i) {
      if (v->is_string() && v->get_ref<const std::string&>() == names[i]) {
        out = static_cast<Enum>(i);
        return;
      }
      wanted += std::string(i ? ", " : "one of ") + names[i];
    }
    checked(false, key, *v, wanted.c_str());
  }

  void finish() const {
    for (const auto& [key, value] : object_.items()) {
      bool known = false;
      std::string all;
      for (const std::string& name : known_) {
        known = known || name == key;
        all += (all.empty() ? "" : ", ") + name;
      }
      if (!known) throw ScriptProblem(path(key.c_str()), "unknown key; known here: " + all);
    }
  }

 private:
  const nlohmann::json& checked(bool fits, const char* key, const nlohmann::json& found,
                                const char* wanted) const {
    if (!fits)
      throw ScriptProblem(path(key), std::string("wanted ") + wanted + ", found " + found.dump());
    return found;
  }

  const nlohmann::json& object_;
  std::string where_;
  std::vector<std::string> known_;
};

}  // namespace keel::mock
