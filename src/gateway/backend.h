// What stands behind a gateway: something that executes updates in order and answers reads. The
// real one speaks to a cluster and believes only what enough servers say.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/bytes.h"
#include "common/ids.h"
#include "common/result.h"

namespace steward::gateway {

// The agreed result and the sequence of the state that it came from.
struct Answer {
  Sequence sequence = 0;
  Bytes result;
};

class Backend {
 public:
  // Called exactly once, on the gateway's thread, never from inside submit or query.
  using Callback = std::function<void(Result<Answer>)>;

  virtual ~Backend() = default;

  // Any number may be under way; their order among each other is open. After a failure the update
  // may or may not have been executed.
  virtual void submit(Bytes payload, Callback done) = 0;

  // Answered from a state at or after `min_sequence`.
  virtual void query(Bytes payload, Sequence min_sequence, Callback done) = 0;

  // What INFO shows of it: names as in INFO (lower case, underscores) and values.
  virtual std::vector<std::pair<std::string, std::string>> facts() const = 0;
};

}  // namespace steward::gateway
