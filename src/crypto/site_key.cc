#include "crypto/site_key.h"

#include <algorithm>

namespace steward::crypto {

std::vector<ServerIndex> SitePublicKey::wrong_shares(BytesView message,
                                                     std::span<const SignatureShare> shares) const {
  std::vector<ServerIndex> wrong;
  for (const SignatureShare& share : shares) {
    if (!verify_share(message, share)) wrong.push_back(share.signer);
  }
  std::sort(wrong.begin(), wrong.end());
  wrong.erase(std::unique(wrong.begin(), wrong.end()), wrong.end());
  return wrong;
}

}  // namespace steward::crypto
