// For tests: sites of Steward cores in one thread under virtual time, with a network that delays,
// drops and cuts, disks that lose in a crash what was not synced, and hosts that execute and take
// checkpoints. Signatures are entries in a list that only the harness writes. One seed gives one
// run. It checks all the time that
//   - at each sequence all correct hosts execute the same batch, in order and without a gap, and
//     have the same state at each checkpoint,
//   - no two Proposals of one global view are for different batches at one sequence
//   (invariant 8.1),
//     and no two batches are ordered at one (8.2),
//   - no correct server votes or signs twice for one slot, nor in views below its own, crashes
//     included,
//   - each core's own invariants hold after each step.
// A violation is a gtest failure.
//
// Liars run the real core behind a mask that sees and may change all that they send; they give
// their share to every statement of their site, and see every word as soon as it is complete.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <set>
#include <vector>

#include "hierarchy/core.h"
#include "hierarchy/decode.h"
#include "hierarchy/time_outs.h"

namespace steward::hierarchy {

struct SitesOptions {
  std::uint32_t sites = 3;
  std::uint32_t servers = 4;
  std::uint32_t faults = 1;
  std::uint64_t seed = 1;
  double loss = 0;
  Duration local_delay = 1ms;  // up to twice as much
  Duration wide_delay = 20ms;  // up to a quarter more
  Duration max_sync = 2ms;
  std::uint32_t checkpoint_interval = 16;
  std::uint32_t global_window = 32;
  std::uint32_t local_window = 4;
  Duration t1 = 500ms;
  std::set<ServerId> liars;
};

class Sites {
 public:
  explicit Sites(const SitesOptions& options);
  ~Sites();

  // A client of this site asks for so many updates, one batch each; offered to the representative
  // of the leader site, wherever that is.
  void ask(std::uint32_t updates);
  // Until every correct server that is up has executed all that was asked for.
  bool run_until_done(Duration limit);
  void run_for(Duration time);

  // Its clock is far ahead.
  void expire(ServerId server, TimeOuts::Timer timer) { step(server, TimerFired{timer}); }

  void crash(ServerId server);
  void restart(ServerId server);
  void cut_site(SiteId site, bool cut) { cut_[site] = cut; }
  void cut_server(ServerId server, bool cut) { node(server).cut = cut; }
  void set_loss(double loss) { options_.loss = loss; }

  // What a liar says, for the test to change: false, and it is not sent.
  using Mask = std::function<bool(ServerId from, ServerId to, proto::ServerMessage& body,
                                  wire::BatchPtr& batch)>;
  using WordMask = std::function<bool(ServerId from, ServerId to, const SiteWord& word)>;
  void set_mask(Mask mask) { mask_ = std::move(mask); }
  void set_word_mask(WordMask mask) { word_mask_ = std::move(mask); }
  // All that was ever signed in a site and is such a message: liars know it all.
  std::vector<Bytes> signed_by(SiteId site,
                               const std::function<bool(const proto::ServerMessage&)>& such) const;
  // Words that are complete, as liars see them.
  void on_word(std::function<void(const SiteWordPtr&)> hear) { on_word_ = std::move(hear); }
  // From a liar, now.
  void send_word_as(ServerId liar, ServerId to, const SiteWordPtr& word);
  void send_as(ServerId liar, ServerId to, proto::ServerMessage body, wire::BatchPtr batch);

  Core& core(ServerId server) { return *node(server).core; }
  bool up(ServerId server) { return node(server).core != nullptr; }
  bool correct(ServerId server) const { return !options_.liars.contains(server); }
  Sequence executed(ServerId server) { return node(server).executed; }
  Duration now() const { return now_; }
  std::uint64_t wide_words(const std::string& type) const;
  std::vector<ServerId> servers() const;
  std::mt19937_64& random() { return random_; }
  // Where all stand, for people.
  std::string standings();

 private:
  struct Write {
    std::optional<agreement::Record> record;
    std::optional<Sequence> truncate;
    std::optional<std::pair<Sequence, crypto::Digest>> snapshot;
  };
  struct Held {
    std::size_t after = 0;
    std::function<void()> run;
  };
  struct Node {
    std::unique_ptr<Core> core;
    std::vector<Write> disk;
    std::size_t synced = 0;
    std::vector<Held> held;
    Sequence executed = 0;
    crypto::Digest state;
    std::map<TimerId, std::uint64_t> timers;
    std::uint64_t life = 0;
    bool cut = false;
    bool expects_work = false;
    ViewPair reached;
    ViewPair offered_in;
    std::set<Bytes> offered;  // in those views
  };
  struct Statement {
    std::set<ServerIndex> signers;
    std::set<ServerIndex> wanting;
    SiteWordPtr word;
  };
  struct Happening {
    Duration at;
    std::uint64_t order;
    ServerId node;
    std::uint64_t life;
    std::function<void()> run;
    bool operator<(const Happening& other) const {
      return at != other.at ? at > other.at : order > other.order;
    }
  };
  class Registry;

  Node& node(ServerId server) { return nodes_.at(server); }
  Options core_options(ServerId self) const;
  void schedule(ServerId node, Duration after, std::function<void()> run);
  bool run_one();
  bool done();
  void step(ServerId server, Event event);
  void drain(ServerId server, Actions actions);
  void sync(ServerId server);
  void execute(ServerId server, const agreement::Commit& commit);
  void offer(ServerId server);
  void tell_work(ServerId server);
  void transmit(ServerId from, ServerId to, proto::ServerMessage body, wire::BatchPtr batch);
  void transmit_word(ServerId from, ServerId to, const SiteWordPtr& word);
  void deliver(ServerId from, ServerId to, const wire::SignedHeader& header, const Bytes& batch);
  void hear(ServerId from, ServerId to, const SiteWordPtr& word);
  bool carries(ServerId from, ServerId to);
  Duration delay(ServerId from, ServerId to);
  void sign(ServerId server, const Sign& sign);
  void give_share(ServerId server, const Bytes& key);
  void complete(SiteId site, const Bytes& key, Statement& statement);
  void check_word(const SiteWord& word);
  void check_vote(ServerId server, const proto::ServerMessage& body);
  void check_share(ServerId server, const proto::SiteMessage& body);
  void check_slot(ServerId server, const std::string& slot, const Bytes& said);

  SitesOptions options_;
  Shape shape_;
  std::mt19937_64 random_;
  std::map<ServerId, Node> nodes_;
  std::map<SiteId, bool> cut_;
  std::priority_queue<Happening> queue_;
  Duration now_{0};
  std::uint64_t next_order_ = 0;
  std::uint32_t asked_ = 0;
  std::set<Bytes> waiting_;  // asked for, not executed anywhere
  std::unique_ptr<Registry> registry_;
  std::map<std::pair<SiteId, Bytes>, Statement> statements_;
  Mask mask_;
  WordMask word_mask_;
  std::function<void(const SiteWordPtr&)> on_word_;
  std::map<std::string, std::uint64_t> wide_words_;

  // What the checker knows.
  std::map<Sequence, crypto::Digest> chosen_;
  std::map<Sequence, crypto::Digest> states_;
  std::map<std::pair<View, Sequence>, Bytes> proposals_;
  std::map<std::pair<ServerId, std::string>, Bytes> slots_;
};

}  // namespace steward::hierarchy
