#pragma once
// Recorded exchanges in go-vcr's YAML (version 2), found by method, path and equal JSON body.

#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace keel::mock {

struct Recording {
  int status = 200;
  std::string content_type;
  std::string body;       // as recorded, byte for byte
  int64_t in_tokens = 0;  // by the usage it carries
  int64_t out_tokens = 0;
};

class Cassettes {
 public:
  // Every *.yaml of a directory. Error code `bad_cassette` names the file.
  static Result<Cassettes> load(const std::string& directory);

  const Recording* find(std::string_view method, std::string_view path,
                        std::string_view body) const;
  size_t size() const { return recordings_.size(); }

 private:
  static std::string key_of(std::string_view method, std::string_view path, std::string_view body);

  std::unordered_map<std::string, Recording> recordings_;
};

}  // namespace keel::mock
