// replica/server.h, whole: a server of a site whose leader lies, in a cluster whose leader site
// lies, and its two honest neighbours, which vote as it does and give right signature shares. The
// input says what the liars and clients send, which timers fire and when the server restarts.
// Whatever comes, its invariants hold and its state is never asked to go back.
#include <deque>

#include "fuzz/hostile_peer.h"
#include "fuzz/input.h"
#include "replica/server.h"
#include "replica/testing/memory_store.h"
#include "service/kv/kv_store.h"
#include "wire/client.pb.h"

using namespace steward;
using namespace steward::replica;

namespace {

constexpr kv::HashKey kHashKey{7};
constexpr std::size_t kMaxOperations = 64;
constexpr std::size_t kMaxDeliveries = 256;  // after one operation
constexpr ServerIndex kHonest[] = {1, 3};

const fuzz::HostilePeer& liars() {
  static const fuzz::HostilePeer kLiars(LocalProtocol::kPbft, WideProtocol::kPbft);
  return kLiars;
}

class Run {
 public:
  Run() : verifier_(liars().config(), liars().keys().directory, fuzz::kSelf) { open(); }

  void operate(fuzz::Input& in) {
    const std::uint8_t what = in.u8();
    switch (what % 8) {
      case 0:
      case 1:
      case 2:
        from_server(fuzz::kLiar, liars().frame(in.framed(), false));
        break;
      case 3:
        from_server({fuzz::kLyingSite, 0}, liars().frame(in.framed(), true));
        break;
      case 4:
        from_client(liars().client_frame(in.framed()));
        break;
      case 5:
        fire(what / 8);
        break;
      case 6:
        from_server({what / 8U % 4, what / 32U % 4}, Bytes(in.framed()));
        break;
      default:
        open();
    }
    for (std::size_t left = kMaxDeliveries; left > 0 && !waiting_.empty(); --left) deliver();
    STEWARD_CHECK(server_->executed() >= executed_);
    executed_ = server_->executed();
    (void)server_->status();
  }

 private:
  // From the disk, as after a crash in which nothing written was lost.
  void open() {
    auto server = Server::open({liars().config(), fuzz::kSelf, liars().keys().directory, share_,
                                std::make_unique<kv::KvStore>(kHashKey)},
                               disk_);
    STEWARD_CHECK(server.ok());
    server_ = std::move(*server);
    waiting_.clear();
    timers_.clear();
    executed_ = 0;  // since the last snapshot is executed again
    take(server_->start());
  }

  void step(Input input) {
    Output output = server_->step(std::move(input));
    server_->check_invariants();
    take(std::move(output));
  }

  void take(Output output) {
    STEWARD_CHECK(disk_.write(output.write, output.sync).ok());
    for (const TimerChange& change : output.timers) {
      if (change.after) {
        timers_.insert(change.timer);
      } else {
        timers_.erase(change.timer);
      }
    }
    for (Outgoing& send : output.sends) waiting_.push_back(std::move(send));
    if (output.new_share) {
      const auto& key = *liars().keys().directory->sites[fuzz::kSelf.site].site;
      share_ = dynamic_cast<const crypto::RenewableSiteKey&>(key).decode_share(
          fuzz::kSelf.server, output.new_share->view());
    }
    for (const site::SigningJob& job : output.jobs) {
      Bytes entropy(24, 'e');
      append_u64(entropy, ++jobs_);
      step(SigningDone{site::run_signing_job(job, entropy)});
    }
  }

  void from_server(ServerId from, BytesView frame) {
    Work work;
    auto message = verifier_.from_server(from, frame, work);
    if (message.ok()) step(FromServer{from, std::move(*message)});
  }

  void from_client(BytesView frame) {
    Work work;
    auto message = verifier_.from_client(liars().keys().client->public_key(), frame, work);
    if (message.ok()) step(FromClient{1, std::move(*message)});
  }

  void fire(std::size_t which) {
    if (timers_.empty()) return;
    const auto timer = std::next(timers_.begin(), static_cast<long>(which % timers_.size()));
    const TimerId id = *timer;
    timers_.erase(timer);
    step(replica::TimerFired{id});
  }

  // What the server has sent reaches itself and its neighbours.
  void deliver() {
    const Outgoing sent = std::move(waiting_.front());
    waiting_.pop_front();
    const auto& signer = *liars().keys().servers.at(fuzz::kSelf);
    if (sent.to_self) {
      auto message =
          verifier_.from_self(make_frame(sent, liars().keys().domain, fuzz::kSelf, signer));
      STEWARD_CHECK(message.ok());
      step(FromServer{fuzz::kSelf, std::move(*message)});
    }
    const bool to_neighbours = std::any_of(sent.to.begin(), sent.to.end(), [](ServerId to) {
      return to.site == fuzz::kSelf.site && to.server != fuzz::kLiar.server;
    });
    if (!to_neighbours) return;
    for (const ServerIndex neighbour : kHonest) answer({fuzz::kSelf.site, neighbour}, sent);
  }

  void answer(ServerId neighbour, const Outgoing& sent) {
    wire::Envelope envelope;
    envelope.set_kind(sent.kind);
    envelope.set_body(sent.body);
    if (sent.kind == wire::KIND_AGREEMENT) {
      wire::AgreementMessage body;
      STEWARD_CHECK(body.ParseFromString(sent.body));
      if (!body.has_prepare() && !body.has_commit() && !body.has_checkpoint()) return;
    } else if (sent.kind == wire::KIND_SHARE) {
      wire::Share share;
      STEWARD_CHECK(share.ParseFromString(sent.body));
      const auto root = crypto::Digest::from(share.root());
      STEWARD_CHECK(root.has_value());
      const Bytes statement = wire::site_statement(liars().keys().domain, neighbour.site,
                                                   share.batch(), share.leaf_count(), *root);
      share.set_share(liars().keys().shares[neighbour.site][neighbour.server]->share(statement));
      share.clear_proof();
      envelope.set_body(share.SerializeAsString());
    } else if (sent.kind == wire::KIND_INTRODUCTION) {
      wire::Introduction hello;
      STEWARD_CHECK(hello.ParseFromString(sent.body));
      if (!hello.has_hello()) return;
      wire::Introduction answer;
      answer.mutable_answer()->set_nonce(hello.hello().life().nonce());
      *answer.mutable_answer()->mutable_known() = hello.hello().life();
      envelope.set_body(answer.SerializeAsString());
    } else {
      return;
    }
    from_server(neighbour, liars().signed_frame(neighbour, std::move(envelope)));
  }

  const Verifier verifier_;
  replica::testing::MemoryStore disk_;
  std::unique_ptr<Server> server_;
  std::deque<Outgoing> waiting_;
  std::set<TimerId> timers_;
  Sequence executed_ = 0;
  crypto::SiteKeySharePtr share_ = liars().keys().shares[fuzz::kSelf.site][fuzz::kSelf.server];
  std::uint64_t jobs_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input in(data, size);
  Run run;
  for (std::size_t i = 0; !in.empty() && i < kMaxOperations; ++i) run.operate(in);
  return 0;
}
