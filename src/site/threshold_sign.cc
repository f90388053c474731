#include "site/threshold_sign.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace steward::site {
namespace {

// How far ahead of the own execution shares of others are kept.
constexpr BatchNumber kEarlyBatches = 256;
// Statements that are not started here, of those that one server named first.
constexpr std::size_t kUnknownStatements = 256;

}  // namespace

void ThresholdSign::set_keys(SigningKeysPtr keys, SigningActions& actions) {
  const bool new_epoch = keys_ && keys_->epoch() != keys->epoch();
  keys_ = std::move(keys);
  if (new_epoch) suspects_.clear();
  for (auto& [id, entry] : entries_) {
    if (new_epoch) {
      entry.shares.clear();
      entry.combining = false;
      entry.need_proofs = false;
      entry.combined.clear();
      entry.checking.clear();
      entry.refuted.clear();
      entry.waiting.clear();  // they ask again
    }
    if (!entry.statement) continue;
    accept_early(entry, actions);
    const bool needed = entry.signature.empty() || !entry.waiting.empty();
    const bool proof = std::any_of(entry.waiting.begin(), entry.waiting.end(),
                                   [](const auto& waiting) { return waiting.second; });
    if (needed && !entry.shares.contains(options_.self)) make_share(id, entry, proof, actions);
    advance(id, entry, actions);
  }
}

void ThresholdSign::make_share(const StatementId& id, Entry& entry, bool with_proof,
                               SigningActions& actions) {
  if (!keys_->share) return;
  actions.jobs.push_back(ShareJob{keys_, id, entry.statement->bytes, with_proof});
}

void ThresholdSign::blame(ServerIndex server, wire::Offence offence, Bytes header,
                          SigningActions& actions) {
  // What convinces others too is news even of one that is known here.
  if (!guilty_.insert(server).second && header.empty()) return;
  actions.blames.push_back({server, offence, std::move(header)});
}

void ThresholdSign::start(const StatementId& id, Statement statement, SigningActions& actions) {
  started_ = std::max(started_, id.number);
  Entry& entry = entries_[id];
  if (entry.statement) return;
  entry.statement = std::move(statement);
  accept_early(entry, actions);
  make_share(id, entry, false, actions);
}

void ThresholdSign::want(const StatementId& id, SigningActions& actions) {
  const auto it = entries_.find(id);
  if (it == entries_.end()) return;
  if (std::exchange(it->second.wanted, true)) return;
  awaited_.insert(id);
  advance(id, it->second, actions);
}

StatementId ThresholdSign::id_of(const wire::Share& share) const {
  if (!options_.by_root) return share.batch();
  const auto root = crypto::Digest::from(share.root());
  return {share.batch(), root.value_or(crypto::Digest())};
}

// For a share of a statement that is not started here. A server that names too many loses the first
// of them: it is asked again for those that turn out to be needed.
bool ThresholdSign::has_room(ServerIndex from, const StatementId& id) {
  if (!options_.by_root) {
    // Executed here without outputs, or released: nothing will ever ask for it.
    return id.number > started_ && id.number >= released_below_ &&
           id.number <= started_ + kEarlyBatches;
  }
  std::deque<StatementId>& named = unknown_[from];
  named.push_back(id);
  if (named.size() <= kUnknownStatements) return true;
  const auto oldest = entries_.find(named.front());
  if (oldest != entries_.end() && !oldest->second.statement) entries_.erase(oldest);
  named.pop_front();
  return true;
}

void ThresholdSign::on_share(ServerIndex from, const wire::Share& share, Bytes header,
                             SigningActions& actions) {
  const StatementId id = id_of(share);
  if (from >= options_.servers || from == options_.self) return;
  if (!entries_.contains(id) && !has_room(from, id)) return;
  Entry& entry = entries_[id];
  if (!entry.statement || share.share_epoch() > keys_->epoch()) {
    entry.early[from] = {share, std::move(header)};
    return;
  }
  accept_share(entry, from, {share, std::move(header)}, actions);
  advance(id, entry, actions);
}

void ThresholdSign::accept_early(Entry& entry, SigningActions& actions) {
  for (auto& [from, early] : std::exchange(entry.early, {})) {
    if (early.share.share_epoch() > keys_->epoch()) {
      entry.early[from] = std::move(early);
    } else {
      accept_share(entry, from, std::move(early), actions);
    }
  }
}

void ThresholdSign::accept_share(Entry& entry, ServerIndex from, EarlyShare early,
                                 SigningActions& actions) {
  const wire::Share& share = early.share;
  if (share.share_epoch() != keys_->epoch()) return;  // of an epoch that is over
  // A correct server that executed the same log signs the same root (invariant I9).
  if (share.root() != entry.statement->root.view() ||
      share.leaf_count() != entry.statement->leaf_count) {
    return blame(from, wire::OFFENCE_OTHER_STATEMENT, {}, actions);
  }
  // A share must not change while its proof is being checked.
  if (entry.refuted.contains(from) || entry.checking.contains(from)) return;
  PeerShare offered{share.share(), share.proof(), std::move(early.header), false, false};
  auto [it, fresh] = entry.shares.try_emplace(from, offered);
  if (fresh || share.proof().empty() || it->second.proven) return;
  // A share is determined by key and statement: two different ones cannot both be right. Its guilt
  // is shown when this one has been checked: if it is the wrong one, it convinces others too.
  offered.contradicts = it->second.contradicts || it->second.share != share.share();
  if (offered.contradicts) suspects_.insert(from);
  it->second = std::move(offered);
}

bool ThresholdSign::distrusted(ServerIndex server) const {
  return guilty_.contains(server) || suspects_.contains(server);
}

void ThresholdSign::advance(const StatementId& id, Entry& entry, SigningActions& actions) {
  if (!entry.wanted || !entry.statement) return;
  check_proofs(id, entry, actions);  // even when signed: it is how a suspect clears itself
  if (!entry.signature.empty() || entry.combining) return;
  std::vector<crypto::SignatureShare> usable;
  std::vector<ServerIndex> unproven;
  for (const auto& [from, share] : entry.shares) {
    if (!share.proven && (entry.need_proofs || distrusted(from))) continue;
    if (!share.proven) unproven.push_back(from);
    usable.push_back({from, share.share, {}});
    if (usable.size() == options_.threshold) break;
  }
  if (usable.size() < options_.threshold) return;
  entry.combining = true;
  entry.combined = std::move(unproven);
  actions.jobs.push_back(CombineJob{keys_, id, entry.statement->bytes, std::move(usable)});
}

void ThresholdSign::check_proofs(const StatementId& id, Entry& entry, SigningActions& actions) {
  if (!entry.checking.empty()) return;
  CheckSharesJob job{keys_, id, entry.statement->bytes, {}};
  for (const auto& [from, share] : entry.shares) {
    if (share.proven || (share.proof.empty() && !options_.shares_prove_themselves)) continue;
    if (!entry.need_proofs && !distrusted(from)) continue;
    job.shares.push_back({from, share.share, share.proof});
    entry.checking.insert(from);
  }
  if (job.shares.empty()) return;
  actions.jobs.push_back(std::move(job));
}

void ThresholdSign::on_request(ServerIndex from, const wire::ShareRequest& request,
                               SigningActions& actions) {
  const auto root = crypto::Digest::from(request.root());
  const StatementId id = options_.by_root
                             ? StatementId(request.batch(), root.value_or(crypto::Digest()))
                             : StatementId(request.batch());
  const auto it = entries_.find(id);
  if (from >= options_.servers || from == options_.self) return;
  if (it == entries_.end() || !it->second.statement) return;
  Entry& entry = it->second;
  const auto own = entry.shares.find(options_.self);
  const bool proof = request.with_proof() && !options_.shares_prove_themselves;
  const bool have = own != entry.shares.end() && (!proof || !own->second.proof.empty());
  if (have) {
    actions.answers.emplace_back(from, own_share(id, entry));
    return;
  }
  bool being_proven = false;
  for (const auto& [waiting, with_proof] : entry.waiting) {
    if (waiting == from && with_proof == proof) return;
    being_proven = being_proven || with_proof;
  }
  entry.waiting.emplace_back(from, proof);
  const bool wait_for_first = own == entry.shares.end() && entry.signature.empty();
  if (proof && !being_proven) {
    make_share(id, entry, true, actions);
  } else if (!proof && !wait_for_first) {
    make_share(id, entry, false, actions);
  }
}

void ThresholdSign::on_result(const SigningResult& result, SigningActions& actions) {
  if (const auto* made = std::get_if<ShareMade>(&result)) on_share_made(*made, actions);
  if (const auto* combined = std::get_if<Combined>(&result)) on_combined(*combined, actions);
  if (const auto* checked = std::get_if<SharesChecked>(&result)) on_checked(*checked, actions);
}

void ThresholdSign::on_share_made(const ShareMade& made, SigningActions& actions) {
  const auto it = entries_.find(made.id);
  if (it == entries_.end() || !it->second.statement || made.epoch != keys_->epoch()) return;
  Entry& entry = it->second;
  const bool first = !entry.shares.contains(options_.self);
  PeerShare& own = entry.shares[options_.self];
  own.share = made.share;
  if (!made.proof.empty()) own.proof = made.proof;
  own.proven = true;
  if (first && options_.threshold > 1) actions.broadcasts.push_back(own_share(made.id, entry));
  std::erase_if(entry.waiting, [&](const auto& waiting) {
    if (waiting.second && own.proof.empty()) return false;
    actions.answers.emplace_back(waiting.first, own_share(made.id, entry));
    return true;
  });
  advance(made.id, entry, actions);
}

void ThresholdSign::on_combined(const Combined& combined, SigningActions& actions) {
  const auto it = entries_.find(combined.id);
  if (it == entries_.end()) return;
  Entry& entry = it->second;
  if (combined.epoch == keys_->epoch()) entry.combining = false;
  if (!combined.signature.empty()) {
    if (!entry.signature.empty()) return;  // the epoch changed, and another combination was faster
    entry.signature = combined.signature;
    awaited_.erase(combined.id);
    actions.signed_statements.push_back(combined.id);
    return;
  }
  if (combined.epoch != keys_->epoch()) return;
  // Somebody's share is wrong. From here on only proven ones count for this batch.
  entry.need_proofs = true;
  suspects_.insert(entry.combined.begin(), entry.combined.end());
  if (!options_.shares_prove_themselves) {
    actions.requests.push_back(request(combined.id, true));
  }
  advance(combined.id, entry, actions);
}

void ThresholdSign::on_checked(const SharesChecked& checked, SigningActions& actions) {
  const auto it = entries_.find(checked.id);
  if (it == entries_.end() || checked.epoch != keys_->epoch()) return;
  Entry& entry = it->second;
  for (const ServerIndex server : checked.guilty) {
    blame(server, wire::OFFENCE_WRONG_SHARE, std::move(entry.shares.at(server).header), actions);
    entry.refuted.insert(server);
    entry.shares.erase(server);
    entry.checking.erase(server);
  }
  for (const ServerIndex server : std::exchange(entry.checking, {})) {
    PeerShare& share = entry.shares.at(server);
    share.proven = true;
    suspects_.erase(server);
    if (share.contradicts) {
      blame(server, wire::OFFENCE_TWO_SHARES, {}, actions);
    }
  }
  // Whoever is trusted again is so for all batches.
  for (auto& [id, waiting] : entries_) advance(id, waiting, actions);
}

void ThresholdSign::retry(SigningActions& actions) {
  const bool with_proof = !suspects_.empty() || !guilty_.empty();
  for (const StatementId& id : awaited_) {
    Entry& entry = entries_.at(id);
    if (entry.combining) continue;
    actions.requests.push_back(request(id, entry.need_proofs || with_proof));
    advance(id, entry, actions);
  }
}

wire::ShareRequest ThresholdSign::request(const StatementId& id, bool with_proof) const {
  wire::ShareRequest request;
  request.set_batch(id.number);
  if (options_.by_root) request.set_root(id.root.str());
  request.set_with_proof(with_proof);
  return request;
}

void ThresholdSign::release_below(BatchNumber first_needed, BatchNumber keep) {
  released_below_ = std::max(released_below_, first_needed);
  for (auto it = entries_.begin(); it != entries_.end() && it->first.number < released_below_;) {
    if (it->first.number == keep) {
      ++it;
      continue;
    }
    awaited_.erase(it->first);
    it = entries_.erase(it);
  }
}

void ThresholdSign::release(const StatementId& id) {
  awaited_.erase(id);
  entries_.erase(id);
}

const Bytes* ThresholdSign::signature(const StatementId& id) const {
  const auto it = entries_.find(id);
  if (it == entries_.end() || it->second.signature.empty()) return nullptr;
  return &it->second.signature;
}

wire::Share ThresholdSign::own_share(const StatementId& id, const Entry& entry) const {
  const PeerShare& own = entry.shares.at(options_.self);
  wire::Share share;
  share.set_share_epoch(keys_->epoch());
  share.set_batch(id.number);
  share.set_root(entry.statement->root.str());
  share.set_leaf_count(entry.statement->leaf_count);
  share.set_share(own.share);
  share.set_proof(own.proof);
  return share;
}

}  // namespace steward::site
