// The byte strings that signatures cover. Each starts with a domain tag, the cluster's id and its
// configuration epoch, so that nothing signed in one role, cluster or epoch serves in another
// (PROTOCOLS, ground rule 3).
#pragma once

#include <cstdint>

#include "common/bytes.h"
#include "common/ids.h"
#include "crypto/sha256.h"
#include "wire/envelope.pb.h"
#include "wire/site.pb.h"

namespace steward::wire {

struct Domain {
  Bytes cluster_id;  // digest of the cluster's public keys
  std::uint64_t epoch = 0;
};

Bytes server_statement(const Domain& domain, Kind kind, ServerId sender, BytesView body);
Bytes client_statement(const Domain& domain, BytesView update);
Bytes site_statement(const Domain& domain, SiteId site, std::uint64_t batch,
                     std::uint32_t leaf_count, const crypto::Digest& root);

// What an operator signs to have the key shares of a site renewed.
Bytes refresh_statement(const Domain& domain, SiteId site, std::uint64_t share_epoch);
// What deals and complaints of the renewal that leads to `share_epoch` are bound to.
Bytes renewal_context(const Domain& domain, SiteId site, std::uint64_t share_epoch);

// What a leaf's hash covers; `leaf.path` and `leaf.attachment` are not part of it.
Bytes leaf_statement(const Domain& domain, SiteId site, const Leaf& leaf);

}  // namespace steward::wire
