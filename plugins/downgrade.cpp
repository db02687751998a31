// downgrade: list prices, and from the budget's tier "cheaper" on (its alert share, unless it says
// otherwise), or always, cheaper models instead of dear ones. `mapping` says what may stand in for
// what: a model or a target (provider/model), or what the client asked for, to one or more models
// or targets, tried in order, each followed by its own stand-ins. None that costs more is ever
// advised.

#include <keel/policy.hpp>

using namespace keel::plugin;

namespace {

constexpr keel_setting_spec kSettings[] = {
    required(map_of(text_setting("mapping", "", "stand-ins by model or target, tried in order"))),
    boolean_setting("always", false, "do not wait for the budget's tier \"cheaper\""),
};

using Names = std::vector<std::string>;

struct Downgrade {
  static constexpr Descriptor descriptor{
      .id = "downgrade",
      .summary = "list prices; cheaper models once a budget runs low",
      .settings = kSettings};

  explicit Downgrade(const Config& config) : always_(config.boolean("always")) {
    for (auto& [from, to] : config.texts("mapping")) stand_ins_of(from).push_back(to);
    for (auto& [from, chain] : chains_) complete(from, chain);
  }

  std::optional<int64_t> price(const Request&, const Target& target, const Usage& usage) {
    return list_cost(target, usage);
  }

  Answer advise(const Request& request, uint32_t preferred, Candidates candidates,
                const Budget& budget, Order& downgrades) {
    bool low = budget.applies != 0 && budget.alert_passed != 0;
    if (!always_ && !low) return Answer::ok();
    const Target& from = *candidates[preferred].target;
    for (keel_text name : {from.name, from.model, request.model}) {
      for (const auto& [key, chain] : chains_) {
        if (key == view(name)) add(chain, preferred, candidates, downgrades);
      }
    }
    return Answer::ok();
  }

 private:
  Names& stand_ins_of(const std::string& from) {
    for (auto& [key, chain] : chains_) {
      if (key == from) return chain;
    }
    return chains_.emplace_back(from, Names{}).second;
  }

  // Appends the stand-ins of stand-ins, each once, so that a chain ends where it began at the
  // latest.
  void complete(const std::string& from, Names& chain) const {
    for (size_t i = 0; i < chain.size(); ++i) {
      for (const auto& [key, next] : chains_) {
        if (key != chain[i]) continue;
        for (const std::string& name : Names(next)) {
          bool known = name == from || std::find(chain.begin(), chain.end(), name) != chain.end();
          if (!known) chain.push_back(name);
        }
      }
    }
  }

  static void add(const Names& chain, uint32_t preferred, Candidates candidates, Order& out) {
    int64_t limit = candidates[preferred].estimated_cost_nano_usd;
    for (const std::string& name : chain) {
      for (uint32_t i = 0; i < candidates.size(); ++i) {
        const Candidate& c = candidates[i];
        bool named = name == view(c.target->name) || name == view(c.target->model);
        bool dearer = c.estimated_cost_nano_usd < 0 || c.estimated_cost_nano_usd > limit;
        bool taken = std::find(out.begin(), out.end(), i) != out.end();
        if (named && !dearer && !taken && i != preferred) out.push(i);
      }
    }
  }

  bool always_;
  std::vector<std::pair<std::string, Names>> chains_;
};

}  // namespace

KEEL_POLICIES(Downgrade)
