#include "site/share_keeper.h"

#include <utility>

namespace steward::site {

void ShareKeeper::follow(const KeyRefresh& refresh, KeeperActions& actions) {
  std::erase_if(unsettled_, [&](const auto& message) { return settled(refresh, message); });
  const crypto::SitePublicKeyPtr& key = refresh.key();
  if (share_->epoch() < key->epoch()) {
    if (candidate_ && opening_->encoded() == key->encoded()) {
      share_ = std::exchange(candidate_, nullptr);
      checked_ = true;
      actions.new_share = share_->encoded();
    } else {
      open_deals(refresh, key, actions);
    }
  }
  hand_out(refresh, actions);
  if (keys_->share) take_part(refresh, actions);
}

void ShareKeeper::hand_out(const KeyRefresh& refresh, KeeperActions& actions) {
  const crypto::SitePublicKeyPtr& key = refresh.key();
  // The key of the epoch that a loaded share is of is known only now.
  if (share_->epoch() == key->epoch() && !checked_) {
    const auto* renewable = dynamic_cast<const crypto::RenewableSiteKey*>(key.get());
    checked_ = renewable == nullptr ||  // it was, when it was loaded
               renewable->decode_share(self_, share_->encoded().view()) != nullptr;
  }
  crypto::SiteKeySharePtr usable;
  if (share_->epoch() == key->epoch() && checked_) usable = share_;
  const bool same = keys_ && keys_->epoch() == key->epoch() && (keys_->share || !usable);
  if (same) return;
  keys_ = std::make_shared<const SigningKeys>(SigningKeys{key, std::move(usable)});
  actions.keys = keys_;
}

void ShareKeeper::take_part(const KeyRefresh& refresh, KeeperActions& actions) {
  const crypto::ShareEpoch next = refresh.key()->epoch() + 1;
  if (refresh.phase() == KeyRefresh::Phase::kDealing) {
    if (refresh.has_dealt(self_) || std::exchange(dealing_, next) == next) return;
    actions.jobs.push_back(DealJob{keys_, next, {self_, refresh.context(next), {}}});
  }
  if (refresh.phase() != KeyRefresh::Phase::kDealing) dealing_ = 0;
  if (refresh.phase() == KeyRefresh::Phase::kChecking) {
    open_deals(refresh, refresh.next_key(), actions);
  }
}

void ShareKeeper::open_deals(const KeyRefresh& refresh, const crypto::SitePublicKeyPtr& next,
                             KeeperActions& actions) {
  if (opening_ == next) return;
  auto steps = refresh.steps(share_->epoch(), next != refresh.key());
  if (!steps) return;  // away for too many epochs: only an operator can help
  opening_ = next;
  opened_ = std::move(*steps);
  candidate_ = nullptr;
  RenewJob job{next, share_, {}};
  for (const KeyRefresh::Step& step : opened_) job.deals.push_back(step.deal);
  actions.jobs.push_back(std::move(job));
}

void ShareKeeper::on_result(const KeyRefresh& refresh, const SigningResult& result,
                            KeeperActions& actions) {
  if (const auto* made = std::get_if<DealMade>(&result)) {
    wire::RefreshMessage message;
    message.mutable_deal()->set_share_epoch(made->epoch);
    message.mutable_deal()->set_deal(made->deal);
    if (!settled(refresh, message)) say(std::move(message), actions);
  }
  if (const auto* complained = std::get_if<Complained>(&result)) {
    wire::RefreshMessage message;
    message.mutable_complaint()->set_share_epoch(complained->epoch);
    message.mutable_complaint()->set_dealer(complained->dealer);
    message.mutable_complaint()->set_complaint(complained->complaint);
    if (!settled(refresh, message)) say(std::move(message), actions);
  }
  if (const auto* renewed = std::get_if<Renewed>(&result)) on_renewed(refresh, *renewed, actions);
}

void ShareKeeper::on_renewed(const KeyRefresh& refresh, const Renewed& renewed,
                             KeeperActions& actions) {
  if (renewed.next != opening_) return;  // the set of deals has changed since
  for (const std::size_t place : renewed.wrong) {
    const KeyRefresh::Step& step = opened_.at(place);
    if (refresh.judged(step.epoch, step.deal.dealer, self_)) continue;
    crypto::Deal deal = step.deal;
    deal.retracted = false;
    actions.jobs.push_back(ComplainJob{renewed.next, share_, step.epoch, std::move(deal)});
  }
  if (!renewed.share) return;
  candidate_ = renewed.share;
  if (renewed.next->epoch() == refresh.key()->epoch()) return follow(refresh, actions);
  wire::RefreshMessage message;
  message.mutable_done()->set_share_epoch(renewed.next->epoch());
  message.mutable_done()->set_key_digest(crypto::sha256(renewed.next->encoded()).str());
  if (!settled(refresh, message)) say(std::move(message), actions);
}

void ShareKeeper::say(wire::RefreshMessage message, KeeperActions& actions) {
  actions.messages.push_back(message);
  unsettled_.push_back(std::move(message));
}

void ShareKeeper::tick(const KeyRefresh& refresh, KeeperActions& actions) {
  std::erase_if(unsettled_, [&](const auto& message) { return settled(refresh, message); });
  actions.messages.insert(actions.messages.end(), unsettled_.begin(), unsettled_.end());
}

// Does the log show it, or has it become pointless?
bool ShareKeeper::settled(const KeyRefresh& refresh, const wire::RefreshMessage& message) const {
  using Phase = KeyRefresh::Phase;
  const crypto::ShareEpoch next = refresh.key()->epoch() + 1;
  if (message.has_deal()) {
    return refresh.phase() != Phase::kDealing || message.deal().share_epoch() != next ||
           refresh.has_dealt(self_);
  }
  if (message.has_done()) {
    return refresh.phase() != Phase::kChecking || refresh.is_done(self_) ||
           message.done().key_digest() != crypto::sha256(refresh.next_key()->encoded()).view();
  }
  const wire::RefreshComplaint& complaint = message.complaint();
  const bool idle = refresh.phase() == Phase::kIdle;
  return refresh.judged(complaint.share_epoch(), complaint.dealer(), self_) ||
         complaint.share_epoch() + KeyRefresh::kKeptEpochs < next ||
         (complaint.share_epoch() == next && idle);
}

}  // namespace steward::site
