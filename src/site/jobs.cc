#include "site/jobs.h"

namespace steward::site {
namespace {

SigningResult run(const ShareJob& job, const crypto::SitePublicKey& /*site_key*/,
                  const crypto::SiteKeyShare& key_share) {
  ShareMade made{job.batch, key_share.share(job.statement), {}};
  if (job.with_proof) made.proof = key_share.prove(job.statement, made.share);
  return made;
}

SigningResult run(const CombineJob& job, const crypto::SitePublicKey& site_key,
                  const crypto::SiteKeyShare& /*key_share*/) {
  auto signature = site_key.combine(job.statement, job.shares);
  if (!signature || !site_key.verify(job.statement, *signature)) return Combined{job.batch, {}};
  return Combined{job.batch, std::move(*signature)};
}

SigningResult run(const CheckSharesJob& job, const crypto::SitePublicKey& site_key,
                  const crypto::SiteKeyShare& /*key_share*/) {
  return SharesChecked{job.batch, site_key.wrong_shares(job.statement, job.shares)};
}

}  // namespace

SigningResult run_signing_job(const SigningJob& job, const crypto::SitePublicKey& site_key,
                              const crypto::SiteKeyShare& key_share) {
  return std::visit([&](const auto& one) { return run(one, site_key, key_share); }, job);
}

}  // namespace steward::site
