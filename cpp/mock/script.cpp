#include "mock/script.hpp"

#include "mock/reader.hpp"
#include "mock/yaml.hpp"

#include <cmath>

namespace keel::mock {

namespace {

using nlohmann::json;

constexpr const char* kStarts[] = {"process", "first_request", "manual"};
constexpr const char* kRuleKeys[] = {"at", "for", "match", "probability"};

Behaviour checked_behaviour(const json& from, const std::string& where) {
  auto behaviour = parse_behaviour(from, where);
  if (!behaviour) throw ScriptProblem(behaviour.error().where, behaviour.error().message);
  return *behaviour;
}

void read_probability(const json& ratio, const std::string& where, Rule& rule) {
  const bool fits = ratio.is_array() && ratio.size() == 2 && ratio[0].is_number_integer() &&
                    ratio[1].is_number_integer() && ratio[0] >= 0 && ratio[0] <= ratio[1] &&
                    ratio[1] > 0;
  if (!fits) throw ScriptProblem(where, "wanted [n, of] with n <= of, found " + ratio.dump());
  rule.chance = ratio[0].get<uint64_t>();
  rule.of = ratio[1].get<uint64_t>();
}

Rule read_rule(const json& from, const std::string& where) {
  if (!from.is_object()) throw ScriptProblem(where, "wanted an object");
  Rule rule;
  json own = json::object();
  rule.patch = from;
  for (const char* key : kRuleKeys) {
    if (from.contains(key)) own[key] = from[key];
    rule.patch.erase(key);
  }
  Reader reader(own, where);
  reader.number("at", rule.at_s);
  if (reader.find("for")) reader.number("for", rule.for_s);
  if (const json* ratio = reader.find("probability")) {
    read_probability(*ratio, reader.path("probability"), rule);
  }
  if (const json* match = reader.find("match")) {
    Reader inner(*match, reader.path("match"));
    inner.text("model", rule.model);
    inner.text("key", rule.key);
    inner.text("on", rule.on);
    inner.finish();
  }
  const Behaviour behaviour = checked_behaviour(rule.patch, where);
  if (rule.patch.contains("outage")) {
    rule.outage = behaviour.outage;
    if (from.contains("match")) {
      throw ScriptProblem(where + ".outage", "an outage is for all connections: no match allowed");
    }
  }
  return rule;
}

Script read_script(const json& from) {
  Script script;
  Reader reader(from, "");
  int64_t seed = 1;
  reader.integer("seed", seed);
  script.seed = static_cast<uint64_t>(seed);
  reader.choice("start", kStarts, script.start);
  reader.integer("records", script.records);
  if (const json* prices = reader.find("prices")) {
    for (const auto& [model, price] : prices->items()) {
      Reader inner(price, "prices." + model);
      double in = 0, out = 0;
      inner.number("in", in);
      inner.number("out", out);
      inner.finish();
      script.prices[model] = {std::llround(in * 1e9), std::llround(out * 1e9)};
    }
  }
  if (const json* models = reader.find("models")) {
    for (const json& model : *models) script.models.push_back(model.get<std::string>());
  }
  if (const json* base = reader.find("default")) script.base = *base;
  script.base_behaviour = checked_behaviour(script.base, "default");
  if (const json* rules = reader.find("rules")) {
    for (size_t i = 0; i < rules->size(); ++i) {
      script.rules.push_back(read_rule(rules->at(i), "rules[" + std::to_string(i) + "]"));
    }
  }
  reader.finish();
  return script;
}

bool matches(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return true;
  if (!pattern.ends_with('*')) return pattern == text;
  return text.starts_with(pattern.substr(0, pattern.size() - 1));
}

}  // namespace

std::string_view name_of(Endpoint endpoint) {
  switch (endpoint) {
    case Endpoint::chat:
      return "chat";
    case Endpoint::embeddings:
      return "embeddings";
    case Endpoint::models:
      return "models";
    case Endpoint::health:
      return "health";
    case Endpoint::control:
      return "control";
    case Endpoint::unknown:
      break;
  }
  return "unknown";
}

ListPrice Script::price_of(std::string_view model) const {
  auto at = prices.find(model);
  if (at == prices.end()) at = prices.find("*");
  return at == prices.end() ? ListPrice{} : at->second;
}

bool Script::may_refuse() const {
  if (base_behaviour.outage == Outage::refuse) return true;
  for (const Rule& rule : rules) {
    if (rule.outage == Outage::refuse) return true;
  }
  return false;
}

bool Script::applies(const Rule& rule, const Asked& asked, double t_s) const {
  return rule.active(t_s) && matches(rule.model, asked.model) &&
         (rule.key.empty() || rule.key == asked.key || rule.key == asked.key_label) &&
         matches(rule.on, name_of(asked.on));
}

Result<Script> parse_script(std::string_view text) {
  auto document = json_of_yaml(text);
  if (!document) return document.error();
  if (document->is_null()) return Script{};
  try {
    return read_script(*document);
  } catch (const ScriptProblem& problem) {
    return Error{"bad_script", problem.where, problem.what()};
  } catch (const json::exception& problem) {
    return Error{"bad_script", "", problem.what()};
  }
}

}  // namespace keel::mock
