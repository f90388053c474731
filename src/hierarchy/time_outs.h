// T1, T2 and T3 (journal paper, section 5.3; SPEC 1.12): when a server gives up its representative,
// or the leader site.
//   T1  of representatives of other sites; 3 round trips and the time for a signature, at least
//   T2  of those of the leader site: (f + 2) T1, so that each other site finds a correct one
//   T3  of the leader site: (f + 3) T2, so that it finds a correct one
// T1 doubles with each round of leader sites, up to its cap. Time runs only while the host knows of
// an update that is not executed, or a view is being installed, and begins anew when something new
// is executed. Local time stands still while a local view is being installed, global while a global
// one is: that takes others, and is not the representative's fault.
#pragma once

#include "hierarchy/context.h"

namespace steward::hierarchy {

class TimeOuts {
 public:
  enum Timer : TimerId { kTick = 1, kLocal, kGlobal };

  explicit TimeOuts(Context& context) : context_(context) {}

  // After each step: who waits for what, by now?
  void follow(bool installing);
  void on_progress();
  // The timer ran out: not armed any more.
  void fired(Timer timer);

  Duration t1() const;
  Duration t2() const;
  Duration t3() const;

 private:
  void set(Timer timer, bool& armed, bool runs, Duration after, bool anew);

  Context& context_;
  ViewPair view_;
  bool local_ = false;
  bool global_ = false;
  bool progressed_ = false;
};

}  // namespace steward::hierarchy
