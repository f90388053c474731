// agreement/pbft.h with a lying leader: whatever it sends, and however the other peers, timers,
// checkpoints and restarts fall in between, invariants hold, nothing committed changes, and what is
// saved can be restored.
#include <deque>

#include "agreement/testing/verifier.h"
#include "fuzz/input.h"

using namespace steward;
using namespace steward::agreement;

namespace {

constexpr PeerId kSelf = 1;
constexpr PeerId kLiar = 0;  // leads view 0
constexpr std::size_t kMaxSteps = 512;

Options options() {
  Options options;
  options.self = kSelf;
  options.quorums = {4, 1, true};
  options.checkpoint_interval = 4;
  return options;
}

class Run {
 public:
  Run() { reopen(); }

  void step(fuzz::Input& in) {
    switch (in.u8() % 8) {
      case 0:
      case 1:
        return propose(in);
      case 2:
        return lie(in);
      case 3:
        return vote(in);
      case 4:
        return deliver();
      case 5:
        return feed(TimerFired{1});
      case 6:
        return reopen();
      default:
        return save_and_restore();
    }
  }

 private:
  static crypto::Digest state_at(Sequence n) {
    return crypto::sha256("state at " + std::to_string(n));
  }

  void reopen() {
    std::vector<Record> records;
    for (const auto& [key, data] : disk_) records.push_back({key.first, key.second, data});
    auto core = open_core(Protocol::kPbft, options(), records);
    STEWARD_CHECK(core.ok());
    core_ = std::move(*core);
    waiting_.clear();
    executed_ = taken_;
    Actions actions;
    core_->start(actions);
    take(std::move(actions));
    // As a host does whose last checkpoint is durable.
    if (taken_ > core_->progress().stable) feed(CheckpointTaken{taken_, state_at(taken_)});
  }

  void feed(Event event) {
    Actions actions;
    core_->step(std::move(event), actions);
    core_->check_invariants();
    take(std::move(actions));
  }

  void take(Actions actions) {
    for (Append& append : actions.appends) {
      disk_[{append.record.sequence, append.record.kind}] = std::move(append.record.data);
    }
    if (actions.truncate) {
      disk_.erase(disk_.lower_bound({1, 0}), disk_.lower_bound({*actions.truncate + 1, 0}));
    }
    for (Send& send : actions.sends) {
      if (!send.to && waiting_.size() < kMaxSteps) waiting_.push_back(std::move(send));
    }
    std::vector<Sequence> checkpoints;
    for (const Commit& commit : actions.commits) {
      const auto [known, added] = chosen_.emplace(commit.sequence, commit.batch->digest);
      STEWARD_CHECK(known->second == commit.batch->digest);
      if (commit.sequence <= executed_) continue;  // start() repeats what a checkpoint covers
      STEWARD_CHECK(commit.sequence == executed_ + 1);
      executed_ = commit.sequence;
      if (executed_ % options().checkpoint_interval == 0) checkpoints.push_back(executed_);
    }
    for (const Sequence n : checkpoints) {
      taken_ = n;
      feed(CheckpointTaken{n, state_at(n)});
    }
  }

  void receive(PeerId from, wire::AgreementMessage body, wire::BatchPtr batch) {
    const Bytes header = std::to_string(from) + ":" + body.SerializeAsString();
    feed(TestVerifier::vouch({from, std::move(body), std::move(batch), header}));
  }

  void propose(fuzz::Input& in) {
    const Sequence n = executed_ + 1 + in.u8() % 8;
    const wire::BatchPtr batch = wire::make_batch({Bytes(1, static_cast<char>(in.u8() % 4))});
    wire::AgreementMessage body;
    body.mutable_pre_prepare()->set_sequence(n);
    body.mutable_pre_prepare()->set_digest(batch->digest.str());
    receive(kLiar, std::move(body), batch);
  }

  // A message of any content. Certificates are not in its gift: their proofs are checked before.
  void lie(fuzz::Input& in) {
    wire::AgreementMessage body;
    const BytesView bytes = in.framed();
    if (!body.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
    if (body.has_committed() || body.has_stable_checkpoint()) return;
    wire::BatchPtr batch;
    if (body.has_pre_prepare() || body.has_proposal()) {
      batch = wire::make_batch({Bytes(in.framed())});
      auto* digest = body.has_pre_prepare() ? body.mutable_pre_prepare()->mutable_digest()
                                            : body.mutable_proposal()->mutable_digest();
      *digest = batch->digest.str();
    }
    receive(kLiar, std::move(body), std::move(batch));
  }

  void vote(fuzz::Input& in) {
    const std::uint8_t kind = in.u8();
    const Sequence n = executed_ + in.u8() % 12;
    const crypto::Digest digest =
        wire::make_batch({Bytes(1, static_cast<char>(in.u8() % 4))})->digest;
    wire::AgreementMessage body;
    const auto fill = [&](auto* message) {
      message->set_sequence(n);
      message->set_digest(digest.str());
    };
    if (kind % 3 == 0) fill(body.mutable_prepare());
    if (kind % 3 == 1) fill(body.mutable_commit());
    if (kind % 3 == 2) fill(body.mutable_checkpoint());
    receive(kLiar, std::move(body), nullptr);
  }

  // The next of the core's own messages comes back to it, and the two honest peers, which have
  // received what it has, send the same.
  void deliver() {
    if (waiting_.empty()) return;
    const Send send = std::move(waiting_.front());
    waiting_.pop_front();
    receive(kSelf, send.body, send.batch);
    const bool vote =
        send.body.has_prepare() || send.body.has_commit() || send.body.has_checkpoint();
    for (const PeerId honest : {2U, 3U}) {
      if (vote) receive(honest, send.body, nullptr);
    }
  }

  void save_and_restore() {
    auto copy = open_core(Protocol::kPbft, options(), {});
    const Bytes saved = core_->save();
    STEWARD_CHECK(copy.ok() && (*copy)->restore(saved) && (*copy)->save() == saved);
    (*copy)->check_invariants();
  }

  std::unique_ptr<Core> core_;
  std::map<std::pair<Sequence, std::uint8_t>, Bytes> disk_;
  std::deque<Send> waiting_;
  std::map<Sequence, crypto::Digest> chosen_;
  Sequence executed_ = 0;
  Sequence taken_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input in(data, size);
  Run run;
  for (std::size_t steps = 0; !in.empty() && steps < kMaxSteps; ++steps) run.step(in);
  return 0;
}
