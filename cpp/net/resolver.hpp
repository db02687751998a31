#pragma once
// Names to addresses without ever blocking the loop: getaddrinfo runs in a few threads of its own,
// answers are kept and refreshed in the background, failures are kept briefly. libcurl is given
// addresses only: its own resolver joins a thread when a transfer is cancelled.

#include "base/time.hpp"
#include "io/loop.hpp"
#include "net/address.hpp"
#include "net/endpoint.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace keel::net {

struct LookUp {
  std::vector<Address> addresses;  // empty: see error
  std::string error;
};

// Where connections to an endpoint may go.
struct Resolved {
  std::vector<Address> addresses;  // empty: see error
  uint16_t port = 0;
  bool redirected = false;  // by the command line: another address and port than the endpoint's own
  std::string error;        // what was looked for, what was found, and what would allow it
};

struct ResolverSettings {
  Duration fresh = seconds(60);   // older answers are used and asked again meanwhile
  Duration stale = seconds(600);  // how long an answer outlives a failing resolver
  Duration failure = seconds(1);  // how long a failure is an answer
  size_t names_max = 256;         // names kept; beyond, the oldest answer goes
  size_t threads_max = 4;         // a name whose server is slow must not hold up the others
  std::function<LookUp(const std::string& name)> look_up;  // blocking; getaddrinfo unless set
  Redirections redirections;
};

// Belongs to the loop's thread, as do the callbacks; destroyed there or after the loop has stopped.
class Resolver {
 public:
  using Ticket = uint64_t;
  using Done = std::function<void(const Resolved&)>;

  explicit Resolver(io::Loop& loop, ResolverSettings settings = {});
  // Never waits for a look-up that is under way.
  ~Resolver();

  // Calls `done` at once when the answer is known (and returns 0), else later, unless cancelled.
  Ticket resolve(const Endpoint& endpoint, Done done, Instant now);
  void cancel(Ticket ticket);

 private:
  struct Waiter {
    Ticket ticket;
    Endpoint endpoint;
    Done done;
  };
  struct Entry {
    LookUp known;
    Instant known_at;
    bool answered = false;
    bool asking = false;
    std::vector<Waiter> waiting;
  };
  struct Workers;

  void ask(const std::string& name, Entry& entry);
  void answered(const std::string& name, LookUp found, Instant now);
  bool usable(const Entry& entry, Instant now) const;
  void make_room();

  ResolverSettings settings_;
  std::unordered_map<std::string, Entry> entries_;
  Ticket last_ticket_ = 0;
  std::shared_ptr<Workers> workers_;
};

// getaddrinfo for TCP, both families, in the order the system prefers.
LookUp system_look_up(const std::string& name);
// The one place where an address is judged: what a name leads to must be public unless the provider
// has allow_private (an address written as such is as meant), and plain HTTP goes to loopback only
// unless it has allow_plaintext. What may not be used is left out.
Resolved permitted(const Endpoint& endpoint, const LookUp& found);

}  // namespace keel::net
