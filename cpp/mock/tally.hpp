#pragma once
// What the mock saw and what it would invoice: counts, and its own bill in nano-USD, made with its
// own arithmetic so that it can be the judge of the relay's ledger.

#include "mock/script.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include <nlohmann/json.hpp>

namespace keel::mock {

struct Record {
  uint64_t number = 0;  // of the request, from 1
  std::string id;       // the client's x-request-id
  std::string model;
  std::string key;  // label
  std::string on;
  std::string status = "open";  // an HTTP status or the name of a fault
  std::string nonce;
  int64_t in_tokens = 0;
  int64_t out_tokens = 0;
  int64_t billed_nano_usd = 0;
  uint64_t connection = 0;
  uint64_t nth_of_connection = 0;
  double at_s = 0;
  bool stream = false;
  bool delivered = false;  // every byte of the answer was taken by the kernel
};

class Tally {
 public:
  // A request was seen; its number is the handle for what follows. Numbers from before the last
  // reset are ignored everywhere.
  uint64_t seen(uint64_t connection, uint64_t nth, double at_s);
  void named(uint64_t number, const Record& names);
  // Tokens were made: bills ceil(tokens * price / 1e6) for each direction.
  void bill(uint64_t number, const std::string& model, const ListPrice& price, int64_t in,
            int64_t out);
  // How it is answered, said before the first byte leaves: who has read an answer finds it counted.
  void answered(uint64_t number, const std::string& status);
  void done(uint64_t number, bool delivered);
  void probe() { ++probes_; }
  void connection() { ++connections_; }
  void rule_applied(size_t index);

  uint64_t requests() const { return requests_; }
  void keep(int64_t records) { keep_ = static_cast<size_t>(std::max<int64_t>(records, 0)); }
  void reset();
  nlohmann::json state(size_t records) const;

 private:
  struct Account {
    int64_t nano_usd = 0, in = 0, out = 0;
  };
  Record* find(uint64_t number);

  std::deque<Record> records_;
  size_t keep_ = 1000;
  uint64_t next_ = 1;
  uint64_t forgotten_ = 0;  // numbers up to this one belong to before a reset
  uint64_t requests_ = 0, probes_ = 0, connections_ = 0;
  int64_t in_flight_ = 0;
  Account total_;
  std::map<std::string, Account> bill_;
  std::map<std::string, uint64_t> by_model_, by_key_, by_status_;
  std::vector<uint64_t> by_rule_;
};

}  // namespace keel::mock
