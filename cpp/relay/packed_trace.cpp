#include "relay/packed_trace.hpp"

#include <cstdint>
#include <cstring>
#include <type_traits>

namespace keel::relay {

namespace {

// The members, for both directions.
template <typename Way, typename T>
void each_member(Way& way, T& t) requires std::is_same_v<std::remove_const_t<T>, TraceLine> {
  way(t.at), way(t.stage), way(t.text);
}

template <typename Way, typename T>
void each_member(Way& way, T& t) requires std::is_same_v<std::remove_const_t<T>, AttemptRecord> {
  way(t.id), way(t.target), way(t.provider), way(t.model), way(t.key);
  way(t.started), way(t.sent), way(t.first_token), way(t.ended);
  way(t.reused_connection), way(t.hedge), way(t.free), way(t.status), way(t.cls);
  way(t.billed), way(t.usage), way(t.held), way(t.posted), way(t.estimated);
}

template <typename Way, typename T>
void each_member(Way& way, T& t) requires std::is_same_v<std::remove_const_t<T>, Considered> {
  way(t);
}

template <typename Way, typename T>
void each_member(Way& way, T& t) requires std::is_same_v<std::remove_const_t<T>, Choice> {
  way(t.at), way(t.line), way(t.taken), way(t.held), way(t.considered);
}

template <typename Way, typename T>
void each_member(Way& way, T& t) requires std::is_same_v<std::remove_const_t<T>, Trace> {
  way(t.id), way(t.route), way(t.tenant), way(t.model_asked), way(t.dialect);
  way(t.stream), way(t.tokens_in_estimate), way(t.max_tokens), way(t.allowed);
  way(t.cache), way(t.identity), way(t.tags);
  way(t.began), way(t.first_token), way(t.ended), way(t.waited);
  way(t.lines), way(t.attempts), way(t.choices), way(t.paused), way(t.says_why);
}

class Packer {
 public:
  explicit Packer(std::string& out) : out_(out) {}

  template <typename T>
  void operator()(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    out_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void operator()(const std::string& text) {
    (*this)(text.size());
    out_ += text;
  }
  template <typename T>
  void operator()(const std::vector<T>& list) {
    (*this)(list.size());
    for (const T& entry : list) each_member(*this, entry);
  }

 private:
  std::string& out_;
};

class Unpacker {
 public:
  explicit Unpacker(std::string_view left) : left_(left) {}

  template <typename T>
  void operator()(T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    std::memcpy(static_cast<void*>(&value), left_.data(), sizeof value);
    left_.remove_prefix(sizeof value);
  }
  void operator()(std::string& text) {
    const size_t size = read_size();
    text = left_.substr(0, size);
    left_.remove_prefix(size);
  }
  template <typename T>
  void operator()(std::vector<T>& list) {
    list.resize(read_size());
    for (T& entry : list) each_member(*this, entry);
  }

 private:
  size_t read_size() {
    size_t size = 0;
    (*this)(size);
    return size;
  }

  std::string_view left_;
};

}  // namespace

void pack(const Trace& trace, std::string& out) {
  out.clear();
  Packer packer(out);
  each_member(packer, trace);
}

Trace unpack(std::string_view packed) {
  Trace trace;
  Unpacker unpacker(packed);
  each_member(unpacker, trace);
  return trace;
}

}  // namespace keel::relay
