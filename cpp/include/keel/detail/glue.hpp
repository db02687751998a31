// keel/detail/glue.hpp: from a policy struct to the C table. Included by <keel/policy.hpp>.
#ifndef KEEL_DETAIL_GLUE_HPP
#define KEEL_DETAIL_GLUE_HPP

#include <keel/policy.hpp>

namespace keel::plugin {

template <typename P>
concept Routes = requires(P p, const Request& request, Candidates candidates, Order& order) {
  { p.route(request, candidates, order) } -> std::same_as<Answer>;
};
template <typename P>
concept Observes = requires(P p, const Attempt& attempt) {
  p.observe(attempt);
};
template <typename P>
concept Prices = requires(P p, const Request& request, const Target& target, const Usage& usage) {
  { p.price(request, target, usage) } -> std::convertible_to<std::optional<int64_t>>;
};
template <typename P>
concept Advises = requires(P p, const Request& request, Candidates candidates, const Budget& budget,
                           Order& order) {
  { p.advise(request, uint32_t{}, candidates, budget, order) } -> std::same_as<Answer>;
};
template <typename P>
concept Lives = requires(P p, const TtlQuestion& question) {
  { p.ttl(question) } -> std::convertible_to<std::optional<int64_t>>;
};

namespace detail {

inline uint32_t leave(keel_message* message, uint32_t status, std::string_view text) noexcept {
  if (message != nullptr) {
    size_t size = std::min<size_t>(text.size(), message->capacity);
    // Cut between characters, not inside one.
    while (size < text.size() && size > 0 && (text[size] & 0xC0) == 0x80) --size;
    if (size > 0) std::memcpy(message->data, text.data(), size);
    message->size = static_cast<uint32_t>(size);
  }
  return status;
}

template <typename Body>
uint32_t guarded(keel_message* message, Body body) noexcept {
  try {
    return body();
  } catch (const std::exception& e) {
    return leave(message, KEEL_FAILED, e.what());
  } catch (...) {
    return leave(message, KEEL_FAILED, "threw something that is not a std::exception");
  }
}

inline uint32_t give(keel_message* message, const Answer& answer) {
  if (answer.text().empty()) return answer.status();
  return leave(message, answer.status(), answer.text());
}

inline uint32_t give(int64_t* out, std::optional<int64_t> value) {
  if (!value) return KEEL_ABSTAIN;
  *out = *value;
  return KEEL_OK;
}

template <typename P>
struct Glue {
  static_assert(int{Routes<P>} + int{Prices<P>} + int{Lives<P>} == 1,
                "a policy has exactly one of route, price and ttl, with the signature that "
                "keel/policy.hpp names");
  static_assert(
      !requires { &P::observe; } || (Routes<P> && Observes<P>),
      "observe belongs to a routing policy and takes const Attempt&");
  static_assert(
      !requires { &P::advise; } || (Prices<P> && Advises<P>),
      "advise belongs to a cost policy, with the signature that keel/policy.hpp names");
  static_assert(std::constructible_from<P, const Config&>,
                "a policy is constructed from const Config&");
  static_assert(Lives<P> || !P::descriptor.needs_text, "only a TTL policy may ask for text");

  static P& at(void* self) { return *static_cast<P*>(self); }

  static uint32_t create(const keel_host* host, const keel_settings* settings, void** self,
                         keel_message* message) noexcept {
    return guarded(message, [&] {
      *self = new P(Config(host, settings));
      return KEEL_OK;
    });
  }
  static void destroy(void* self) noexcept { delete static_cast<P*>(self); }

  static uint32_t route(void* self, const Request* request, const keel_candidates* candidates,
                        keel_order* order, keel_message* message) noexcept {
    return guarded(message, [&] {
      Order out(*order);
      return give(message, at(self).route(*request, Candidates(*candidates), out));
    });
  }
  static uint32_t observe(void* self, const Attempt* attempt, keel_message* message) noexcept {
    return guarded(message, [&] {
      at(self).observe(*attempt);
      return KEEL_OK;
    });
  }
  static uint32_t price(void* self, const Request* request, const Target* target,
                        const Usage* usage, int64_t* nano_usd, keel_message* message) noexcept {
    return guarded(message,
                   [&] { return give(nano_usd, at(self).price(*request, *target, *usage)); });
  }
  static uint32_t advise(void* self, const Request* request, uint32_t preferred,
                         const keel_candidates* candidates, const Budget* budget,
                         keel_order* downgrades, keel_message* message) noexcept {
    return guarded(message, [&] {
      Order out(*downgrades);
      return give(message,
                  at(self).advise(*request, preferred, Candidates(*candidates), *budget, out));
    });
  }
  static uint32_t ttl(void* self, const TtlQuestion* question, int64_t* ttl_ns,
                      keel_message* message) noexcept {
    return guarded(message, [&] { return give(ttl_ns, at(self).ttl(*question)); });
  }

  static constexpr auto functions = [] {
    if constexpr (Routes<P>) {
      keel_routing_functions f{sizeof f, 0, route, nullptr};
      if constexpr (Observes<P>) f.observe = observe;
      return f;
    } else if constexpr (Prices<P>) {
      keel_cost_functions f{sizeof f, 0, price, nullptr};
      if constexpr (Advises<P>) f.advise = advise;
      return f;
    } else {
      return keel_ttl_functions{sizeof(keel_ttl_functions), 0, ttl};
    }
  }();

  static constexpr keel_descriptor descriptor{sizeof(keel_descriptor),
                                              P::descriptor.needs_text ? KEEL_NEEDS_TEXT : 0u,
                                              text(Routes<P>   ? KEEL_KIND_ROUTING
                                                   : Prices<P> ? KEEL_KIND_COST
                                                               : KEEL_KIND_CACHE_TTL),
                                              text(P::descriptor.id),
                                              text(P::descriptor.version),
                                              text(P::descriptor.summary),
                                              P::descriptor.revision,
                                              static_cast<uint32_t>(P::descriptor.settings.size()),
                                              sizeof(keel_setting_spec),
                                              P::descriptor.settings.data()};

  static constexpr keel_policy policy{sizeof(keel_policy), 0, &descriptor, create, destroy,
                                      &functions};
};

template <typename... P>
struct Plugin {
  static constexpr const keel_policy* policies[] = {&Glue<P>::policy...};

  static const keel_policy* get(keel_text kind, keel_text id) noexcept {
    for (const keel_policy* policy : policies) {
      if (view(policy->descriptor->kind) == view(kind) &&
          view(policy->descriptor->id) == view(id)) {
        return policy;
      }
    }
    return nullptr;
  }
  static const keel_policy* at(uint32_t index) noexcept {
    return index < std::size(policies) ? policies[index] : nullptr;
  }

  static constexpr keel_plugin table{
      sizeof(keel_plugin), KEEL_ABI_MAJOR, KEEL_ABI_MINOR, sizeof...(P), get, at};
};

}  // namespace detail

}  // namespace keel::plugin

#endif  // KEEL_DETAIL_GLUE_HPP
