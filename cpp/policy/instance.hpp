#pragma once
// One created policy: its `self`, the host it was given, and the memory its messages go into.

#include "base/result.hpp"
#include "policy/adapter.hpp"
#include "policy/policies.hpp"
#include "policy/settings.hpp"

#include <keel/abi.h>

#include <array>
#include <exception>
#include <memory>
#include <string>
#include <string_view>

namespace keel::policy {

class Instance {
 public:
  // Errors as adapt() has them.
  static Result<std::unique_ptr<Instance>> create(std::string_view kind, const keel_policy& policy,
                                                  const Settings& settings,
                                                  const CreateOptions& options);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  const Description& description() const { return description_; }
  const void* functions() const { return policy_.functions; }

  // Calls body(self, message) and turns its status and message into a Decision. `may_refuse`: the
  // kind of question has that answer.
  template <typename Body>
  Decision ask(bool may_refuse, Body body) {
    keel_message message{sizeof message, KEEL_MESSAGE_MAX, 0, 0, text_.data()};
    try {
      uint32_t status = body(self_, &message);
      if (status == KEEL_OK) return Decision::ok();
      if (status == KEEL_ABSTAIN) return Decision::abstain();
      return judge(status, may_refuse, message);
    } catch (const std::exception& e) {
      return failed(std::string("let an exception escape: ") + e.what());
    } catch (...) {
      return failed("let an exception escape");
    }
  }

  // A failure that names the policy.
  Decision failed(std::string_view what) const;

 private:
  Instance(const keel_policy& policy, LogSink log);
  Decision judge(uint32_t status, bool may_refuse, const keel_message& message) const;
  static void log_line(void* instance, uint32_t level, keel_text line);

  const keel_policy& policy_;
  Description description_;
  LogSink log_;
  keel_host host_;
  std::array<char, KEEL_MESSAGE_MAX> text_{};
  void* self_ = nullptr;
  bool created_ = false;
};

}  // namespace keel::policy
