#include "mock/cassettes.hpp"

#include <algorithm>
#include <filesystem>
#include <vector>

#include <nlohmann/json.hpp>
#include <yaml-cpp/yaml.h>

namespace keel::mock {

namespace {

using nlohmann::json;

// "https://host/path?query" gives "/path".
std::string path_of(const std::string& url) {
  const size_t scheme = url.find("://");
  const size_t begin = url.find('/', scheme == std::string::npos ? 0 : scheme + 3);
  if (begin == std::string::npos) return "/";
  return url.substr(begin, url.find('?', begin) - begin);
}

void read_usage(const json& document, Recording& recording) {
  if (!document.is_object() || !document.contains("usage")) return;
  const json& usage = document["usage"];
  if (!usage.is_object()) return;
  recording.in_tokens = usage.value("prompt_tokens", int64_t{0});
  recording.out_tokens = usage.value("completion_tokens", int64_t{0});
}

// A plain body is one document, a stream has one behind each `data: `.
void read_usages(Recording& recording) {
  if (recording.content_type.find("event-stream") == std::string::npos) {
    read_usage(json::parse(recording.body, nullptr, false), recording);
    return;
  }
  std::string_view rest = recording.body;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.starts_with("data: "))
      read_usage(json::parse(line.substr(6), nullptr, false), recording);
  }
}

}  // namespace

std::string Cassettes::key_of(std::string_view method, std::string_view path,
                              std::string_view body) {
  const json document = json::parse(body, nullptr, false);
  std::string key = std::string(method) + ' ' + std::string(path) + ' ';
  return key + (document.is_discarded() ? std::string(body) : document.dump());
}

Result<Cassettes> Cassettes::load(const std::string& directory) {
  Cassettes cassettes;
  std::error_code ec;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ec)) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  }
  if (ec) return Error{"bad_cassette", directory, "wanted a directory: " + ec.message()};
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    try {
      for (const YAML::Node& exchange : YAML::LoadFile(file.string())["interactions"]) {
        const YAML::Node request = exchange["request"];
        const YAML::Node response = exchange["response"];
        Recording recording;
        recording.status = response["code"].as<int>();
        recording.body = response["body"].as<std::string>();
        recording.content_type = response["headers"]["Content-Type"][0].as<std::string>();
        read_usages(recording);
        cassettes.recordings_.emplace(
            key_of(request["method"].as<std::string>(), path_of(request["url"].as<std::string>()),
                   request["body"].as<std::string>()),
            std::move(recording));
      }
    } catch (const YAML::Exception& problem) {
      return Error{"bad_cassette", file.string(), problem.what()};
    }
  }
  return cassettes;
}

const Recording* Cassettes::find(std::string_view method, std::string_view path,
                                 std::string_view body) const {
  auto at = recordings_.find(key_of(method, path, body));
  return at == recordings_.end() ? nullptr : &at->second;
}

}  // namespace keel::mock
