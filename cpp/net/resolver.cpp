#include "net/resolver.hpp"

#include "io/clock.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include <netdb.h>
#include <sys/socket.h>

namespace keel::net {

// The threads and what they share with the resolver. They hold it by shared_ptr, so that one which
// is stuck in getaddrinfo may outlive the resolver and then find `closed`.
struct Resolver::Workers {
  struct Thread {
    std::thread handle;
    bool busy = false;
  };

  Workers(Resolver& owner, io::Loop& on_loop) : resolver(&owner), loop(&on_loop) {}

  Resolver* resolver;
  io::Loop* loop;
  std::function<LookUp(const std::string&)> look_up;
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::string> names;
  std::vector<std::unique_ptr<Thread>> threads;
  size_t idle = 0;
  bool closed = false;

  void run(Thread& self);
  static void submit(const std::shared_ptr<Workers>& workers, std::string name, size_t threads_max);
  void close();
};

void Resolver::Workers::run(Thread& self) {
  std::unique_lock lock(mutex);
  for (;;) {
    ++idle;
    wake.wait(lock, [this] { return closed || !names.empty(); });
    --idle;
    if (closed) return;
    std::string name = std::move(names.front());
    names.pop_front();
    self.busy = true;
    lock.unlock();
    LookUp found = look_up(name);
    lock.lock();
    self.busy = false;
    if (closed) return;  // the loop may be gone: nothing may be posted any more
    loop->post([owner = resolver, name = std::move(name), found = std::move(found)]() mutable {
      owner->answered(name, std::move(found), io::now());
    });
  }
}

void Resolver::Workers::submit(const std::shared_ptr<Workers>& workers, std::string name,
                               size_t threads_max) {
  std::lock_guard lock(workers->mutex);
  workers->names.push_back(std::move(name));
  if (workers->names.size() > workers->idle && workers->threads.size() < threads_max) {
    auto& thread = *workers->threads.emplace_back(std::make_unique<Thread>());
    thread.handle =
        io::start_quiet_thread("keel-resolve", [workers, &thread] { workers->run(thread); });
  }
  workers->wake.notify_one();
}

void Resolver::Workers::close() {
  std::unique_lock lock(mutex);
  closed = true;
  names.clear();
  wake.notify_all();
  std::vector<std::thread> idle_ones;
  for (auto& thread : threads) {
    if (thread->busy) {
      thread->handle.detach();
    } else {
      idle_ones.push_back(std::move(thread->handle));
    }
  }
  lock.unlock();
  for (std::thread& thread : idle_ones) thread.join();
}

Resolver::Resolver(io::Loop& loop, ResolverSettings settings)
    : settings_(std::move(settings)), workers_(std::make_shared<Workers>(*this, loop)) {
  workers_->look_up = settings_.look_up ? settings_.look_up : system_look_up;
}

Resolver::~Resolver() {
  workers_->close();
}

bool Resolver::usable(const Entry& entry, Instant now) const {
  if (!entry.answered) return false;
  Duration age = elapsed(entry.known_at, now);
  return age <= (entry.known.addresses.empty() ? settings_.failure : settings_.stale);
}

Resolver::Ticket Resolver::resolve(const Endpoint& endpoint, Done done, Instant now) {
  if (const auto* to = settings_.redirections.find(endpoint.host, endpoint.port)) {
    done({{to->address}, to->port, true, {}});
    return 0;
  }
  if (endpoint.literal) {
    done(permitted(endpoint, {{*endpoint.literal}, {}}));
    return 0;
  }
  auto found = entries_.find(endpoint.host);
  if (found == entries_.end()) {
    make_room();
    found = entries_.emplace(endpoint.host, Entry{}).first;
  }
  Entry& entry = found->second;
  if (!usable(entry, now)) {
    entry.waiting.push_back({++last_ticket_, endpoint, std::move(done)});
    ask(endpoint.host, entry);
    return last_ticket_;
  }
  bool failed = entry.known.addresses.empty();
  if (!failed && elapsed(entry.known_at, now) > settings_.fresh) ask(endpoint.host, entry);
  done(permitted(endpoint, entry.known));
  return 0;
}

void Resolver::cancel(Ticket ticket) {
  for (auto& [name, entry] : entries_) {
    std::erase_if(entry.waiting, [ticket](const Waiter& w) { return w.ticket == ticket; });
  }
}

void Resolver::ask(const std::string& name, Entry& entry) {
  if (entry.asking) return;
  entry.asking = true;
  Workers::submit(workers_, name, settings_.threads_max);
}

void Resolver::answered(const std::string& name, LookUp found, Instant now) {
  auto at = entries_.find(name);
  if (at == entries_.end()) return;
  Entry& entry = at->second;
  entry.asking = false;
  // A failed refresh does not take away an answer that is still good enough.
  bool keep = found.addresses.empty() && !entry.known.addresses.empty() && usable(entry, now);
  if (!keep) {
    entry.known = std::move(found);
    entry.known_at = now;
    entry.answered = true;
  }
  std::vector<Waiter> waiting = std::exchange(entry.waiting, {});
  LookUp known = entry.known;  // a callback may ask again and move the entries
  for (Waiter& waiter : waiting) waiter.done(permitted(waiter.endpoint, known));
}

// Only names nobody waits for go; names come from configuration, so the bound is rarely met.
void Resolver::make_room() {
  if (entries_.size() < settings_.names_max) return;
  auto oldest = entries_.end();
  for (auto at = entries_.begin(); at != entries_.end(); ++at) {
    if (at->second.asking || !at->second.waiting.empty()) continue;
    if (oldest == entries_.end() || at->second.known_at < oldest->second.known_at) oldest = at;
  }
  if (oldest != entries_.end()) entries_.erase(oldest);
}

LookUp system_look_up(const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  int error = getaddrinfo(name.c_str(), nullptr, &hints, &list);
  if (error != 0) return {{}, "DNS: no address for " + name + ": " + gai_strerror(error)};
  LookUp found;
  for (const addrinfo* at = list; at != nullptr; at = at->ai_next) {
    auto address = Address::from(*at->ai_addr);
    if (address && std::find(found.addresses.begin(), found.addresses.end(), *address) ==
                       found.addresses.end()) {
      found.addresses.push_back(*address);
    }
  }
  freeaddrinfo(list);
  if (found.addresses.empty()) found.error = "DNS: no address for " + name;
  return found;
}

Resolved permitted(const Endpoint& endpoint, const LookUp& found) {
  Resolved result{{}, endpoint.port, false, found.error};
  bool any_range = endpoint.allow_private || endpoint.literal;
  bool any_path = endpoint.tls || endpoint.allow_plaintext;
  for (const Address& address : found.addresses) {
    if (!any_path && !address.is_loopback()) {
      result.error = endpoint.label() + " is " + address.text() +
                     ": plain HTTP goes to loopback only, unless the provider has allow_plaintext";
    } else if (!any_range && !address.forbidden().empty()) {
      result.error = endpoint.label() + " leads to " + address.text() + " (" +
                     std::string(address.forbidden()) +
                     "), refused: the provider needs allow_private";
    } else {
      result.addresses.push_back(address);
    }
  }
  return result;
}

}  // namespace keel::net
