// How a leader is replaced: docs/protocols.md, section 2.

#include <algorithm>

#include "agreement/leader_core.h"
#include "wire/limits.h"

namespace steward::agreement {
namespace {

// The installed view and its proof are shown to one peer at most every so many ticks.
constexpr std::uint32_t kTicksBetweenProofs = 5;
// Until then a new view is made without those that ever lost their memory, if it can be: for two
// ticks a whole interval of the status exchange has passed.
constexpr std::uint32_t kTicksForOthers = 2;
// Bodies asked for again at one tick, and bytes of them given to one peer between two.
constexpr std::size_t kBodiesPerTick = 64;
constexpr std::uint64_t kBodyBytesPerTick = 2 * limits::kMaxBatchBytes;

wire::AgreementMessage body_message(bool shown, Sequence n, const crypto::Digest& digest) {
  wire::AgreementMessage body;
  if (shown) {
    body.mutable_batch_shown()->set_sequence(n);
    body.mutable_batch_shown()->set_digest(digest.str());
  } else {
    body.mutable_fetch_batch()->set_sequence(n);
    body.mutable_fetch_batch()->set_digest(digest.str());
  }
  return body;
}

void encode_held(const HeldViewChange& held, Bytes& out) {
  append_u32(out, held.peer);
  append_framed(out, held.body.SerializeAsString());
  append_framed(out, held.header);
}

HeldViewChangePtr decode_held(Reader& in) {
  const PeerId peer = in.u32();
  wire::ViewChange body;
  if (!body.ParseFromString(in.framed())) in.fail();
  return hold(peer, std::move(body), in.framed());
}

void encode_new_view(const HeldNewView& new_view, Bytes& out) {
  append_u64(out, new_view.view);
  append_u32(out, new_view.from);
  append_framed(out, new_view.header);
  append_u32(out, static_cast<std::uint32_t>(new_view.named.size()));
  for (const auto& [peer, digest] : new_view.named) {
    append_u32(out, peer);
    append_framed(out, digest.view());
  }
  append_u32(out, static_cast<std::uint32_t>(new_view.held.size()));
  for (const auto& [peer, held] : new_view.held) encode_held(*held, out);
}

void decode_new_view(Reader& in, HeldNewView& new_view) {
  new_view = {};
  new_view.view = in.u64();
  new_view.from = in.u32();
  new_view.header = in.framed();
  for (std::uint32_t left = in.u32(); left > 0 && in.ok(); --left) {
    const PeerId peer = in.u32();
    new_view.named[peer] = in.digest();
  }
  for (std::uint32_t left = in.u32(); left > 0 && in.ok(); --left) {
    const HeldViewChangePtr held = decode_held(in);
    new_view.held[held->peer] = held;
  }
}

// Maps of numbers by peer.
template <class Map>
void encode_map(const Map& map, Bytes& out) {
  append_u32(out, static_cast<std::uint32_t>(map.size()));
  for (const auto& [key, value] : map) {
    append_u32(out, key);
    append_u64(out, value);
  }
}

template <class Map>
void decode_map(Reader& in, Map& map) {
  map.clear();
  for (std::uint32_t left = in.u32(); left > 0 && in.ok(); --left) {
    const PeerId key = in.u32();
    map[key] = static_cast<typename Map::mapped_type>(in.u64());
  }
}

}  // namespace

// --- from records

Status LeaderCore::load_view() {
  if (log_.view_record() && !from_record(*log_.view_record(), new_view_)) {
    return Error{ErrorCode::kCorrupt, "agreement records: the installed view cannot be read"};
  }
  view_ = new_view_.view;
  plan_ = make_plan(new_view_.held);
  const auto& own = log_.view_change_record();
  // One of before the memory was lost says less than this peer had promised by then.
  const bool known =
      own && (own->own().since() == since_ ||
              (born_.contains(options_.self) && !forgotten(options_.self, own->own())));
  if (known && own->own().view() > view_) {
    view_ = own->own().view();
    installed_ = false;
    plan_ = {};
  }
  return {};
}

void LeaderCore::repeat_view(Actions& actions) {
  if (!installed_) return send_all(body_of(log_.view_change_record()->own()), actions);
  if (view_ > 0 && leader() == options_.self) send_all(announcement(), actions);
}

// --- leaving a view

void LeaderCore::receive_about_views(const Message& message, Actions& actions) {
  const wire::AgreementMessage& body = message.body;
  const bool known = body.has_view_change() || body.has_new_view() || body.has_fetch_batch() ||
                     body.has_batch_shown();
  if (!known) return reject("unexpected message");
  if (!changes_views()) return reject("views do not change here");
  if (body.has_view_change()) return on_view_change(message, actions);
  if (body.has_new_view()) return on_new_view(message, actions);
  if (body.has_fetch_batch()) return on_fetch_batch(message, actions);
  on_batch_shown(message);
}

void LeaderCore::change_view(View view, Actions& actions) {
  STEWARD_CHECK(view > view_);
  reject("view given up");
  view_ = view;
  installed_ = false;
  plan_ = {};
  ticks_changing_ = 0;
  wanted_.clear();
  fetched_.clear();
  impatient_until_.reset();
  log_.drop_votes();
  std::erase_if(view_changes_, [&](const auto& entry) { return entry.second->body.view() < view; });
  std::erase_if(announced_, [&](const auto& entry) { return entry.second.view < view; });
  watch_.changing();
  wire::ViewChangeRecord record;
  *record.mutable_own() = make_view_change(view, log_, options_);
  add_births(*record.mutable_own());
  send_all(body_of(record.own()), actions);
  log_.record_view_change(std::move(record), actions);
}

void LeaderCore::on_view_change(const Message& message, Actions& actions) {
  if (!well_formed(message.body.view_change(), options_)) return reject("malformed");
  const HeldViewChangePtr held = hold(message.from, message.body.view_change(), message.header);
  const View view = held->body.view();
  hear_births(message.births);
  if (!options_.quorums.byzantine) {
    for (int peer = 0; peer < held->body.known_size(); ++peer) {
      bear(static_cast<PeerId>(peer), {held->body.known(peer), 0});
    }
  }
  if (forgotten(message.from, held->body)) return reject("forgotten by its sender");
  if (view < view_ || (view == view_ && installed_)) return reject("stale");
  for (auto& [leader, new_view] : announced_) {
    if (new_view.view != view) continue;
    const auto named = new_view.named.find(held->peer);
    if (named != new_view.named.end() && named->second == held->digest) {
      new_view.held[held->peer] = held;
    }
  }
  keep_view_change(held);
  install_complete(actions);
}

void LeaderCore::keep_view_change(const HeldViewChangePtr& held) {
  if (held->peer == options_.self) {
    // What this peer does not remember to have sent is nothing to count on.
    const auto& own = log_.view_change_record();
    const bool known = own && own->own().view() == held->body.view() &&
                       hold(held->peer, own->own(), {})->digest == held->digest;
    if (!known) return reject("not sent here");
  }
  HeldViewChangePtr& kept = view_changes_[held->peer];
  if (!kept || kept->body.view() < held->body.view()) {
    kept = held;
  } else if (kept->body.view() == held->body.view() && kept->digest != held->digest) {
    reject("contradicts itself");
  }
}

// To the smallest view of so many others that one of them is correct.
void LeaderCore::follow_others(Actions& actions) {
  if (!voting_) return;
  while (true) {
    // Under crashes alone that is one, which may just be badly connected: own patience first.
    const bool own_timer = waiting() == ProgressWatch::Waiting::kProgress;
    if (!options_.quorums.byzantine && own_timer) return;
    std::vector<View> above;
    for (const auto& [peer, held] : view_changes_) {
      if (peer != options_.self && held->body.view() > view_) above.push_back(held->body.view());
    }
    if (above.size() < options_.quorums.one_correct()) return;
    change_view(*std::min_element(above.begin(), above.end()), actions);
  }
}

// Who is behind others has to catch up first, for which the leader is not to blame. Only while they
// go on saying that they are ahead: one that is gone cannot be caught up with.
void LeaderCore::on_progress_timer(Actions& actions) {
  if (!watch_.expired() || !voting_) return;
  if (installed_ && exchange_.peers_ahead(log_.committed())) {
    exchange_.forget_claims();
    return actions.sends.push_back({std::nullopt, status_body(), nullptr, false});
  }
  if (installed_) return give_up(log_.committed(), actions);
  change_view(view_ + 1, actions);
}

std::uint32_t LeaderCore::view_changes_held() const {
  return static_cast<std::uint32_t>(
      std::count_if(view_changes_.begin(), view_changes_.end(),
                    [&](const auto& entry) { return entry.second->body.view() == view_; }));
}

// --- entering a view

// Of a liar that begins its memory anew for the slowest peer alone, which then refuses a view made
// with it, that peer's view change tells in time if the liar's is not needed before.
void LeaderCore::make_new_view(Actions& actions) {
  if (installed_ || !voting_ || leader() != options_.self) return;
  const std::uint32_t quorum = options_.quorums.quorum();
  if (!view_changes_.contains(options_.self) || view_changes_held() < quorum) return;
  const bool last_resort = !options_.quorums.byzantine || ticks_changing_ >= kTicksForOthers;
  HeldNewView new_view = choose_view_changes(false, actions);
  if (new_view.held.size() < quorum && last_resort) new_view = choose_view_changes(true, actions);
  if (new_view.held.size() < quorum) return;
  install(std::move(new_view), actions);
  send_all(announcement(), actions);
}

wire::AgreementMessage LeaderCore::announcement() const {
  if (options_.quorums.byzantine) return body_of(new_view_);
  return body_of(HeldNewView{view_, leader(), {}, {}, {}});  // the sender's word
}

void LeaderCore::on_new_view(const Message& message, Actions& actions) {
  const wire::NewView& in = message.body.new_view();
  if (in.view() == view_ && installed_ && new_view_.from == message.from) {
    if (new_view_.header.empty()) new_view_.header = message.header;
    return;
  }
  if (in.view() < view_ || (in.view() == view_ && installed_)) return reject("stale");
  // Only this peer itself can have installed the view that it leads, and then it remembers; or it
  // has lost its memory, and learns of it.
  if (voting_ && leader_of(in.view()) == options_.self) return reject("not sent here");
  if (!options_.quorums.byzantine) {
    return install({in.view(), leader_of(in.view()), {}, {}, {}}, actions);
  }
  if (message.from != leader_of(in.view())) return reject("not the leader");
  HeldNewView new_view{in.view(), message.from, message.header, {}, {}};
  for (const wire::ViewChangeRef& ref : in.view_changes()) {
    const auto digest = crypto::Digest::from(ref.digest());
    if (!digest || ref.peer() >= options_.quorums.peers) return reject("malformed");
    new_view.named[ref.peer()] = *digest;
  }
  const bool exact = new_view.named.size() == options_.quorums.quorum() &&
                     in.view_changes_size() == static_cast<int>(new_view.named.size());
  if (!exact) return reject("malformed");
  const auto known = announced_.find(message.from);
  if (known != announced_.end() && known->second.view >= in.view()) return reject("stale");
  for (const auto& [peer, held] : view_changes_) {
    const auto named = new_view.named.find(peer);
    const bool meant = named != new_view.named.end() && named->second == held->digest &&
                       held->body.view() == in.view();
    if (meant) new_view.held[peer] = held;
  }
  if (!new_view.complete()) ask_view(message.from, in.view(), actions);
  announced_[message.from] = std::move(new_view);
  install_complete(actions);
}

// The highest view of which everything is here.
void LeaderCore::install_complete(Actions& actions) {
  const HeldNewView* best = nullptr;
  for (const auto& [leader, new_view] : announced_) {
    const bool higher = best == nullptr || new_view.view > best->view;
    if (new_view.complete() && higher) best = &new_view;
  }
  if (best != nullptr) install(HeldNewView(*best), actions);
}

void LeaderCore::install(HeldNewView new_view, Actions& actions) {
  view_ = new_view.view;
  installed_ = true;
  new_view_ = std::move(new_view);
  plan_ = make_plan(new_view_.held);
  const auto done = [&](View view) { return view <= view_; };
  std::erase_if(view_changes_, [&](const auto& entry) { return done(entry.second->body.view()); });
  std::erase_if(announced_, [&](const auto& entry) { return done(entry.second.view); });
  wanted_.clear();
  asked_.clear();
  shown_.clear();
  leader_is_slow_ = false;
  impatient_until_.reset();
  release_unbound(actions);
  log_.drop_votes();
  log_.record_view(to_record(new_view_), actions);
  watch_.installed();
  // Far away the holder shows it itself, since its own vote is not in what is at hand.
  const bool shown = plan_.base > log_.stable() && !options_.reliable;
  if (shown) learn_checkpoint(plan_.checkpoint, plan_.holder, actions);
  // Others may be ahead in this view: brings what they sent, and shows what is missing here.
  actions.sends.push_back({std::nullopt, status_body(), nullptr, false});
}

void LeaderCore::propose_bound(Actions& actions) {
  if (!installed_ || !voting_ || leader() != options_.self) return;
  if (log_.committed() >= plan_.last) return;
  for (auto entry = plan_.bound.upper_bound(log_.committed()); entry != plan_.bound.end();
       ++entry) {
    const auto& [n, digest] = *entry;
    const Slot* slot = log_.find(n);
    if (!log_.in_window(n) || (slot != nullptr && in_hand(*slot))) continue;
    wire::BatchPtr batch = find_batch(n, digest);
    if (!batch) {
      want_batch(n, digest, std::nullopt, actions);
      continue;
    }
    const Ballot ballot{view_, n, digest};
    log_.propose(n, Proposal{view_, batch, {}, false}, actions);
    actions.sends.push_back({std::nullopt, proposal_body(ballot), std::move(batch), true});
  }
}

// --- bodies

wire::BatchPtr LeaderCore::find_batch(Sequence n, const crypto::Digest& digest) const {
  const wire::BatchPtr null = null_batch();
  if (null->digest == digest) return null;
  const auto slot = log_.slots().find(n);
  if (slot != log_.slots().end()) {
    const auto& [proposal, echoes, prepared, commits, chosen] = slot->second;
    if (chosen && chosen->batch->digest == digest) return chosen->batch;
    if (proposal && proposal->batch->digest == digest) return proposal->batch;
    if (prepared && prepared->digest == digest) return prepared->batch;
  }
  const auto fetched = fetched_.find(digest);
  return fetched == fetched_.end() ? nullptr : fetched->second;
}

bool LeaderCore::has_bodies(const HeldViewChange& held, Actions& actions) {
  bool all = true;
  for (const wire::Candidate& candidate : held.body.candidates()) {
    const Sequence n = candidate.sequence();
    const crypto::Digest digest = *crypto::Digest::from(candidate.digest());
    if (n <= log_.committed() || find_batch(n, digest)) continue;
    want_batch(n, digest, held.peer, actions);
    all = false;
  }
  return all;
}

void LeaderCore::want_batch(Sequence n, const crypto::Digest& digest, std::optional<PeerId> from,
                            Actions& actions) {
  if (!wanted_.emplace(digest, n).second) return;
  actions.sends.push_back({from, body_message(false, n, digest), nullptr, false});
}

void LeaderCore::on_fetch_batch(const Message& message, Actions& actions) {
  if (message.from == options_.self) return;
  const Sequence n = message.body.fetch_batch().sequence();
  const auto digest = crypto::Digest::from(message.body.fetch_batch().digest());
  if (!digest) return reject("malformed");
  wire::BatchPtr batch = find_batch(n, *digest);
  if (!batch) return reject("batch not here");
  std::uint64_t& given = given_[message.from];
  if (given > kBodyBytesPerTick) return reject("too many batches asked for");
  given += batch->encoded.size();
  actions.sends.push_back({message.from, body_message(true, n, *digest), std::move(batch), false});
}

void LeaderCore::on_batch_shown(const Message& message) {
  const auto digest = crypto::Digest::from(message.body.batch_shown().digest());
  if (!digest || !message.batch || message.batch->digest != *digest) return reject("malformed");
  if (wanted_.erase(*digest) == 0) return reject("stale");
  fetched_[*digest] = message.batch;
}

// --- when

ProgressWatch::Waiting LeaderCore::waiting() const {
  using Waiting = ProgressWatch::Waiting;
  if (!voting_) return Waiting::kNothing;
  if (installed_) return work_expected_ || in_flight() ? Waiting::kProgress : Waiting::kNothing;
  // Of each peer the newest is held. One whose patience ended earlier is above by now, and must not
  // stop the timers of those that it left: they are too few to follow it, or it them.
  const auto left =
      std::count_if(view_changes_.begin(), view_changes_.end(),
                    [&](const auto& entry) { return entry.second->body.view() >= view_; });
  const bool possible = left >= static_cast<std::ptrdiff_t>(options_.quorums.quorum());
  return possible ? Waiting::kNewView : Waiting::kNothing;
}

bool LeaderCore::in_flight() const {
  const auto& slots = log_.slots();
  return std::any_of(slots.upper_bound(log_.committed()), slots.end(),
                     [this](const auto& entry) { return in_hand(entry.second); });
}

// After each step: what follows from all of it.
void LeaderCore::settle_views(Actions& actions) {
  if (!changes_views()) return;
  const bool slow = std::exchange(leader_is_slow_, false) && installed_;
  if (slow) give_up(log_.committed() + kSuspicionLasts, actions);
  follow_patience(actions);
  follow_others(actions);
  make_new_view(actions);
  propose_bound(actions);
  const bool due =
      voting_ && installed_ && work_expected_ && leader() != options_.self && !in_flight();
  watch_.rearm(waiting(), view_, log_.committed(), due, actions);
}

// --- telling one another

void LeaderCore::ask_view(PeerId peer, View seen, Actions& actions) {
  const bool ahead = seen > view_ || (seen == view_ && !installed_);
  if (!changes_views() || !ahead || peer == options_.self) return;
  if (!asked_.insert(peer).second) return;
  actions.sends.push_back({peer, status_body(), nullptr, false});
}

void LeaderCore::add_view_status(wire::Status& status) const {
  if (!changes_views()) return;
  status.set_changing(!installed_);
  std::uint64_t held = 0;
  for (const auto& [peer, view_change] : view_changes_) {
    const auto claimed = claimed_.find(peer);
    const bool newest = claimed == claimed_.end() || view_change->body.view() >= claimed->second;
    if (newest && peer < 64) held |= std::uint64_t{1} << peer;
  }
  status.set_view_changes(held);
  status.set_impatient(impatient_until_.has_value());
}

// Does the peer know a view, or a view change, that would be news here?
bool LeaderCore::behind_in_view(PeerId peer, const wire::Status& status) const {
  const bool ahead = status.view() > view_ || (status.view() == view_ && !installed_);
  if (!changes_views() || !ahead) return false;
  if (!status.changing()) return true;
  const auto held = view_changes_.find(peer);
  return held == view_changes_.end() || held->second->body.view() < status.view();
}

void LeaderCore::show_view(PeerId peer, const wire::Status& status, Actions& actions) {
  if (!changes_views()) return;
  if (status.changing()) claimed_[peer] = status.view();
  if (!voting_) return;
  if (!installed_) {
    const bool holds_ours = options_.self < 64 && (status.view_changes() >> options_.self & 1) != 0;
    if (holds_ours || status.view() > view_) return;
    actions.sends.push_back({peer, body_of(log_.view_change_record()->own()), nullptr, true});
    return;
  }
  const bool behind = status.view() < view_ || (status.view() == view_ && status.changing());
  if (!behind || !shown_.emplace(peer, kTicksBetweenProofs).second) return;
  show_installed(peer, actions);
}

void LeaderCore::show_installed(PeerId peer, Actions& actions) const {
  const bool plain = !options_.quorums.byzantine || new_view_.from == options_.self;
  actions.sends.push_back(
      {peer, plain ? announcement() : evidence(new_view_.header), nullptr, true});
  if (!options_.quorums.byzantine) return;
  for (const auto& [from, held] : new_view_.held) {
    // Own words need no proof, and at a site have none.
    const bool own = from == options_.self && held->header.empty();
    actions.sends.push_back(
        {peer, own ? body_of(held->body) : evidence(held->header), nullptr, true});
  }
}

void LeaderCore::tick_views(Actions& actions) {
  asked_.clear();
  given_.clear();
  if (!installed_) ticks_changing_ = std::min(ticks_changing_ + 1, kTicksForOthers);
  for (auto entry = shown_.begin(); entry != shown_.end();) {
    entry = --entry->second == 0 ? shown_.erase(entry) : std::next(entry);
  }
  std::size_t left = kBodiesPerTick;
  for (const auto& [digest, n] : wanted_) {
    if (left-- == 0) break;
    actions.sends.push_back({std::nullopt, body_message(false, n, digest), nullptr, false});
  }
}

// --- state

void LeaderCore::check_views() const {
  STEWARD_CHECK(installed_ || (view_ > 0 && log_.view_change_record()));
  STEWARD_CHECK(!installed_ || new_view_.view == view_);
  STEWARD_CHECK(plan_.base <= plan_.last && plan_.bound.size() == plan_.last - plan_.base);
  STEWARD_CHECK(view_changes_.size() <= options_.quorums.peers);
  STEWARD_CHECK(announced_.size() <= options_.quorums.peers);
  if (installed_ && view_ > 0 && options_.quorums.byzantine) {
    STEWARD_CHECK(new_view_.held.size() == options_.quorums.quorum() && new_view_.complete());
  }
  for (const auto& [n, slot] : log_.slots()) {
    // In this view nothing was voted for but what it binds.
    if (!installed_ || !slot.proposal || slot.proposal->view != view_) continue;
    STEWARD_CHECK(plan_.allows(n, slot.proposal->batch->digest));
  }
}

void LeaderCore::encode_views(Bytes& out) const {
  append_u8(out, installed_ ? 1 : 0);
  append_u8(out, work_expected_ ? 1 : 0);
  encode_new_view(new_view_, out);
  const auto& own = log_.view_change_record();
  append_framed(out, own ? own->SerializeAsString() : Bytes());
  append_u32(out, static_cast<std::uint32_t>(view_changes_.size()));
  for (const auto& [peer, held] : view_changes_) encode_held(*held, out);
  append_u32(out, static_cast<std::uint32_t>(announced_.size()));
  for (const auto& [peer, new_view] : announced_) encode_new_view(new_view, out);
  append_u32(out, ticks_changing_);
  append_u32(out, static_cast<std::uint32_t>(wanted_.size()));
  for (const auto& [digest, n] : wanted_) {
    append_framed(out, digest.view());
    append_u64(out, n);
  }
  append_u32(out, static_cast<std::uint32_t>(fetched_.size()));
  for (const auto& [digest, batch] : fetched_) append_framed(out, batch->encoded);
  encode_map(claimed_, out);
  encode_map(shown_, out);
  encode_map(given_, out);
  append_u32(out, static_cast<std::uint32_t>(asked_.size()));
  for (const PeerId peer : asked_) append_u32(out, peer);
  watch_.encode(out);
}

bool LeaderCore::decode_views(Reader& in) {
  installed_ = in.u8() == 1;
  work_expected_ = in.u8() == 1;
  decode_new_view(in, new_view_);
  wire::ViewChangeRecord own;
  const Bytes record = in.framed();
  if (!own.ParseFromString(record)) return false;
  if (!record.empty()) log_.restore_view_change(std::move(own));
  view_changes_.clear();
  for (std::uint32_t left = in.u32(); left > 0 && in.ok(); --left) {
    const HeldViewChangePtr held = decode_held(in);
    view_changes_[held->peer] = held;
  }
  announced_.clear();
  for (std::uint32_t left = in.u32(); left > 0 && in.ok(); --left) {
    HeldNewView new_view;
    decode_new_view(in, new_view);
    announced_[new_view.from] = std::move(new_view);
  }
  ticks_changing_ = in.u32();
  wanted_.clear();
  for (std::uint32_t left = in.u32(); left > 0 && in.ok(); --left) {
    const crypto::Digest digest = in.digest();
    wanted_[digest] = in.u64();
  }
  fetched_.clear();
  for (std::uint32_t left = in.u32(); left > 0 && in.ok(); --left) {
    auto batch = wire::decode_batch(in.framed());
    if (!batch.ok()) return false;
    fetched_[(*batch)->digest] = *batch;
  }
  decode_map(in, claimed_);
  decode_map(in, shown_);
  decode_map(in, given_);
  asked_.clear();
  for (std::uint32_t left = in.u32(); left > 0 && in.ok(); --left) asked_.insert(in.u32());
  watch_.decode(in);
  leader_is_slow_ = false;
  plan_ = installed_ ? make_plan(new_view_.held) : Plan{};
  const bool sound = installed_ ? new_view_.view == view_ : log_.view_change_record().has_value();
  const auto fits = [&](const auto& held) { return well_formed(held.second->body, options_); };
  return in.ok() && sound && std::all_of(new_view_.held.begin(), new_view_.held.end(), fits);
}

}  // namespace steward::agreement
