#include "net/header_list.hpp"

namespace keel::net {

void HeaderList::add(std::initializer_list<std::string_view> pieces) {
  begins_.push_back(text_.size());
  for (std::string_view piece : pieces) text_ += piece;
  text_ += '\0';
}

curl_slist* HeaderList::list() {
  nodes_.resize(begins_.size());
  for (size_t i = 0; i < nodes_.size(); ++i)
    nodes_[i] = {text_.data() + begins_[i], i + 1 < nodes_.size() ? &nodes_[i + 1] : nullptr};
  return nodes_.empty() ? nullptr : nodes_.data();
}

void HeaderList::clear() {
  text_.assign(text_.size(), '\0');
  text_.clear();
  begins_.clear();
  nodes_.clear();
}

}  // namespace keel::net
