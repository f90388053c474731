// All public keys of a cluster: who may sign as what. Immutable, shared between threads.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "common/bytes.h"
#include "common/ids.h"
#include "crypto/sha256.h"
#include "crypto/signature.h"
#include "crypto/site_key.h"

namespace steward::crypto {

struct SiteKeys {
  std::vector<Bytes> servers;  // Ed25519 public keys by server index; also the TLS identities
  SitePublicKeyPtr site;
};

struct KeyDirectory {
  std::vector<SiteKeys> sites;
  std::vector<Bytes> clients;    // public keys of clients (gateways, operators) that may connect
  std::vector<Bytes> operators;  // those of `clients` that may also give orders about the cluster
  std::shared_ptr<const SignatureVerifier> signatures;

  // The cluster's id: digest over every key in canonical order, and over who is an operator.
  Digest cluster_id() const;

  std::optional<ServerId> find_server(BytesView public_key) const;
  bool is_client(BytesView public_key) const;
  bool is_operator(BytesView public_key) const;
};

}  // namespace steward::crypto
