#include "wire/stream.hpp"

#include "wire/json_text.hpp"

#include <algorithm>

namespace keel::wire {

namespace {

std::string_view within(std::string_view bytes, Span span) {
  return bytes.substr(span.offset, span.length);
}

// A JSON string without the first `skip` bytes of what it means; the rest as it was spelt.
std::string cut(std::string_view quoted, size_t skip) {
  json::String text;
  text.raw = quoted.substr(1, quoted.size() - 2);
  text.escaped = text.raw.find('\\') != std::string_view::npos;
  std::string out(1, '"');
  out.append(text.raw.substr(text.raw_offset(skip))).push_back('"');
  return out;
}

bool is_tool(const Lane& lane) {
  return lane.part == Lane::Part::tool_name || lane.part == Lane::Part::tool_arguments;
}

}  // namespace

std::string restyle(const StreamEvent& event, std::string_view id, std::string_view model,
                    const std::vector<size_t>& skip) {
  std::vector<Splice> splices;
  auto put = [&splices](Span at, std::string text) {
    if (!at.empty()) splices.push_back({at, std::move(text)});
  };
  if (!id.empty()) put(event.id, std::string(id));
  if (!model.empty()) put(event.model, std::string(model));
  for (size_t i = 0; i < std::min(skip.size(), event.pieces.size()); ++i) {
    const StreamEvent::Piece& piece = event.pieces[i];
    if (skip[i] == 0) continue;
    if (!piece.at.empty()) put(piece.at, cut(within(event.bytes, piece.at), skip[i]));
    if (piece.beside.empty()) continue;
    // The client has the id of a call that had begun, and some clients would join two.
    put(piece.beside,
        is_tool(piece.lane) ? "\"\"" : cut(within(event.bytes, piece.beside), skip[i]));
  }
  auto before = [](const Splice& a, const Splice& b) { return a.at.offset < b.at.offset; };
  auto same = [](const Splice& a, const Splice& b) { return a.at.offset == b.at.offset; };
  std::sort(splices.begin(), splices.end(), before);
  // A name and its arguments share their call's id.
  splices.erase(std::unique(splices.begin(), splices.end(), same), splices.end());
  return SplicedBody{Body::copy_of(event.bytes), std::move(splices)}.flatten();
}

std::string_view end_marker() {
  return "data: [DONE]\n\n";
}

}  // namespace keel::wire
