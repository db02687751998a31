#include "mock/behaviour.hpp"

#include "mock/reader.hpp"

#include <cmath>
#include <numbers>

#include <nlohmann/json.hpp>

namespace keel::mock {

namespace {

using nlohmann::json;

constexpr const char* kFaults[] = {
    "none",           "close",      "reset",        "reset_after_head",
    "reset_mid_body", "truncated",  "silence",      "head_then_silence",
    "empty",          "no_choices", "error_inside", "unparsable"};
constexpr const char* kReuse[] = {"keep", "idle", "first_byte"};
constexpr const char* kOutages[] = {"none", "accept_and_close", "refuse"};
constexpr const char* kUsage[] = {"honest", "missing", "null", "zero", "over"};

void read_spread(Reader& reader, const char* key, Spread& out) {
  const json* value = reader.find(key);
  if (!value) return;
  if (value->is_number()) {
    reader.number(key, out.p50);
    out.p99 = out.p50;
    return;
  }
  Reader inner(*value, reader.path(key));
  inner.number("p50", out.p50);
  out.p99 = out.p50;
  inner.number("p99", out.p99);
  inner.finish();
  if (out.p99 < out.p50) throw ScriptProblem(reader.path(key), "wanted p99 >= p50");
}

template <typename T>
void read_optional(Reader& reader, const char* key, void (Reader::*read)(const char*, T&),
                   std::optional<T>& out) {
  T value{};
  if (!reader.find(key)) return;
  (reader.*read)(key, value);
  out = value;
}

// What providers say with a status when nothing else was scripted.
ErrorReply usual_error(int status) {
  ErrorReply error;
  error.status = status;
  error.message = "scripted error " + std::to_string(status);
  error.type = status >= 500 ? "server_error" : "invalid_request_error";
  switch (status) {
    case 401:
      error.code = "invalid_api_key";
      break;
    case 403:
      error.type = "permission_error";
      error.code = "model_not_allowed";
      break;
    case 404:
      error.code = "model_not_found";
      break;
    case 429:
      error.type = "requests";
      error.code = "rate_limit_exceeded";
      break;
    case 529:
      error.type = "overloaded_error";
      break;
    default:
      break;
  }
  return error;
}

ErrorReply read_error(const json& from, const std::string& where) {
  if (from.is_number_integer()) {
    auto status = from.get<int64_t>();
    if (status < 300 || status > 599) throw ScriptProblem(where, "wanted a status 300 to 599");
    return usual_error(static_cast<int>(status));
  }
  Reader reader(from, where);
  int64_t status = 500;
  reader.integer("status", status);
  ErrorReply error = read_error(json(status), where + ".status");
  reader.text("message", error.message);
  // null says: send null.
  if (from.contains("type")) error.type.reset();
  if (from.contains("code")) error.code.reset();
  read_optional(reader, "type", &Reader::text, error.type);
  read_optional(reader, "code", &Reader::text, error.code);
  read_optional(reader, "retry_after", &Reader::number, error.retry_after);
  read_optional(reader, "retry_after_date", &Reader::number, error.retry_after_date);
  read_optional(reader, "retry_after_ms", &Reader::integer, error.retry_after_ms);
  read_optional(reader, "should_retry", &Reader::flag, error.should_retry);
  reader.finish();
  return error;
}

Capacity read_capacity(const json& from, const std::string& where) {
  Capacity capacity;
  Reader reader(from, where);
  reader.integer("concurrent", capacity.concurrent);
  reader.integer("rpm", capacity.rpm);
  reader.number("window_s", capacity.window_s);
  reader.flag("per_key", capacity.per_key);
  reader.finish();
  return capacity;
}

Behaviour read_behaviour(const json& from, const std::string& where) {
  Behaviour b;
  Reader reader(from, where);
  read_spread(reader, "latency_ms", b.latency_ms);
  if (reader.find("ttft_ms")) read_spread(reader, "ttft_ms", b.ttft_ms.emplace());
  reader.number("tokens_per_second", b.tokens_per_second);
  read_spread(reader, "out_tokens", b.out_tokens);
  if (const json* error = reader.find("error")) b.error = read_error(*error, reader.path("error"));
  reader.choice("fault", kFaults, b.fault);
  reader.integer("cut_after_tokens", b.cut_after_tokens);
  reader.choice("close_on_reuse", kReuse, b.close_on_reuse);
  reader.integer("reuse_limit", b.reuse_limit);
  reader.number("reuse_idle_ms", b.reuse_idle_ms);
  reader.choice("outage", kOutages, b.outage);
  if (const json* c = reader.find("capacity"))
    b.capacity = read_capacity(*c, reader.path("capacity"));
  reader.choice("usage", kUsage, b.usage);
  reader.flag("bills_errors", b.bills_errors);
  reader.flag("bills_faults", b.bills_faults);
  reader.text("content", b.content);
  reader.text("finish_reason", b.finish_reason);
  reader.finish();
  return b;
}

}  // namespace

double Spread::draw(Random& random) const {
  if (p99 <= p50 || p50 <= 0) return p50;
  // Box-Muller; 2.3263 is the 99th percentile of the standard normal.
  const double u = 1.0 - random.unit();
  const double v = random.unit();
  const double normal = std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
  return p50 * std::exp(normal * std::log(p99 / p50) / 2.3263);
}

Result<Behaviour> parse_behaviour(const json& from, const std::string& where) {
  try {
    return read_behaviour(from, where);
  } catch (const ScriptProblem& problem) {
    return Error{"bad_script", problem.where, problem.what()};
  }
}

}  // namespace keel::mock
