// What reaches a server, decoded and checked by replica::Verifier.
#pragma once

#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "agreement/core.h"
#include "common/bytes.h"
#include "common/ids.h"
#include "wire/client.pb.h"
#include "wire/envelope.pb.h"
#include "wire/site.pb.h"
#include "wire/state.pb.h"
#include "wire/verified.h"

namespace steward::replica {

// A client update whose signature holds.
struct CheckedUpdate {
  Bytes client;
  std::uint64_t session = 0;
  std::uint64_t timestamp = 0;
  Bytes encoded;  // the SignedUpdate, as it travels and is ordered
};

struct LocalAgreement {
  wire::Verified<std::shared_ptr<const agreement::Message>> message;
  std::optional<wire::Life> life;  // in which it was sent; of its carrier, not of its signer
};
struct ExpiredTimer {
  std::uint64_t timer = 0;
  std::uint64_t generation = 0;
  Bytes proof;  // the SignedHeader
};
struct SiteDataReceived {
  std::shared_ptr<const wire::SiteData> data;
};
struct ForwardedUpdates {
  std::vector<CheckedUpdate> updates;
};

struct ShareReceived {
  wire::Share share;
  Bytes header;  // the SignedHeader, its signature not checked
};
// A message of a key renewal, as the event to be ordered.
struct RefreshReceived {
  Bytes event;
};
// `header`: the SignedHeader around a Hello, where servers sign; its signature holds.
struct Introduced {
  wire::Introduction body;
  Bytes header;
};
// Somebody shows a share that another server of the site signed and that is said to be wrong.
struct Accusation {
  ServerIndex accused = 0;
  wire::Share share;
  Bytes header;  // the SignedHeader; its signature holds
};

using Inbound = std::variant<LocalAgreement, ExpiredTimer, ShareReceived, wire::ShareRequest,
                             SiteDataReceived, ForwardedUpdates, wire::StateRequest,
                             wire::StateAnswer, RefreshReceived, Accusation, Introduced>;

// An operator's order to renew the site's key shares, as the event to be ordered.
struct RefreshOrdered {
  std::uint64_t id = 0;
  Bytes event;
};

using ClientInbound = std::variant<CheckedUpdate, wire::Query, wire::StatusRequest, RefreshOrdered>;

}  // namespace steward::replica
