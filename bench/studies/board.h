// An emergency bulletin board, after Section IV-C of the report (a network of clinicians): 300
// accounts write 5,000 messages a day for ten days, on 40 cases. What do compromised accounts
// reach with rumours?
//
// Each message is by an account drawn evenly, and is
//   - a report, one in four: what its author saw of a case; depends on nothing;
//   - a bulletin, one in four: depends on the latest report of the case, or, in
//     `corroborated_percent` of the cases, on any of the latest reports of up to three accounts,
//     which are alternatives; every other one also on the case's bulletin before;
//   - an answer, the rest: depends on one message among the last 1,000, newer ones more likely, and
//     one in four on a second one.
// All is drawn from the seed, alike on every machine.
#pragma once

#include <vector>

#include "accountability/graph.h"

namespace steward::studies {

struct BoardOptions {
  std::uint32_t accounts = 300;
  std::uint32_t days = 10;
  std::uint32_t messages_a_day = 5000;
  std::uint32_t cases = 40;
  std::uint32_t corroborated_percent = 80;
  std::uint64_t seed = 1;

  std::uint32_t messages() const { return days * messages_a_day; }
};

// Clients are accounts, nodes messages. Timestamps count an account's messages from 1.
accountability::Graph make_board(const BoardOptions& options);

// Means over the groups that were tried, of all messages of the board.
struct BoardAnswer {
  std::uint32_t accounts = 0;  // compromised, together
  double corrupt = 0;          // written by them
  double suspect = 0;          // written by others, and tainted
  double suspect_without_alternatives = 0;
};

// For 1, 2, 4, … up to 128 accounts that spread rumours from the beginning of `from_day` (from 0)
// on: 30 groups of each size, drawn from the seed.
std::vector<BoardAnswer> ask_board(const accountability::Graph& board, const BoardOptions& options,
                                   std::uint32_t from_day);

}  // namespace steward::studies
