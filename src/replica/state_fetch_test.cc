#include "replica/state_fetch.h"

#include <gtest/gtest.h>

namespace steward::replica {
namespace {

constexpr Sequence kSequence = 128;

Pages state(PageKey pages) {
  PageSet set;
  for (PageKey key = 0; key < pages; ++key) {
    set.apply({{key, "page " + std::to_string(key)}}, 0);
  }
  return set.pages();
}

// Server 0 fetches from 1, 2 and 3, which answer as told.
class Fetching : public ::testing::Test {
 protected:
  void begin(const Pages& snapshot, ServerIndex from = 1) {
    snapshot_ = snapshot;
    certificate_.set_sequence(kSequence);
    certificate_.set_digest(pages_root(snapshot).str());
    fetch_.begin(certificate_, from, requests_);
  }
  void manifest_from(ServerIndex from, const wire::Manifest& manifest) {
    fetch_.on_manifest(from, manifest, own_, requests_);
  }
  void pages_from(ServerIndex from, const wire::Pages& pages) {
    fetch_.on_pages(from, pages, requests_);
  }
  // Honest answers to all that is asked, until nothing is.
  void serve() {
    while (!requests_.manifests.empty() || !requests_.pages.empty()) {
      const StateFetch::Requests asked = std::exchange(requests_, {});
      for (const auto& [to, request] : asked.manifests) {
        manifest_from(to, manifest(request.sequence(), snapshot_));
      }
      for (const auto& [to, request] : asked.pages) {
        pages_asked_ += static_cast<std::size_t>(request.keys_size());
        pages_from(to, answer_pages(request.sequence(), snapshot_, request));
      }
    }
  }
  void expect_complete() {
    const auto snapshot = fetch_.take_complete();
    ASSERT_TRUE(snapshot);
    EXPECT_EQ(pages_root(snapshot->pages), pages_root(snapshot_));
    EXPECT_EQ(snapshot->certificate.sequence(), kSequence);
    EXPECT_FALSE(fetch_.active());
    EXPECT_FALSE(fetch_.take_complete());
  }
  ServerIndex asked_for_manifest() {
    EXPECT_EQ(requests_.manifests.size(), 1U);
    return std::exchange(requests_, {}).manifests.at(0).first;
  }
  ServerIndex asked_for_pages() {
    EXPECT_EQ(requests_.pages.size(), 1U);
    return requests_.pages.at(0).first;
  }

  StateFetch fetch_{0, 4};
  StateFetch::Requests requests_;
  Pages snapshot_;
  Pages own_;
  wire::StableCheckpoint certificate_;
  std::size_t pages_asked_ = 0;
};

TEST_F(Fetching, GetsEverythingFromAnHonestSource) {
  begin(state(1000));
  serve();
  expect_complete();
  EXPECT_EQ(pages_asked_, 1000U);
}

TEST_F(Fetching, OwnPagesAreNotFetched) {
  own_ = state(900);
  own_.at(5).digest = page_digest("changed here");
  begin(state(1000));
  serve();
  expect_complete();
  EXPECT_EQ(pages_asked_, 101U);
}

TEST_F(Fetching, AStateThatIsHeldAlreadyIsCompleteWithTheManifest) {
  own_ = state(10);
  begin(state(10));
  serve();
  expect_complete();
  EXPECT_EQ(pages_asked_, 0U);
}

TEST_F(Fetching, ALyingManifestMovesToTheNextSource) {
  begin(state(10), 3);
  EXPECT_EQ(asked_for_manifest(), 3U);
  manifest_from(3, manifest(kSequence, state(9)));
  EXPECT_EQ(asked_for_manifest(), 1U);  // not this server itself
  wire::Manifest malformed = manifest(kSequence, state(10));
  malformed.mutable_pages(0)->set_digest("x");
  manifest_from(1, malformed);
  EXPECT_EQ(requests_.manifests.at(0).first, 2U);
  serve();
  expect_complete();
}

TEST_F(Fetching, ALyingPageMovesToTheNextSourceAndWhatIsGoodStays) {
  begin(state(10));
  manifest_from(asked_for_manifest(), manifest(kSequence, snapshot_));
  EXPECT_EQ(asked_for_pages(), 1U);
  wire::Pages lie =
      answer_pages(kSequence, snapshot_, std::exchange(requests_, {}).pages[0].second);
  lie.mutable_pages(4)->set_content("lie");
  pages_from(1, lie);
  EXPECT_EQ(asked_for_pages(), 2U);
  EXPECT_EQ(requests_.pages[0].second.keys_size(), 6);  // four were good
  serve();
  expect_complete();
}

TEST_F(Fetching, EmptyAndUselessAnswersMoveToTheNextSource) {
  begin(state(10));
  manifest_from(asked_for_manifest(), manifest(kSequence, snapshot_));
  wire::Pages nothing;
  nothing.set_sequence(kSequence);
  requests_ = {};
  pages_from(1, nothing);
  EXPECT_EQ(asked_for_pages(), 2U);
  requests_ = {};
  wire::Page* unasked = nothing.add_pages();
  unasked->set_key(77);
  unasked->set_content("not in the manifest");
  pages_from(2, nothing);
  EXPECT_EQ(asked_for_pages(), 3U);
  serve();
  expect_complete();
}

TEST_F(Fetching, ASilentSourceIsAskedOnceMoreAndThenReplaced) {
  begin(state(10));
  EXPECT_EQ(asked_for_manifest(), 1U);
  fetch_.on_timer(requests_);
  EXPECT_EQ(asked_for_manifest(), 1U);
  fetch_.on_timer(requests_);
  EXPECT_EQ(asked_for_manifest(), 2U);
  manifest_from(2, manifest(kSequence, snapshot_));
  EXPECT_EQ(asked_for_pages(), 2U);
  serve();
  expect_complete();
}

TEST_F(Fetching, AnswersThatWereNotAskedForChangeNothing) {
  begin(state(10));
  requests_ = {};
  manifest_from(2, manifest(kSequence, snapshot_));      // not the source
  manifest_from(1, manifest(kSequence - 1, snapshot_));  // of something else
  wire::Pages pages;
  pages.set_sequence(kSequence);
  pages_from(1, pages);  // before the manifest
  EXPECT_TRUE(requests_.manifests.empty() && requests_.pages.empty());
  manifest_from(1, manifest(kSequence, snapshot_));
  requests_ = {};
  manifest_from(1, manifest(kSequence, snapshot_));  // a second time
  pages_from(3, pages);
  EXPECT_TRUE(requests_.manifests.empty() && requests_.pages.empty());
  EXPECT_FALSE(fetch_.take_complete());
}

TEST_F(Fetching, ANewerCertificateReplacesTheTargetAndAnOlderOneDoesNot) {
  begin(state(10));
  requests_ = {};
  wire::StableCheckpoint older = certificate_;
  older.set_sequence(kSequence - 1);
  fetch_.begin(older, 2, requests_);
  fetch_.begin(certificate_, 2, requests_);
  EXPECT_TRUE(requests_.manifests.empty());
  snapshot_ = state(20);
  wire::StableCheckpoint newer;
  newer.set_sequence(2 * kSequence);
  newer.set_digest(pages_root(snapshot_).str());
  fetch_.begin(newer, 2, requests_);
  serve();
  const auto snapshot = fetch_.take_complete();
  ASSERT_TRUE(snapshot);
  EXPECT_EQ(snapshot->pages.size(), 20U);
}

TEST_F(Fetching, IdleItDoesNothing) {
  fetch_.on_timer(requests_);
  manifest_from(1, manifest(kSequence, state(1)));
  EXPECT_TRUE(requests_.manifests.empty());
  EXPECT_FALSE(fetch_.active());
}

TEST(AnswerPages, AreBoundedAndLeaveOutWhatIsNotThere) {
  PageSet set;
  for (PageKey key = 0; key < 30; ++key) set.apply({{key, Bytes(100'000, 'p')}}, 0);
  wire::PagesRequest request;
  request.add_keys(1000);
  for (int round = 0; round < 1000; ++round) request.add_keys(static_cast<PageKey>(round % 30));
  const wire::Pages answer = answer_pages(kSequence, set.pages(), request);
  EXPECT_EQ(answer.pages_size(), 11);
  EXPECT_LT(answer.ByteSizeLong(), 2U << 20);
}

}  // namespace
}  // namespace steward::replica
