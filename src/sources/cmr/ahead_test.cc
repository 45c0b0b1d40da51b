#include <atomic>

#include "base/test.h"
#include "sources/cmr/ahead_internal.h"

namespace catchment::sources::cmr {
namespace {

/// Answers each question with itself, but waits for a stop if it is `wait`.
Result<std::string> Echo(const std::string& question, const OpContext& context) {
  while (question == "wait") {
    if (context.stop.stop_requested()) return Cancelled("stopped");
    std::this_thread::yield();
  }
  return question + "!";
}

class AheadTest : public testing::Test {
 protected:
  AheadTest() { context_.clock = &clock_; }
  ManualClock clock_{*ParseTime("2024-03-01")};
  OpContext context_;
};

TEST_F(AheadTest, WhatWasBegunIsAnsweredAndWhatWasNotIsLeftToWhoAsks) {
  AheadAnswers ahead(Echo);
  EXPECT_FALSE(ahead.Take("never added", context_).has_value());
  ahead.Add("first", "wait", 1, context_);
  ahead.Add("second", "question", 1, context_);  // waits for the only thread
  EXPECT_FALSE(ahead.Take("second", context_).has_value());
  EXPECT_FALSE(ahead.Take("second", context_).has_value());
  ahead.Stop();
  ahead.Add("third", "question", 1, context_);
  EXPECT_FALSE(ahead.Take("third", context_).has_value());
}

TEST_F(AheadTest, AnAnswerIsWaitedForUnlessTheRunIsStopped) {
  std::atomic<int> begun = 0;
  AheadAnswers ahead([&](const std::string& question, const OpContext& context) {
    ++begun;
    return Echo(question, context);
  });
  ahead.Add("key", "question", 2, context_);
  ahead.Add("key", "another question", 2, context_);  // is there already
  while (begun == 0) std::this_thread::yield();
  const auto answer = ahead.Take("key", context_);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(**answer, "question!");

  std::stop_source stop;
  context_.stop = stop.get_token();
  ahead.Add("endless", "wait", 2, context_);
  while (begun == 1) std::this_thread::yield();
  stop.request_stop();
  const auto stopped = ahead.Take("endless", context_);
  ASSERT_TRUE(stopped.has_value());
  EXPECT_EQ(stopped->error().code, Code::kCancelled);
}

}  // namespace
}  // namespace catchment::sources::cmr
