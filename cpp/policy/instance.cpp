#include "policy/instance.hpp"

#include "policy/table.hpp"
#include "policy/text.hpp"

#include <vector>

namespace keel::policy {

namespace {

Error joined(const std::vector<Error>& problems) {
  Error all = problems.front();
  for (size_t i = 1; i < problems.size(); ++i) {
    all.message += "; " + problems[i].where + ": " + problems[i].message;
  }
  return all;
}

}  // namespace

void Instance::log_line(void* instance, uint32_t level, keel_text line) {
  const auto& self = *static_cast<const Instance*>(instance);
  std::string_view text = view_of(line);
  if (!self.log_ || text.size() > KEEL_MESSAGE_MAX || !is_utf8(text)) return;
  self.log_(level, self.description_.id, text);
}

Instance::Instance(const keel_policy& policy, LogSink log)
    : policy_(policy),
      log_(std::move(log)),
      host_{sizeof(keel_host), KEEL_ABI_MINOR, this, log_line} {
  const keel_descriptor& d = *policy.descriptor;
  description_ = {std::string(view_of(d.kind)),
                  std::string(view_of(d.id)),
                  std::string(view_of(d.version)),
                  std::string(view_of(d.summary)),
                  d.revision,
                  (d.needs & KEEL_NEEDS_TEXT) != 0};
}

Instance::~Instance() {
  if (!created_) return;
  try {
    policy_.destroy(self_);
  } catch (...) {
    log_line(this, KEEL_LOG_ERROR, text_of("let an exception escape from destroy"));
  }
}

Result<std::unique_ptr<Instance>> Instance::create(std::string_view kind, const keel_policy& policy,
                                                   const Settings& settings,
                                                   const CreateOptions& options) {
  if (view_of(policy.descriptor->kind) != kind) {
    return Error{"policy_error", "",
                 "found policy " + name_of(policy) + ", wanted one of kind " + std::string(kind)};
  }
  std::vector<Error> problems = check_settings(*policy.descriptor, settings);
  if (!problems.empty()) return joined(problems);

  SettingTable table(*policy.descriptor, settings);
  keel_settings view = table.view();
  std::unique_ptr<Instance> made(new Instance(policy, options.log));
  Decision created = made->ask(false, [&](void*, keel_message* message) {
    return policy.create(&made->host_, &view, &made->self_, message);
  });
  if (created.answered == Answered::abstain) created = made->failed("create abstained");
  if (!created) return Error{"policy_error", "", created.text};
  made->created_ = true;
  return made;
}

Decision Instance::failed(std::string_view what) const {
  return Decision::failed("policy '" + description_.id + "': " + std::string(what));
}

Decision Instance::judge(uint32_t status, bool may_refuse, const keel_message& message) const {
  if (status != KEEL_FAILED && !(status == KEEL_REFUSE && may_refuse)) {
    return failed("found status " + std::to_string(status) + ", wanted " +
                  (may_refuse ? "0 to 3" : "0, 1 or 3"));
  }
  if (message.size > KEEL_MESSAGE_MAX) {
    return failed("left a message of " + std::to_string(message.size) + " bytes, wanted at most " +
                  std::to_string(KEEL_MESSAGE_MAX));
  }
  std::string_view text(text_.data(), message.size);
  if (!is_utf8(text)) return failed("left a message that is not UTF-8");
  if (status == KEEL_REFUSE) return Decision::refuse(std::string(text));
  return failed(text.empty() ? "failed without a reason" : text);
}

}  // namespace keel::policy
