// Who is at the other end of a connection: TLS 1.3 in which both sides prove to hold an Ed25519
// key. The certificate is made in memory from the key and says nothing else: no names, no
// authority, no dates. What counts is whether the proven key is one that the cluster's directory
// lists.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "common/bytes.h"
#include "common/result.h"

struct ssl_ctx_st;  // OpenSSL's SSL_CTX and SSL
struct ssl_st;

namespace steward::net {

inline constexpr std::size_t kSeedBytes = 32;  // of an Ed25519 secret key

// Decides whether to go on with a peer that has proven to hold this key (32 bytes). Called in the
// handshake, from any thread that does one.
using AcceptKey = std::function<bool(BytesView public_key)>;

enum class TlsRole { kClient, kServer };

// The Ed25519 public key of a seed. Fails unless it has kSeedBytes.
Result<Bytes> public_key_of_seed(BytesView seed);

// Settings of all connections in one role. Immutable, thread-safe; outlives its sessions.
class TlsContext {
 public:
  static Result<std::shared_ptr<const TlsContext>> make(TlsRole role, BytesView seed,
                                                        AcceptKey accept);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // A new session (SSL*), which the caller frees; null when there is no memory for it.
  ssl_st* new_session() const;
  TlsRole role() const { return role_; }

 private:
  TlsContext(TlsRole role, AcceptKey accept);

  TlsRole role_;
  AcceptKey accept_;
  ssl_ctx_st* context_ = nullptr;
};

// After the handshake: the key that the peer has proven; nullopt when the peer did not agree to
// speak our protocol (ALPN "steward/1").
std::optional<Bytes> proven_key(const ssl_st* session);

}  // namespace steward::net
