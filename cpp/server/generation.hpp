#pragma once
// One configuration in force: the relay built from it and what carries that relay's actions out. A
// reload makes a new one; the old one lives until its last call has been answered.

#include "config/reader.hpp"
#include "io/loop.hpp"
#include "net/conductor.hpp"
#include "policy/registry.hpp"
#include "server/tenants.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace keel::server {

struct GenerationOptions {
  std::string config_path;
  std::vector<std::string> plugin_directories;  // of the built-in policies
  std::string ca_file;
  std::vector<std::string> resolve;
  std::function<void(const relay::Notice&)> on_notice;
  std::function<void(const relay::Answer&, int64_t began_unix_ns)> on_refresh;
};

class Generation;
struct Opened {
  std::shared_ptr<Generation> generation;  // nothing if there are problems
  std::vector<std::string> problems;       // each `file:line: path: message`
  std::vector<std::string> notes;
};

class Generation {
 public:
  // Reads file, environment and secrets, loads the policies; nothing runs yet.
  static Opened open(io::Loop& loop, const GenerationOptions& options);

  const relay::Config& config() const { return loaded_->config; }
  const relay::Relay& relay() const { return *relay_; }
  Tenants& tenants() { return tenants_; }
  net::Conductor& conductor() { return *conductor_; }

  // Goes on where the generation before is, whose calls go on too; first thing of all.
  void follow(Generation& before);
  void note_overhead(Duration overhead) { relay_->note_overhead(overhead); }
  // Tells the relay the time; once, before the first call.
  void begin() { conductor_->begin(); }
  // Answers what is left as cancelled.
  void end() { conductor_->end(); }

  CallId next_call() { return ++last_call_; }

 private:
  Generation(std::shared_ptr<const relay::Loaded> loaded, const GenerationOptions& options);

  std::shared_ptr<const relay::Loaded> loaded_;
  policy::Registry registry_;
  net::DriverPlan plan_;
  std::unique_ptr<relay::Relay> relay_;
  std::unique_ptr<net::Conductor> conductor_;
  Tenants tenants_;
  CallId last_call_ = 0;
};

}  // namespace keel::server
