#include "binding/host.hpp"

#include "binding/refusal.hpp"
#include "io/clock.hpp"
#include "relay/log.hpp"
#include "relay/policy_set.hpp"
#include "relay/relay.hpp"

#include <new>
#include <utility>

namespace keel::binding {

namespace {

std::unique_ptr<relay::Relay> make_relay(std::shared_ptr<const relay::Config> config,
                                         policy::Registry& registry, uint64_t seed) {
  relay::PolicyLoad load = relay::load_policies(*config, registry);
  if (!load.problems.empty()) {
    std::vector<relay::Problem> problems;
    for (const Error& error : load.problems) problems.push_back({0, error.where, error.message});
    throw Refusal({"invalid_config", "", "policies could not be loaded"}, std::move(problems));
  }
  if (seed == 0) seed = config->seed;
  if (seed == 0) seed = net::draw_seed();
  return std::make_unique<relay::Relay>(std::move(config), std::move(load.policies), seed,
                                        io::now());
}

void log_answer(Outbox& log, const relay::Answer& answer, int64_t began_unix_ns) {
  if (!answer.trace) return;
  relay::Answer told = answer;
  told.body = {};
  log.put(Answered{std::move(told), began_unix_ns});
}

// Writes down how a stream ended before its reader hears of it.
class LoggedStream final : public net::StreamCaller {
 public:
  LoggedStream(std::shared_ptr<net::StreamCaller> reader, std::shared_ptr<Outbox> log)
      : reader_(std::move(reader)), log_(std::move(log)) {}
  void on_piece(relay::Deliver&& piece) override { reader_->on_piece(std::move(piece)); }
  void on_answer(relay::Answer&& answer) override {
    log_answer(*log_, answer, began_unix_ns_);
    reader_->on_answer(std::move(answer));
  }

 private:
  const std::shared_ptr<net::StreamCaller> reader_;
  const std::shared_ptr<Outbox> log_;
  const int64_t began_unix_ns_ = io::wall_unix_ns();
};

}  // namespace

Host::Host(std::shared_ptr<const relay::Config> config, HostOptions options)
    : config_(std::move(config)),
      registry_(std::move(options.plugin_directories)),
      outbox_(std::make_shared<Outbox>()) {
  if (!config_->request_log_path.empty()) {
    auto file = io::LineFile::open(config_->request_log_path);
    if (!file)
      throw Refusal({"invalid_config", "", "the request log cannot be written"},
                    {{0, "request_log.path", file.error().text()}});
    request_log_.emplace(std::move(*file));
  }
  net::DriverOptions to_driver;
  to_driver.ca_file = std::move(options.ca_file);
  to_driver.resolve = std::move(options.resolve);
  to_driver.on_notice = [outbox = outbox_](const relay::Notice& notice) {
    outbox->put(Told{notice, io::wall_unix_ns()});
  };
  if (request_log_)
    to_driver.on_refresh = [outbox = outbox_](const relay::Answer& answer, int64_t began_unix_ns) {
      log_answer(*outbox, answer, began_unix_ns);
    };
  driver_ = or_raise(net::Driver::create(config_, make_relay(config_, registry_, options.seed),
                                         std::move(to_driver)));
}

Host::~Host() {
  if (!forked()) {
    close();
    return;
  }
  // The parent's threads may have been waiting on it; destroying it here would wait for them.
  new std::shared_ptr<Outbox>(std::move(outbox_));
}

CallId Host::submit(relay::Request request, std::function<void(GivenAnswer&&)> done) {
  auto answered = [log = request_log_ ? outbox_ : nullptr, began_unix_ns = io::wall_unix_ns(),
                   config = config_, returns = returns_,
                   done = std::move(done)](relay::Answer&& answer) {
    if (log) log_answer(*log, answer, began_unix_ns);
    returns->free_all();
    done({std::move(answer), config, returns});
  };
  return or_raise(driver_->submit(std::move(request), std::move(answered)));
}

CallId Host::submit(relay::Request request, std::shared_ptr<net::StreamCaller> caller) {
  if (request_log_) caller = std::make_shared<LoggedStream>(std::move(caller), outbox_);
  return or_raise(driver_->submit(std::move(request), std::move(caller)));
}

void Host::close() {
  driver_->close();
  if (!forked()) outbox_->close();
}

Host::News Host::news(Duration limit) {
  Outbox::Batch batch = outbox_->take(limit);
  News news;
  news.closed = batch.closed;
  for (Item& item : batch.items) {
    if (auto* told = std::get_if<Told>(&item)) {
      news.told.push_back(std::move(*told));
      continue;
    }
    const Answered& answered = std::get<Answered>(item);
    auto complaint = request_log_->append(
        relay::request_log_line(answered.answer, *answered.answer.trace, answered.began_unix_ns));
    if (complaint) news.complaints.push_back("request log " + *complaint);
  }
  if (batch.lost > 0)
    news.complaints.push_back(std::to_string(batch.lost) +
                              " events were lost: more came than could be written");
  return news;
}

}  // namespace keel::binding
