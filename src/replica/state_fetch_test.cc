#include "replica/state_fetch.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "replica/state_donor.h"
#include "wire/limits.h"

namespace steward::replica {
namespace {

constexpr Sequence kSequence = 128;

Bytes content_of(PageKey key, std::uint64_t version) {
  return "page " + std::to_string(key) + " of " + std::to_string(version);
}

// Pages 0, 1, … with contents that `changed` ones have in another version.
Pages state(PageKey pages, PageKey changed = 0, std::uint64_t version = 1) {
  PageSet set;
  for (PageKey key = 0; key < pages; ++key) {
    set.apply({{key, content_of(key, key < changed ? version : 0)}}, 0);
  }
  return set.pages();
}

wire::StableCheckpoint certificate(Sequence sequence, const Pages& pages) {
  wire::StableCheckpoint out;
  out.set_sequence(sequence);
  out.set_digest(pages_root(pages).str());
  return out;
}

std::size_t size_of(const Pages& pages) {
  std::size_t count = 0;
  for (const auto& [key, group] : pages) count += group->pages.size();
  return count;
}

using Request = std::pair<ServerIndex, wire::StateRequest>;

// Server 0 fetches from 1, 2 and 3, which answer as told; one of them may fail.
class Fetching : public ::testing::Test {
 protected:
  void begin(Sequence sequence, const Pages& snapshot, ServerIndex from = 1) {
    snapshots_[sequence] = snapshot;
    fetch_.begin(certificate(sequence, snapshot), from, actions_);
  }
  void begin(const Pages& snapshot) { begin(kSequence, snapshot); }

  std::vector<Request> take_requests() { return std::exchange(actions_.requests, {}); }
  Request only_request() {
    EXPECT_EQ(actions_.requests.size(), 1U);
    return take_requests().at(0);
  }
  wire::StateAnswer honest(const wire::StateRequest& request) const {
    return answer_request(request, snapshots_.at(request.sequence()));
  }
  void answer(ServerIndex from, const wire::StateAnswer& answer) {
    fetch_.on_answer(from, answer, own_, actions_);
  }
  void refuse(const Request& request) {
    wire::StateAnswer answer;
    answer.set_sequence(request.second.sequence());
    answer.set_number(request.second.number());
    answer.set_lacking(true);
    fetch_.on_answer(request.first, answer, own_, actions_);
  }
  void serve(const Request& request) {
    asked_.insert(request.first);
    pages_asked_ += static_cast<std::size_t>(request.second.pages_size());
    EXPECT_LE(request.second.ByteSizeLong(), limits::kMaxStateRequestBytes);
    answer(request.first, honest(request.second));
  }
  // Honest answers of all but `silent` to all that is asked, until nothing is.
  void serve_all(const std::set<ServerIndex>& silent = {}) {
    while (!actions_.requests.empty()) {
      for (const Request& request : take_requests()) {
        if (!silent.contains(request.first)) serve(request);
      }
    }
  }
  // The list of groups and the digests of all pages, so that contents are asked for next.
  std::vector<Request> pages_requests() {
    while (true) {
      std::vector<Request> requests = take_requests();
      const auto wants_pages = [](const Request& one) { return one.second.pages_size() > 0; };
      if (requests.empty() || std::all_of(requests.begin(), requests.end(), wants_pages)) {
        return requests;
      }
      for (const Request& request : requests) serve(request);
    }
  }
  std::size_t counted(const std::string& reason) const {
    return static_cast<std::size_t>(
        std::count(actions_.rejections.begin(), actions_.rejections.end(), reason));
  }
  std::size_t lies() const { return counted("transfer: a source lies"); }
  void expect_complete(Sequence sequence = kSequence) {
    const auto snapshot = fetch_.take_complete();
    ASSERT_TRUE(snapshot);
    EXPECT_EQ(snapshot->certificate.sequence(), sequence);
    EXPECT_EQ(pages_root(snapshot->pages), pages_root(snapshots_.at(sequence)));
    EXPECT_EQ(encode_groups(snapshot->pages), encode_groups(snapshots_.at(sequence)));
    EXPECT_FALSE(fetch_.active());
    EXPECT_FALSE(fetch_.take_complete());
  }

  StateFetch fetch_{0, 4, 1, 1000};
  StateFetch::Actions actions_;
  std::map<Sequence, Pages> snapshots_;
  Pages own_;
  std::set<ServerIndex> asked_;
  std::size_t pages_asked_ = 0;
};

TEST_F(Fetching, GetsEverythingFromSeveralSourcesAtOnce) {
  begin(state(1000));
  const std::vector<Request> first = pages_requests();
  EXPECT_EQ(first.size(), 3U);
  std::set<PageKey> keys;
  for (const Request& request : first) {
    for (const PageKey key : request.second.pages()) EXPECT_TRUE(keys.insert(key).second);
    serve(request);
  }
  serve_all();
  expect_complete();
  EXPECT_EQ(asked_, (std::set<ServerIndex>{1, 2, 3}));
  EXPECT_EQ(pages_asked_, 1000U);
  EXPECT_TRUE(actions_.rejections.empty());
}

TEST_F(Fetching, AStateOfMorePagesThanOneMessageCouldNameIsFetched) {
  PageSet set;
  PageChanges changes;
  for (PageKey key = 0; key < (1U << 18) + 1000; ++key) changes[key] = Bytes("same in all");
  set.apply(changes, 0x80000000);
  begin(set.pages());
  serve_all();
  expect_complete();
}

TEST_F(Fetching, OwnGroupsAndPagesAreNotFetched) {
  own_ = state(900);
  begin(state(1000, 5));
  const auto list = only_request();
  EXPECT_EQ(list.second.groups_size() + list.second.pages_size(), 0);
  answer(list.first, honest(list.second));
  std::set<GroupKey> groups;
  for (const Request& request : take_requests()) {
    groups.insert(request.second.groups().begin(), request.second.groups().end());
    serve(request);
  }
  EXPECT_EQ(groups, (std::set<GroupKey>{0, 3}));  // changed; longer than before
  serve_all();
  expect_complete();
  EXPECT_EQ(pages_asked_, 105U);
}

TEST_F(Fetching, AStateThatIsHeldAlreadyIsCompleteWithTheList) {
  own_ = state(600);
  begin(state(600));
  serve(only_request());
  EXPECT_TRUE(actions_.requests.empty());
  expect_complete();
}

TEST_F(Fetching, AStateWithoutPagesIsComplete) {
  begin({});
  serve(only_request());
  expect_complete();
}

// --- content that does not match

// What a lie looks like: each is made of an honest answer, and is a lie of server 1.
struct Lie {
  const char* name;
  int step;  // 0: the list, 1: groups, 2: pages
  void (*alter)(wire::StateAnswer&);
};

class Lies : public Fetching, public ::testing::WithParamInterface<Lie> {};

TEST_P(Lies, AreNoticedAndTheLiarIsNotAskedAgain) {
  begin(state(600));
  bool lied = false;
  std::size_t asked_after = 0;
  while (!actions_.requests.empty()) {
    for (const Request& request : take_requests()) {
      const int step = request.second.pages_size() > 0 ? 2 : request.second.groups_size() > 0;
      if (lied && request.first == 1) ++asked_after;
      if (lied || request.first != 1 || step != GetParam().step) {
        serve(request);
        continue;
      }
      wire::StateAnswer lie = honest(request.second);
      GetParam().alter(lie);
      answer(1, lie);
      lied = true;
      EXPECT_EQ(lies(), 1U);
    }
  }
  EXPECT_TRUE(lied);
  EXPECT_EQ(asked_after, 0U);
  expect_complete();
}

INSTANTIATE_TEST_SUITE_P(
    All, Lies,
    ::testing::Values(
        Lie{"AnotherList", 0, [](auto& out) { out.set_list(encode_groups(state(599))); }},
        Lie{"AListCutShort", 0, [](auto& out) { out.mutable_list()->pop_back(); }},
        Lie{"NoList", 0, [](auto& out) { out.clear_list(); }},
        Lie{"AListInAnotherOrder", 0,
            [](auto& out) {
              const Bytes list = out.list();
              out.set_list(list.substr(36) + list.substr(0, 36));
            }},
        Lie{"AListTwiceAsLong", 0, [](auto& out) { out.set_list(out.list() + out.list()); }},
        Lie{"AListThatIsTooLong", 0,
            [](auto& out) { out.set_list(Bytes((limits::kMaxPageGroups + 1) * 36, 'g')); }},
        Lie{"PagesOfAnotherGroup", 1,
            [](auto& out) { out.mutable_groups(0)->set_key(out.groups(0).key() + 1); }},
        Lie{"AGroupNotAskedFor", 1, [](auto& out) { out.mutable_groups(0)->set_key(77); }},
        Lie{"AGroupTwice", 1, [](auto& out) { *out.add_groups() = out.groups(0); }},
        Lie{"AGroupCutShort", 1,
            [](auto& out) { out.mutable_groups(0)->mutable_pages()->resize(33); }},
        Lie{"AGroupOfMorePages", 1,
            [](auto& out) { out.mutable_groups(0)->mutable_pages()->append(33, 'x'); }},
        Lie{"AnEmptyGroup", 1, [](auto& out) { out.mutable_groups(0)->clear_pages(); }},
        Lie{"NoGroups", 1, [](auto& out) { out.clear_groups(); }},
        Lie{"AnotherContent", 2, [](auto& out) { out.mutable_pages(4)->set_content("lie"); }},
        Lie{"ContentOfAnotherPage", 2,
            [](auto& out) { out.mutable_pages(0)->set_content(out.pages(1).content()); }},
        Lie{"APageNotAskedFor", 2, [](auto& out) { out.mutable_pages(0)->set_key(1 << 20); }},
        Lie{"APageTwice", 2, [](auto& out) { *out.add_pages() = out.pages(0); }},
        Lie{"NoPages", 2, [](auto& out) { out.clear_pages(); }},
        Lie{"GroupsInsteadOfPages", 2,
            [](auto& out) {
              out.clear_pages();
              out.add_groups()->set_pages("not asked for");
            }}),
    [](const auto& one) { return one.param.name; });

TEST_F(Fetching, WhatCameBeforeALieInOneAnswerStays) {
  begin(state(300));
  const std::vector<Request> requests = pages_requests();
  wire::StateAnswer lie = honest(requests.at(0).second);
  lie.mutable_pages(4)->set_content("lie");
  answer(requests[0].first, lie);
  EXPECT_EQ(lies(), 1U);
  EXPECT_EQ(actions_.fetched.size(), 4U);
  EXPECT_EQ(fetch_.progress().missing, 296U);
  EXPECT_EQ(fetch_.progress().pages, 300U);
  for (std::size_t i = 1; i < requests.size(); ++i) serve(requests[i]);
  serve_all();
  expect_complete();
}

TEST_F(Fetching, WhenAllHaveLiedAllAreAskedAgain) {
  begin(state(10));
  for (int round = 0; round < 3; ++round) {
    const Request request = only_request();
    wire::StateAnswer lie = honest(request.second);
    lie.set_list("lie");
    answer(request.first, lie);
    EXPECT_EQ(actions_.requests.empty(), false) << round;
  }
  EXPECT_EQ(lies(), 3U);
  serve_all();
  expect_complete();
}

// --- answers that nobody waits for

TEST_F(Fetching, AnswersThatWereNotAskedForChangeNothing) {
  begin(state(600));
  const Request list = only_request();
  ASSERT_EQ(list.first, 1U);
  const wire::StateAnswer good = honest(list.second);
  wire::StateAnswer bad = good;
  bad.set_number(good.number() + 1);
  answer(1, bad);  // another request
  bad = good;
  bad.set_sequence(kSequence - 1);
  answer(1, bad);   // another snapshot
  answer(2, good);  // another server
  answer(0, good);  // this one
  answer(9, good);  // nobody
  EXPECT_EQ(counted("transfer: not asked for"), 5U);
  EXPECT_TRUE(actions_.requests.empty());
  answer(1, good);
  EXPECT_FALSE(actions_.requests.empty());
  answer(1, good);  // a second time
  EXPECT_EQ(counted("transfer: not asked for"), 6U);
  EXPECT_EQ(lies(), 0U);
  serve_all();
  expect_complete();
}

TEST_F(Fetching, RepliesAboutAnOlderTargetAreNoLies) {
  begin(state(600));
  const std::vector<Request> old = pages_requests();
  ASSERT_EQ(old.size(), 3U);
  begin(2 * kSequence, state(600, 300));
  refuse(old[0]);
  refuse(old[1]);
  const Request list = only_request();  // of the new one
  EXPECT_EQ(list.second.sequence(), 2 * kSequence);
  answer(old[2].first, honest(old[2].second));
  EXPECT_EQ(counted("transfer: not asked for"), 1U);
  EXPECT_EQ(lies(), 0U);
  serve(list);
  serve_all();
  expect_complete(2 * kSequence);
}

TEST_F(Fetching, IdleItDoesNothing) {
  fetch_.on_tick(actions_);
  answer(1, {});
  EXPECT_TRUE(actions_.requests.empty());
  EXPECT_FALSE(fetch_.active());
  EXPECT_EQ(fetch_.newest(), 0U);
  EXPECT_EQ(fetch_.progress().sequence, 0U);
}

// --- silence

TEST_F(Fetching, ASilentSourceLosesItsPartToOthersAndIsNotWaitedForAgain) {
  begin(state(900));
  const Request list = only_request();
  fetch_.on_tick(actions_);
  EXPECT_TRUE(actions_.requests.empty());
  fetch_.on_tick(actions_);
  EXPECT_EQ(only_request().first, 2U);
  answer(list.first, honest(list.second));  // late, and still welcome
  serve_all({1, 2});
  expect_complete();
  EXPECT_EQ(lies(), 0U);

  // From here on nobody waits for 1, which was late, while 2 and 3 answer.
  snapshots_.clear();
  pages_asked_ = 0;
  begin(2 * kSequence, state(900, 900, 2), 1);
  EXPECT_EQ(actions_.requests.at(0).first, 2U);
  serve_all({1});
  expect_complete(2 * kSequence);
  EXPECT_EQ(pages_asked_, 900U);
}

TEST_F(Fetching, APartOfASilentSourceIsTakenOverInTime) {
  begin(state(900));
  serve(only_request());
  serve_all({3});
  EXPECT_FALSE(fetch_.take_complete());
  fetch_.on_tick(actions_);
  EXPECT_TRUE(actions_.requests.empty());
  fetch_.on_tick(actions_);
  serve_all({3});
  expect_complete();
}

// However often it was late before, one that is in time again is trusted again soon.
TEST_F(Fetching, WhoIsInTimeAgainMakesGoodForHavingBeenLate) {
  const auto late = [this](Sequence sequence) {
    begin(sequence, state(60, 60, sequence));
    for (int tick = 0; tick < 2; ++tick) fetch_.on_tick(actions_);
    serve_all();
    expect_complete(sequence);
  };
  // Fetches until source 1 gets a part like any other.
  Sequence sequence = 0;
  const auto until_trusted = [&] {
    for (int fetches = 1;; ++fetches) {
      ++sequence;
      begin(sequence, state(300, 300, sequence));
      bool part = false;
      while (!actions_.requests.empty()) {
        for (const Request& request : take_requests()) {
          part = part || (request.first == 1 && request.second.pages_size() > 1);
          serve(request);
        }
      }
      expect_complete(sequence);
      if (part || fetches == 1000) return fetches;
    }
  };
  for (int times = 0; times < 9; ++times) late(++sequence);
  const int before = until_trusted();
  late(++sequence);
  EXPECT_LE(until_trusted(), before);
}

TEST_F(Fetching, WhenAllAreSlowAllGetParts) {
  begin(state(900));
  std::size_t most = 0;
  for (int round = 0; round < 40; ++round) {
    const std::vector<Request> asked = take_requests();
    for (int tick = 0; tick < 3; ++tick) fetch_.on_tick(actions_);
    for (const Request& request : asked) {
      most = std::max(most, static_cast<std::size_t>(request.second.pages_size()));
      serve(request);
    }
    if (fetch_.progress().all_known && fetch_.progress().missing == 0) break;
  }
  EXPECT_GT(most, 50U);
  expect_complete();
  EXPECT_EQ(lies(), 0U);
}

TEST_F(Fetching, ASilentSourceIsAskedAgainAfterATimeThatDoubles) {
  begin(state(3000));
  std::vector<int> asked;
  std::optional<Request> of_another;
  for (int tick = 0; tick < 64; ++tick) {
    for (const Request& request : take_requests()) {
      if (request.first == 1) asked.push_back(tick);
      if (request.first == 2) of_another = request;
    }
    if (tick % 6 == 5 && of_another) serve(*std::exchange(of_another, std::nullopt));
    fetch_.on_tick(actions_);
  }
  ASSERT_TRUE(fetch_.active()) << "not given up while anything comes";
  ASSERT_GE(asked.size(), 3U);
  EXPECT_LT(asked.size(), 8U);
  EXPECT_GT(asked[2] - asked[1], asked[1] - asked[0]);
}

// --- snapshots that are gone, and newer targets

// Who held it has lost it, or is silent. What others have may be older, and is good enough.
TEST_F(Fetching, ASnapshotThatNobodyGivesIsGivenUp) {
  begin(state(900));
  for (int ticks = 0; fetch_.active(); ++ticks) {
    ASSERT_LT(ticks, 100);
    fetch_.on_tick(actions_);
    for (const Request& request : take_requests()) {
      if (request.first != 3) refuse(request);
    }
  }
  EXPECT_EQ(actions_.gone, kSequence);
  begin(kSequence / 2, state(900));
  serve_all();
  expect_complete(kSequence / 2);
}

TEST_F(Fetching, ATargetIsKeptWhileMoreSourcesThanMayFailHaveIt) {
  begin(state(600));
  const std::vector<Request> requests = pages_requests();
  ASSERT_EQ(requests.size(), 3U);
  begin(2 * kSequence, state(600, 10));
  EXPECT_EQ(fetch_.newest(), 2 * kSequence);
  EXPECT_TRUE(actions_.requests.empty());
  refuse(requests[0]);
  serve(requests[1]);
  serve(requests[2]);
  for (const Request& request : take_requests()) {
    EXPECT_EQ(request.second.sequence(), kSequence);
    EXPECT_NE(request.first, requests[0].first);
    serve(request);
  }
  serve_all();
  const auto snapshot = fetch_.take_complete();
  ASSERT_TRUE(snapshot);
  EXPECT_EQ(snapshot->certificate.sequence(), kSequence);
  ASSERT_TRUE(snapshot->next);
  EXPECT_EQ(snapshot->next->sequence(), 2 * kSequence);
  EXPECT_EQ(lies(), 0U);
}

TEST_F(Fetching, WhatFitsANewerTargetIsKept) {
  begin(state(600));
  std::vector<Request> requests = pages_requests();
  serve(requests.at(0));
  const std::size_t kept = actions_.fetched.size();
  EXPECT_GT(kept, 50U);
  for (const Request& request : take_requests()) requests.push_back(request);
  begin(2 * kSequence, state(600, 10));
  refuse(requests.at(1));
  refuse(requests.at(2));
  pages_asked_ = 0;
  serve_all();
  expect_complete(2 * kSequence);
  EXPECT_EQ(pages_asked_, 600U - kept + 10U);
}

TEST_F(Fetching, WithoutANewerTargetSourcesThatLackItAreAskedAgainLater) {
  begin(state(10));
  for (int i = 0; i < 3; ++i) refuse(only_request());
  EXPECT_TRUE(actions_.requests.empty());
  for (int tick = 0; tick < 4; ++tick) fetch_.on_tick(actions_);
  serve_all();
  expect_complete();
  EXPECT_EQ(counted("transfer: a source lacks the snapshot"), 3U);
  EXPECT_EQ(lies(), 0U);
}

// The only one that had it is gone for good, and no newer one can come without this server.
TEST_F(Fetching, WhoTookTheCheckpointLaterIsASourceToo) {
  begin(state(600));
  serve(only_request());
  std::vector<Request> requests = take_requests();
  while (requests.at(1).second.pages_size() == 0) {
    for (const Request& request : requests) serve(request);
    requests = take_requests();
  }
  serve(requests.at(0));
  refuse(requests.at(1));
  refuse(requests.at(2));
  for (int tick = 0; tick < 8; ++tick) {
    serve_all({1});
    fetch_.on_tick(actions_);
  }
  expect_complete();
  EXPECT_EQ(lies(), 0U);
}

TEST_F(Fetching, OlderCertificatesDoNotCount) {
  begin(state(10));
  take_requests();
  begin(kSequence - 1, state(9));
  begin(kSequence, state(8));
  EXPECT_TRUE(actions_.requests.empty());
  EXPECT_EQ(fetch_.newest(), kSequence);
}

// --- restarts

TEST_F(Fetching, PagesOfAnEarlierRunAreUsedWhereTheyFit) {
  begin(state(600));
  const std::vector<Request> requests = pages_requests();
  serve(requests.at(0));
  serve(requests.at(1));
  PageMap staged = actions_.fetched;
  const std::size_t found = staged.size();
  ASSERT_GT(found, 100U);
  staged.begin()->second = {std::make_shared<const Bytes>("?"), page_digest("?")};

  StateFetch again(0, 4, 1, 5000);
  again.resume(std::move(staged));
  StateFetch::Actions actions;
  again.begin(certificate(kSequence, snapshots_.at(kSequence)), 2, actions);
  std::size_t fetched = 0;
  while (!actions.requests.empty()) {
    for (const Request& request : std::exchange(actions.requests, {})) {
      EXPECT_GE(request.second.number(), 5000U);
      fetched += static_cast<std::size_t>(request.second.pages_size());
      again.on_answer(request.first, honest(request.second), own_, actions);
    }
  }
  EXPECT_EQ(fetched, 600U - found + 1U);
  const auto snapshot = again.take_complete();
  ASSERT_TRUE(snapshot);
  EXPECT_EQ(pages_root(snapshot->pages), pages_root(snapshots_.at(kSequence)));
}

// A whole fetch under load: the state changes while it goes on, and donors keep only what is asked
// of them. It ends, and transfers each page once and those that changed meanwhile once more.
TEST_F(Fetching, EndsUnderLoad) {
  StateDonor donor(1, 0);
  std::uint64_t version = 1;
  Sequence now = kSequence;
  const auto checkpoint = [&] {
    snapshots_[now] = state(2000, 20, version++);
    donor.keep(now, snapshots_[now]);
    fetch_.begin(certificate(now, snapshots_[now]), 1, actions_);
    now += kSequence;
  };
  checkpoint();
  std::size_t pages = 0;
  int rounds = 0;
  for (int step = 0; step < 100 && rounds < 2; ++step) {
    checkpoint();
    for (const Request& request : take_requests()) {
      StateDonor::Answers answers;
      donor.on_request(request.first, request.second, answers);
      ASSERT_EQ(answers.size(), 1U);
      EXPECT_FALSE(answers[0].second.lacking());
      pages += static_cast<std::size_t>(answers[0].second.pages_size());
      answer(request.first, answers[0].second);
    }
    auto snapshot = fetch_.take_complete();
    if (!snapshot) continue;
    ++rounds;
    own_ = snapshot->pages;
    if (snapshot->next) fetch_.begin(*snapshot->next, 1, actions_);
  }
  EXPECT_EQ(rounds, 2);
  EXPECT_EQ(pages, 2000U + 20U);
  EXPECT_EQ(size_of(own_), 2000U);
}

}  // namespace
}  // namespace steward::replica
