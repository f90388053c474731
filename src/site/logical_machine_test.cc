#include "site/logical_machine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "site/testing/sites.h"

namespace steward::site {
namespace {

using PageMap = std::map<PageKey, Bytes>;
constexpr LmTimerId kStatusTimer = 1ULL << 32 | 1;
constexpr LmTimerId kProgressTimer = 1ULL << 32 | 2;
constexpr LmTimerId kPendingTimer = 6ULL << 32;
constexpr LmTimerId kAckTimer = 2ULL << 32;
constexpr LmTimerId kLinkTimer = 3ULL << 32;

void update_pages(PageMap& pages, const PageChanges& changes) {
  for (const auto& [key, content] : changes) {
    if (content) {
      pages[key] = *content;
    } else {
      pages.erase(key);
    }
  }
}

// Everything a step asks for, to be compared between copies.
std::string describe(const LmOutputs& out) {
  std::string text;
  if (out.signing) {
    text += "sign " + std::to_string(out.signing->batch) + "/" +
            std::to_string(out.signing->leaf_count) + " " + out.signing->root.hex();
  }
  for (const LmTimerArm& arm : out.timers) {
    text += " timer " + std::to_string(arm.timer) + ":" + std::to_string(arm.generation) +
            (arm.after ? "+" + std::to_string(arm.after->count()) : " off");
  }
  for (const SiteId site : out.changed_links) text += " changed " + std::to_string(site);
  for (const UpdateKey& key : out.updates) text += " update " + std::to_string(key.session);
  for (const auto& [timer, generation] : out.timeouts) {
    text += " timeout " + std::to_string(timer) + ":" + std::to_string(generation);
  }
  for (const SiteId site : out.heard_from) text += " heard " + std::to_string(site);
  return text;
}

// One copy of a site's machine with its application and its snapshot.
struct Copy {
  Copy(const ClusterConfig& config, const wire::Domain& domain, SiteId self)
      : machine(std::make_unique<LogicalMachine>(config, domain, self, nullptr, application)) {}
  Copy(const Copy&) = delete;

  LmOutputs execute(const std::vector<Bytes>& items) {
    LmOutputs out;
    machine->execute(machine->executed() + 1, *wire::make_batch(items), out);
    machine->check_invariants();
    return out;
  }
  void collect() {
    PageChanges changes;
    machine->collect(changes);
    update_pages(pages, changes);
  }

  testing::RecordingApplication application;
  std::unique_ptr<LogicalMachine> machine;
  PageMap pages;
};

std::uint64_t rejected(const LogicalMachine& machine, const std::string& reason) {
  const auto found = machine.rejections().find(reason);
  return found == machine.rejections().end() ? 0 : found->second;
}

// All sites, each in two copies that have to stay equal.
class Sites {
 public:
  Sites(std::uint32_t sites, WideProtocol wide, ClusterConfig changed = {})
      : config(changed.sites.empty() ? testing::cluster(sites, 4, LocalProtocol::kPbft, wide)
                                     : std::move(changed)),
        keys(testing::make_keys(config)) {
    for (SiteId site = 0; site < config.sites.size(); ++site) {
      first_.push_back(std::make_unique<Copy>(config, keys.domain, site));
      second_.push_back(std::make_unique<Copy>(config, keys.domain, site));
    }
  }

  LmOutputs execute(SiteId site, const std::vector<Bytes>& items) {
    LmOutputs out = first_[site]->execute(items);
    const LmOutputs other = second_[site]->execute(items);
    EXPECT_EQ(describe(out), describe(other));
    return out;
  }
  // Both snapshots are equal, and nothing depends on how often one was taken.
  void compare(SiteId site) {
    first_[site]->collect();
    second_[site]->collect();
    EXPECT_EQ(first_[site]->pages, second_[site]->pages) << "site " << site;
  }
  // Puts a machine made from the snapshot in the place of the second copy.
  void renew(SiteId site) {
    compare(site);
    Copy& copy = *second_[site];
    copy.machine =
        std::make_unique<LogicalMachine>(config, keys.domain, site, nullptr, copy.application);
    ASSERT_TRUE(copy.machine->load(copy.pages));
    PageChanges changes;
    copy.machine->collect(changes);
    PageMap again = copy.pages;
    update_pages(again, changes);
    EXPECT_EQ(again, copy.pages);
  }

  std::vector<wire::SiteData> from_to(SiteId from, SiteId to) const {
    return testing::outgoing(*first_[from]->machine, keys, from, to);
  }
  std::vector<Bytes> events_from_to(SiteId from, SiteId to) const {
    std::vector<Bytes> events;
    for (const wire::SiteData& data : from_to(from, to)) events.push_back(testing::event(data));
    return events;
  }
  // Everything on its way arrives, until nothing new is said and all follow one leader site.
  void settle() {
    deliver();
    for (int times = 0; times < 40 && !agree(); ++times) {
      expire_wide_timers();
      deliver();
    }
    EXPECT_TRUE(agree());
    expire_wide_timers(kStatusTimer);
    deliver();
  }
  // A quorum is in one view, and all have executed the same. One that left its view alone waits.
  bool agree() {
    std::map<View, std::uint32_t> installed;
    for (SiteId site = 0; site < size(); ++site) {
      const agreement::Progress wide = machine(site).wide();
      if (!wide.changing) ++installed[wide.view];
      if (application(site).executed() != application(0).executed()) return false;
    }
    return std::any_of(installed.begin(), installed.end(), [this](const auto& entry) {
      return entry.second >= config.quorums().quorum();
    });
  }
  void expire(SiteId site, LmTimerId timer) {
    for (const LmTimerArm& arm : machine(site).armed_timers()) {
      if (arm.timer != timer) continue;
      execute(site, {testing::event_of_timeout(arm.timer, arm.generation)});
    }
  }
  void expire_wide_timers(LmTimerId only = 0) {
    for (SiteId site = 0; site < size(); ++site) {
      std::vector<Bytes> items;
      for (const LmTimerArm& arm : machine(site).armed_timers()) {
        const bool wide = arm.timer >> 32 == kStatusTimer >> 32;
        if (!wide || (only != 0 && arm.timer != only)) continue;
        items.push_back(testing::event_of_timeout(arm.timer, arm.generation));
      }
      execute(site, items);
    }
  }
  void deliver() {
    for (int round = 0; round < 12; ++round) {
      for (SiteId to = 0; to < size(); ++to) {
        std::vector<Bytes> items;
        for (SiteId from = 0; from < size(); ++from) {
          if (from == to) continue;
          for (Bytes& item : events_from_to(from, to)) items.push_back(std::move(item));
        }
        for (const LmTimerArm& arm : machine(to).armed_timers()) {
          if (arm.timer == kAckTimer) {
            items.push_back(testing::event_of_timeout(arm.timer, arm.generation));
          }
        }
        execute(to, items);
      }
    }
  }
  Bytes update(std::uint64_t session) const {
    return testing::signed_update(keys, *keys.client, session, 1, "payload");
  }
  LogicalMachine& machine(SiteId site) { return *first_[site]->machine; }
  const testing::RecordingApplication& application(SiteId site) const {
    return first_[site]->application;
  }
  const testing::RecordingApplication& second_application(SiteId site) const {
    return second_[site]->application;
  }
  std::set<Bytes> waiting(SiteId site) const {
    const std::vector<Bytes> all = first_[site]->machine->pending_updates().waiting();
    return {all.begin(), all.end()};
  }
  SiteId size() const { return static_cast<SiteId>(first_.size()); }

  const ClusterConfig config;
  const testing::Keys keys;

 private:
  std::vector<std::unique_ptr<Copy>> first_;
  std::vector<std::unique_ptr<Copy>> second_;
};

class BothProtocols : public ::testing::TestWithParam<WideProtocol> {
 protected:
  std::uint32_t sites() const { return GetParam() == WideProtocol::kPbft ? 4 : 3; }
};
INSTANTIATE_TEST_SUITE_P(Wide, BothProtocols,
                         ::testing::Values(WideProtocol::kPaxos, WideProtocol::kPbft),
                         [](const auto& wide) {
                           return wide.param == WideProtocol::kPbft ? "pbft" : "paxos";
                         });

TEST_P(BothProtocols, UpdatesAreExecutedEverywhereInOneOrder) {
  Sites sites(this->sites(), GetParam());
  std::vector<Bytes> items;
  for (std::uint64_t session = 1; session <= 5; ++session) {
    items.push_back(testing::event_of_update(sites.update(session)));
  }
  sites.execute(0, items);
  sites.settle();
  for (SiteId site = 0; site < sites.size(); ++site) {
    EXPECT_EQ(sites.application(site).updates().size(), 5U) << site;
    EXPECT_EQ(sites.application(site).executed(), sites.application(0).executed());
    for (const auto& [other, link] : sites.machine(site).links()) {
      EXPECT_TRUE(link.unacknowledged().empty()) << site << " to " << other;
      EXPECT_EQ(link.queued_bytes(), 0U);
    }
  }
}

// Equal events, equal machine: with duplicates, gaps, stale time-outs, garbage, and one copy that
// is put together again from its snapshot now and then.
TEST_P(BothProtocols, CopiesOfASiteStayEqualThroughAnyHistory) {
  for (std::uint32_t seed = 1; seed <= 6; ++seed) {
    std::mt19937 random(seed);
    Sites sites(this->sites(), GetParam());
    std::uint64_t session = 0;
    for (int step = 0; step < 250; ++step) {
      const auto to = static_cast<SiteId>(random() % sites.size());
      std::vector<Bytes> items;
      for (std::uint32_t left = random() % 4; left > 0; --left) {
        items.push_back(testing::event_of_update(sites.update(++session)));
      }
      if (session > 0 && random() % 4 == 0) {
        items.push_back(testing::event_of_update(sites.update(random() % session + 1)));
      }
      const auto from = static_cast<SiteId>(random() % sites.size());
      if (from != to) {
        for (Bytes& item : sites.events_from_to(from, to)) {
          if (random() % 5 == 0) continue;  // a gap follows
          if (random() % 5 == 0) items.push_back(item);
          items.push_back(std::move(item));
        }
      }
      for (const LmTimerArm& arm : sites.machine(to).armed_timers()) {
        if (random() % 6 == 0) {
          items.push_back(testing::event_of_timeout(arm.timer, arm.generation - random() % 2));
        }
      }
      if (random() % 20 == 0) items.push_back("garbage");
      sites.execute(to, items);
      if (random() % 8 == 0) sites.compare(to);
      if (random() % 16 == 0) sites.renew(to);
    }
    sites.settle();
    // Not in how many batches: while sites change views updates gather; and some come twice.
    const std::vector<Bytes>& updates = sites.application(0).updates();
    std::set<Bytes> known(updates.begin(), updates.end());
    EXPECT_GT(known.size(), session * 9 / 10) << seed;
    for (SiteId site = 0; site < sites.size(); ++site) known.merge(sites.waiting(site));
    EXPECT_EQ(known.size(), session) << "neither executed nor waiting, seed " << seed;
    for (SiteId site = 0; site < sites.size(); ++site) {
      sites.compare(site);
      EXPECT_EQ(sites.application(site).executed(), sites.application(0).executed());
      EXPECT_EQ(sites.second_application(site).executed(), sites.application(0).executed());
    }
  }
}

// An update that is ordered where another site leads is late: all sites are told, expect work, and
// change the leader site when their time-outs run out; the next one proposes it.
TEST_P(BothProtocols, ALateUpdateIsToldToAllAndProposedByTheNextLeaderSite) {
  Sites sites(this->sites(), GetParam());
  sites.execute(1, {testing::event_of_update(sites.update(1))});
  EXPECT_EQ(sites.machine(1).links().at(2).unacknowledged().size(), 1U);
  const auto step = [&](SiteId from, SiteId to) {
    sites.execute(to, sites.events_from_to(from, to));
  };
  for (SiteId site = 2; site < sites.size(); ++site) {
    step(1, site);
    EXPECT_EQ(sites.machine(site).pending_updates().size(), 1U);
    sites.renew(site);
  }
  // Whoever is told passes it on to the leader site, in case that it was not.
  const auto before = sites.machine(2).links().at(0).unacknowledged().size();
  sites.expire(2, kPendingTimer);
  sites.expire(2, kPendingTimer);
  EXPECT_EQ(sites.machine(2).links().at(0).unacknowledged().size(), before + 1);
  for (SiteId site = 1; site < sites.size(); ++site) sites.expire(site, kProgressTimer);
  for (int round = 0; round < 12; ++round) {
    for (SiteId to = 1; to < sites.size(); ++to) {
      for (SiteId from = 1; from < sites.size(); ++from) {
        if (from != to) step(from, to);
      }
      sites.renew(to);
    }
  }
  for (SiteId site = 1; site < sites.size(); ++site) {
    EXPECT_EQ(sites.machine(site).wide().view, 1U);
    EXPECT_FALSE(sites.machine(site).wide().changing);
    EXPECT_EQ(sites.application(site).updates().size(), 1U) << site;
    EXPECT_TRUE(sites.machine(site).pending_updates().empty());
  }
  // The former leader site hears of all that, and has nothing of it left to propose.
  sites.settle();
  EXPECT_EQ(sites.machine(0).wide().view, 1U);
  EXPECT_EQ(sites.application(0).updates().size(), 1U);
  EXPECT_TRUE(sites.machine(0).pending_updates().empty());
}

// It leads the view that it goes to, but nobody else may ever come there.
TEST_P(BothProtocols, ASiteThatIsAloneBetweenViewsTellsOthersOfItsUpdates) {
  Sites sites(this->sites(), GetParam());
  sites.execute(2, {testing::event_of_update(sites.update(1))});
  sites.execute(1, sites.events_from_to(2, 1));
  sites.expire(2, kProgressTimer);
  sites.execute(1, sites.events_from_to(2, 1));
  sites.expire(1, kProgressTimer);
  ASSERT_TRUE(sites.machine(1).wide().changing);
  ASSERT_EQ(sites.machine(1).leader_site(), 1U);
  const auto told = [&](SiteId site) {
    const auto& queued = sites.machine(1).links().at(site).unacknowledged();
    return std::count_if(queued.begin(), queued.end(), [](const blink::OutMessage& message) {
      return message.type == wire::LEAF_UPDATE;
    });
  };
  EXPECT_EQ(told(0), 0);
  sites.execute(1, {testing::event_of_update(sites.update(2))});
  EXPECT_EQ(told(0), 1);
  EXPECT_EQ(told(2), 1);
}

// What a leader site had proposed to nobody is proposed by the next one, which gets it from there.
TEST_P(BothProtocols, WhatALeaderSiteProposedAloneWaitsThereAgain) {
  Sites sites(this->sites(), GetParam());
  sites.execute(0, {testing::event_of_update(sites.update(7))});
  EXPECT_TRUE(sites.machine(0).pending_updates().empty());
  sites.execute(1, {testing::event_of_update(sites.update(1))});
  for (SiteId from = 1; from < sites.size(); ++from) {
    for (SiteId to = 1; to < sites.size(); ++to) {
      if (from != to) sites.execute(to, sites.events_from_to(from, to));
    }
  }
  for (int times = 0; times < 2; ++times) {
    for (SiteId site = 1; site < sites.size(); ++site) sites.expire(site, kProgressTimer);
    for (int round = 0; round < 8; ++round) {
      for (SiteId to = 1; to < sites.size(); ++to) {
        for (SiteId from = 1; from < sites.size(); ++from) {
          if (from != to) sites.execute(to, sites.events_from_to(from, to));
        }
      }
    }
  }
  ASSERT_EQ(sites.machine(1).wide().view, 1U);
  sites.settle();
  for (SiteId site = 0; site < sites.size(); ++site) {
    EXPECT_EQ(sites.application(site).updates().size(), 2U) << site;
    EXPECT_TRUE(sites.machine(site).pending_updates().empty());
  }
}

TEST(LogicalMachine, RepeatedAndMissingLinkSequencesChangeNothing) {
  Sites sites(3, WideProtocol::kPaxos);
  sites.execute(0, {testing::event_of_update(sites.update(1))});
  const auto first = sites.events_from_to(0, 1);
  sites.execute(0, {testing::event_of_update(sites.update(2))});
  auto both = sites.from_to(0, 1);
  ASSERT_EQ(both.size(), 2U);

  EXPECT_FALSE(sites.execute(1, {testing::event(both[1])}).signing);  // the first is missing
  EXPECT_EQ(rejected(sites.machine(1), "site data: gap"), 1U);
  EXPECT_EQ(sites.machine(1).links().at(0).next_in(), 1U);
  EXPECT_TRUE(sites.execute(1, first).signing);
  EXPECT_FALSE(sites.execute(1, first).signing);
  EXPECT_EQ(rejected(sites.machine(1), "site data: duplicate"), 1U);
  EXPECT_EQ(sites.machine(1).links().at(0).next_in(), 2U);

  // What was meant for another site is not taken, and does not move this link.
  EXPECT_FALSE(sites.execute(2, first).signing);
  EXPECT_EQ(rejected(sites.machine(2), "site data: for another site"), 1U);
  EXPECT_EQ(sites.machine(2).links().at(0).next_in(), 1U);
}

TEST(LogicalMachine, AcknowledgesAfterItsTimeOutWhatIsAnsweredByNothingElse) {
  Sites sites(3, WideProtocol::kPaxos);
  sites.execute(0, {testing::event_of_update(sites.update(1))});
  sites.execute(1, sites.events_from_to(0, 1));
  sites.execute(0, sites.events_from_to(1, 0));  // an accept: nothing to say but an acknowledgement
  const auto timers = sites.machine(0).armed_timers();
  const auto timer = std::find_if(timers.begin(), timers.end(),
                                  [](const LmTimerArm& arm) { return arm.timer == kAckTimer; });
  ASSERT_NE(timer, timers.end());
  EXPECT_EQ(timer->after, sites.config.timeouts.acknowledge);
  const BatchNumber before =
      sites.machine(0).latest_ack() ? sites.machine(0).latest_ack()->batch : 0;
  const Bytes expired = testing::event_of_timeout(kAckTimer, timer->generation);
  EXPECT_TRUE(sites.execute(0, {expired}).signing);
  EXPECT_GT(sites.machine(0).latest_ack()->batch, before);
  EXPECT_FALSE(sites.machine(0).armed(kAckTimer, timer->generation));
  EXPECT_FALSE(sites.execute(0, {expired}).signing);  // not armed any more
  EXPECT_EQ(rejected(sites.machine(0), "timeout: not armed"), 1U);

  sites.execute(1, sites.events_from_to(0, 1));
  EXPECT_TRUE(sites.machine(1).links().at(0).unacknowledged().empty());
}

// The time-out comes first in the batch; what is received after it has to be acknowledged too.
TEST(LogicalMachine, TheAcknowledgementSpeaksOfEverythingReceivedInItsBatch) {
  Sites sites(3, WideProtocol::kPaxos);
  sites.execute(0, {
                       testing::event_of_update(sites.update(1)),
                   });
  sites.execute(0, {testing::event_of_update(sites.update(2))});
  sites.execute(1, sites.events_from_to(0, 1));
  auto accepts = sites.from_to(1, 0);
  ASSERT_EQ(accepts.size(), 1U);
  ASSERT_GE(accepts[0].leaves_size(), 2);
  wire::SiteData one = accepts[0];
  one.mutable_leaves()->DeleteSubrange(1, one.leaves_size() - 1);
  sites.execute(0, {testing::event(one)});
  std::vector<Bytes> items;
  for (const LmTimerArm& arm : sites.machine(0).armed_timers()) {
    if (arm.timer == kAckTimer)
      items.push_back(testing::event_of_timeout(arm.timer, arm.generation));
  }
  ASSERT_EQ(items.size(), 1U);
  items.push_back(testing::event(accepts[0]));
  const LmOutputs out = sites.execute(0, items);
  ASSERT_TRUE(out.signing);
  EXPECT_EQ(out.signing->leaf_count, 1U);
  sites.execute(1, sites.events_from_to(0, 1));
  EXPECT_TRUE(sites.machine(1).links().at(0).unacknowledged().empty());
}

LmTimerArm link_timer(const LogicalMachine& machine, SiteId site) {
  for (const LmTimerArm& arm : machine.armed_timers()) {
    if (arm.timer == (kLinkTimer | site)) return arm;
  }
  return {};
}

TEST(LogicalMachine, ALinkThatShowsNoAcknowledgementIsReRoutedMoreAndMoreSlowly) {
  Sites sites(3, WideProtocol::kPaxos);
  sites.execute(0, {testing::event_of_update(sites.update(1))});
  const auto timer_of = [&](SiteId site) { return link_timer(sites.machine(0), site); };
  Duration last{0};
  for (std::uint64_t failure = 0; failure < 16 * 7; ++failure) {
    const LmTimerArm arm = timer_of(1);
    ASSERT_TRUE(arm.after);
    EXPECT_EQ(*arm.after,
              sites.config.timeouts.link * (1LL << std::min<std::uint64_t>(failure / 16, 5)));
    last = *arm.after;
    const LmOutputs out = sites.execute(0, {testing::event_of_timeout(arm.timer, arm.generation)});
    EXPECT_EQ(out.changed_links, std::set<SiteId>{1});
    EXPECT_EQ(sites.machine(0).links().at(1).replaced().links, failure + 1);
  }
  EXPECT_EQ(last, sites.config.timeouts.link * 32);
  EXPECT_EQ(sites.machine(0).links().at(2).replaced().links, 0U);

  sites.execute(1, sites.events_from_to(0, 1));
  sites.execute(0, sites.events_from_to(1, 0));
  EXPECT_EQ(sites.machine(0).links().at(1).failures(), 0U);
  EXPECT_EQ(timer_of(1).after, std::nullopt);
}

TEST(LogicalMachine, BetweenSitesThatOnlyCrashAForwarderThatAnswersIsKept) {
  Sites sites(3, WideProtocol::kPaxos,
              testing::cluster(3, 3, LocalProtocol::kPaxos, WideProtocol::kPaxos));
  sites.execute(0, {testing::event_of_update(sites.update(1))});
  const auto time_out = [&](const std::set<ServerIndex>& servers) {
    const LmTimerArm arm = link_timer(sites.machine(0), 1);
    sites.execute(0, {testing::event_of_timeout(arm.timer, arm.generation, servers)});
    return sites.machine(0).links().at(1).replaced();
  };
  EXPECT_EQ(time_out({0}), (blink::Replaced{1, 0}));  // server 0 is up, so it was the peer
  EXPECT_EQ(time_out({0, 2}), (blink::Replaced{2, 0}));
  EXPECT_EQ(time_out({1}), (blink::Replaced{2, 0}));  // nor is that a majority
  EXPECT_EQ(time_out({1, 2}), (blink::Replaced{3, 1}));
  EXPECT_EQ(time_out({0, 2}), (blink::Replaced{4, 2}));  // server 1 is the forwarder now
  EXPECT_EQ(time_out({2}), (blink::Replaced{5, 2}));
}

// An acknowledgement of a part does not buy the forwarder more time for the rest.
TEST(LogicalMachine, ALinkTimerCoversAllThatWasOutstandingWhenItWasSet) {
  Sites sites(3, WideProtocol::kPaxos);
  sites.execute(0, {testing::event_of_update(sites.update(1))});
  const LmOutputs armed = sites.execute(0, {testing::event_of_update(sites.update(2))});
  const auto generation = [&] {
    for (const LmTimerArm& arm : sites.machine(0).armed_timers()) {
      if (arm.timer == (kLinkTimer | 1)) return arm.generation;
    }
    return std::uint64_t{0};
  };
  const std::uint64_t first = generation();
  auto data = sites.events_from_to(0, 1);
  sites.execute(1, {data[0]});  // link sequence 1, which is all that the timer covers
  sites.execute(0, sites.events_from_to(1, 0));
  const std::uint64_t second = generation();
  EXPECT_NE(second, first);  // covers 2 now
  sites.execute(0, {testing::event_of_update(sites.update(3))});
  EXPECT_EQ(generation(), second);
  sites.execute(1, sites.events_from_to(0, 1));
  sites.execute(0, sites.events_from_to(1, 0));
  EXPECT_EQ(generation(), 0U);
}

TEST(LogicalMachine, ALinkThatIsCutOffIsPrunedAndSkipsWhatWasDropped) {
  ClusterConfig config = testing::cluster(3, 4, LocalProtocol::kPbft, WideProtocol::kPaxos);
  config.ordering.link_queue_bytes = 20'000;
  Sites sites(3, WideProtocol::kPaxos, config);
  std::uint64_t session = 0;
  for (int step = 0; step < 60; ++step) {  // site 2 hears nothing
    std::vector<Bytes> items = sites.events_from_to(1, 0);
    for (int i = 0; i < 10; ++i) items.push_back(testing::event_of_update(sites.update(++session)));
    sites.execute(0, items);
    sites.execute(1, sites.events_from_to(0, 1));
  }
  const auto& cut = sites.machine(0).links().at(2);
  EXPECT_GT(rejected(sites.machine(0), "link: pruned"), 0U);
  EXPECT_LE(cut.queued_bytes(), 40'000U);
  ASSERT_EQ(cut.unacknowledged().front().type, wire::LEAF_SKIP);
  EXPECT_EQ(cut.unacknowledged().front().link_sequence + 1, cut.unacknowledged()[1].link_sequence);
  const std::uint64_t all = cut.next_out();
  sites.renew(0);
  sites.execute(2, sites.events_from_to(0, 2));
  EXPECT_EQ(sites.machine(2).links().at(0).next_in(), all);
  EXPECT_EQ(rejected(sites.machine(2), "site data: gap"), 0U);
  for (const LmTimerArm& arm : sites.machine(2).armed_timers()) {
    if (arm.timer != kAckTimer) continue;
    sites.execute(2, {testing::event_of_timeout(arm.timer, arm.generation)});
  }
  sites.execute(0, sites.events_from_to(2, 0));
  EXPECT_EQ(sites.machine(0).links().at(2).acknowledged(), all - 1);
}

TEST(LogicalMachine, UpdatesElsewhereOrKnownAlreadyAreNotProposed) {
  Sites sites(3, WideProtocol::kPaxos);
  sites.execute(1, {testing::event_of_update(sites.update(1))});
  for (const auto& [site, link] : sites.machine(1).links()) {
    ASSERT_EQ(link.unacknowledged().size(), 1U) << "told of, not proposed";
    EXPECT_EQ(link.unacknowledged().front().type, wire::LEAF_UPDATE);
  }
  const Bytes item = testing::event_of_update(sites.update(1));
  EXPECT_TRUE(sites.execute(0, {item, item}).signing);
  EXPECT_FALSE(sites.execute(0, {item}).signing);
  EXPECT_EQ(rejected(sites.machine(0), "update: already known"), 2U);
  EXPECT_TRUE(sites.machine(0).knows(*update_key(sites.update(1))));
  sites.settle();
  EXPECT_FALSE(sites.machine(0).knows(*update_key(sites.update(1))));
}

TEST(LogicalMachine, RefusesPagesThatMakeNoSense) {
  Sites sites(3, WideProtocol::kPaxos);
  sites.execute(0, {testing::event_of_update(sites.update(1))});
  PageChanges changes;
  sites.machine(0).collect(changes);
  PageMap pages;
  update_pages(pages, changes);
  testing::RecordingApplication application;
  for (const auto& [key, content] : pages) {
    PageMap without = pages;
    without.erase(key);
    LogicalMachine machine(sites.config, sites.keys.domain, 0, nullptr, application);
    const bool message = key > (1U << 19) && (key - (1U << 19)) % blink::kPagesPerLink != 0;
    EXPECT_EQ(machine.load(without), message) << key;  // a message more or less goes unnoticed here
    PageMap spoilt = pages;
    spoilt[key] = "\xff\xff\xff";
    LogicalMachine other(sites.config, sites.keys.domain, 0, nullptr, application);
    EXPECT_FALSE(other.load(spoilt)) << key;
  }
}

TEST(LogicalMachine, KnowsWhichTimersThereCanBe) {
  Sites sites(3, WideProtocol::kPaxos);
  const LogicalMachine& machine = sites.machine(1);
  EXPECT_TRUE(machine.has_timer(kAckTimer));
  EXPECT_TRUE(machine.has_timer(kLinkTimer | 0));
  EXPECT_FALSE(machine.has_timer(kLinkTimer | 1));  // itself
  EXPECT_FALSE(machine.has_timer(kLinkTimer | 3));
  EXPECT_FALSE(machine.has_timer(kAckTimer | 1));
  EXPECT_FALSE(machine.has_timer(0));
  EXPECT_FALSE(machine.has_timer(~0ULL));
}

}  // namespace
}  // namespace steward::site
