// How a server renews its share of the site's key, and what it keeps against others of its site.

#include "replica/server_impl.h"

namespace steward::replica {
namespace {

// What the log does not show yet of a renewal is said again.
constexpr Duration kRepeatRefresh = 500ms;

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
    keep_evidence(dealer, "dealt a wrong subshare when the site's key shares were renewed", {});
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

// The first against each server is kept, and shown to the others if it can convince them.
void Server::Impl::keep_evidence(ServerIndex server, const std::string& reason,
                                 const Bytes& header) {
  if (evidence_.contains(server)) return;
  wire::Evidence& evidence = evidence_[server];
  evidence.set_server(server);
  evidence.set_reason(reason);
  evidence.set_header(header);
  layout::put_evidence(evidence, out_.write);
  out_.sync = true;
  signing_.distrust(server);
  wire::SignedHeader shown;
  if (header.empty() || !shown.ParseFromString(header) || others().empty()) return;
  send(others(), wire::KIND_ACCUSATION, shown);
  out_.sends.back().promise = true;
}

void Server::Impl::on(ServerId from, const Accusation& in) {
  const site::SigningKeysPtr& keys = signing_.keys();
  const bool needless = evidence_.contains(in.accused) || evidence_.contains(from.server);
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
    keep_evidence(judged.accused, "gave a wrong share of a signature", judged.header);
  } else {
    keep_evidence(judged.accuser, "accused a server whose share was right", {});
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
