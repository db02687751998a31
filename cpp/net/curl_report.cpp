#include "net/curl_report.hpp"

#include <curl/curl.h>

namespace keel::net {

namespace {

struct Problem {
  unsigned first;
  unsigned last;
  const char* what;
};

// Flaws of what is not used here (proxies, HTTP/2, client certificates, cookies, redirects) are
// left out: a warning that means nothing hides those that do.
constexpr Problem kProblems[] = {
    {0, 0x0756FF,
     "libcurl before 7.87.0 lacks options that this relies on to send what it is told and nothing "
     "else"},
    {0x080D00, 0x0814FF,
     "libcurl 8.13.0 to 8.20.0 may use freed memory when a transfer is paused (CVE-2026-9080)"},
};

}  // namespace

std::optional<std::string> known_problem(unsigned version) {
  for (const Problem& problem : kProblems) {
    if (version >= problem.first && version <= problem.last) return problem.what;
  }
  return std::nullopt;
}

std::string upstream_report() {
  std::string report = curl_version();
  auto problem = known_problem(curl_version_info(CURLVERSION_NOW)->version_num);
  return problem ? report + "; warning: " + *problem : report;
}

}  // namespace keel::net
