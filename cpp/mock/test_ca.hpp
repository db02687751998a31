#pragma once
// Certificates for tests: a CA of one's own and leaves signed by it, some of them wrong on purpose.
// Nothing but a client that was given this ca.pem trusts them.

#include "base/result.hpp"

#include <cstdint>
#include <string>

namespace keel::mock {

enum class Leaf : uint8_t {
  good,        // for the host asked for, localhost and 127.0.0.1
  wrong_host,  // for wrong-host.invalid only
  expired,     // over since yesterday
};

struct TestCertificate {
  std::string ca_pem;
  std::string cert_pem;
  std::string key_pem;
};

// Writes ca.pem, cert.pem and key.pem (and ca-key.pem, mode 0600) into the directory, creating it.
// A CA found there is used again, so that several mocks can be trusted at once. Error codes
// `unwritable` and `openssl`.
Result<TestCertificate> make_test_certificate(const std::string& directory, const std::string& host,
                                              Leaf leaf = Leaf::good);

}  // namespace keel::mock
