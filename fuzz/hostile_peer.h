// A peer that lies and has valid keys: it makes of any bytes frames that are signed, with digests
// and trees that fit, so that a fuzzer gets past what it cannot guess. It holds the keys of server
// 1.0, which leads the local protocol of the site of the server under test (1.2) in view 0; of site
// 0, which leads the wide one; and of one client. All else it cannot sign.
#pragma once

#include "replica/verifier.h"
#include "site/testing/sites.h"

namespace steward::fuzz {

inline constexpr ServerId kSelf{1, 2};
inline constexpr ServerId kLiar{1, 0};
inline constexpr SiteId kLyingSite = 0;

class HostilePeer {
 public:
  HostilePeer(LocalProtocol local, WideProtocol wide);

  const ClusterConfig& config() const { return config_; }
  const site::testing::Keys& keys() const { return keys_; }

  // An Envelope from kLiar with this kind and body, its contents and digests mended; or from a
  // server of the lying site, for kinds that travel between sites when `from_lying_site`.
  Bytes frame(BytesView envelope, bool from_lying_site) const;
  // A ClientMessage; an update in it is signed.
  Bytes client_frame(BytesView message) const;
  // As any server of the cluster would sign it.
  Bytes signed_frame(ServerId from, wire::Envelope envelope) const;

 private:
  // False for bytes that are none.
  bool mend_agreement(wire::Envelope& envelope) const;
  bool mend_batch(Bytes& batch, Bytes& digest, bool wide) const;
  void mend_event(Bytes& item) const;
  void mend_site_data(wire::SiteData& data) const;
  void mend_leaf(wire::Leaf& leaf) const;
  void mend_timeout(wire::LmTimeout& timeout) const;
  Bytes mend_update(BytesView encoded) const;

  const ClusterConfig config_;
  const site::testing::Keys keys_;
};

}  // namespace steward::fuzz
