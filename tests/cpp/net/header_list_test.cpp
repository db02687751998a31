#include "net/header_list.hpp"

#include <gtest/gtest.h>

namespace keel::net {
namespace {

std::vector<std::string> lines_of(HeaderList& headers) {
  std::vector<std::string> out;
  for (const curl_slist* at = headers.list(); at; at = at->next) out.emplace_back(at->data);
  return out;
}

using Lines = std::vector<std::string>;

TEST(HeaderList, NoLineIsNoList) {
  HeaderList headers;
  EXPECT_EQ(headers.list(), nullptr);
  headers.clear();
  EXPECT_EQ(headers.list(), nullptr);
}

TEST(HeaderList, LinesAreInOrderHoweverManyThereAre) {
  HeaderList headers;
  Lines wanted;
  for (int i = 0; i < 1000; ++i) {
    const std::string name = "x-" + std::to_string(i), value(static_cast<size_t>(i), 'v');
    headers.add({name, ": ", value});
    wanted.push_back(name + ": " + value);
    if (i % 100 == 0) {
      EXPECT_EQ(lines_of(headers), wanted);
    }
  }
  EXPECT_EQ(lines_of(headers), wanted);
}

TEST(HeaderList, OneRequestsLinesDoNotShowInTheNext) {
  HeaderList headers;
  headers.add({"authorization: Bearer ", "a key"});
  const char* text = headers.list()->data;
  headers.clear();
  EXPECT_EQ(std::string_view(text), "");  // the same room, wiped
  headers.add({"a;"});
  EXPECT_EQ(lines_of(headers), Lines{"a;"});
}

}  // namespace
}  // namespace keel::net
