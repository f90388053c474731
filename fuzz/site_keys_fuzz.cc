// crypto/site_scheme.h and share_renewal.h: keys, shares, signatures, deals and complaints of every
// scheme from any bytes. What is accepted comes back the same from its encoding; a share that fits
// a key signs for it; what verifies does not verify for another message; a deal that is
// well-formed leaves a key that can be used.
#include <array>
#include <set>

#include "crypto/share_renewal.h"
#include "crypto/site_scheme.h"
#include "fuzz/input.h"

using namespace steward;
using namespace steward::crypto;

namespace {

constexpr std::array kSchemes = {"plain", "rsa-shoup", "ed25519-multi", "bls12-381"};
constexpr std::size_t kMaxServers = 16;  // no more to be learned, and slower
constexpr std::size_t kMaxKeyBytes = 3 << 10;

// One that another has made may differ, but not for those who hold the same shares.
void check_share(const SitePublicKey& key, const SiteKeyShare& share, ServerIndex server,
                 BytesView message) {
  const Bytes part = share.share(message);
  SignatureShare made{server, part, share.prove(message, part)};
  STEWARD_CHECK(part == share.share(message));
  STEWARD_CHECK(key.verify_share(message, made));
  STEWARD_CHECK(!key.verify_share(Bytes(message) + "!", made));
  STEWARD_CHECK(key.wrong_shares(message, {&made, 1}).empty());
  STEWARD_CHECK(key.epoch() == share.epoch());
}

void check_combination(const SitePublicKey& key, fuzz::Input& in, BytesView message) {
  std::vector<SignatureShare> shares;
  while (!in.empty() && shares.size() < kMaxServers) {
    const ServerIndex signer = in.u8();
    const Bytes share(in.framed());
    shares.push_back({signer, share, Bytes(in.framed())});
    (void)key.verify(message, share);
  }
  const std::vector<ServerIndex> wrong = key.wrong_shares(message, shares);
  std::set<ServerIndex> refused;
  for (const SignatureShare& share : shares) {
    if (!key.verify_share(message, share)) refused.insert(share.signer);
  }
  STEWARD_CHECK(wrong == std::vector<ServerIndex>(refused.begin(), refused.end()));
  const Result<Bytes> combined = key.combine(message, shares);
  if (shares.size() < key.threshold()) STEWARD_CHECK(!combined.ok());
  if (!combined) return;
  const bool holds = key.verify(message, *combined);
  STEWARD_CHECK(!holds || !key.verify(Bytes(message) + "!", *combined));
  // Right shares of distinct signers make a right signature.
  if (wrong.empty()) STEWARD_CHECK(holds);
}

void check_renewal(const SitePublicKeyPtr& key, fuzz::Input& in) {
  const auto* renewable = dynamic_cast<const RenewableSiteKey*>(key.get());
  if (renewable == nullptr) return;
  const Deal deal{in.u8(), Bytes(in.framed()), Bytes(in.framed())};
  const ServerIndex holder = in.u8();
  const BytesView complaint = in.framed();
  const bool good = renewable->well_formed(deal);
  const bool proven = renewable->proves_wrong(deal, holder, complaint);
  STEWARD_CHECK(good || !proven);
  if (!good) return;
  const SitePublicKeyPtr next = renewable->renewed(key->epoch() + 1, {&deal, 1});
  STEWARD_CHECK(next->identity() == key->identity() && next->epoch() == key->epoch() + 1);
  const auto decoded = decode_site_key(next->scheme(), next->encoded());
  STEWARD_CHECK(decoded.ok() && (*decoded)->encoded() == next->encoded());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input in(data, size);
  const std::string scheme = kSchemes[in.u8() % kSchemes.size()];
  const BytesView encoded = in.framed();
  const std::uint8_t what = in.u8();
  if (encoded.size() > kMaxKeyBytes || !is_site_scheme(scheme)) return 0;
  const Result<SitePublicKeyPtr> key = decode_site_key(scheme, encoded);
  if (!key) return 0;
  STEWARD_CHECK((*key)->scheme() == scheme && (*key)->encoded() == encoded);
  STEWARD_CHECK((*key)->servers() <= kMaxSiteServers && (*key)->threshold() >= 1);
  if ((*key)->servers() > kMaxServers) return 0;
  const auto again = decode_site_key(scheme, (*key)->encoded());
  STEWARD_CHECK(again.ok() && (*again)->identity() == (*key)->identity());

  if (what % 3 == 0) {
    const ServerIndex server = in.u8();
    const BytesView secret = in.framed();
    const auto share = decode_site_share(*key, server, secret);
    if (!share) return 0;
    STEWARD_CHECK((*share)->encoded().view() == secret);
    check_share(**key, **share, server, in.rest());
  } else if (what % 3 == 1) {
    const BytesView message = in.framed();
    check_combination(**key, in, message);
  } else {
    check_renewal(*key, in);
  }
  return 0;
}
