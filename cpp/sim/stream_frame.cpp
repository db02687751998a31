#include "sim/stream_frame.hpp"

#include <nlohmann/json.hpp>

namespace keel::sim {

namespace {

using Json = nlohmann::json;
using Kind = StreamEvent::Kind;
using Part = Lane::Part;

void add(Frame& out, const Lane& lane, const Json& holder, const char* name) {
  const auto found = holder.find(name);
  if (found == holder.end() || !found->is_string()) return;
  if (auto text = found->get<std::string>(); !text.empty()) out.pieces.push_back({lane, text});
}

void read_choice(const Json& choice, Frame& out) {
  const uint16_t index = choice.value("index", uint16_t{0});
  const Json& delta = choice.at("delta");
  add(out, {index, Part::text}, delta, "content");
  add(out, {index, Part::reasoning}, delta, "reasoning_content");
  if (delta.contains("tool_calls"))
    for (const Json& call : delta["tool_calls"]) {
      const uint16_t tool = call.value("index", uint16_t{0});
      add(out, {index, Part::tool_name, tool}, call.at("function"), "name");
      add(out, {index, Part::tool_arguments, tool}, call.at("function"), "arguments");
    }
  if (!choice.at("finish_reason").is_null()) out.finishes = index;
}

}  // namespace

const Frame* find_frame(const StreamPlan& plan, size_t from, size_t to, std::string_view bytes) {
  const std::string_view all = plan.bytes;
  for (size_t i = from; i < to; ++i)
    if (all.substr(plan.frames[i].at.offset, plan.frames[i].at.length) == bytes)
      return &plan.frames[i];
  return nullptr;
}

std::string read_frame(std::string_view bytes, Frame& out, std::string& id, std::string& model) {
  if (bytes == "data: [DONE]\n\n") {
    out.kind = Kind::done;
    return {};
  }
  const size_t end = bytes.find_first_of("\r\n");
  if (end == std::string_view::npos) return "not an event";
  const std::string_view tail = bytes.substr(end);
  if (tail != "\n\n" && tail != "\r\n\r\n") return "not one event";
  if (!bytes.starts_with("data: ")) return "an event of nobody's";
  const Json json = Json::parse(bytes.substr(6, end - 6), nullptr, false);
  if (!json.is_object() || !json.contains("choices")) return "not a piece of an answer";
  id = json.value("id", "");
  model = json.value("model", "");
  for (const Json& choice : json["choices"]) read_choice(choice, out);
  const bool counts = json.contains("usage") && json["choices"].empty();
  out.kind = out.finishes >= 0    ? Kind::finish
             : counts             ? Kind::usage
             : out.pieces.empty() ? Kind::lifecycle
                                  : Kind::content;
  return {};
}

}  // namespace keel::sim
