#include "sim/tables.hpp"

namespace keel::sim {

std::vector<std::pair<std::string_view, Column>> RequestTable::take() {
  std::vector<std::pair<std::string_view, Column>> out;
  auto give = [&](std::string_view name, auto& column) {
    out.emplace_back(name, std::move(column));
  };
  give("call", call);
  give("request", request);
  give("client_try", client_try);
  give("arrived", arrived);
  give("first_token", first_token);
  give("ended", ended);
  give("outcome", outcome);
  give("status", status);
  give("route", route);
  give("target", target);
  give("model", model);
  give("tenant", tenant);
  give("sends", sends);
  give("tries", tries);
  give("tokens_in", tokens_in);
  give("tokens_out", tokens_out);
  give("cost", cost);
  give("true_bill", true_bill);
  give("stream", stream);
  give("cached", cached);
  give("downgraded", downgraded);
  give("last", last);
  give("identity", identity);
  return out;
}

std::vector<std::pair<std::string_view, Column>> AttemptTable::take() {
  std::vector<std::pair<std::string_view, Column>> out;
  auto give = [&](std::string_view name, auto& column) {
    out.emplace_back(name, std::move(column));
  };
  give("call", call);
  give("attempt", attempt);
  give("target", target);
  give("started", started);
  give("sent", sent);
  give("first_token", first_token);
  give("ended", ended);
  give("verdict", verdict);
  give("status", status);
  give("billed", billed);
  give("tokens_in", tokens_in);
  give("tokens_out", tokens_out);
  give("held", held);
  give("posted", posted);
  give("estimated", estimated);
  give("free", free);
  return out;
}

}  // namespace keel::sim
