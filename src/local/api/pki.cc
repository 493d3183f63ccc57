#include "local/api/pki.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

#include "base/error.h"
#include "base/file.h"

namespace salvor::local {

namespace {

template <auto Free>
struct Deleter {
  template <typename Type>
  void operator()(Type* value) const {
    Free(value);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;

void check(bool fine, const char* doing) {
  if (!fine) base::fail(base::ErrorCode::kInternal, "cannot {}: OpenSSL refused", doing);
}

Key make_key() {
  Key key(EVP_EC_gen("P-256"));
  check(key != nullptr, "make a key");
  return key;
}

void extend(X509* certificate, X509* issuer, int type, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, type, value.c_str());
  check(extension != nullptr, "make a certificate extension");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Certificate begin_certificate(const std::string& common_name, EVP_PKEY* key, const base::Clock& clock,
                              base::Random& random) {
  Certificate certificate(X509_new());
  check(certificate != nullptr, "make a certificate");
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), random.next() >> 1);
  const auto now = static_cast<time_t>(
      std::chrono::duration_cast<std::chrono::seconds>(clock.now().time_since_epoch()).count());
  // A day of slack for machines whose clock is set later.
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), now - 86400);
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), now + 10L * 365 * 86400);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0);
  check(X509_set_pubkey(certificate.get(), key) == 1, "set a certificate's key");
  return certificate;
}

std::string take(Bio& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<size_t>(size)};
}

std::string to_pem(X509* certificate) {
  Bio bio(BIO_new(BIO_s_mem()));
  check(PEM_write_bio_X509(bio.get(), certificate) == 1, "write a certificate");
  return take(bio);
}

std::string to_pem(EVP_PKEY* key) {
  Bio bio(BIO_new(BIO_s_mem()));
  check(PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1, "write a key");
  return take(bio);
}

ServerIdentity create(const std::string& address, const base::Clock& clock, base::Random& random) {
  const Key ca_key = make_key(), key = make_key();
  Certificate ca = begin_certificate("salvor-local-ca", ca_key.get(), clock, random);
  X509_set_issuer_name(ca.get(), X509_get_subject_name(ca.get()));
  extend(ca.get(), ca.get(), NID_basic_constraints, "critical,CA:TRUE");
  extend(ca.get(), ca.get(), NID_key_usage, "critical,digitalSignature,keyCertSign,cRLSign");
  extend(ca.get(), ca.get(), NID_subject_key_identifier, "hash");
  check(X509_sign(ca.get(), ca_key.get(), EVP_sha256()) > 0, "sign the CA");

  Certificate server = begin_certificate("salvor-local-apiserver", key.get(), clock, random);
  X509_set_issuer_name(server.get(), X509_get_subject_name(ca.get()));
  extend(server.get(), ca.get(), NID_key_usage, "critical,digitalSignature");
  extend(server.get(), ca.get(), NID_ext_key_usage, "serverAuth");
  std::string names =
      "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,"
      "DNS:kubernetes.default.svc.cluster.local,IP:127.0.0.1,IP:::1,IP:10.96.0.1";
  if (address != "127.0.0.1" && address != "::1" && address != "0.0.0.0") names += ",IP:" + address;
  extend(server.get(), ca.get(), NID_subject_alt_name, names);
  check(X509_sign(server.get(), ca_key.get(), EVP_sha256()) > 0, "sign the server's certificate");
  return {to_pem(ca.get()), to_pem(server.get()), to_pem(key.get())};
}

}  // namespace

ServerIdentity load_or_create_identity(const std::filesystem::path& directory, const std::string& address,
                                       const base::Clock& clock, base::Random& random) {
  const auto ca = base::read_file_if_exists(directory / "ca.crt");
  const auto certificate = base::read_file_if_exists(directory / "server.crt");
  const auto key = base::read_file_if_exists(directory / "server.key");
  if (ca && certificate && key) return {*ca, *certificate, *key};
  std::filesystem::create_directories(directory);
  std::filesystem::permissions(directory, std::filesystem::perms::owner_all);
  ServerIdentity identity = create(address, clock, random);
  base::write_file_atomic(directory / "server.key", identity.key_pem, 0600);
  base::write_file_atomic(directory / "server.crt", identity.certificate_pem, 0644);
  base::write_file_atomic(directory / "ca.crt", identity.ca_pem, 0644);
  return identity;
}

}  // namespace salvor::local
