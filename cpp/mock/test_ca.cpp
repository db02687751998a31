#include "mock/test_ca.hpp"

#include "io/clock.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

namespace keel::mock {

namespace {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* p) const {
    Free(p);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Cert = std::unique_ptr<X509, Freed<X509_free>>;
using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;

struct Identity {
  Cert cert;
  Key key;
};

constexpr long kDay = 24 * 3600;

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

std::string pem_of(X509* cert) {
  Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), cert);
  return text_of(bio.get());
}

std::string pem_of(EVP_PKEY* key) {
  Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return text_of(bio.get());
}

bool extend(X509* cert, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, cert, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  if (!extension) return false;
  const bool added = X509_add_ext(cert, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

// A new P-256 key and an unsigned certificate for it, valid between two offsets from now.
std::optional<Identity> blank(const std::string& name, long from_s, long until_s) {
  Identity id{Cert(X509_new()), Key(EVP_EC_gen("P-256"))};
  if (!id.cert || !id.key) return std::nullopt;
  X509* cert = id.cert.get();
  X509_set_version(cert, X509_VERSION_3);
  unsigned char serial[8];
  if (RAND_bytes(serial, sizeof serial) != 1) return std::nullopt;
  serial[0] &= 0x7f;
  BIGNUM* number = BN_bin2bn(serial, sizeof serial, nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
  BN_free(number);
  auto now = static_cast<time_t>(io::wall_unix_ns() / 1'000'000'000);
  X509_time_adj_ex(X509_getm_notBefore(cert), 0, from_s, &now);
  X509_time_adj_ex(X509_getm_notAfter(cert), 0, until_s, &now);
  X509_set_pubkey(cert, id.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return id;
}

std::optional<Identity> make_ca() {
  auto ca = blank("Keel test CA, trust it in tests only", -kDay, 3650 * kDay);
  if (!ca) return std::nullopt;
  X509* cert = ca->cert.get();
  X509_set_issuer_name(cert, X509_get_subject_name(cert));
  const bool ok = extend(cert, cert, NID_basic_constraints, "critical,CA:TRUE") &&
                  extend(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") &&
                  extend(cert, cert, NID_subject_key_identifier, "hash") &&
                  X509_sign(cert, ca->key.get(), EVP_sha256()) > 0;
  if (!ok) return std::nullopt;
  return ca;
}

std::optional<Identity> make_leaf(const Identity& ca, const std::string& host, Leaf kind) {
  const std::string name = kind == Leaf::wrong_host ? "wrong-host.invalid" : host;
  const long until = kind == Leaf::expired ? -kDay : 365 * kDay;
  auto leaf = blank(name, kind == Leaf::expired ? -10 * kDay : -kDay, until);
  if (!leaf) return std::nullopt;
  X509* cert = leaf->cert.get();
  X509_set_issuer_name(cert, X509_get_subject_name(ca.cert.get()));
  std::string names = "DNS:" + name;
  if (kind != Leaf::wrong_host) names += ",DNS:localhost,IP:127.0.0.1";
  const bool ok = extend(cert, ca.cert.get(), NID_basic_constraints, "critical,CA:FALSE") &&
                  extend(cert, ca.cert.get(), NID_key_usage, "critical,digitalSignature") &&
                  extend(cert, ca.cert.get(), NID_ext_key_usage, "serverAuth") &&
                  extend(cert, ca.cert.get(), NID_authority_key_identifier, "keyid:always") &&
                  extend(cert, ca.cert.get(), NID_subject_alt_name, names) &&
                  X509_sign(cert, ca.key.get(), EVP_sha256()) > 0;
  if (!ok) return std::nullopt;
  return leaf;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::optional<Identity> stored_ca(const std::string& directory) {
  const std::string cert = read_file(directory + "/ca.pem");
  const std::string key = read_file(directory + "/ca-key.pem");
  if (cert.empty() || key.empty()) return std::nullopt;
  Bio cert_bio(BIO_new_mem_buf(cert.data(), static_cast<int>(cert.size())));
  Bio key_bio(BIO_new_mem_buf(key.data(), static_cast<int>(key.size())));
  Identity ca{Cert(PEM_read_bio_X509(cert_bio.get(), nullptr, nullptr, nullptr)),
              Key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, nullptr, nullptr))};
  if (!ca.cert || !ca.key) return std::nullopt;
  return ca;
}

// Whole or not at all: another mock may be reading.
bool write_file(const std::string& path, const std::string& text, mode_t mode) {
  const std::string draft = path + "." + std::to_string(getpid());
  const int fd = open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (fd < 0) return false;
  const bool written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  return close(fd) == 0 && written && std::rename(draft.c_str(), path.c_str()) == 0;
}

}  // namespace

Result<TestCertificate> make_test_certificate(const std::string& directory, const std::string& host,
                                              Leaf kind) {
  std::error_code ec;
  std::filesystem::create_directories(directory, ec);
  auto ca = stored_ca(directory);
  const bool fresh = !ca;
  if (fresh) ca = make_ca();
  auto leaf = ca ? make_leaf(*ca, host, kind) : std::nullopt;
  if (!leaf) return Error{"openssl", host, "OpenSSL could not make the certificate"};
  TestCertificate made{pem_of(ca->cert.get()), pem_of(leaf->cert.get()), pem_of(leaf->key.get())};
  bool ok = write_file(directory + "/cert.pem", made.cert_pem, 0644) &&
            write_file(directory + "/key.pem", made.key_pem, 0600);
  if (fresh) {
    ok = ok && write_file(directory + "/ca-key.pem", pem_of(ca->key.get()), 0600) &&
         write_file(directory + "/ca.pem", made.ca_pem, 0644);
  }
  if (!ok) return Error{"unwritable", directory, "cannot write the test certificates"};
  return made;
}

}  // namespace keel::mock
