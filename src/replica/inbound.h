// What reaches a server, decoded and checked by replica::Verifier.
#pragma once

#include <memory>
#include <variant>
#include <vector>

#include "agreement/core.h"
#include "common/bytes.h"
#include "common/ids.h"
#include "wire/client.pb.h"
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

using Inbound = std::variant<LocalAgreement, ExpiredTimer, wire::Share, wire::ShareRequest,
                             SiteDataReceived, ForwardedUpdates, wire::ManifestRequest,
                             wire::Manifest, wire::PagesRequest, wire::Pages>;

using ClientInbound = std::variant<CheckedUpdate, wire::Query, wire::StatusRequest>;

}  // namespace steward::replica
