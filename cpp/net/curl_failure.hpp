#pragma once
// libcurl's reasons for a request of which no byte left, in words that say what to look at.

#include <string>

#include <curl/curl.h>

namespace keel::net {

// `where` is host and port; `detail` is the handle's error buffer, empty if libcurl left none.
std::string why_not_sent(CURL* easy, CURLcode result, const char* detail, const std::string& where);

}  // namespace keel::net
