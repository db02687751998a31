#pragma once
// What a gateway answers on its client port: who is asking, what for, and the way there.

#include "http/server.hpp"
#include "server/endpoints.hpp"
#include "server/front.hpp"
#include "server/generation.hpp"
#include "server/logbook.hpp"
#include "server/session.hpp"
#include "server/tenants.hpp"

#include <memory>
#include <optional>
#include <string>

namespace keel::server {

class Service final : public http::Handler {
 public:
  // `loopback`: only this machine can reach it.
  Service(Logbook& log, bool loopback);

  // New requests go there from now on.
  void take(std::shared_ptr<Generation> generation) { current_ = std::move(generation); }
  const std::shared_ptr<Generation>& current() const { return current_; }
  void drop() { current_.reset(); }
  void set_draining() { draining_ = true; }
  // No request is begun from now on: what is open was cut, and whatever came would be, unheard.
  void set_closed() { closed_ = true; }
  size_t open() const { return open_; }

  std::optional<http::Reply> turn_away(const http::Request& request) override;
  http::Task<> on_request(http::Request& request, http::Responder& responder) override;

 private:
  struct Looked {
    std::optional<http::Reply> refusal;
    const Endpoint* endpoint = nullptr;
    std::string_view id;
    std::string tenant;
  };
  Looked look(const http::Request& request);
  bool needs_key(Access access) const;
  std::optional<http::Reply> identify(const http::Request& request, std::string& tenant);
  http::Task<> infer(Exchange& on, Operation operation);
  http::Reply page(const Looked& looked, const Exchange& on) const;

  Logbook& log_;
  const bool loopback_;
  const Instant started_;
  const int64_t started_unix_s_;
  std::shared_ptr<Generation> current_;
  WrongKeys wrong_keys_;
  RequestIds ids_;
  size_t open_ = 0;  // requests that are being answered
  bool draining_ = false;
  bool closed_ = false;
};

}  // namespace keel::server
