// From bytes of others to what the core takes (messages.h): shape, bounds and everything that is
// shown inside as evidence. How signatures are checked, and by whom, is the caller's. Pure;
// thread-safe where `Signatures` is.
#pragma once

#include "agreement/core.h"
#include "hierarchy/messages.h"
#include "wire/agreement.pb.h"
#include "wire/site.pb.h"

namespace steward::hierarchy {

// In SiteData, the destination of a word: all sites.
inline constexpr std::uint32_t kEverySite = 0xffffffff;

class Signatures {
 public:
  virtual ~Signatures() = default;
  // Of a server of the own site, on a ServerMessage.
  virtual Status check_header(const wire::SignedHeader& header) const = 0;
  // Of a site, on the one leaf.
  virtual Status check_site(const wire::SiteData& data) const = 0;
  // Is this item of a batch an update that its client signed?
  virtual Status check_item(BytesView item) const = 0;
};

// What a cluster allows.
struct Shape {
  SiteId self = 0;
  std::vector<Quorums> sites;
  std::uint32_t global_window = 128;
};

// `header`: around the message, its own signature checked where is_signed(body). `attachment`: as
// it came. `trusted`: a message of this server itself, whose insides it has checked before.
Result<std::shared_ptr<const Message>> decode_message(const Shape& shape,
                                                      const Signatures& signatures, ServerId from,
                                                      const wire::SignedHeader& header,
                                                      const Bytes& attachment, bool trusted);

// A site's word; `data` as it came.
Result<SiteWordPtr> decode_word(const Shape& shape, const Signatures& signatures,
                                const wire::SiteData& data);

// Do others show it around, so that it carries its sender's signature?
bool is_signed(const proto::ServerMessage& body);

}  // namespace steward::hierarchy
