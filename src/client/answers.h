// When a client may believe what the servers of its site say: pure rules over the answers that
// came in, at most one a server.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "common/bytes.h"
#include "common/ids.h"
#include "wire/client.pb.h"

namespace steward::client {

struct Answer {
  Sequence sequence = 0;
  wire::Outcome outcome = wire::OUTCOME_EXECUTED;
  Bytes result;
  bool operator==(const Answer&) const = default;
};

using Answers = std::map<ServerIndex, Answer>;

// `one_correct`: so many servers include a correct one (f+1; 1 where servers only crash).
// `quorum`: two sets of so many meet in a correct server.
struct Rules {
  std::uint32_t one_correct = 1;
  std::uint32_t quorum = 1;
};

// The answer that one_correct servers give in every part.
std::optional<Answer> believe_update(const Answers& answers, const Rules& rules);

// A read at or after `min_sequence`: one_correct servers that agree in sequence and result, or a
// quorum that agrees in the result alone. In the second case the sequence is the one_correct-th
// smallest that the quorum claims: not beyond what a correct server has reached, and not before the
// state that some correct server answered from.
std::optional<Answer> believe_query(const Answers& answers, const Rules& rules,
                                    Sequence min_sequence);

}  // namespace steward::client
