#include "base/vocabulary.hpp"

namespace keel {

std::string_view name_of(Class c) {
  switch (c) {
    case Class::ok:
      return "ok";
    case Class::not_sent:
      return "not_sent";
    case Class::broken:
      return "broken";
    case Class::transient:
      return "transient";
    case Class::throttled_key:
      return "throttled_key";
    case Class::throttled_pool:
      return "throttled_pool";
    case Class::exhausted:
      return "exhausted";
    case Class::key_dead:
      return "key_dead";
    case Class::key_model_denied:
      return "key_model_denied";
    case Class::fatal:
      return "fatal";
    case Class::context:
      return "context";
    case Class::policy:
      return "policy";
    case Class::provider_overload:
      return "provider_overload";
    case Class::silent:
      return "silent";
    case Class::unsupported:
      return "unsupported";
    case Class::cancelled:
      return "cancelled";
  }
  return "unknown";
}

std::string_view name_of(Billed b) {
  switch (b) {
    case Billed::no:
      return "no";
    case Billed::yes:
      return "yes";
    case Billed::maybe:
      return "maybe";
  }
  return "unknown";
}

std::string_view name_of(Prefill prefill) {
  switch (prefill) {
    case Prefill::none:
      return "none";
    case Prefill::plain:
      return "plain";
    case Prefill::prefix:
      return "prefix";
    case Prefill::prefix_echoed:
      return "prefix_echoed";
    case Prefill::final_message:
      return "final_message";
  }
  return "unknown";
}

}  // namespace keel
