#include "net/tls_identity.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace steward::net {
namespace {

constexpr BytesView kProtocol = "steward/1";
constexpr BytesView kProtocolList = "\x09steward/1";  // as in the ALPN extension

template <auto free_function>
struct Free {
  template <class T>
  void operator()(T* pointer) const {
    free_function(pointer);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, Free<X509_free>>;

const unsigned char* data(BytesView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

Error tls_error(const std::string& what) {
  char reason[256] = "no reason given";
  if (const unsigned long code = ERR_get_error(); code != 0) {
    ERR_error_string_n(code, reason, sizeof reason);
  }
  ERR_clear_error();
  return {ErrorCode::kIo, "cannot set up TLS: " + what + " (" + reason + ")"};
}

Result<KeyPtr> load_seed(BytesView seed) {
  if (seed.size() != kSeedBytes) return bad_input("an Ed25519 seed has 32 bytes");
  KeyPtr key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, data(seed), seed.size()));
  if (!key) return tls_error("the key was not accepted");
  return key;
}

std::optional<Bytes> raw_public_key(const EVP_PKEY* key) {
  if (key == nullptr || EVP_PKEY_get_id(key) != EVP_PKEY_ED25519) return std::nullopt;
  Bytes raw(kSeedBytes, '\0');
  std::size_t size = raw.size();
  auto* out = reinterpret_cast<unsigned char*>(raw.data());
  if (EVP_PKEY_get_raw_public_key(key, out, &size) != 1 || size != raw.size()) return std::nullopt;
  return raw;
}

Result<CertificatePtr> make_certificate(EVP_PKEY* key) {
  CertificatePtr certificate(X509_new());
  if (!certificate) return tls_error("no certificate");
  X509_NAME* name = X509_get_subject_name(certificate.get());
  const bool made =
      X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
      ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1) == 1 &&
      ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate.get()), "19700101000000Z") == 1 &&
      ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate.get()), "99991231235959Z") == 1 &&
      X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, data("steward"), -1, -1, 0) == 1 &&
      X509_set_issuer_name(certificate.get(), name) == 1 &&
      X509_set_pubkey(certificate.get(), key) == 1 &&
      X509_sign(certificate.get(), key, nullptr) > 0;
  if (!made) return tls_error("the certificate could not be made");
  return certificate;
}

// Replaces OpenSSL's chain verification. That the peer holds the certificate's key is proven by
// the handshake itself.
int verify_peer(X509_STORE_CTX* verification, void* accept) {
  const X509* certificate = X509_STORE_CTX_get0_cert(verification);
  const auto key =
      certificate == nullptr ? std::nullopt : raw_public_key(X509_get0_pubkey(certificate));
  if (key && (*static_cast<const AcceptKey*>(accept))(*key)) return 1;
  X509_STORE_CTX_set_error(verification, X509_V_ERR_APPLICATION_VERIFICATION);
  return 0;
}

int select_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* in, unsigned int in_size, void*) {
  unsigned char* chosen = nullptr;
  const int found =
      SSL_select_next_proto(&chosen, out_size, data(kProtocolList),
                            static_cast<unsigned int>(kProtocolList.size()), in, in_size);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

bool restrict_protocol(SSL_CTX* context) {
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_max_cert_list(context, 4096);  // bytes; ours has about 300
  SSL_CTX_set_alpn_select_cb(context, select_protocol, nullptr);
  return SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
         SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
         SSL_CTX_set_num_tickets(context, 0) == 1 &&
         SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256") ==
             1 &&
         SSL_CTX_set1_groups_list(context, "X25519") == 1 &&
         SSL_CTX_set1_sigalgs_list(context, "ed25519") == 1 &&
         SSL_CTX_set_alpn_protos(context, data(kProtocolList),
                                 static_cast<unsigned int>(kProtocolList.size())) == 0;
}

}  // namespace

Result<Bytes> public_key_of_seed(BytesView seed) {
  auto key = load_seed(seed);
  if (!key) return key.error();
  auto raw = raw_public_key(key->get());
  if (!raw) return tls_error("the public key could not be derived");
  return *std::move(raw);
}

TlsContext::TlsContext(TlsRole role, AcceptKey accept) : role_(role), accept_(std::move(accept)) {}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

Result<std::shared_ptr<const TlsContext>> TlsContext::make(TlsRole role, BytesView seed,
                                                           AcceptKey accept) {
  auto key = load_seed(seed);
  if (!key) return key.error();
  auto certificate = make_certificate(key->get());
  if (!certificate) return certificate.error();

  const std::shared_ptr<TlsContext> made(new TlsContext(role, std::move(accept)));
  made->context_ =
      SSL_CTX_new(role == TlsRole::kServer ? TLS_server_method() : TLS_client_method());
  if (made->context_ == nullptr) return tls_error("no context");
  if (!restrict_protocol(made->context_) ||
      SSL_CTX_use_certificate(made->context_, certificate->get()) != 1 ||
      SSL_CTX_use_PrivateKey(made->context_, key->get()) != 1) {
    return tls_error("the settings were not accepted");
  }
  SSL_CTX_set_verify(made->context_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_cert_verify_callback(made->context_, verify_peer, &made->accept_);
  return std::shared_ptr<const TlsContext>(made);
}

SSL* TlsContext::new_session() const { return SSL_new(context_); }

std::optional<Bytes> proven_key(const SSL* session) {
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(session, &protocol, &size);
  if (protocol == nullptr ||
      BytesView(reinterpret_cast<const char*>(protocol), size) != kProtocol) {
    return std::nullopt;
  }
  const X509* certificate = SSL_get0_peer_certificate(session);
  if (certificate == nullptr) return std::nullopt;
  return raw_public_key(X509_get0_pubkey(certificate));
}

}  // namespace steward::net
