#include "hierarchy/testing/sites.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "wire/site.pb.h"

namespace steward {

struct TestVerifier {
  static hierarchy::Received vouch(std::shared_ptr<const hierarchy::Message> message) {
    return {{std::move(message), wire::Voucher()}};
  }
  static hierarchy::Heard vouch(ServerId from, hierarchy::SiteWordPtr word) {
    return {from, {std::move(word), wire::Voucher()}};
  }
};

}  // namespace steward

namespace steward::hierarchy {
namespace {

Bytes bytes_of(const wire::SignedHeader& header) { return header.SerializeAsString(); }

Bytes without_attachment(const wire::SiteData& data) {
  wire::SiteData plain = data;
  plain.mutable_leaves(0)->clear_attachment();
  return plain.SerializeAsString();
}

}  // namespace

// What was really signed.
class Sites::Registry : public Signatures {
 public:
  Status check_header(const wire::SignedHeader& header) const override {
    return headers.contains(bytes_of(header)) ? Status() : bad_input("not signed");
  }
  Status check_site(const wire::SiteData& data) const override {
    return words.contains(without_attachment(data)) ? Status() : bad_input("not signed");
  }
  Status check_item(BytesView item) const override {
    return items.contains(Bytes(item)) ? Status() : bad_input("not signed");
  }
  std::set<Bytes> headers;
  std::set<Bytes> words;
  std::set<Bytes> items;
};

Sites::Sites(const SitesOptions& options)
    : options_(options), random_(options.seed), registry_(std::make_unique<Registry>()) {
  shape_.global_window = options.global_window;
  shape_.sites.assign(options.sites, Quorums{options.servers, options.faults, true});
  for (const ServerId server : servers()) nodes_[server];
  for (const ServerId server : servers()) restart(server);
}

Sites::~Sites() = default;

std::vector<ServerId> Sites::servers() const {
  std::vector<ServerId> all;
  for (SiteId site = 0; site < options_.sites; ++site) {
    for (ServerIndex server = 0; server < options_.servers; ++server) all.push_back({site, server});
  }
  return all;
}

Options Sites::core_options(ServerId self) const {
  Options options;
  options.self = self;
  options.sites = shape_.sites;
  options.local_window = options_.local_window;
  options.global_window = options_.global_window;
  options.checkpoint_interval = options_.checkpoint_interval;
  options.t1 = options_.t1;
  return options;
}

// --- time

void Sites::schedule(ServerId server, Duration after, std::function<void()> run) {
  queue_.push({now_ + after, next_order_++, server, node(server).life, std::move(run)});
}

bool Sites::run_one() {
  if (queue_.empty()) return false;
  const Happening next = queue_.top();
  queue_.pop();
  now_ = next.at;
  if (node(next.node).life == next.life && node(next.node).core) next.run();
  return true;
}

void Sites::run_for(Duration time) {
  const Duration end = now_ + time;
  while (!queue_.empty() && queue_.top().at <= end) run_one();
  now_ = end;
}

bool Sites::run_until_done(Duration limit) {
  const Duration end = now_ + limit;
  while (!done()) {
    if (queue_.empty() || queue_.top().at > end || ::testing::Test::HasFailure()) return false;
    run_one();
  }
  return true;
}

bool Sites::done() {
  if (!waiting_.empty()) return false;
  Sequence highest = 0;
  for (const auto& [server, one] : nodes_) {
    if (correct(server)) highest = std::max(highest, one.executed);
  }
  return std::all_of(nodes_.begin(), nodes_.end(), [&](const auto& entry) {
    const Node& one = entry.second;
    return !one.core || one.cut || cut_[entry.first.site] || !correct(entry.first) ||
           one.executed == highest;
  });
}

// --- hosts

void Sites::ask(std::uint32_t updates) {
  for (std::uint32_t i = 0; i < updates; ++i) {
    Bytes item = "update " + std::to_string(asked_++);
    registry_->items.insert(item);
    waiting_.insert(std::move(item));
  }
  for (const ServerId server : servers()) {
    if (!up(server)) continue;
    tell_work(server);
    offer(server);
  }
}

void Sites::tell_work(ServerId server) {
  Node& one = node(server);
  const bool expected = !waiting_.empty();
  if (!one.core || one.expects_work == expected) return;
  one.expects_work = expected;
  step(server, WorkExpected{expected});
}

// Whoever may propose proposes what waits, each once in its views. Nothing else keeps an update
// from being ordered twice: for these cores that is no matter.
void Sites::offer(ServerId server) {
  Node& one = node(server);
  if (!one.core) return;
  const ViewPair view = one.core->progress().view;
  if (std::exchange(one.offered_in, view) != view) one.offered.clear();
  const std::vector<Bytes> items(waiting_.begin(), waiting_.end());
  for (const Bytes& item : items) {
    if (!one.core->can_propose()) return;
    if (one.offered.insert(item).second) step(server, Propose{wire::make_batch({item})});
  }
}

void Sites::execute(ServerId server, const agreement::Commit& commit) {
  Node& one = node(server);
  if (correct(server)) {
    EXPECT_EQ(commit.sequence, one.executed + 1) << to_string(server);
    const auto [at, fresh] = chosen_.emplace(commit.sequence, commit.batch->digest);
    EXPECT_TRUE(fresh || at->second == commit.batch->digest)
        << to_string(server) << " executes another batch at " << commit.sequence;
  }
  one.executed = commit.sequence;
  one.state = crypto::sha256_parts({one.state.view(), commit.batch->digest.view()});
  if (correct(server)) {
    const auto [at, fresh] = states_.emplace(commit.sequence, one.state);
    EXPECT_TRUE(fresh || at->second == one.state);
  }
  bool news = false;
  for (const Bytes& item : commit.batch->items) news = waiting_.erase(item) > 0 || news;
  if (commit.sequence % options_.checkpoint_interval == 0) {
    one.disk.push_back({std::nullopt, std::nullopt, std::pair{commit.sequence, one.state}});
    const Sequence sequence = commit.sequence;
    const crypto::Digest state = one.state;
    one.held.push_back({one.disk.size(), [this, server, sequence, state] {
                          step(server, CheckpointTaken{sequence, state});
                        }});
  }
  // Every server executes it, so for each it is news once.
  if (!commit.batch->items.empty()) {
    schedule(server, 0ms, [this, server] { step(server, Progressed{}); });
  }
  if (!news) return;
  for (const ServerId other : servers()) {
    schedule(other, 0ms, [this, other] { tell_work(other); });
  }
}

void Sites::step(ServerId server, Event event) {
  Node& one = node(server);
  Actions actions;
  one.core->step(std::move(event), actions);
  one.core->check_invariants();
  drain(server, std::move(actions));
}

void Sites::drain(ServerId server, Actions actions) {
  Node& one = node(server);
  const ViewPair view = one.core->progress().view;
  EXPECT_GE(view, one.reached) << to_string(server) << " goes back";
  for (agreement::Append& append : actions.appends) {
    one.disk.push_back({std::move(append.record), std::nullopt, std::nullopt});
  }
  if (actions.truncate) one.disk.push_back({std::nullopt, actions.truncate, std::nullopt});
  const auto hold = [&](std::function<void()> run) {
    one.held.push_back({one.disk.size(), std::move(run)});
  };
  for (Send& send : actions.sends) {
    const auto say = [this, server, send] {
      check_vote(server, send.body);
      for (const ServerId to : send.to) transmit(server, to, send.body, send.batch);
    };
    send.promise ? hold(say) : say();
  }
  for (const Sign& one_sign : actions.signs) {
    hold([this, server, one_sign] { sign(server, one_sign); });
  }
  for (const SendWord& word : actions.words) {
    for (const ServerId to : word.to) transmit_word(server, to, word.word);
  }
  for (const agreement::TimerChange& change : actions.timers) {
    const std::uint64_t generation = ++one.timers[change.timer];
    if (!change.after) continue;
    schedule(server, *change.after, [this, server, generation, timer = change.timer] {
      if (node(server).timers[timer] == generation) step(server, TimerFired{timer});
    });
  }
  for (const agreement::Commit& commit : actions.commits) execute(server, commit);
  if (actions.fetch) {
    // Another correct server's state, in no time.
    const SiteWordPtr word = actions.fetch->checkpoint;
    schedule(server, options_.wide_delay, [this, server, word] {
      Node& node = this->node(server);
      const Sequence sequence = word->body.site_checkpoint().sequence();
      if (sequence <= node.executed) return;
      EXPECT_EQ(states_.at(sequence).view(), word->body.site_checkpoint().digest());
      node.executed = sequence;
      node.state = states_.at(sequence);
      node.disk.push_back({std::nullopt, std::nullopt, std::pair{sequence, node.state}});
      step(server, SnapshotInstalled{word});
    });
  }
  if (one.disk.size() > one.synced || !one.held.empty()) {
    const auto most = static_cast<std::uint64_t>(options_.max_sync.count());
    schedule(server, Duration(random_() % (most + 1)), [this, server] { sync(server); });
  }
  if (one.core->can_propose() && !waiting_.empty()) {
    schedule(server, 0ms, [this, server] { offer(server); });
  }
}

void Sites::sync(ServerId server) {
  Node& one = node(server);
  one.synced = one.disk.size();
  one.reached = one.core->progress().view;
  for (Held& held : std::exchange(one.held, {})) held.run();
}

void Sites::crash(ServerId server) {
  Node& one = node(server);
  one.core.reset();
  ++one.life;
  one.held.clear();
  one.timers.clear();
  one.offered.clear();
  one.disk.resize(one.synced + random_() % (one.disk.size() - one.synced + 1));
  one.synced = one.disk.size();
}

void Sites::restart(ServerId server) {
  Node& one = node(server);
  std::map<std::pair<Sequence, std::uint8_t>, agreement::Record> records;
  one.executed = 0;
  one.state = {};
  for (const Write& write : one.disk) {
    if (write.record) records[{write.record->sequence, write.record->kind}] = *write.record;
    if (write.truncate) {
      std::erase_if(records, [&](const auto& entry) {
        return entry.first.first > 0 && entry.first.first <= *write.truncate;
      });
    }
    if (write.snapshot) std::tie(one.executed, one.state) = *write.snapshot;
  }
  std::vector<agreement::Record> list;
  for (auto& [key, record] : records) list.push_back(record);
  auto core = open_core(core_options(server), list, one.executed);
  ASSERT_TRUE(core) << to_string(server) << ": " << core.error().message;
  one.core = std::move(*core);
  one.expects_work = false;
  one.reached = std::max(one.reached, ViewPair{});
  Actions actions;
  one.core->start(actions);
  drain(server, std::move(actions));
  tell_work(server);
}

// --- the network

bool Sites::carries(ServerId from, ServerId to) {
  if (node(from).cut || node(to).cut) return from == to;
  if (from.site != to.site && (cut_[from.site] || cut_[to.site])) return false;
  if (from == to) return true;
  return std::uniform_real_distribution<>(0, 1)(random_) >= options_.loss;
}

Duration Sites::delay(ServerId from, ServerId to) {
  if (from == to) return 0ms;
  const Duration least = from.site == to.site ? options_.local_delay : options_.wide_delay;
  const auto spread =
      static_cast<std::uint64_t>(from.site == to.site ? least.count() : least.count() / 4);
  return least + Duration(random_() % (spread + 1));
}

void Sites::transmit(ServerId from, ServerId to, proto::ServerMessage body, wire::BatchPtr batch) {
  if (!correct(from) && from != to && mask_ && !mask_(from, to, body, batch)) return;
  wire::SignedHeader header;
  header.set_site(from.site);
  header.set_server(from.server);
  header.set_body(body.SerializeAsString());
  if (is_signed(body)) {
    header.set_signature("signed");
    registry_->headers.insert(bytes_of(header));
  }
  if (!carries(from, to)) return;
  Bytes attachment = batch ? batch->encoded : Bytes();
  schedule(to, delay(from, to), [this, from, to, header, attachment = std::move(attachment)] {
    deliver(from, to, header, attachment);
  });
}

void Sites::deliver(ServerId from, ServerId to, const wire::SignedHeader& header,
                    const Bytes& batch) {
  Shape shape = shape_;
  shape.self = to.site;
  auto message = decode_message(shape, *registry_, from, header, batch, from == to);
  if (!message) {
    EXPECT_FALSE(correct(from)) << to_string(from) << ": " << message.error().message;
    return;
  }
  step(to, TestVerifier::vouch(std::move(*message)));
}

void Sites::transmit_word(ServerId from, ServerId to, const SiteWordPtr& word) {
  if (!correct(from) && word_mask_ && !word_mask_(from, to, *word)) return;
  if (from.site != to.site) {
    const proto::SiteMessage& body = word->body;
    if (body.has_proposal()) ++wide_words_["proposal"];
    if (body.has_accept()) ++wide_words_["accept"];
  }
  if (carries(from, to)) schedule(to, delay(from, to), [=, this] { hear(from, to, word); });
}

void Sites::hear(ServerId from, ServerId to, const SiteWordPtr& word) {
  step(to, TestVerifier::vouch(from, word));
}

std::vector<Bytes> Sites::signed_by(
    SiteId site, const std::function<bool(const proto::ServerMessage&)>& such) const {
  std::vector<Bytes> found;
  for (const Bytes& encoded : registry_->headers) {
    wire::SignedHeader header;
    proto::ServerMessage body;
    if (!header.ParseFromString(encoded) || header.site() != site) continue;
    if (body.ParseFromString(header.body()) && such(body)) found.push_back(encoded);
  }
  return found;
}

void Sites::send_word_as(ServerId liar, ServerId to, const SiteWordPtr& word) {
  if (carries(liar, to)) schedule(to, delay(liar, to), [=, this] { hear(liar, to, word); });
}

void Sites::send_as(ServerId liar, ServerId to, proto::ServerMessage body, wire::BatchPtr batch) {
  const Mask mask = std::exchange(mask_, {});
  transmit(liar, to, std::move(body), std::move(batch));
  mask_ = mask;
}

std::uint64_t Sites::wide_words(const std::string& type) const {
  const auto at = wide_words_.find(type);
  return at == wide_words_.end() ? 0 : at->second;
}

// --- THRESHOLD-SIGN

void Sites::sign(ServerId server, const Sign& sign) {
  check_share(server, sign.body);
  const Bytes key = sign.body.SerializeAsString();
  Statement& statement = statements_[{server.site, key}];
  if (!statement.word) {
    auto word = std::make_shared<SiteWord>();
    word->site = server.site;
    word->body = sign.body;
    word->batch = sign.batch;
    wire::SiteData data;
    data.set_site(server.site);
    wire::Leaf* leaf = data.add_leaves();
    leaf->set_type(wire::LEAF_HIERARCHY);
    leaf->set_destination(kEverySite);
    leaf->set_body(key);
    word->certificate = data.SerializeAsString();
    statement.word = word;
  }
  if (sign.wanted) statement.wanting.insert(server.server);
  schedule(server, delay(server, {server.site, server.server + 1}),
           [this, server, key] { give_share(server, key); });
}

void Sites::give_share(ServerId server, const Bytes& key) {
  Statement& statement = statements_.at({server.site, key});
  statement.signers.insert(server.server);
  for (const ServerId liar : options_.liars) {
    if (liar.site == server.site && up(liar)) statement.signers.insert(liar.server);
  }
  const Quorums& site = shape_.sites[server.site];
  if (statement.signers.size() >= site.quorum()) complete(server.site, key, statement);
}

void Sites::complete(SiteId site, const Bytes&, Statement& statement) {
  const SiteWordPtr word = statement.word;
  if (registry_->words.insert(word->certificate).second) {
    check_word(*word);
    if (on_word_) on_word_(word);
  }
  for (const ServerIndex server : std::exchange(statement.wanting, {})) {
    const ServerId to{site, server};
    if (up(to)) schedule(to, options_.local_delay, [=, this] { hear(to, to, word); });
  }
}

// --- the checker

void Sites::check_word(const SiteWord& word) {
  if (!word.body.has_proposal()) return;
  const proto::Proposal& said = word.body.proposal();
  const auto [at, fresh] =
      proposals_.emplace(std::pair{said.global_view(), said.sequence()}, said.digest());
  EXPECT_TRUE(fresh || at->second == said.digest())
      << "two proposals at " << said.sequence() << " in global view " << said.global_view();
}

void Sites::check_slot(ServerId server, const std::string& slot, const Bytes& said) {
  const auto [at, fresh] = slots_.emplace(std::pair{server, slot}, said);
  EXPECT_TRUE(fresh || at->second == said) << to_string(server) << " contradicts itself: " << slot;
}

void Sites::check_vote(ServerId server, const proto::ServerMessage& body) {
  if (!correct(server)) return;
  const auto check = [&](const char* kind, const auto& vote) {
    check_slot(server,
               kind + std::to_string(vote.global_view()) + "/" + std::to_string(vote.local_view()) +
                   "/" + std::to_string(vote.sequence()),
               vote.digest());
  };
  if (body.has_pre_prepare()) check("vote ", body.pre_prepare());
  if (body.has_prepare()) check("vote ", body.prepare());
}

void Sites::check_share(ServerId server, const proto::SiteMessage& body) {
  if (!correct(server)) return;
  const auto slot = [](const char* kind, auto... numbers) {
    std::string name = kind;
    ((name += " " + std::to_string(numbers)), ...);
    return name;
  };
  const Bytes said = body.SerializeAsString();
  if (body.has_proposal()) {
    const proto::Proposal& one = body.proposal();
    check_slot(server, slot("proposal", one.global_view(), one.local_view(), one.sequence()), said);
  } else if (body.has_accept()) {
    check_slot(server, slot("accept", body.accept().global_view(), body.accept().sequence()), said);
  } else if (body.has_aru_message()) {
    const proto::AruMessage& one = body.aru_message();
    check_slot(server, slot("aru", one.global_view(), one.local_view()), said);
  } else if (body.has_global_constraint()) {
    const proto::GlobalConstraint& one = body.global_constraint();
    check_slot(server, slot("constraint", one.global_view(), one.local_view()), said);
  } else if (body.has_site_checkpoint()) {
    check_slot(server, slot("checkpoint", body.site_checkpoint().sequence()), said);
  }
}

std::string Sites::standings() {
  std::ostringstream out;
  for (const ServerId server : servers()) {
    Node& one = node(server);
    out << "\n" << to_string(server);
    if (!one.core) {
      out << " down";
      continue;
    }
    const Progress at = one.core->progress();
    out << " global " << at.view.global << (at.global_installed ? "" : "?") << " local "
        << at.view.local << (at.local_installed ? "" : "?")
        << (at.constrained ? " constrained" : "") << " aru " << at.aru << " executed "
        << one.executed << " stable " << at.stable;
    for (const auto& [reason, times] : one.core->rejections()) {
      out << " [" << reason << ": " << times << "]";
    }
  }
  return out.str();
}

}  // namespace steward::hierarchy
