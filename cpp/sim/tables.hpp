#pragma once
// The per-request and per-attempt tables of a run, as columns: contiguous numbers that others can
// look at without copying. Grown only on request; nothing else of a run grows with its requests.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace keel::sim {

// Times are seconds since the start, nan where there is none; money is nano-USD; codes index the
// names of their table.
using Column = std::variant<std::vector<double>, std::vector<int64_t>, std::vector<int32_t>,
                            std::vector<uint8_t>>;

// A row for everything the relay was asked.
struct RequestTable {
  std::vector<int64_t> call;        // the relay's number of it
  std::vector<int64_t> request;     // the user's: the retries of its client share it
  std::vector<int32_t> client_try;  // 0: the first
  std::vector<double> arrived, first_token, ended;
  std::vector<uint8_t> outcome;  // code: Names::outcomes
  std::vector<int32_t> status;
  std::vector<int32_t> route;   // code, -1: none
  std::vector<int32_t> target;  // code, -1: nobody answered
  std::vector<int32_t> model;   // asked: code
  std::vector<int32_t> tenant;  // code, -1: the relay's own
  std::vector<int32_t> sends, tries;
  std::vector<int64_t> tokens_in, tokens_out;  // as counted by who answered; -1: not counted
  std::vector<int64_t> cost, true_bill;
  std::vector<uint8_t> stream, cached, downgraded, last;  // last: of its request
  std::vector<int64_t> identity;  // equal for equal questions; 0: like no other

  std::vector<std::pair<std::string_view, Column>> take();
};

// A row for every attempt, sent or not, in the order in which their calls were answered.
struct AttemptTable {
  std::vector<int64_t> call, attempt;
  std::vector<int32_t> target;
  std::vector<double> started, sent, first_token, ended;
  std::vector<uint8_t> verdict;  // code: Names::verdicts
  std::vector<int32_t> status;
  std::vector<uint8_t> billed;  // code: Names::billed
  std::vector<int64_t> tokens_in, tokens_out, held, posted;
  std::vector<uint8_t> estimated;
  std::vector<uint8_t> free;  // extra load that no budget pays for

  std::vector<std::pair<std::string_view, Column>> take();
};

// What the codes mean.
struct Names {
  std::vector<std::string> outcomes, verdicts, billed, targets, routes, models, tenants;
};

}  // namespace keel::sim
