#include "accountability/testing/durable_property.h"

#include <gtest/gtest.h>

#include <random>

#include "accountability/durable_graph.h"
#include "accountability/testing/naive.h"

namespace steward::accountability::testing {
namespace {

class Pair {
 public:
  Pair(std::uint64_t seed, const std::function<Archive&()>& reopen)
      : random_(seed), reopen_(reopen), labels_(memory_) {
    RandomGraphOptions options;
    options.nodes = 1 + random_() % 100;
    Graph drawn;
    draw(random_, options, drawn, naive_);
    options_.segment_nodes = 1 + static_cast<std::uint32_t>(random_() % 20);
    open();
    for (Client i = 0; i < options.clients; ++i) {
      EXPECT_TRUE(memory_.add_client());
      EXPECT_TRUE(durable_->add_client());
    }
    labels_.catch_up();
  }

  void run() {
    while (memory_.end() < naive_.updates.size()) {
      append_to_memory();
      append_to_durable();
      const std::uint64_t what = random_() % 12;
      if (what == 0) {
        crash();
      } else if (what == 1) {
        ASSERT_TRUE(durable_->flush());
        EXPECT_EQ(durable_->durable_end(), durable_->end());
      } else if (what <= 4) {
        change_marks();
      }
      ASSERT_NO_FATAL_FAILURE(compare());
    }
    ASSERT_TRUE(durable_->flush());
    crash();
    ASSERT_NO_FATAL_FAILURE(compare());
  }

 private:
  void open() {
    auto opened = DurableGraph::open(reopen_(), options_);
    ASSERT_TRUE(opened) << opened.error().message;
    durable_ = std::move(*opened);
  }

  void append_to_memory() {
    const NaiveUpdate& update = naive_.updates[memory_.end()];
    const auto added = update.client == kGate
                           ? memory_.append_gate(update.cells)
                           : memory_.append(update.client, update.time, update.cells);
    ASSERT_TRUE(added);
    labels_.catch_up();
  }

  void append_to_durable() {
    while (durable_->end() < memory_.end()) {
      const NaiveUpdate& update = naive_.updates[durable_->end()];
      const auto added = update.client == kGate
                             ? durable_->append_gate(update.cells)
                             : durable_->append(update.client, update.time, update.cells);
      ASSERT_TRUE(added) << added.error().message;
    }
  }

  // What was not durable is lost, and comes again.
  void crash() {
    const Node durable_end = durable_->durable_end();
    durable_.reset();
    open();
    EXPECT_EQ(durable_->end(), durable_end);
    while (durable_->clients() < memory_.clients()) ASSERT_TRUE(durable_->add_client());
    append_to_durable();
  }

  void change_marks() {
    if (random_() % 3 == 0 && !labels_.marks().empty()) {
      auto chosen = labels_.marks().begin();
      std::advance(chosen, random_() % labels_.marks().size());
      const Mark mark = chosen->first;
      ASSERT_TRUE(labels_.withdraw(mark));
      ASSERT_TRUE(durable_->withdraw(mark));
    } else {
      const Mark mark = draw_mark(random_, memory_);
      ASSERT_TRUE(labels_.mark(mark));
      ASSERT_TRUE(durable_->mark(mark));
    }
    EXPECT_EQ(durable_->durable_end(), durable_->end());
  }

  void compare() {
    ASSERT_EQ(durable_->end(), memory_.end());
    ASSERT_EQ(durable_->counts(), labels_.counts());
    ASSERT_EQ(durable_->marks().size(), labels_.marks().size());
    for (const auto& [mark, unused] : labels_.marks()) {
      ASSERT_TRUE(durable_->marks().contains(mark));
    }
    for (Node node = 0; node < memory_.end(); ++node) {
      ASSERT_EQ(durable_->label(node), labels_.label(node)) << node;
      const auto cells = durable_->cells_of(node);
      ASSERT_TRUE(cells) << cells.error().message;
      ASSERT_EQ(*cells, memory_.at(node).cells()) << node;
    }
  }

  std::mt19937_64 random_;
  const std::function<Archive&()>& reopen_;
  DurableOptions options_;
  Naive naive_;
  Graph memory_;
  Classification labels_;
  std::unique_ptr<DurableGraph> durable_;
};

}  // namespace

void expect_durable_equals_memory(std::uint64_t seed, const std::function<Archive&()>& reopen) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  Pair pair(seed, reopen);
  if (!::testing::Test::HasFatalFailure()) pair.run();
}

}  // namespace steward::accountability::testing
