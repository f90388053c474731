#include "cli/graph_names.h"

#include <gtest/gtest.h>

namespace steward::cli {
namespace {

using namespace accountability;

// lib=2 is given before lib=1, and rests on it; app and plugin need each other, and lib.
Catalogue make_catalogue() {
  Draft draft;
  const auto add = [&draft](const char* name, const char* client, std::vector<Draft::Need> needs) {
    draft.entries.push_back({name, draft.client_named(client), 0, std::move(needs)});
  };
  add("lib=2", "Ann <ann@x>", {{1}});
  add("lib=1", "Ann <ann@x>", {});
  add("app=1", "Bob", {{0, 4}, {3}});
  add("plugin=1", "Bob", {{2}});
  add("other=1", "Bob", {});
  auto catalogue = build_catalogue(std::move(draft));
  EXPECT_TRUE(catalogue);
  return std::move(*catalogue);
}

class GraphNames : public ::testing::Test {
 protected:
  const Item& item(std::size_t i) const { return catalogue_.items[i]; }

  Catalogue catalogue_ = make_catalogue();
  ItemNames names_{catalogue_};
};

TEST_F(GraphNames, FindsTheNewestOrTheOneThatIsNamedInFull) {
  EXPECT_EQ(*names_.find("lib"), 0U);
  EXPECT_EQ(*names_.find("lib=1"), 1U);
  EXPECT_EQ(*names_.find("app"), 2U);
  const auto missing = names_.find("plug");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(missing.error().message, "no item is called plug. There is: plugin, plugin=1");
}

TEST_F(GraphNames, ReadsMarks) {
  EXPECT_EQ(*names_.find_mark("lib"), honest_bad(item(0).own));
  EXPECT_EQ(*names_.find_mark("corrupt:lib=1"), corrupt_update(item(1).own));
  EXPECT_EQ(*names_.find_mark("cleared:lib"), cleared(item(0).own));
  // Of a circle, the whole: its items' own nodes rest on nothing.
  EXPECT_EQ(*names_.find_mark("cleared:app"), cleared(item(2).whole));
  EXPECT_NE(item(2).whole, item(2).own);
  EXPECT_EQ(*names_.find_mark("client:Bob"), client_from(1, 0));
  EXPECT_EQ(*names_.find_mark("client:Bob@7"), client_from(1, 7));
  EXPECT_EQ(*names_.find_mark("client:Ann <ann@x>"), client_from(0, 0));
  EXPECT_EQ(*names_.find_mark("client:Ann <ann@x>@18446744073709551615"),
            client_from(0, ~Timestamp{0}));
  for (const char* bad : {"client:Ann", "client:Bob@", "client:Bob@x", "client:Bob@-1",
                          "client:Bob@99999999999999999999", "corrupt:", "cleared:no", ""}) {
    EXPECT_FALSE(names_.find_mark(bad)) << bad;
  }
  EXPECT_FALSE(names_.find_marks({"lib", "nothing"}));
  EXPECT_EQ(names_.find_marks({"lib", "app"})->size(), 2U);
}

TEST_F(GraphNames, DescribesGates) {
  EXPECT_EQ(names_.describe(item(0).own), "lib=2");
  EXPECT_EQ(names_.describe(item(2).whole), "circle of 2: app=1 plugin=1");
  EXPECT_EQ(names_.describe(kUnresolvable), "something unknown");
  std::string gate;
  for (Node node = 0; node < catalogue_.graph.end(); ++node) {
    if (catalogue_.graph.at(node).cells().size() == 2) gate = names_.describe(node);
  }
  EXPECT_EQ(gate, "any of: lib=2 other=1");
}

TEST_F(GraphNames, ListsByLabel) {
  Classification labels(catalogue_.graph);
  ASSERT_TRUE(labels.mark_all({*names_.find_mark("lib"), *names_.find_mark("other")}));
  using Items = std::vector<ItemIndex>;
  EXPECT_EQ(items_labelled(catalogue_, labels, Label::kCorrupt), (Items{0, 4}));
  EXPECT_EQ(items_labelled(catalogue_, labels, Label::kSuspect), (Items{2, 3}));
  EXPECT_EQ(items_labelled(catalogue_, labels, Label::kNotAffected), (Items{1}));
}

// A log's ids may hold '@' and '='; what is named in full is meant.
TEST(GraphNamesOfLogs, ANameInFullIsNotTakenForTheBeginningOfAnother) {
  Draft draft;
  for (const char* name : {"map", "map@office"}) {
    draft.entries.push_back({name, draft.client_named("x"), 0, {}});
  }
  const auto catalogue = build_catalogue(std::move(draft));
  ASSERT_TRUE(catalogue);
  EXPECT_EQ(*ItemNames(*catalogue).find("map"), 0U);
}

// The names of npm's scoped packages begin with '@'.
TEST(GraphNamesOfLogs, AScopedPackageIsFoundWithoutItsVersion) {
  Draft draft;
  draft.entries.push_back({"@angular/core=17.0.1", draft.client_named("x"), 0, {}});
  const auto catalogue = build_catalogue(std::move(draft));
  ASSERT_TRUE(catalogue);
  const auto found = ItemNames(*catalogue).find("@angular/core");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(*found, 0U);
}

}  // namespace
}  // namespace steward::cli
