#include <gtest/gtest.h>

#include "replica/state_fetch.h"

namespace steward::replica {
namespace {

Pages pages_of(const std::map<PageKey, Bytes>& contents) {
  PageSet set;
  PageChanges changes;
  for (const auto& [key, content] : contents) changes[key] = content;
  set.apply(changes, 0);
  return set.pages();
}

wire::StableCheckpoint certificate(Sequence sequence, const Pages& pages) {
  wire::StableCheckpoint out;
  out.set_sequence(sequence);
  out.set_digest(pages_root(pages).str());
  return out;
}

// Under load there is a newer checkpoint before a large state has come: what has not changed since
// is not fetched once more, or the fetch would never end.
TEST(StateFetchReview, ANewerTargetKeepsWhatHasBeenFetched) {
  const Pages old = pages_of({{1, "one"}, {2, "two"}, {3, "three"}});
  const Pages next = pages_of({{1, "one"}, {2, "two, changed"}, {3, "three"}});
  StateFetch fetch(0, 4);
  StateFetch::Requests requests;
  fetch.begin(certificate(8, old), 1, requests);
  fetch.on_manifest(1, manifest(8, old), {}, requests);
  wire::PagesRequest two;
  two.add_keys(1);
  two.add_keys(2);
  fetch.on_pages(1, answer_pages(8, old, two), requests);

  requests = {};
  fetch.begin(certificate(16, next), 2, requests);
  fetch.on_manifest(2, manifest(16, next), {}, requests);
  ASSERT_EQ(requests.pages.size(), 1U);
  const wire::PagesRequest& asked = requests.pages[0].second;
  ASSERT_EQ(asked.keys_size(), 2);
  EXPECT_EQ(asked.keys(0), 2U);
  EXPECT_EQ(asked.keys(1), 3U);
  fetch.on_pages(2, answer_pages(16, next, asked), requests);
  const auto snapshot = fetch.take_complete();
  ASSERT_TRUE(snapshot.has_value());
  EXPECT_EQ(pages_root(snapshot->pages), pages_root(next));
}

}  // namespace
}  // namespace steward::replica
