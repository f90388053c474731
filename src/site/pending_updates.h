// Updates that a site knows of and that are not executed yet (docs/protocols.md, section 12): in
// the leader site those to be proposed, in any other those that the leader site is late with. Part
// of the replicated state of a logical machine: changed only by executing ordered events.
//
// Late ones come first. Bounded in number and bytes, in all and for what each other site tells of.
// Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "common/bytes.h"
#include "common/ids.h"
#include "site/application.h"
#include "wire/site.pb.h"

namespace steward::site {

class PendingUpdates {
 public:
  enum class Added { kNew, kKnown, kFull };

  explicit PendingUpdates(SiteId self) : self_(self) {}

  // `late`: the site that it comes `from` has waited for it already.
  Added add(const UpdateKey& key, Bytes update, SiteId from, bool late);
  // If this site took it to propose it: perhaps nobody does any more, so it waits again.
  void put_back(const UpdateKey& key, const Bytes& update);
  void forget(const UpdateKey& key);  // it is executed

  // The next to propose, at least one where one waits; they are known until they are executed.
  std::vector<Bytes> take(std::size_t max_items, std::size_t max_bytes);

  // Own ones of which the other sites are to be told now: so many at a time as make them expect
  // work, and cannot burden them.
  std::vector<Bytes> to_tell();
  void tell_again();  // what was told may be lost

  // Some time has passed in which this site did not lead. What waits for more than one tick, and
  // then each fourth, is for the leader site, whoever told of it.
  struct Tick {
    std::vector<Bytes> to_leader;
    bool starved = false;  // something has waited for `patience` ticks while others were executed
  };
  Tick tick(Sequence committed, std::uint32_t patience);
  void new_leader();  // all begin to wait anew

  bool empty() const { return waiting_.empty(); }
  std::size_t size() const { return waiting_.size(); }
  bool knows(const UpdateKey& key) const { return known_.contains(key); }
  std::vector<Bytes> waiting() const;

  void collect(wire::MachinePage& page) const;
  bool load(const wire::MachinePage& page);

 private:
  using Place = std::pair<bool, std::uint64_t>;  // not late, and in the order of arrival
  struct Waiting {
    Bytes update;
    SiteId from = 0;
    bool told = false;
    std::uint32_t age = 0;  // ticks, from 1 again where one of them saw nothing executed
    Sequence since = 0;     // committed at the last tick
  };
  struct Load {
    std::size_t updates = 0;
    std::size_t bytes = 0;
  };

  void insert(Place place, const UpdateKey& key, Waiting one);
  Waiting remove(std::map<Place, Waiting>::iterator at);
  bool fits(const Waiting& one) const;
  static bool has_room(const Load& load, std::size_t bytes, std::size_t times);

  SiteId self_;
  std::map<Place, Waiting> waiting_;
  std::map<UpdateKey, std::optional<Place>> known_;  // no place: proposed
  std::uint64_t next_ = 1;
  std::size_t bytes_ = 0;           // waiting
  std::map<SiteId, Load> told_by_;  // waiting, of other sites
  Load told_;                       // own ones that others were told of
};

}  // namespace steward::site
