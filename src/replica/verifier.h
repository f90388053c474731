// The edge: bytes from the network in, checked values out, or a reason why not. Everything a core
// takes has passed here, once, off the protocol thread. Thread-safe; runs in the crypto pool.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "common/result.h"
#include "crypto/key_directory.h"
#include "replica/inbound.h"
#include "steward/cluster_config.h"
#include "wire/envelope.pb.h"
#include "wire/signing.h"

namespace steward::replica {

// What a verification cost, for the simulator's CPU model.
struct Work {
  std::uint32_t server_signatures = 0;  // Ed25519 checks, of servers and clients
  std::vector<SiteId> site_signatures;  // checks of signatures, by whose they are
  std::size_t bytes = 0;                // parsed and hashed
};

// The part of an envelope that can be shown to others.
wire::SignedHeader header_of(const wire::Envelope& envelope);

// With a message of the local protocol: the sender's run, where it says so.
std::optional<wire::Life> life_of(const wire::Envelope& envelope);

class Verifier {
 public:
  Verifier(const ClusterConfig& config, std::shared_ptr<const crypto::KeyDirectory> keys,
           ServerId self);
  ~Verifier();

  // A frame from the server at the other end of an authenticated connection.
  Result<wire::Verified<Inbound>> from_server(ServerId from, BytesView frame, Work& work) const;

  // This server's own message on its way back to its core: decoded, its signature not checked.
  Result<wire::Verified<Inbound>> from_self(BytesView frame) const;

  // A frame from a connected client, operator or gateway whose key is `client`. CutRequests are
  // the runtime's and are refused here.
  Result<wire::Verified<ClientInbound>> from_client(BytesView client, BytesView frame,
                                                    Work& work) const;

 private:
  class Cache;
  Result<Inbound> decode(ServerId from, const wire::Envelope& envelope, bool trusted,
                         Work& work) const;
  Result<Inbound> decode_agreement(ServerId from, const wire::Envelope& envelope, bool trusted,
                                   Work& work) const;
  Result<Inbound> decode_about_views(ServerId from, const wire::Envelope& envelope, bool trusted,
                                     Work& work) const;
  Result<Inbound> decode_introduction(const wire::Envelope& envelope, Work& work) const;
  Result<std::map<agreement::PeerId, agreement::Birth>> check_births(const wire::ViewChange& body,
                                                                     Work& work) const;
  Status check_view_change(const wire::ViewChange& body, Work& work) const;
  Status check_candidate(const wire::Candidate& candidate, Work& work) const;
  Status check_certificate(const wire::AgreementMessage& body, Work& work) const;
  Status check_wide_certificate(SiteId sender, const wire::AgreementMessage& body,
                                Work& work) const;
  Result<SiteId> check_wide_vote(BytesView proof, BytesView expected, bool or_word,
                                 Work& work) const;
  // Changes of the leader site (verifier_wide.cc).
  Status check_wide_views(SiteId sender, const wire::AgreementMessage& body, Work& work) const;
  Status check_wide_evidence(BytesView shown, Work& work) const;
  Status check_wide_view_change(SiteId sender, const wire::ViewChange& body, Work& work) const;
  Status check_wide_candidate(SiteId sender, const wire::Candidate& candidate, Work& work) const;
  Status check_event(BytesView item, Work& work) const;
  // Key renewal and evidence (verifier_keys.cc).
  Result<Inbound> decode_share(const wire::Envelope& envelope) const;
  Result<Inbound> decode_refresh(const wire::Envelope& envelope, bool trusted, Work& work) const;
  Result<Inbound> decode_accusation(const wire::Envelope& envelope, Work& work) const;
  Status check_refresh(BytesView signed_header, Work& work) const;
  Status check_refresh_order(BytesView encoded, Work& work) const;
  Status check_timeout(const wire::LmTimeout& timeout, Work& work) const;
  Status check_site_data(const wire::SiteData& data, Work& work) const;
  Status check_leaf(const wire::SiteData& data, const wire::Leaf& leaf, Work& work) const;
  Status check_path(const wire::SiteData& data, const wire::Leaf& leaf) const;
  Status check_site_signature(const wire::SiteData& data, Work& work) const;
  Status check_wide_message(SiteId sender, const wire::Leaf& leaf, Work& work) const;
  Status check_header(const wire::SignedHeader& header, wire::Kind kind, Work& work) const;
  Result<CheckedUpdate> check_update(BytesView encoded, Work& work) const;

  const ClusterConfig config_;
  const std::shared_ptr<const crypto::KeyDirectory> keys_;
  const ServerId self_;
  const wire::Domain domain_;
  const bool local_signs_;  // pbft: agreement messages carry server signatures
  std::unique_ptr<Cache> cache_;
};

}  // namespace steward::replica
