#include "base/process.h"

#include "base/test.h"

namespace catchment {
namespace {

OpContext Context(const Clock& clock) { return {.clock = &clock}; }

}  // namespace

TEST(ProcessTest, GivesBackExitCodeAndOutput) {
  const ManualClock clock{Time{}};
  ASSERT_OK_AND_ASSIGN(const ProcessResult result,
                       RunProcess({.argv = {"sh", "-c", "echo $GREETING; echo bad >&2; exit 3"},
                                   .variables = {{"GREETING", "hello"}}},
                                  Context(clock)));
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.output, "hello\n");
  EXPECT_EQ(result.errors, "bad\n");
}

TEST(ProcessTest, KeepsTheBeginningOfAFloodAndTheEndOfErrors) {
  const ManualClock clock{Time{}};
  ASSERT_OK_AND_ASSIGN(
      const ProcessResult result,
      RunProcess({.argv = {"sh", "-c", "seq 1 100000; seq 1 100000 >&2"}, .output_limit = 100},
                 Context(clock)));
  EXPECT_EQ(result.output.substr(0, 6), "1\n2\n3\n");
  EXPECT_EQ(result.output.size(), 100u);
  EXPECT_TRUE(result.errors.ends_with("99999\n100000\n"));
}

TEST(ProcessTest, ReadsItsInputOrNot) {
  const ManualClock clock{Time{}};
  const std::string large(3'000'000, 'x');
  ASSERT_OK_AND_ASSIGN(const ProcessResult read,
                       RunProcess({.argv = {"wc", "-c"}, .input = large}, Context(clock)));
  EXPECT_EQ(read.output, "3000000\n");
  ASSERT_OK_AND_ASSIGN(const ProcessResult ignored,
                       RunProcess({.argv = {"true"}, .input = large}, Context(clock)));
  EXPECT_EQ(ignored.exit_code, 0);
  ASSERT_OK_AND_ASSIGN(const ProcessResult none, RunProcess({.argv = {"cat"}}, Context(clock)));
  EXPECT_EQ(none.output, "");
}

TEST(ProcessTest, TellsASignalFromAnExitCode) {
  const ManualClock clock{Time{}};
  ASSERT_OK_AND_ASSIGN(const ProcessResult killed,
                       RunProcess({.argv = {"sh", "-c", "kill -9 $$"}}, Context(clock)));
  EXPECT_EQ(killed.signal, 9);
  EXPECT_EQ(killed.exit_code, 137);
  ASSERT_OK_AND_ASSIGN(const ProcessResult ended,
                       RunProcess({.argv = {"sh", "-c", "exit 137"}}, Context(clock)));
  EXPECT_EQ(ended.signal, 0);
}

TEST(ProcessTest, AProgramThatIsNotThereIsNamed) {
  const ManualClock clock{Time{}};
  EXPECT_ERROR(RunProcess({.argv = {"no-such-program-anywhere"}}, Context(clock)), Code::kInvalid,
               "no program 'no-such-program-anywhere' in PATH (/");
  EXPECT_ERROR(RunProcess({.argv = {"./nowhere"}, .working_folder = "/usr"}, Context(clock)),
               Code::kInvalid, "no program /usr/./nowhere; install it");
  EXPECT_ERROR(RunProcess({.argv = {"/etc/passwd"}}, Context(clock)), Code::kInvalid,
               "program '/etc/passwd' is no file that may be run");
  EXPECT_ERROR(RunProcess({.argv = {"true"}, .working_folder = "/nowhere/at/all"}, Context(clock)),
               Code::kNotFound, "/nowhere/at/all");
}

TEST(ProcessTest, IsEndedAtTheDeadlineWithItsChildren) {
  const ManualClock clock{Time{}};
  const OpContext context = Context(clock).Within(std::chrono::milliseconds(100));
  EXPECT_ERROR(RunProcess({.argv = {"sh", "-c", "sleep 60 & sleep 60"}}, context), Code::kDeadline,
               "time limit");
}

}  // namespace catchment
