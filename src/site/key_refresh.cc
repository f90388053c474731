#include "site/key_refresh.h"

#include <algorithm>

#include "common/check.h"

namespace steward::site {
namespace {

constexpr std::uint32_t kMaxWaits = 10;  // phase timers without an end: the refresh is abandoned

wire::DealEntry to_entry(crypto::ShareEpoch epoch, const crypto::Deal& deal) {
  wire::DealEntry entry;
  entry.set_dealer(deal.dealer);
  entry.set_share_epoch(epoch);
  entry.set_deal(deal.deal);
  entry.set_retracted(deal.retracted);
  return entry;
}

}  // namespace

KeyRefresh::KeyRefresh(crypto::SitePublicKeyPtr dealt, Quorums site, wire::Domain domain,
                       SiteId self)
    : site_(site),
      domain_(std::move(domain)),
      self_(self),
      renewable_(dynamic_cast<const crypto::RenewableSiteKey*>(dealt.get())),
      key_(std::move(dealt)) {}

Bytes KeyRefresh::context(std::uint64_t share_epoch) const {
  return wire::renewal_context(domain_, self_, share_epoch);
}

bool KeyRefresh::is_done(ServerIndex server) const {
  const auto it = done_.find(server);
  return it != done_.end() && it->second == next_digest_;
}

bool KeyRefresh::judged(crypto::ShareEpoch epoch, ServerIndex dealer, ServerIndex holder) const {
  return complained_.contains({epoch, dealer, holder});
}

// --- events

const char* KeyRefresh::on_order(std::uint64_t share_epoch) {
  if (!possible()) return "refresh order: shares of this scheme cannot be renewed";
  if (share_epoch != key_->epoch()) return "refresh order: for another epoch";
  return on_interval();
}

const char* KeyRefresh::on_interval() {
  if (!possible() || phase_ != Phase::kIdle) return "refresh order: under way already";
  begin(Phase::kDealing);
  return nullptr;
}

const char* KeyRefresh::on_message(ServerIndex from, const wire::RefreshMessage& message) {
  if (!possible() || from >= site_.peers) return "refresh: not possible";
  if (message.has_deal()) return on_deal(from, message.deal());
  if (message.has_complaint()) return on_complaint(from, message.complaint());
  if (message.has_done()) return on_done(from, message.done());
  return "refresh: empty";
}

const char* KeyRefresh::on_deal(ServerIndex from, const wire::RefreshDeal& in) {
  if (phase_ != Phase::kDealing || in.share_epoch() != next_epoch()) return "refresh: late deal";
  if (deals_.contains(from) || is_retracted(next_epoch(), from)) return "refresh: second deal";
  crypto::Deal deal{from, context(next_epoch()), in.deal()};
  if (!renewable_->well_formed(deal)) return "refresh: malformed deal";
  deals_.emplace(from, std::move(deal));
  if (deals_.size() == site_.peers) begin(Phase::kChecking);
  return nullptr;
}

const char* KeyRefresh::on_complaint(ServerIndex from, const wire::RefreshComplaint& in) {
  const crypto::ShareEpoch epoch = in.share_epoch();
  const crypto::Deal* deal = find(epoch, in.dealer());
  if (deal == nullptr) return "refresh: complaint about no deal";
  if (judged(epoch, in.dealer(), from)) return "refresh: repeated complaint";
  const bool upheld = renewable_->proves_wrong(*deal, from, in.complaint());
  complained_[{epoch, in.dealer(), from}] = upheld;
  if (!upheld) return "refresh: false complaint";
  if (epoch == next_epoch()) {
    deals_.erase(in.dealer());
    if (phase_ == Phase::kChecking) update_next_key();
    return nullptr;
  }
  to_retract_.emplace(epoch, in.dealer());
  if (phase_ == Phase::kIdle) retract_cheats();
  return nullptr;
}

const char* KeyRefresh::on_done(ServerIndex from, const wire::RefreshDone& in) {
  if (phase_ != Phase::kChecking || in.share_epoch() != next_epoch()) return "refresh: late done";
  if (in.key_digest() != next_digest_) return "refresh: done with another key";
  done_[from] = in.key_digest();
  if (done_with_next() == site_.peers) change_epoch();
  return nullptr;
}

std::size_t KeyRefresh::done_with_next() const {
  return static_cast<std::size_t>(std::count_if(
      done_.begin(), done_.end(), [&](const auto& one) { return one.second == next_digest_; }));
}

void KeyRefresh::change_epoch() {
  std::vector<Step> steps;
  for (const auto& [dealer, deal] : deals_) steps.push_back({next_epoch(), deal});
  activate(std::move(steps), next_key_);
  ++completed_;
  rest();
}

const char* KeyRefresh::on_phase_timer() {
  if (phase_ == Phase::kIdle) return "refresh: idle";
  timer_change_ = true;
  std::set<ServerIndex> dealt;
  for (const auto& [dealer, deal] : deals_) dealt.insert(dealer);
  for (const auto& [epoch, dealer] : cheats()) {
    if (epoch == next_epoch()) dealt.insert(dealer);
  }
  if (phase_ == Phase::kDealing && dealt.size() >= site_.peers - site_.faults) {
    begin(Phase::kChecking);
    return nullptr;
  }
  if (phase_ == Phase::kChecking && done_with_next() >= site_.quorum()) {
    change_epoch();
    return nullptr;
  }
  if (++waits_ < kMaxWaits) return nullptr;
  ++abandoned_;
  rest();
  return "refresh: abandoned";
}

// --- phases

void KeyRefresh::begin(Phase phase) {
  phase_ = phase;
  waits_ = 0;
  timer_change_ = true;
  if (phase == Phase::kDealing) {
    deals_.clear();
    done_.clear();
    // What was judged in an attempt that came to nothing says nothing of the new deals.
    std::erase_if(complained_,
                  [&](const auto& one) { return std::get<0>(one.first) == next_epoch(); });
  }
  if (phase == Phase::kChecking) update_next_key();
}

void KeyRefresh::update_next_key() {
  if (deals_.size() < site_.one_correct()) {  // more liars than assumed
    ++abandoned_;
    return rest();
  }
  std::vector<crypto::Deal> deals;
  for (const auto& [dealer, deal] : deals_) deals.push_back(deal);
  next_key_ = renewable_->renewed(next_epoch(), deals);
  next_digest_ = crypto::sha256(next_key_->encoded()).str();
}

void KeyRefresh::activate(std::vector<Step> steps, crypto::SitePublicKeyPtr key) {
  key_ = std::move(key);
  renewable_ = dynamic_cast<const crypto::RenewableSiteKey*>(key_.get());
  STEWARD_CHECK(renewable_ != nullptr);
  transcripts_[key_->epoch()] = std::move(steps);
  while (transcripts_.size() > kKeptEpochs) transcripts_.erase(transcripts_.begin());
  const crypto::ShareEpoch first = transcripts_.begin()->first;
  std::erase_if(complained_, [&](const auto& one) { return std::get<0>(one.first) < first; });
}

void KeyRefresh::rest() {
  phase_ = Phase::kIdle;
  timer_change_ = true;
  waits_ = 0;
  deals_.clear();
  done_.clear();
  next_key_ = nullptr;
  next_digest_.clear();
  retract_cheats();
}

void KeyRefresh::retract_cheats() {
  std::vector<Step> steps;
  std::vector<crypto::Deal> deals;
  for (const auto& [epoch, dealer] : to_retract_) {
    const crypto::Deal* deal = find(epoch, dealer);
    if (deal == nullptr || is_retracted(epoch, dealer)) continue;
    deals.push_back(*deal);
    deals.back().retracted = true;
    steps.push_back({epoch, deals.back()});
  }
  to_retract_.clear();
  if (deals.empty()) return;
  activate(std::move(steps), renewable_->renewed(next_epoch(), deals));
}

// --- what the servers need to follow

const crypto::Deal* KeyRefresh::find(crypto::ShareEpoch epoch, ServerIndex dealer) const {
  if (epoch == next_epoch()) {
    const auto it = deals_.find(dealer);
    return it == deals_.end() ? nullptr : &it->second;
  }
  const auto transcript = transcripts_.find(epoch);
  if (transcript == transcripts_.end()) return nullptr;
  for (const Step& step : transcript->second) {
    if (step.deal.dealer == dealer && !step.deal.retracted) return &step.deal;
  }
  return nullptr;
}

// Shown to be wrong while its refresh was under way, or taken back later.
bool KeyRefresh::is_retracted(crypto::ShareEpoch epoch, ServerIndex dealer) const {
  if (epoch == next_epoch()) {
    return std::any_of(complained_.begin(), complained_.end(), [&](const auto& one) {
      return one.second && std::get<0>(one.first) == epoch && std::get<1>(one.first) == dealer;
    });
  }
  for (const auto& [led_to, steps] : transcripts_) {
    for (const Step& step : steps) {
      if (step.deal.retracted && step.epoch == epoch && step.deal.dealer == dealer) return true;
    }
  }
  return false;
}

std::optional<std::vector<KeyRefresh::Step>> KeyRefresh::steps(crypto::ShareEpoch from,
                                                               bool to_next) const {
  std::vector<Step> all;
  for (crypto::ShareEpoch epoch = from + 1; epoch <= key_->epoch(); ++epoch) {
    const auto it = transcripts_.find(epoch);
    if (it == transcripts_.end()) return std::nullopt;
    for (const Step& step : it->second) {
      const auto added = std::find_if(all.begin(), all.end(), [&](const Step& other) {
        return step.deal.retracted && !other.deal.retracted && other.epoch == step.epoch &&
               other.deal.dealer == step.deal.dealer;
      });
      if (added != all.end()) {
        all.erase(added);
      } else {
        all.push_back(step);
      }
    }
  }
  if (to_next) {
    for (const auto& [dealer, deal] : deals_) all.push_back({next_epoch(), deal});
  }
  return all;
}

std::vector<std::pair<crypto::ShareEpoch, ServerIndex>> KeyRefresh::cheats() const {
  std::vector<std::pair<crypto::ShareEpoch, ServerIndex>> out;
  for (const auto& [complaint, upheld] : complained_) {
    const std::pair one{std::get<0>(complaint), std::get<1>(complaint)};
    if (upheld && (out.empty() || out.back() != one)) out.push_back(one);
  }
  return out;
}

// --- snapshots

void KeyRefresh::collect(PageChanges& changes, PageKey base) const {
  if (!possible()) return;
  wire::RefreshPage page;
  page.set_phase(static_cast<std::uint32_t>(phase_));
  page.set_key(key_->encoded());
  for (const auto& [dealer, deal] : deals_) *page.add_deals() = to_entry(next_epoch(), deal);
  for (const auto& [server, digest] : done_) {
    wire::RefreshDoneEntry* done = page.add_done();
    done->set_server(server);
    done->set_key_digest(digest);
  }
  for (const auto& [complaint, upheld] : complained_) {
    wire::Complained* one = page.add_complained();
    one->set_share_epoch(std::get<0>(complaint));
    one->set_dealer(std::get<1>(complaint));
    one->set_holder(std::get<2>(complaint));
    one->set_upheld(upheld);
  }
  for (const auto& [epoch, dealer] : to_retract_) {
    wire::Complained* one = page.add_to_retract();
    one->set_share_epoch(epoch);
    one->set_dealer(dealer);
  }
  page.set_waits(waits_);
  page.set_completed(completed_);
  page.set_abandoned(abandoned_);
  changes[base] = page.SerializeAsString();
  for (const auto& [epoch, steps] : transcripts_) {
    wire::TranscriptPage transcript;
    transcript.set_share_epoch(epoch);
    for (const Step& step : steps) *transcript.add_deals() = to_entry(step.epoch, step.deal);
    changes[base + 1 + static_cast<PageKey>(epoch % kKeptEpochs)] = transcript.SerializeAsString();
  }
}

// nullopt for what no deal looks like: others rely on it.
std::optional<KeyRefresh::Step> KeyRefresh::to_step(const wire::DealEntry& entry) const {
  Step step{entry.share_epoch(),
            {entry.dealer(), context(entry.share_epoch()), entry.deal(), entry.retracted()}};
  if (!renewable_->well_formed(step.deal)) return std::nullopt;
  return step;
}

bool KeyRefresh::load(const std::map<PageKey, Bytes>& pages, PageKey base) {
  if (!possible()) return true;
  const auto found = pages.find(base);
  wire::RefreshPage page;
  if (found == pages.end() || !page.ParseFromString(found->second)) return false;
  if (page.phase() > static_cast<std::uint32_t>(Phase::kChecking)) return false;
  crypto::SitePublicKeyPtr key = renewable_->decode_epoch(page.key());
  if (!key) return false;
  key_ = std::move(key);
  renewable_ = dynamic_cast<const crypto::RenewableSiteKey*>(key_.get());
  phase_ = static_cast<Phase>(page.phase());
  if (phase_ == Phase::kIdle && page.deals_size() + page.done_size() > 0) return false;
  deals_.clear();
  for (const wire::DealEntry& entry : page.deals()) {
    const auto step = to_step(entry);
    if (!step || step->epoch != next_epoch() || step->deal.retracted) return false;
    deals_[entry.dealer()] = step->deal;
  }
  done_.clear();
  for (const auto& done : page.done()) done_[done.server()] = done.key_digest();
  complained_.clear();
  for (const wire::Complained& one : page.complained()) {
    complained_[{one.share_epoch(), one.dealer(), one.holder()}] = one.upheld();
  }
  to_retract_.clear();
  for (const wire::Complained& one : page.to_retract()) {
    to_retract_.emplace(one.share_epoch(), one.dealer());
  }
  waits_ = page.waits();
  completed_ = page.completed();
  abandoned_ = page.abandoned();
  next_key_ = nullptr;
  next_digest_.clear();
  if (!load_transcripts(pages, base + 1)) return false;
  if (phase_ == Phase::kChecking) update_next_key();
  timer_change_ = false;  // the machine's timers are in its own page
  return true;
}

bool KeyRefresh::load_transcripts(const std::map<PageKey, Bytes>& pages, PageKey first) {
  transcripts_.clear();
  for (PageKey offset = 0; offset < kKeptEpochs; ++offset) {
    const auto at = pages.find(first + offset);
    if (at == pages.end()) continue;
    wire::TranscriptPage transcript;
    if (!transcript.ParseFromString(at->second)) return false;
    std::vector<Step>& steps = transcripts_[transcript.share_epoch()];
    for (const auto& entry : transcript.deals()) {
      const auto step = to_step(entry);
      if (!step) return false;
      steps.push_back(*step);
    }
  }
  return true;
}

void KeyRefresh::check_invariants() const {
  STEWARD_CHECK(phase_ != Phase::kIdle || (deals_.empty() && done_.empty()));
  STEWARD_CHECK((phase_ == Phase::kChecking) == (next_key_ != nullptr));
  STEWARD_CHECK(transcripts_.size() <= kKeptEpochs);
}

}  // namespace steward::site
