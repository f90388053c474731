// What is in the outputs of sites, and what they say about the leader site, checked:
// replica::Verifier. The sender's own vote is proven by its message, here as in every certificate
// of a site (docs/protocols.md, section 3).

#include <set>

#include "crypto/merkle.h"
#include "replica/verifier.h"
#include "wire/limits.h"

namespace steward::replica {
namespace {

template <class Vote>
void fill(const wire::Candidate& candidate, Vote& vote) {
  vote.set_view(candidate.view());
  vote.set_sequence(candidate.sequence());
  vote.set_digest(candidate.digest());
}

}  // namespace

Status Verifier::check_path(const wire::SiteData& data, const wire::Leaf& leaf) const {
  std::vector<crypto::Digest> path;
  for (const Bytes& step : leaf.path()) {
    const auto digest = crypto::Digest::from(step);
    if (!digest || path.size() == limits::kMaxLeafPath) return bad_input("a malformed path");
    path.push_back(*digest);
  }
  const Bytes statement = wire::leaf_statement(domain_, data.site(), leaf);
  const auto root = crypto::merkle_root_from_path(crypto::merkle_leaf(statement), leaf.index(),
                                                  data.leaf_count(), path);
  if (!root || root->view() != data.root()) return bad_input("a leaf that is not in its tree");
  return {};
}

Status Verifier::check_wide_views(SiteId sender, const wire::AgreementMessage& body,
                                  Work& work) const {
  const bool proven = config_.wide == WideProtocol::kPbft;
  if (body.has_evidence()) {
    if (!proven) return bad_input("evidence where nothing is proven");
    return check_wide_evidence(body.evidence().header(), work);
  }
  if (body.has_new_view() &&
      static_cast<std::size_t>(body.new_view().view_changes_size()) > limits::kMaxSites) {
    return Error{ErrorCode::kTooLarge, "a new view of more than all sites"};
  }
  if (body.has_view_change()) return check_wide_view_change(sender, body.view_change(), work);
  return {};
}

// Another site's word, passed on.
Status Verifier::check_wide_evidence(BytesView shown, Work& work) const {
  wire::SiteData data;
  const bool parsed = data.ParseFromArray(shown.data(), static_cast<int>(shown.size()));
  const bool known = parsed && data.site() < keys_->sites.size() && data.leaves_size() == 1;
  if (!known) return bad_input("evidence of impossible shape");
  const wire::Leaf& leaf = data.leaves(0);
  wire::AgreementMessage body;
  const bool fits = leaf.type() == wire::LEAF_MESSAGE && leaf.attachment().empty() &&
                    body.ParseFromString(leaf.body()) &&
                    (body.has_view_change() || body.has_new_view());
  if (!fits) return bad_input("evidence of something else");
  Status status = check_path(data, leaf);
  if (status) status = check_site_signature(data, work);
  return status ? check_wide_views(data.site(), body, work) : status;
}

Status Verifier::check_wide_view_change(SiteId sender, const wire::ViewChange& body,
                                        Work& work) const {
  const auto most = 2 * static_cast<std::size_t>(config_.ordering.wide_checkpoint_interval);
  if (static_cast<std::size_t>(body.candidates_size()) > most) {
    return Error{ErrorCode::kTooLarge, "a view change for more than the window"};
  }
  if (config_.wide != WideProtocol::kPbft) return {};
  if (body.checkpoint().sequence() > 0) {
    wire::AgreementMessage checkpoint;
    *checkpoint.mutable_stable_checkpoint() = body.checkpoint();
    const Status status = check_wide_certificate(sender, checkpoint, work);
    if (!status) return status;
  }
  for (const wire::Candidate& candidate : body.candidates()) {
    const Status status = check_wide_candidate(sender, candidate, work);
    if (!status) return status;
  }
  return {};
}

// A prepared certificate: a quorum with the leader site's PrePrepare, and Prepares of others. The
// sender is one of them, and needs no proof.
Status Verifier::check_wide_candidate(SiteId sender, const wire::Candidate& candidate,
                                      Work& work) const {
  const Quorums quorums = config_.quorums();
  if (static_cast<std::size_t>(candidate.proofs_size()) > limits::kMaxSites) {
    return Error{ErrorCode::kTooLarge, "too many proofs"};
  }
  const auto leader = static_cast<SiteId>(candidate.view() % quorums.peers);
  wire::AgreementMessage proposal;
  wire::AgreementMessage echo;
  fill(candidate, *proposal.mutable_pre_prepare());
  fill(candidate, *echo.mutable_prepare());
  const Bytes proposal_body = proposal.SerializeAsString();
  const Bytes echo_body = echo.SerializeAsString();
  std::set<SiteId> voters{sender};
  for (const Bytes& proof : candidate.proofs()) {
    wire::SiteData data;
    if (!data.ParseFromString(proof)) return bad_input("malformed proof");
    const Bytes& expected = data.site() == leader ? proposal_body : echo_body;
    const auto voter = check_wide_vote(proof, expected, false, work);
    if (!voter) return voter.error();
    voters.insert(*voter);
  }
  if (voters.size() < quorums.quorum() || !voters.contains(leader)) {
    return bad_input("a prepared certificate without a quorum");
  }
  return {};
}

}  // namespace steward::replica
