#pragma once
// The header lines of one request in the form libcurl takes them, without an allocation for each.

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <curl/curl.h>

namespace keel::net {

class HeaderList {
 public:
  HeaderList() = default;
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;

  // One line of these pieces; none of them holds a NUL.
  void add(std::initializer_list<std::string_view> pieces);
  // All lines in their order, to be left as they are; good until the next add() or clear().
  curl_slist* list();
  // Keeps its room but none of the text, which holds keys.
  void clear();

 private:
  std::string text_;  // each line with a NUL behind it
  std::vector<size_t> begins_;
  std::vector<curl_slist> nodes_;
};

}  // namespace keel::net
