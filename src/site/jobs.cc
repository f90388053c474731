#include "site/jobs.h"

#include "common/check.h"

namespace steward::site {
namespace {

const crypto::RenewableSiteKey& renewable(const crypto::SitePublicKeyPtr& key) {
  const auto* found = dynamic_cast<const crypto::RenewableSiteKey*>(key.get());
  STEWARD_CHECK(found != nullptr);
  return *found;
}

SigningResult run(const ShareJob& job, BytesView /*entropy*/) {
  const crypto::SiteKeyShare& share = *job.keys->share;
  ShareMade made{job.keys->epoch(), job.id, share.share(job.statement), {}};
  if (job.with_proof) made.proof = share.prove(job.statement, made.share);
  return made;
}

SigningResult run(const CombineJob& job, BytesView /*entropy*/) {
  const crypto::SitePublicKey& key = *job.keys->key;
  auto signature = key.combine(job.statement, job.shares);
  if (!signature || !key.verify(job.statement, *signature)) {
    return Combined{key.epoch(), job.id, {}};
  }
  return Combined{key.epoch(), job.id, std::move(*signature)};
}

SigningResult run(const CheckSharesJob& job, BytesView /*entropy*/) {
  return SharesChecked{job.keys->epoch(), job.id,
                       job.keys->key->wrong_shares(job.statement, job.shares)};
}

SigningResult run(const DealJob& job, BytesView entropy) {
  return DealMade{job.epoch, renewable(job.keys->key).make_deal(job.deal, entropy)};
}

SigningResult run(const RenewJob& job, BytesView /*entropy*/) {
  auto outcome = renewable(job.next).renew_share(*job.own, job.next, job.deals);
  if (auto* share = std::get_if<crypto::SiteKeySharePtr>(&outcome)) {
    return Renewed{job.next, std::move(*share), {}};
  }
  return Renewed{job.next, nullptr, std::get<std::vector<std::size_t>>(std::move(outcome))};
}

SigningResult run(const ComplainJob& job, BytesView entropy) {
  return Complained{job.epoch, job.deal.dealer,
                    renewable(job.key).make_complaint(*job.own, job.deal, entropy)};
}

SigningResult run(const JudgeJob& job, BytesView /*entropy*/) {
  const bool guilty = !job.keys->key->verify_share(job.statement, job.share);
  return Judged{job.accuser, job.share.signer, guilty, job.header};
}

}  // namespace

SigningResult run_signing_job(const SigningJob& job, BytesView entropy) {
  return std::visit([&](const auto& one) { return run(one, entropy); }, job);
}

}  // namespace steward::site
