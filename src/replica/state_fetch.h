// Fetching a certified snapshot from the other servers of the site (SPEC 2.7), in three steps, each
// checked against the one before, so that no source need be trusted: the list of groups against the
// certificate's digest, the digests of the pages of a group against the list, contents against
// those. Groups and pages that this server has already are not fetched.
//
// Sources. Each other server has one request outstanding, for a part of its own. One whose content
// does not match a digest is not asked again during this fetch, unless all have been found so. One
// that says that it has no such snapshot is asked for it again only where no newer one is known of:
// then it may take that checkpoint yet. One that is late, after
// two ticks, loses its part to the others; its answer is welcome until it is asked again, after a
// time that doubles. From then on it gets single pieces that the others are asked for as well,
// until it has answered in time often enough, twice as often for each time that it was late: a
// server that stalls now and then delays few of the rounds. That holds while there are others.
// Answers that nothing outstanding asked for change nothing.
//
// Targets. Donors keep a snapshot that is being fetched (state_donor.h), so a fetch stays with its
// certificate as long as more than `faults` sources may have it, and goes to the newest one that it
// was told of when they have not, or when it is complete. What was fetched stays and is used
// wherever it fits a later target. A round thus transfers what differs from what this server had
// before, and the next one what has changed during the round. Not thread-safe.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/ids.h"
#include "common/time.h"
#include "replica/page_set.h"
#include "wire/agreement.pb.h"
#include "wire/state.pb.h"

namespace steward::replica {

class StateFetch {
 public:
  struct Actions {
    std::vector<std::pair<ServerIndex, wire::StateRequest>> requests;
    PageMap fetched;                      // checked, to be staged
    std::vector<std::string> rejections;  // to be counted
  };

  // `faults`: how many of the servers may fail. `first_number`: of the first request, different in
  // each run.
  StateFetch(ServerIndex self, std::uint32_t servers, std::uint32_t faults,
             std::uint64_t first_number)
      : self_(self), faults_(faults), sources_(servers), number_(first_number) {}

  bool active() const { return target_.has_value(); }

  // Pages fetched for some target before a restart.
  void resume(PageMap fetched) { fetched_ = std::move(fetched); }

  // Starts on this certificate, or keeps it for later while an older one is being fetched. `from`
  // is asked first.
  void begin(const wire::StableCheckpoint& certificate, ServerIndex from, Actions& actions);

  void on_answer(ServerIndex from, const wire::StateAnswer& answer, const Pages& own,
                 Actions& actions);

  // Each kTick while active().
  static constexpr Duration kTick{250'000};
  void on_tick(Actions& actions);

  // The whole snapshot, once; then inactive. `next`: a newer certificate that came meanwhile.
  struct Snapshot {
    wire::StableCheckpoint certificate;
    Pages pages;
    std::optional<wire::StableCheckpoint> next;
  };
  std::optional<Snapshot> take_complete();

  // Gives up: the server has come beyond every target by itself.
  void abandon();

  // The newest certificate it was told of; 0: inactive.
  Sequence newest() const;

  struct Progress {
    Sequence sequence = 0;
    std::size_t pages = 0;    // known to differ from what this server had
    std::size_t missing = 0;  // of them
    bool all_known = false;   // no more of them will turn up
    std::uint64_t bytes = 0;  // of contents fetched in this run, for all targets
  };
  Progress progress() const;

 private:
  enum class Step { kList, kGroups, kPages };
  struct Part {
    std::uint64_t number = 0;
    Step step = Step::kList;
    std::set<std::uint32_t> keys;  // of groups or pages
    std::uint32_t age = 0;         // in ticks
    bool probe = false;            // others may be asked for the same at once
  };
  struct Source {
    bool lies = false;
    bool lacks = false;
    std::uint32_t lacked_for = 0;  // ticks since it said so
    std::optional<Part> asked;
    std::uint32_t patience = 0;  // ticks that it was given in vain the last time; 0: it answered
    std::uint32_t times_late = 0;
    std::uint32_t probes_due = 0;  // answers in time until it is trusted with a part again
  };

  bool usable(ServerIndex server) const;
  std::size_t usable_sources() const;
  bool doubtful(const Source& source) const;
  void start(wire::StableCheckpoint target);
  void clear();
  void move_on();
  void schedule(Actions& actions);
  std::optional<Part> next_part(const Source& source);
  void give_back(const Part& part);
  // False: it does not match what is certified.
  bool take(const Part& part, const wire::StateAnswer& answer, const Pages& own, Actions& actions);
  bool take_list(const wire::StateAnswer& answer, const Pages& own);
  bool take_groups(const Part& part, const wire::StateAnswer& answer, const Pages& own);
  bool take_pages(const Part& part, const wire::StateAnswer& answer, Actions& actions);
  void take_group(GroupKey group, const PageDigests& digests, const Pages& own);

  const ServerIndex self_;
  const std::uint32_t faults_;
  std::vector<Source> sources_;
  ServerIndex first_ = 0;  // asked first
  std::uint64_t number_;   // of the next request
  std::uint64_t bytes_ = 0;

  std::optional<wire::StableCheckpoint> target_;
  std::optional<wire::StableCheckpoint> next_;
  std::optional<GroupDigests> list_;
  Pages done_;                            // groups that this server has
  std::set<GroupKey> unknown_;            // whose pages' digests are to come
  std::map<GroupKey, PageMap> building_;  // the pages that are here, of the groups in between
  PageDigests missing_;                   // pages to come
  std::set<std::uint32_t> free_groups_;   // unknown, and not part of what is outstanding
  std::set<std::uint32_t> free_pages_;
  std::size_t differing_ = 0;  // pages that were missing at first
  PageMap fetched_;            // for this target and earlier ones
};

}  // namespace steward::replica
