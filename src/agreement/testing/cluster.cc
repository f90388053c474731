#include "agreement/testing/cluster.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "wire/envelope.pb.h"

namespace steward::agreement {

Cluster::Cluster(const ClusterOptions& options)
    : options_(options), random_(options.seed), nodes_(options.peers) {
  for (PeerId peer = 0; peer < options_.peers; ++peer) {
    if (!options_.liars.contains(peer)) restart(peer);
  }
}

Options Cluster::core_options(PeerId self) const {
  Options options;
  options.self = self;
  options.quorums = {options_.peers, options_.faults, options_.protocol == Protocol::kPbft};
  options.window = options_.window;
  options.checkpoint_interval = options_.checkpoint_interval;
  options.view_change_timeout = options_.view_change;
  options.view_change_cap = 8 * options_.view_change;
  if (options_.view_change > 0ms) {
    options.idle_status_interval = std::clamp<Duration>(options_.view_change / 2, 100ms, 1s);
  }
  if (!options_.statuses) options.status_interval = options.idle_status_interval = 0ms;
  return options;
}

// --- time

void Cluster::schedule(PeerId node, Duration after, std::function<void()> run) {
  queue_.push({now_ + after, next_order_++, node, nodes_[node].life, std::move(run)});
}

bool Cluster::run_one() {
  if (queue_.empty()) return false;
  const Happening next = queue_.top();
  queue_.pop();
  now_ = next.at;
  if (nodes_[next.node].life == next.life) next.run();
  return true;
}

void Cluster::run_for(Duration time) {
  const Duration end = now_ + time;
  for (PeerId peer = 0; peer < options_.peers; ++peer) offer(peer);
  while (!queue_.empty() && queue_.top().at <= end) run_one();
  now_ = end;
}

bool Cluster::reached_target() const {
  return std::all_of(nodes_.begin(), nodes_.end(),
                     [&](const Node& node) { return !node.core || node.executed >= target_; });
}

bool Cluster::run_to_target(Duration limit) {
  const Duration end = now_ + limit;
  for (PeerId peer = 0; peer < options_.peers; ++peer) offer(peer);
  while (!reached_target()) {
    if (now_ > end || !run_one()) return false;
  }
  return true;
}

Duration Cluster::random_duration(Duration low, Duration high) {
  return Duration(std::uniform_int_distribution<std::int64_t>(low.count(), high.count())(random_));
}

bool Cluster::chance(double probability) {
  return std::uniform_real_distribution<>(0, 1)(random_) < probability;
}

// --- hosts

void Cluster::set_target(Sequence target) {
  target_ = target;
  for (PeerId peer = 0; peer < options_.peers; ++peer) tell_work(peer);
}

// Every host knows what is to be ordered, and tells its core.
void Cluster::tell_work(PeerId peer) {
  Node& node = nodes_[peer];
  if (!node.core || options_.view_change == 0ms) return;
  const bool expects = node.executed < target_;
  if (expects != std::exchange(node.expects_work, expects)) step(peer, WorkExpected{expects});
}

View Cluster::highest_view() const {
  View highest = 0;
  for (const Node& node : nodes_) {
    if (node.core) highest = std::max(highest, node.core->progress().view);
  }
  return highest;
}

void Cluster::offer(PeerId peer) {
  while (nodes_[peer].core && !nodes_[peer].idle && nodes_[peer].core->can_propose() &&
         nodes_[peer].core->progress().committed < target_) {
    step(peer, Propose{wire::make_batch({"batch " + std::to_string(next_batch_++)})});
  }
}

void Cluster::step(PeerId peer, Event event) {
  Actions actions;
  nodes_[peer].core->step(std::move(event), actions);
  drain(peer, std::move(actions));
}

void Cluster::drain(PeerId peer, Actions actions) {
  Node& node = nodes_[peer];
  node.core->check_invariants();
  for (Append& append : actions.appends) {
    node.disk.push_back({std::move(append.record), {}, {}});
    if (!append.lazy) node.promised = node.disk.size();
  }
  if (actions.truncate) node.disk.push_back({{}, actions.truncate, {}});
  for (Send& send : actions.sends) {
    node.held.push_back({send.promise ? node.promised : 0, std::move(send)});
  }
  for (const TimerChange& change : actions.timers) {
    const std::uint64_t generation = ++node.timers[change.timer];
    if (!change.after) continue;
    schedule(peer, *change.after, [this, peer, timer = change.timer, generation] {
      if (nodes_[peer].timers[timer] == generation) step(peer, TimerFired{timer});
    });
  }
  for (const Commit& commit : actions.commits) execute(peer, commit);
  if (actions.fetch) fetch(peer, *actions.fetch);
  if (node.promised > node.synced) sync(peer);
  release(peer);
  tell_work(peer);
  if (node.core->can_propose()) schedule(peer, 0ms, [this, peer] { offer(peer); });
}

void Cluster::sync(PeerId peer) {
  schedule(peer, random_duration(0ms, options_.max_sync),
           [this, peer, end = nodes_[peer].disk.size()] {
             nodes_[peer].synced = std::max(nodes_[peer].synced, end);
             release(peer);
           });
}

void Cluster::release(PeerId peer) {
  std::vector<HeldSend> held;
  held.swap(nodes_[peer].held);
  for (HeldSend& send : held) {
    if (send.after <= nodes_[peer].synced) {
      transmit(peer, send.send);
    } else {
      nodes_[peer].held.push_back(std::move(send));
    }
  }
}

void Cluster::execute(PeerId peer, const Commit& commit) {
  Node& node = nodes_[peer];
  const auto [known, added] = chosen_.emplace(commit.sequence, commit.batch->digest);
  EXPECT_EQ(known->second, commit.batch->digest)
      << "peer " << peer << " commits another batch at " << commit.sequence;
  // After a restart, what the durable state already covers comes again.
  if (commit.sequence <= node.executed) return;
  EXPECT_EQ(commit.sequence, node.executed + 1) << "peer " << peer << " skips";
  node.executed = commit.sequence;
  node.state = crypto::sha256_parts({node.state.view(), commit.batch->digest.view()});
  const auto [state, first] = states_.emplace(commit.sequence, node.state);
  EXPECT_EQ(state->second, node.state) << "peer " << peer << " at " << commit.sequence;
  if (node.executed % options_.checkpoint_interval == 0) checkpoint(peer);
}

void Cluster::checkpoint(PeerId peer) {
  Node& node = nodes_[peer];
  const Snapshot snapshot{node.executed, node.state};
  node.disk.push_back({{}, {}, snapshot});
  schedule(peer, random_duration(0ms, options_.max_sync),
           [this, peer, snapshot, end = node.disk.size()] {
             nodes_[peer].synced = std::max(nodes_[peer].synced, end);
             step(peer, CheckpointTaken{snapshot.sequence, snapshot.state});
           });
}

void Cluster::fetch(PeerId peer, const FetchSnapshot& fetch) {
  if (nodes_[peer].fetching) return;
  nodes_[peer].fetching = true;
  schedule(peer, random_duration(1ms, 20ms), [this, peer, fetch] {
    Node& node = nodes_[peer];
    node.fetching = false;
    const Sequence n = fetch.certificate.sequence();
    if (n <= node.executed || nodes_[fetch.from].cut || node.cut) return;
    const auto state = states_.find(n);
    ASSERT_TRUE(state != states_.end() && state->second.view() == fetch.certificate.digest());
    node.executed = n;
    node.state = state->second;
    node.disk.push_back({{}, {}, Snapshot{n, node.state}});
    node.synced = node.promised = node.disk.size();
    ++snapshots_installed_;
    step(peer, SnapshotInstalled{fetch.certificate});
  });
}

// --- crashes

std::vector<Record> Cluster::durable_records(const Node& node) {
  std::map<std::pair<Sequence, std::uint8_t>, Bytes> records;
  for (const Write& write : node.disk) {
    if (write.record) records[{write.record->sequence, write.record->kind}] = write.record->data;
    if (write.truncate) {
      records.erase(records.lower_bound({1, 0}), records.lower_bound({*write.truncate + 1, 0}));
    }
  }
  std::vector<Record> out;
  for (auto& [key, data] : records) out.push_back({key.first, key.second, data});
  return out;
}

std::optional<Cluster::Snapshot> Cluster::last_snapshot(const Node& node) {
  std::optional<Snapshot> last;
  for (const Write& write : node.disk) {
    if (write.snapshot) last = write.snapshot;
  }
  return last;
}

void Cluster::crash(PeerId peer) {
  Node& node = nodes_[peer];
  node.core.reset();
  ++node.life;
  // Some of what was not synced may have reached the disk all the same.
  const std::size_t extra = node.disk.size() - node.synced;
  node.disk.resize(node.synced + std::uniform_int_distribution<std::size_t>(0, extra)(random_));
}

void Cluster::restart(PeerId peer) {
  Node& node = nodes_[peer];
  const std::vector<Record> records = durable_records(node);
  const std::optional<Snapshot> snapshot = last_snapshot(node);
  node.held.clear();
  node.timers.clear();
  node.fetching = false;
  node.expects_work = false;
  node.synced = node.promised = node.disk.size();
  node.executed = snapshot ? snapshot->sequence : 0;
  node.state = snapshot ? snapshot->state : crypto::Digest{};
  auto core = open_core(options_.protocol, core_options(peer), records);
  ASSERT_TRUE(core.ok()) << core.error().message;
  node.core = std::move(*core);
  Actions actions;
  node.core->start(actions);
  drain(peer, std::move(actions));
  if (snapshot) step(peer, CheckpointTaken{snapshot->sequence, snapshot->state});
}

void Cluster::renew(PeerId peer) {
  Node& node = nodes_[peer];
  const Bytes saved = node.core->save();
  auto core = open_core(options_.protocol, core_options(peer), {});
  ASSERT_TRUE(core.ok() && (*core)->restore(saved));
  EXPECT_EQ((*core)->save(), saved);
  node.core = std::move(*core);
  node.core->check_invariants();
}

// --- network

Bytes Cluster::sign(PeerId from, const wire::AgreementMessage& body) {
  wire::SignedHeader header;
  header.set_server(from);
  body.SerializeToString(header.mutable_body());
  Bytes bytes = header.SerializeAsString();
  signed_.insert(bytes);
  return bytes;
}

void Cluster::transmit(PeerId from, const Send& send) {
  check_send(from, send);
  Message message{from, send.body, send.batch, {}};
  if (options_.protocol == Protocol::kPbft) message.header = sign(from, send.body);
  if (send.to) return deliver(*send.to, message, true);
  for (PeerId to = 0; to < options_.peers; ++to) deliver(to, message, to != from);
}

void Cluster::send_as(PeerId liar, PeerId to, wire::AgreementMessage body, wire::BatchPtr batch) {
  const Message message{liar, body, std::move(batch), sign(liar, body)};
  if (check_proofs(body)) deliver(to, message, true);
}

void Cluster::deliver(PeerId to, const Message& message, bool lossy) {
  if (!nodes_[to].core) return;
  if (lossy && (nodes_[to].cut || nodes_[message.from].cut)) return;
  if (lossy) ++messages_sent_;
  int copies = lossy && chance(options_.loss) ? 0 : 1;
  if (lossy && chance(options_.duplication)) ++copies;
  for (; copies > 0; --copies) {
    const Duration delay =
        lossy ? random_duration(options_.min_delay, options_.max_delay) : Duration{0};
    schedule(to, delay, [this, to, message] {
      Message said = message;
      if (unwrap(said)) step(to, TestVerifier::vouch(std::move(said)));
    });
  }
}

// --- checker

void Cluster::check_vote(PeerId from, const char* kind, View view, Sequence n,
                         const Bytes& digest) {
  const auto [known, added] = votes_.emplace(std::tuple(from, kind, view, n), digest);
  EXPECT_EQ(known->second, digest) << "peer " << from << " sends two " << kind << " for " << n;
}

void Cluster::check_send(PeerId from, const Send& send) {
  const wire::AgreementMessage& body = send.body;
  const auto vote = [&](const char* kind, const auto& ballot) {
    EXPECT_TRUE(send.promise);
    check_vote(from, kind, ballot.view(), ballot.sequence(), ballot.digest());
  };
  if (body.has_pre_prepare()) vote("PrePrepare", body.pre_prepare());
  if (body.has_prepare()) vote("Prepare", body.prepare());
  if (body.has_commit()) vote("Commit", body.commit());
  if (body.has_proposal()) vote("Proposal", body.proposal());
  if (body.has_accept()) vote("Accept", body.accept());
  if (body.has_checkpoint()) {
    check_vote(from, "Checkpoint", 0, body.checkpoint().sequence(), body.checkpoint().digest());
  }
  if (body.has_view_change()) {
    EXPECT_TRUE(send.promise);
    const wire::ViewChange& own = body.view_change();
    check_vote(from, "ViewChange", own.view(), 0, crypto::sha256(own.SerializeAsString()).str());
  }
  if (body.has_new_view()) {
    EXPECT_TRUE(send.promise);
  }
  const bool with_batch = body.has_pre_prepare() || body.has_proposal() || body.has_committed() ||
                          body.has_batch_shown();
  if (with_batch) {
    EXPECT_TRUE(send.batch);
  }
  EXPECT_TRUE(check_proofs(body)) << "peer " << from;
  if (body.has_committed()) {  // also of what is not delivered yet
    const wire::Committed& committed = body.committed();
    const auto [known, added] = certified_.emplace(committed.sequence(), committed.digest());
    EXPECT_EQ(known->second, committed.digest()) << "two certificates for " << known->first;
  }
}

bool Cluster::check_certificate(const wire::AgreementMessage& vote,
                                const google::protobuf::RepeatedPtrField<Bytes>& proofs) const {
  std::set<std::uint32_t> signers;
  for (const Bytes& proof : proofs) {
    wire::SignedHeader header;
    if (!signed_.contains(proof) || !header.ParseFromString(proof)) return false;
    if (header.body() != vote.SerializeAsString()) return false;
    signers.insert(header.server());
  }
  return signers.size() >= core_options(0).quorums.quorum();
}

// As the verifier of a server does.
bool Cluster::check_proofs(const wire::AgreementMessage& body) const {
  if (options_.protocol != Protocol::kPbft) return true;
  wire::AgreementMessage vote;
  if (body.has_committed()) {
    const wire::Committed& committed = body.committed();
    vote.mutable_commit()->set_view(committed.view());
    vote.mutable_commit()->set_sequence(committed.sequence());
    vote.mutable_commit()->set_digest(committed.digest());
    return check_certificate(vote, committed.proofs());
  }
  if (body.has_stable_checkpoint()) {
    const wire::StableCheckpoint& stable = body.stable_checkpoint();
    vote.mutable_checkpoint()->set_sequence(stable.sequence());
    vote.mutable_checkpoint()->set_digest(stable.digest());
    return check_certificate(vote, stable.proofs());
  }
  if (body.has_view_change()) return check_view_change(body.view_change());
  return true;
}

bool Cluster::check_view_change(const wire::ViewChange& body) const {
  if (body.checkpoint().sequence() > 0) {
    wire::AgreementMessage stable;
    *stable.mutable_stable_checkpoint() = body.checkpoint();
    if (!check_proofs(stable)) return false;
  }
  for (const wire::Candidate& candidate : body.candidates()) {
    const auto fill = [&](auto* vote) {
      vote->set_view(candidate.view());
      vote->set_sequence(candidate.sequence());
      vote->set_digest(candidate.digest());
    };
    const auto leader = static_cast<PeerId>(candidate.view() % options_.peers);
    std::set<std::uint32_t> signers;
    for (const Bytes& proof : candidate.proofs()) {
      wire::SignedHeader header;
      if (!signed_.contains(proof) || !header.ParseFromString(proof)) return false;
      wire::AgreementMessage vote;
      if (header.server() == leader) {
        fill(vote.mutable_pre_prepare());
      } else {
        fill(vote.mutable_prepare());
      }
      if (header.body() != vote.SerializeAsString()) return false;
      signers.insert(header.server());
    }
    const std::uint32_t quorum = core_options(0).quorums.quorum();
    if (signers.size() != quorum || !signers.contains(leader)) return false;
  }
  return true;
}

// Evidence comes as what its signer said; false when it proves nothing.
bool Cluster::unwrap(Message& message) const {
  if (!message.body.has_evidence()) return true;
  const Bytes header = message.body.evidence().header();
  wire::SignedHeader parsed;
  if (!signed_.contains(header) || !parsed.ParseFromString(header)) return false;
  message = {parsed.server(), {}, nullptr, header};
  if (!message.body.ParseFromString(parsed.body())) return false;
  const bool about_views = message.body.has_view_change() || message.body.has_new_view();
  return about_views && check_proofs(message.body);
}

}  // namespace steward::agreement
