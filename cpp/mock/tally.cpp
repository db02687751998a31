#include "mock/tally.hpp"

namespace keel::mock {

namespace {

using nlohmann::json;

int64_t price_up(int64_t tokens, int64_t nano_usd_per_million) {
  const __int128 product = __int128{tokens} * nano_usd_per_million;
  const __int128 whole = product / 1'000'000;
  return static_cast<int64_t>(product % 1'000'000 == 0 ? whole : whole + 1);
}

json json_of(const Record& r) {
  return {{"number", r.number},
          {"id", r.id},
          {"model", r.model},
          {"key", r.key},
          {"on", r.on},
          {"status", r.status},
          {"nonce", r.nonce},
          {"in_tokens", r.in_tokens},
          {"out_tokens", r.out_tokens},
          {"billed_nano_usd", r.billed_nano_usd},
          {"connection", r.connection},
          {"nth_of_connection", r.nth_of_connection},
          {"at_s", r.at_s},
          {"stream", r.stream},
          {"delivered", r.delivered}};
}

}  // namespace

Record* Tally::find(uint64_t number) {
  if (records_.empty() || number < records_.front().number) return nullptr;
  const uint64_t at = number - records_.front().number;
  return at < records_.size() ? &records_[at] : nullptr;
}

uint64_t Tally::seen(uint64_t connection, uint64_t nth, double at_s) {
  ++requests_;
  ++in_flight_;
  Record record;
  record.number = next_++;
  record.connection = connection;
  record.nth_of_connection = nth;
  record.at_s = at_s;
  records_.push_back(record);
  while (records_.size() > keep_) records_.pop_front();
  return record.number;
}

void Tally::named(uint64_t number, const Record& names) {
  if (number <= forgotten_) return;
  ++by_model_[names.model];
  ++by_key_[names.key];
  Record* record = find(number);
  if (!record) return;
  record->id = names.id;
  record->model = names.model;
  record->key = names.key;
  record->on = names.on;
  record->nonce = names.nonce;
  record->stream = names.stream;
}

void Tally::bill(uint64_t number, const std::string& model, const ListPrice& price, int64_t in,
                 int64_t out) {
  if (number <= forgotten_) return;
  const int64_t cost = price_up(in, price.in) + price_up(out, price.out);
  for (Account* account : {&total_, &bill_[model]}) {
    account->nano_usd += cost;
    account->in += in;
    account->out += out;
  }
  if (Record* record = find(number)) {
    record->in_tokens += in;
    record->out_tokens += out;
    record->billed_nano_usd += cost;
  }
}

void Tally::answered(uint64_t number, const std::string& status) {
  if (number <= forgotten_) return;
  ++by_status_[status];
  if (Record* record = find(number)) record->status = status;
}

void Tally::done(uint64_t number, bool delivered) {
  --in_flight_;
  if (Record* record = find(number)) record->delivered = delivered;
}

void Tally::rule_applied(size_t index) {
  if (by_rule_.size() <= index) by_rule_.resize(index + 1);
  ++by_rule_[index];
}

void Tally::reset() {
  Tally fresh;
  fresh.keep_ = keep_;
  fresh.next_ = next_;
  fresh.forgotten_ = next_ - 1;
  fresh.in_flight_ = in_flight_;
  *this = std::move(fresh);
}

json Tally::state(size_t records) const {
  json bill = {{"total_nano_usd", total_.nano_usd}, {"by_model", json::object()}};
  for (const auto& [model, account] : bill_) {
    bill["by_model"][model] = {
        {"nano_usd", account.nano_usd}, {"in_tokens", account.in}, {"out_tokens", account.out}};
  }
  json last = json::array();
  const size_t from = records_.size() - std::min(records, records_.size());
  for (size_t i = from; i < records_.size(); ++i) last.push_back(json_of(records_[i]));
  return {{"requests", requests_},
          {"probes", probes_},
          {"connections", connections_},
          {"in_flight", in_flight_},
          {"by_model", by_model_},
          {"by_key", by_key_},
          {"by_status", by_status_},
          {"by_rule", by_rule_},
          {"tokens", {{"in", total_.in}, {"out", total_.out}}},
          {"bill", bill},
          {"records", last}};
}

}  // namespace keel::mock
