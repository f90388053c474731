#include "client/answers.h"

#include <gtest/gtest.h>

namespace steward::client {
namespace {

constexpr Rules kFour{2, 3};  // four servers, one liar
const auto kExecuted = wire::OUTCOME_EXECUTED;

TEST(BelieveUpdate, NeedsEnoughEqualAnswers) {
  EXPECT_FALSE(believe_update({}, kFour));
  EXPECT_FALSE(believe_update({{0, {7, kExecuted, "a"}}}, kFour));
  EXPECT_FALSE(believe_update({{0, {7, kExecuted, "a"}}, {1, {7, kExecuted, "b"}}}, kFour));
  EXPECT_FALSE(believe_update({{0, {7, kExecuted, "a"}}, {1, {8, kExecuted, "a"}}}, kFour));
  EXPECT_FALSE(believe_update(
      {{0, {7, kExecuted, "a"}}, {1, {7, wire::OUTCOME_SESSION_EXPIRED, "a"}}}, kFour));
  const auto answer = believe_update(
      {{0, {7, kExecuted, "lie"}}, {1, {7, kExecuted, "a"}}, {3, {7, kExecuted, "a"}}}, kFour);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->result, "a");
}

TEST(BelieveUpdate, OneAnswerDoesWhereServersOnlyCrash) {
  EXPECT_TRUE(believe_update({{2, {7, kExecuted, "a"}}}, Rules{1, 2}));
}

TEST(BelieveQuery, TakesEqualSequencesNotBeforeTheMinimum) {
  const Answers answers{{0, {7, kExecuted, "a"}}, {1, {7, kExecuted, "a"}}};
  ASSERT_TRUE(believe_query(answers, kFour, 7));
  EXPECT_EQ(believe_query(answers, kFour, 7)->sequence, 7U);
  EXPECT_FALSE(believe_query(answers, kFour, 8));
}

TEST(BelieveQuery, TakesAQuorumOfEqualResultsAtDifferentSequences) {
  Answers answers{{0, {7, kExecuted, "a"}}, {1, {9, kExecuted, "a"}}};
  EXPECT_FALSE(believe_query(answers, kFour, 7));
  answers[2] = {1'000'000, kExecuted, "a"};  // a liar that claims the future
  const auto answer = believe_query(answers, kFour, 7);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->sequence, 9U);
  answers[0].sequence = 6;  // too old to count
  EXPECT_FALSE(believe_query(answers, kFour, 7));
}

}  // namespace
}  // namespace steward::client
