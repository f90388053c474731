#include "client/answers.h"

#include <algorithm>
#include <vector>

namespace steward::client {
namespace {

std::optional<Answer> repeated(const Answers& answers, std::uint32_t times, Sequence min_sequence) {
  for (const auto& [server, answer] : answers) {
    if (answer.sequence < min_sequence) continue;
    const auto equal = [&answer](const auto& entry) { return entry.second == answer; };
    if (std::count_if(answers.begin(), answers.end(), equal) >= times) return answer;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Answer> believe_update(const Answers& answers, const Rules& rules) {
  return repeated(answers, rules.one_correct, 0);
}

std::optional<Answer> believe_query(const Answers& answers, const Rules& rules,
                                    Sequence min_sequence) {
  if (auto answer = repeated(answers, rules.one_correct, min_sequence)) return answer;
  for (const auto& [server, answer] : answers) {
    std::vector<Sequence> claimed;
    for (const auto& [other, same] : answers) {
      if (same.sequence >= min_sequence && same.result == answer.result) {
        claimed.push_back(same.sequence);
      }
    }
    if (claimed.size() < rules.quorum) continue;
    std::sort(claimed.begin(), claimed.end());
    return Answer{claimed[rules.one_correct - 1], wire::OUTCOME_EXECUTED, answer.result};
  }
  return std::nullopt;
}

}  // namespace steward::client
