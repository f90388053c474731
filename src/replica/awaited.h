// Sequences that servers of a site wait for though nobody has anything to order: a server that
// forgot votes again only beyond its bound (readmission.h), and others bring the site there with
// empty batches. docs/protocols.md, section 11, says why that ends and what a liar can do with it.
//
// Each server is heard for one sequence at a time, at most `reach` above the stable checkpoint
// here, and for another one once that has been reached. The first brings an empty batch after
// kQuickest without any other, and each further one of the same server after twice as long, up to
// `slowest`: who asks for ever gets next to nothing.
//
// Pure; not thread-safe. What servers ask for may be lies.
#pragma once

#include <map>
#include <optional>

#include "common/ids.h"
#include "common/time.h"

namespace steward::replica {

class Awaited {
 public:
  static constexpr Duration kQuickest{10'000};

  struct Options {
    Sequence reach = 0;
    Duration slowest{0};
  };

  explicit Awaited(Options options) : options_(options) {}

  // `stable` and `committed` are the standing here.
  void ask(ServerIndex from, Sequence sequence, Sequence stable, Sequence committed);

  // The highest sequence that somebody waits for; nullopt when all are reached.
  std::optional<Sequence> highest(Sequence committed) const;
  // After how long without a batch an empty one is due; only while somebody waits.
  Duration pace(Sequence committed) const;

 private:
  struct Asked {
    Sequence sequence = 0;
    std::uint32_t before = 0;  // how often it has asked for another one
  };

  const Options options_;
  std::map<ServerIndex, Asked> asked_;
};

}  // namespace steward::replica
