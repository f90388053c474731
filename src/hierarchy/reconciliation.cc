#include "hierarchy/reconciliation.h"

#include <algorithm>

#include "hierarchy/assign_global_order.h"

namespace steward::hierarchy {
namespace {

// In one answer.
constexpr Sequence kOrderedItems = 16;
constexpr std::size_t kOrderedBytes = 1 << 20;
// To one server, between two ticks.
constexpr std::uint32_t kAnswers = 8;
// So many checkpoint intervals stay below the stable checkpoint, for those that lag.
constexpr Sequence kRetainedIntervals = 2;
// While something is unfinished, another site is asked once in so many ticks.
constexpr std::uint32_t kElsewherePart = 5;

Sequence sequence_of(const SiteWordPtr& word) {
  return word ? word->body.site_checkpoint().sequence() : 0;
}

}  // namespace

Sequence Reconciliation::stable() const { return sequence_of(stable_); }

bool Reconciliation::behind() const {
  const auto& slots = context_.history.slots();
  const Sequence aru = context_.history.aru();
  return seen_ > aru || !context_.wanted.empty() || slots.upper_bound(aru) != slots.end();
}

bool Reconciliation::load(const agreement::Record& record) {
  stable_ = read_certificate(record.data, nullptr);
  return stable_ != nullptr && stable_->body.has_site_checkpoint();
}

// --- where this server stands

proto::ServerMessage Reconciliation::standing() {
  proto::ServerMessage message;
  proto::Standing* out = message.mutable_standing();
  const Views& views = context_.views;
  set_view(views.now, *out);
  out->set_global_installed(views.global_installed);
  out->set_local_installed(views.local_installed);
  out->set_constrained_global(views.constrained.global);
  out->set_constrained_local(views.constrained.local);
  out->set_aru(context_.history.aru());
  out->set_attempt(++attempt_);
  asked_at_ = context_.history.aru();
  return message;
}

ServerId Reconciliation::next_elsewhere() {
  do {
    elsewhere_ = (elsewhere_ + 1) % context_.site_count();
  } while (elsewhere_ == context_.options.self.site);
  return {elsewhere_, context_.options.self.server % context_.options.sites[elsewhere_].peers};
}

void Reconciliation::tick(bool unfinished) {
  context_.send(context_.others(), standing());
  asked_.clear();
  answered_.clear();
  context_.given.clear();
  advance();
  const bool elsewhere = !unfinished || ++ticks_ % kElsewherePart == 0;
  if (elsewhere && context_.site_count() > 1) context_.send({next_elsewhere()}, standing());
}

void Reconciliation::advance() {
  for (const auto& [n, slot] : context_.history.slots()) {
    if (!slot.ordered || n <= context_.history.aru()) continue;
    const crypto::Digest digest = digest_of(*slot.proposal);
    if (!context_.history.batch(n, digest)) context_.wanted.emplace(n, digest);
  }
  std::erase_if(context_.wanted, [&](const auto& one) {
    return one.first <= context_.history.aru() || context_.history.batch(one.first, one.second);
  });
  for (const auto& [n, digest] : context_.wanted) {
    if (asked_.emplace(n, digest).second) fetch_payload(n, digest);
  }
}

// --- answers

// f + 1 servers of the site, others with each attempt; from outside, whoever is asked.
bool Reconciliation::answers(ServerId to, const proto::Standing& standing) const {
  if (to.site != context_.options.self.site) return true;
  const std::uint32_t n = context_.site().peers;
  const std::uint64_t first = (standing.aru() + to.server + standing.attempt()) % n;
  const std::uint64_t rank = (context_.options.self.server + n - first) % n;
  const std::uint64_t of_asker = (to.server + n - first) % n;
  const std::uint64_t before = rank > of_asker ? 1 : 0;
  return rank - before < context_.site().one_correct();
}

void Reconciliation::on_standing(ServerId from, const proto::Standing& standing) {
  if (from == context_.options.self) return;
  if (!answers(from, standing)) return;
  if (answered_[from]++ >= kAnswers) return context_.reject("standing: too often");
  give_views(from, standing);
  give_ordered(from, standing);
}

void Reconciliation::give_ordered(ServerId to, const proto::Standing& standing) {
  const Sequence first = standing.aru() + 1;
  if (first == 0 || first > context_.history.aru()) return;
  if (first <= context_.history.horizon()) {
    if (stable_) context_.send_word({to}, stable_);
    return;
  }
  std::size_t bytes = 0;
  const Sequence last = std::min(context_.history.aru(), standing.aru() + kOrderedItems);
  for (Sequence n = first; n <= last && bytes < kOrderedBytes; ++n) {
    auto ordered = show_ordered(context_.history, n);
    if (!ordered) return;
    const History::Slot* slot = context_.history.find(n);
    const wire::BatchPtr batch = context_.history.batch(n, digest_of(*slot->proposal));
    bytes += batch->encoded.size();
    context_.give(to, std::move(*ordered), batch);
  }
}

void Reconciliation::give_views(ServerId to, const proto::Standing& standing) {
  const Views& views = context_.views;
  const ViewPair theirs = view_of(standing);
  const bool lacks_global = views.global_installed &&
                            (theirs.global < views.now.global ||
                             (theirs.global == views.now.global && !standing.global_installed()));
  if (lacks_global) {
    for (const SiteWordPtr& word : context_.global_proof) context_.send_word({to}, word);
  }
  const auto own = context_.local_views.find(context_.options.self.site);
  if (to.site != context_.options.self.site) {
    if (own != context_.local_views.end()) context_.send_word({to}, own->second);
    return;
  }
  const bool lacks_local =
      views.local_installed && (theirs.local < views.now.local ||
                                (theirs.local == views.now.local && !standing.local_installed()));
  proto::ServerMessage message;
  if (lacks_local) {
    for (const Bytes& header : context_.local_proof) {
      message.mutable_passed_on()->add_headers(header);
    }
    if (!context_.local_proof.empty()) context_.send({to}, std::move(message));
    if (own != context_.local_views.end()) context_.send_word({to}, own->second);
    return;
  }
  const ViewPair adopted{standing.constrained_global(), standing.constrained_local()};
  const bool lacks_constraint = theirs == views.now && adopted != theirs && context_.constrained();
  if (!lacks_constraint || constraint_.new_local_view().empty()) return;
  message.mutable_passed_on()->add_headers(constraint_.new_local_view());
  context_.send({to}, std::move(message));
}

// --- what is given

void Reconciliation::on_ordered(const Message& message) {
  const SiteWordPtr& proposal = message.sites.front();
  const Sequence n = proposal->body.proposal().sequence();
  if (context_.history.ordered(n) && context_.history.batch(n, digest_of(*proposal))) return;
  if (n > context_.window_end()) return context_.reject("ordered: beyond the window");
  context_.history.keep_batch(n, message.batch, context_.out->appends);
  if (!context_.history.ordered(n)) {
    context_.history.order(n, proposal, {message.sites.begin() + 1, message.sites.end()},
                           context_.out->appends);
  }
  while (auto commit = context_.history.take_ordered()) {
    context_.out->commits.push_back(std::move(*commit));
  }
  // The answer is used up: there may be more.
  if (context_.history.aru() < asked_at_ + kOrderedItems) return;
  if (message.from.site == context_.options.self.site) {
    context_.send(context_.others(), standing());
  } else {
    context_.send({message.from}, standing());
  }
}

void Reconciliation::fetch_payload(Sequence n, const crypto::Digest& digest) {
  proto::ServerMessage message;
  message.mutable_fetch_payload()->set_sequence(n);
  message.mutable_fetch_payload()->set_digest(digest.str());
  std::vector<ServerId> to = context_.others();
  if (context_.site_count() > 1) to.push_back(next_elsewhere());
  context_.send(std::move(to), std::move(message));
}

void Reconciliation::on_fetch(ServerId from, const proto::FetchPayload& fetch) {
  const auto digest = crypto::Digest::from(fetch.digest());
  if (from == context_.options.self || !digest) return context_.reject("fetch: malformed");
  const wire::BatchPtr batch = context_.history.batch(fetch.sequence(), *digest);
  if (!batch) return;
  proto::ServerMessage message;
  message.mutable_payload()->set_sequence(fetch.sequence());
  message.mutable_payload()->set_digest(fetch.digest());
  context_.give(from, std::move(message), batch);
}

void Reconciliation::on_payload(const Message& message) {
  const Sequence n = message.body.payload().sequence();
  if (!context_.wanted.contains({n, message.batch->digest})) {
    return context_.reject("payload: not asked for");
  }
  context_.history.keep_batch(n, message.batch, context_.out->appends);
}

// --- checkpoints

void Reconciliation::on_checkpoint_taken(Sequence sequence, const crypto::Digest& digest) {
  if (sequence <= stable()) return;
  proto::SiteMessage body;
  body.mutable_site_checkpoint()->set_sequence(sequence);
  body.mutable_site_checkpoint()->set_digest(digest.str());
  context_.sign(sequence, std::move(body), nullptr, true);
}

void Reconciliation::keep_stable(const SiteWordPtr& word) {
  stable_ = word;
  context_.out->appends.push_back({{0, kStableRecord, word->certificate}, false});
  const Sequence retained = kRetainedIntervals * context_.options.checkpoint_interval;
  if (stable() <= retained) return;
  context_.history.forget(stable() - retained);
  context_.out->truncate = stable() - retained;
}

void Reconciliation::on_site_checkpoint(ServerId from, const SiteWordPtr& word) {
  const Sequence sequence = sequence_of(word);
  if (sequence <= stable()) return;
  if (sequence > context_.history.aru()) {
    // Shown by whom this server asked: what lies between is not to be had as batches.
    seen_ = std::max(seen_, sequence);
    context_.out->fetch = FetchSnapshot{word};
    return;
  }
  if (word->site != context_.options.self.site) return;
  keep_stable(word);
  if (from == context_.options.self) context_.spread(word);
}

void Reconciliation::on_snapshot(const SiteWordPtr& word) {
  const Sequence sequence = sequence_of(word);
  if (sequence <= context_.history.aru()) return context_.reject("snapshot: old");
  context_.history.skip_to(sequence);
  stable_ = word;
  context_.out->appends.push_back({{0, kStableRecord, word->certificate}, false});
  context_.out->truncate = sequence;
}

}  // namespace steward::hierarchy
