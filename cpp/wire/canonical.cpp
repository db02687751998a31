#include "wire/canonical.hpp"

#include "wire/facts.hpp"
#include "wire/json.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <new>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <openssl/evp.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace keel::wire {

namespace {

using json::Kind;
using json::String;

constexpr std::string_view kSchema = "keel-identity-1";

std::string_view name_of(Operation operation) {
  switch (operation) {
    case Operation::chat:
      return "chat";
    case Operation::embeddings:
      return "embeddings";
    case Operation::completions:
      break;
  }
  return "completions";
}

bool no_effect(const String& key) {
  constexpr std::string_view names[] = {
      "model", "user", "metadata", "safety_identifier", "prompt_cache_key", "models", "fallbacks"};
  return std::any_of(std::begin(names), std::end(names),
                     [&](std::string_view name) { return key.equals(name); });
}

class Canonical {
 public:
  explicit Canonical(std::string_view text) : text_size_(text.size()), cursor_(text, kDepthMax) {}

  Result<std::string> write();

 private:
  struct Member {  // "key":value, as a piece of out_
    size_t begin, key_end, end;
  };

  void value();
  void object(bool top);
  void sort_members(size_t first, size_t begin);
  void string(const String& s);
  void number(std::string_view text);
  std::string_view key_of(const Member& m) const {
    return std::string_view(out_).substr(m.begin, m.key_end - m.begin);
  }

  static constexpr size_t kUsualMembers = 16;  // open at once

  size_t text_size_;
  json::Cursor cursor_;
  std::string out_;
  std::string sorted_;
  std::vector<Member> members_;
  bool repeated_key_ = false;
};

Result<std::string> Canonical::write() {
  if (cursor_.kind() != Kind::object) return Error{"uncacheable", "", "not a JSON object"};
  out_.reserve(text_size_);
  members_.reserve(kUsualMembers);
  object(true);
  if (!cursor_.finish()) return Error{"uncacheable", "", cursor_.problem()};
  if (repeated_key_) return Error{"uncacheable", "", "a key stands twice in one object"};
  return std::move(out_);
}

void Canonical::value() {
  String text;
  std::string_view digits;
  bool flag = false;
  switch (cursor_.kind()) {
    case Kind::object:
      return object(false);
    case Kind::array:
      out_.push_back('[');
      cursor_.array([this](size_t index) {
        if (index > 0) out_.push_back(',');
        value();
      });
      out_.push_back(']');
      return;
    case Kind::string:
      if (cursor_.string(text)) string(text);
      return;
    case Kind::number:
      if (cursor_.number(digits)) number(digits);
      return;
    case Kind::null:
      if (cursor_.null()) out_.append("null");
      return;
    default:
      if (cursor_.boolean(flag)) out_.append(flag ? "true" : "false");
  }
}

// Members are written as they come and then put in order; each ends in a comma until then.
void Canonical::object(bool top) {
  size_t first = members_.size();
  out_.push_back('{');
  size_t begin = out_.size();
  cursor_.object([&](const String& key) {
    Member member{out_.size(), 0, 0};
    string(key);
    member.key_end = out_.size();
    out_.push_back(':');
    value();
    out_.push_back(',');
    member.end = out_.size();
    if (top && no_effect(key)) {
      out_.resize(member.begin);
    } else {
      members_.push_back(member);
    }
  });
  if (cursor_.failed()) return;
  sort_members(first, begin);
  if (out_.back() == ',') out_.pop_back();
  out_.push_back('}');
}

void Canonical::sort_members(size_t first, size_t begin) {
  auto from = members_.begin() + static_cast<std::ptrdiff_t>(first);
  auto less = [this](const Member& a, const Member& b) { return key_of(a) < key_of(b); };
  bool in_order = std::is_sorted(from, members_.end(), less);
  if (!in_order) std::sort(from, members_.end(), less);
  auto same = [this](const Member& a, const Member& b) { return key_of(a) == key_of(b); };
  if (std::adjacent_find(from, members_.end(), same) != members_.end()) repeated_key_ = true;
  if (!in_order) {
    sorted_.clear();
    for (auto m = from; m != members_.end(); ++m) sorted_.append(out_, m->begin, m->end - m->begin);
    out_.replace(begin, std::string::npos, sorted_);
  }
  members_.resize(first);
}

void Canonical::string(const String& s) {
  constexpr char hex[] = "0123456789abcdef";
  out_.push_back('"');
  std::string exact;
  if (s.escaped) s.append_exact(exact);
  size_t written = 0;
  for (size_t p = 0; p < exact.size(); ++p) {
    auto byte = static_cast<unsigned char>(exact[p]);
    if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
    out_.append(exact, written, p - written);
    written = p + 1;
    if (byte >= 0x20) {
      out_.append(1, '\\').append(1, exact[p]);
    } else {
      out_.append("\\u00").append(1, hex[byte >> 4]).append(1, hex[byte & 15]);
    }
  }
  out_.append(s.escaped ? std::string_view(exact).substr(written) : s.raw);
  out_.push_back('"');
}

// A number with a point or an exponent is written in scientific notation, so that it never equals
// an integer: a provider may take 1 and refuse 1.0.
void Canonical::number(std::string_view text) {
  if (text.find_first_of(".eE") != std::string_view::npos) {
    double value = 0;
    auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
    char shortest[32];
    if (status == std::errc() && std::isfinite(value)) {
      auto written =
          std::to_chars(shortest, shortest + sizeof shortest, value, std::chars_format::scientific);
      std::string_view short_text(shortest, static_cast<size_t>(written.ptr - shortest));
      std::optional<json::Decimal> exact = json::decimal_of(text);
      if (exact && exact == json::decimal_of(short_text)) text = short_text;
      out_.append(text);
      return;
    }
  }
  out_.append(text);
}

Identity sha256(std::string_view bytes) {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  Identity out;
  unsigned length = 0;
  // Memory is all that can be wanting, and a digest that is none would be everybody's identity.
  bool done = algorithm != nullptr && EVP_Digest(bytes.data(), bytes.size(), out.bytes.data(),
                                                 &length, algorithm, nullptr) == 1;
  if (!done) throw std::bad_alloc();
  return out;
}

void append_hex(std::span<const uint8_t> bytes, std::string& out) {
  constexpr char digits[] = "0123456789abcdef";
  out.reserve(out.size() + 2 * bytes.size());
  for (uint8_t byte : bytes) out.append(1, digits[byte >> 4]).append(1, digits[byte & 15]);
}

void append_part(std::string_view part, std::string& out) {
  auto length = static_cast<uint64_t>(part.size());
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(length >> shift));
  out.append(part);
}

}  // namespace

Result<std::string> canonical_request(const Body& body) {
  if (body.size() > kCanonicalBytesMax) {
    return Error{"uncacheable", "",
                 "found " + std::to_string(body.size()) + " bytes, wanted at most " +
                     std::to_string(kCanonicalBytesMax)};
  }
  if (!json::valid_utf8(body.view())) return Error{"uncacheable", "", "not UTF-8"};
  return Canonical(body.view()).write();
}

std::string Identity::hex() const {
  std::string out;
  append_hex(bytes, out);
  return out;
}

Identity digest_of(std::string_view canonical) {
  return sha256(canonical);
}

Identity identity_of(std::string_view tenant_scope, Operation operation,
                     std::string_view target_name, const Identity& request_digest,
                     std::string_view extra) {
  std::string parts;
  append_part(kSchema, parts);
  append_part(tenant_scope, parts);
  append_part(name_of(operation), parts);
  append_part(target_name, parts);
  append_part({reinterpret_cast<const char*>(request_digest.bytes.data()), 32}, parts);
  append_part(extra, parts);
  return sha256(parts);
}

Identity identity_of(std::string_view tenant_scope, Operation operation,
                     std::string_view target_name, std::string_view canonical,
                     std::string_view extra) {
  return identity_of(tenant_scope, operation, target_name, digest_of(canonical), extra);
}

std::string fingerprint_of(std::string_view tenant_scope, Operation operation,
                           std::string_view target_name, std::string_view canonical) {
  std::string parts;
  parts.reserve(128);
  append_part(kSchema, parts);
  append_part(tenant_scope, parts);
  append_part(name_of(operation), parts);
  append_part(target_name, parts);
  const XXH64_hash_t seed = XXH3_64bits(parts.data(), parts.size());
  const XXH128_hash_t hash = XXH3_128bits_withSeed(canonical.data(), canonical.size(), seed);
  XXH128_canonical_t bytes;  // the same on every machine
  XXH128_canonicalFromHash(&bytes, hash);
  std::string out;
  append_hex({bytes.digest, sizeof bytes.digest}, out);
  return out;
}

}  // namespace keel::wire
