#pragma once
// The fake provider on a loop: an OpenAI-shaped API under any prefix, steered by a script, with its
// own control page under /mock/.
//
//   POST {prefix}/chat/completions   plain or SSE          POST {prefix}/embeddings
//   GET  {prefix}/models             free                  GET  {prefix}/health   free
//   GET  /mock/state[?records=N]     what was seen and billed, as JSON
//   POST /mock/script                a new script (YAML or JSON); the clock of its rules restarts
//   POST /mock/reset                 forgets counts, bill and records; restarts the clock
//   POST /mock/start                 starts the clock of the rules now
//
// A request is steered by, each laid over the one before: the script's default, every rule that
// applies (in order), words in the model name, words in the header `x-mock`, and the JSON object
// in the header `x-mock-behaviour`.

#include "http/responder.hpp"
#include "http/server.hpp"
#include "mock/answer.hpp"
#include "mock/capacity.hpp"
#include "mock/cassettes.hpp"
#include "mock/script.hpp"
#include "mock/tally.hpp"

#include <memory>
#include <optional>
#include <string>

namespace keel::mock {

struct Settings {
  http::Options http;
  std::string script;            // YAML or JSON text; empty: answer everything at once
  std::string cassettes;         // a directory; empty: none. With it, an unknown request is a 404
  std::optional<uint64_t> seed;  // instead of the script's
};

class Service : public http::Handler {
 public:
  // Reads script and cassettes, binds, accepts. The loop must run to its end after stop().
  static Result<std::unique_ptr<Service>> start(http::asio::io_context& loop, Settings settings);

  uint16_t port() const { return port_; }
  Result<bool> set_script(std::string_view text);
  nlohmann::json state(size_t records) const;
  void reset();
  void start_clock();
  void stop();

  http::Task<> on_request(http::Request& request, http::Responder& responder) override;
  http::Admission on_connect() override;
  http::Admission on_first_byte(http::Peer& peer) override;
  void on_head(http::Request& request) override;
  void on_abandoned(http::Request& request) override;

 private:
  Service(http::asio::io_context& loop, Settings settings);

  http::Task<> control(http::Request& request, http::Responder& responder);
  http::Task<> probe(http::Request& request, http::Responder& responder, Endpoint on);
  http::Task<> infer(http::Request& request, http::Responder& responder, Endpoint on);
  http::Task<> replay(const http::Request& request, http::Responder& responder, Exchange& exchange);
  http::Task<> watch_listener();

  Result<Behaviour> behaviour_for(const Asked& asked, const nlohmann::json& model_patch,
                                  const http::Head& head);
  enum class Chances : uint8_t { drawn, certain };
  // `certain` leaves rules with a probability out: those are drawn once per connection.
  Outage outage_now(Chances chances);
  void take(Script script);
  Exchange exchange_for(const Prompt& prompt, const Behaviour& behaviour, Endpoint on,
                        const http::Request& request);
  double script_time() const;

  http::asio::io_context& loop_;
  Settings settings_;
  Script script_;
  Cassettes cassettes_;
  Random random_{1};
  Tally tally_;
  CapacityMeter capacity_;
  http::Server http_;
  http::Timer listener_watch_;
  std::optional<Instant> clock_start_;
  uint16_t port_ = 0;
  bool watching_ = false;
  bool stopped_ = false;
};

}  // namespace keel::mock
