// How a server renews its share of the site's key, and what it keeps against others of its site.

#include <algorithm>

#include "replica/server_impl.h"
#include "wire/signing.h"

namespace steward::replica {
namespace {

// What the log does not show yet of a renewal is said again.
constexpr Duration kRepeatRefresh = 500ms;
// Evidence is shown again after this, then after twice as long, and so on.
constexpr Duration kShowAgain = 1s;
constexpr Duration kShowSeldom = 64s;

const char* to_string(site::KeyRefresh::Phase phase) {
  switch (phase) {
    case site::KeyRefresh::Phase::kIdle:
      return "idle";
    case site::KeyRefresh::Phase::kDealing:
      return "dealing";
    case site::KeyRefresh::Phase::kChecking:
      return "checking";
  }
  return "";
}

}  // namespace

// --- renewal

void Server::Impl::follow_refresh() {
  site::KeeperActions actions;
  keeper_.follow(machine_.key_refresh(), actions);
  for (const auto& [epoch, dealer] : machine_.key_refresh().cheats()) {
    keep_evidence(dealer, wire::OFFENCE_WRONG_DEAL, {});
  }
  apply(std::move(actions));
}

void Server::Impl::apply(site::KeeperActions actions) {
  for (site::SigningJob& job : actions.jobs) out_.jobs.push_back(std::move(job));
  for (const wire::RefreshMessage& message : actions.messages) {
    send_signed(wire::KIND_REFRESH, message, others());
    out_.sends.back().to_self = true;
  }
  if (actions.new_share) out_.new_share = std::move(actions.new_share);
  if (actions.keys) {
    site::SigningActions signing;
    signing_.set_keys(*actions.keys, signing);
    apply(std::move(signing));
  }
  if (!refresh_timer_ && keeper_.needs_tick()) {
    refresh_timer_ = true;
    set_timer(timer_id(TimerClass::kRefresh), kRepeatRefresh);
  }
}

void Server::Impl::on_refresh_timer() {
  refresh_timer_ = false;
  site::KeeperActions actions;
  keeper_.tick(machine_.key_refresh(), actions);
  apply(std::move(actions));
}

void Server::Impl::on(ServerId from, const RefreshReceived& in) {
  queue_.add_refresh(from.server, in.event);
}

// Operators tell every server of the site, so none need pass it on.
void Server::Impl::on(ConnectionId connection, const RefreshOrdered& in) {
  if (!machine_.key_refresh().possible()) {
    reject("refresh order: shares of this scheme cannot be renewed");
  } else {
    queue_.add_refresh(site::EventQueue::kOperator, in.event);
  }
  ToClient answer{connection, {}, {}};
  wire::RefreshReply* reply = answer.message.mutable_refresh_reply();
  reply->set_id(in.id);
  reply->set_share_epoch(machine_.key_refresh().key()->epoch());
  out_.to_clients.push_back(std::move(answer));
}

// --- evidence

// The first against each server is kept, or the first that can convince the others, who are shown
// it.
void Server::Impl::keep_evidence(ServerIndex server, wire::Offence offence, const Bytes& header) {
  const bool for_all = is_signed_share(server, header);
  if (convinces(server) || (!for_all && evidence_.contains(server))) return;
  wire::Evidence& evidence = evidence_[server];
  evidence.set_server(server);
  evidence.set_offence(offence);
  evidence.set_header(for_all ? header : Bytes());
  layout::put_evidence(evidence, out_.write);
  out_.sync = true;
  signing_.distrust(server);
  if (!for_all) return;
  show(evidence);
  show_after_ = kShowAgain;
  set_timer(timer_id(TimerClass::kEvidence), show_after_);
}

// Signatures of shares are not looked at while the shares are right.
bool Server::Impl::is_signed_share(ServerIndex server, const Bytes& encoded) const {
  wire::SignedHeader header;
  if (encoded.empty() || !header.ParseFromString(encoded)) return false;
  const Bytes statement =
      wire::server_statement(domain_, wire::KIND_SHARE, in_site(server), header.body());
  return keys_->signatures->verify(keys_->sites[self_.site].servers.at(server), statement,
                                   header.signature());
}

bool Server::Impl::convinces(ServerIndex server) const {
  const auto evidence = evidence_.find(server);
  return evidence != evidence_.end() && !evidence->second.header().empty();
}

// Nobody can judge a share of an epoch that is over.
void Server::Impl::show(const wire::Evidence& evidence) {
  wire::SignedHeader header;
  wire::Share share;
  const bool telling = !evidence.header().empty() && header.ParseFromString(evidence.header()) &&
                       share.ParseFromString(header.body()) &&
                       share.share_epoch() == signing_.keys()->epoch();
  if (!telling || others().empty()) return;
  send(others(), wire::KIND_ACCUSATION, header);
  out_.sends.back().promise = true;
}

// Somebody may have been down or cut off, or behind with the renewal of keys.
void Server::Impl::on_evidence_timer() {
  for (const auto& [server, evidence] : evidence_) show(evidence);
  show_after_ = std::clamp(2 * show_after_, Duration(kShowAgain), Duration(kShowSeldom));
  set_timer(timer_id(TimerClass::kEvidence), show_after_);
}

void Server::Impl::on(ServerId from, const Accusation& in) {
  const site::SigningKeysPtr& keys = signing_.keys();
  const bool needless = convinces(in.accused) || evidence_.contains(from.server);
  const bool judgeable = in.share.share_epoch() == keys->epoch() && in.accused != self_.server &&
                         (!in.share.proof().empty() || keys->key->shares_prove_themselves());
  const auto root = crypto::Digest::from(in.share.root());
  if (needless || !judgeable || !root || !judging_.insert(from.server).second) return;
  site::JudgeJob job;
  job.keys = keys;
  job.accuser = from.server;
  job.statement =
      wire::site_statement(domain_, self_.site, in.share.batch(), in.share.leaf_count(), *root);
  job.share = {in.accused, in.share.share(), in.share.proof()};
  job.header = in.header;
  out_.jobs.emplace_back(std::move(job));
}

void Server::Impl::on_judged(const site::Judged& judged) {
  judging_.erase(judged.accuser);
  if (judged.guilty) {
    keep_evidence(judged.accused, wire::OFFENCE_WRONG_SHARE, judged.header);
  } else {
    keep_evidence(judged.accuser, wire::OFFENCE_FALSE_ACCUSATION, {});
  }
}

void Server::Impl::add_key_status(wire::StatusReply& reply) const {
  const site::KeyRefresh& refresh = machine_.key_refresh();
  reply.set_site_key_scheme(refresh.key()->scheme());
  reply.set_share_epoch(refresh.key()->epoch());
  reply.set_own_share_epoch(keeper_.epoch());
  reply.set_refresh_phase(to_string(refresh.phase()));
  for (const auto& [server, evidence] : evidence_) *reply.add_evidence() = evidence;
}

}  // namespace steward::replica
