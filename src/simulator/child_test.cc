#include "simulator/child.h"

#include <signal.h>
#include <unistd.h>

#include <thread>

#include "base/file.h"
#include "base/test.h"

namespace catchment::simulator {
namespace {

using Variables = std::vector<std::pair<std::string, std::string>>;

Result<int> RunChild(std::vector<std::string> argv, Variables variables = {}) {
  return RunWithEnvironment(argv, variables);
}

TEST(RunWithEnvironmentTest, HandsOverVariablesAndReturnsTheExitCode) {
  setenv("CATCHMENT_ENDPOINT_PRICES", "old", 1);
  const auto code = RunChild({"sh", "-c", "[ \"$CATCHMENT_ENDPOINT_PRICES\" = new ] && exit 7"},
                             {{"CATCHMENT_ENDPOINT_PRICES", "new"}});
  unsetenv("CATCHMENT_ENDPOINT_PRICES");
  ASSERT_OK(code);
  EXPECT_EQ(*code, 7);
}

TEST(RunWithEnvironmentTest, ASignalledChildIs128PlusTheSignal) {
  ASSERT_OK_AND_ASSIGN(const int code, RunChild({"sh", "-c", "kill -9 $$"}));
  EXPECT_EQ(code, 137);
}

TEST(RunWithEnvironmentTest, AMissingProgramIsNamed) {
  EXPECT_ERROR(RunChild({"no-such-program-here"}), Code::kNotFound, "no-such-program-here");
  EXPECT_ERROR(RunChild({"/"}), Code::kDenied, "'/'");
  EXPECT_ERROR(RunChild({}), Code::kInvalid, "no command");
}

TEST(RunWithEnvironmentTest, ASignalToThisProcessIsPassedOn) {
  const TemporaryFolder folder;
  const std::string ready = (folder.path / "ready").string();
  // The sender inherits this mask; the main thread blocks the signal itself while it waits for the
  // child.
  sigset_t terminate, before;
  sigemptyset(&terminate);
  sigaddset(&terminate, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &terminate, &before);
  std::jthread sender([&](const std::stop_token& stop) {
    while (!stop.stop_requested() && !std::filesystem::exists(ready)) std::this_thread::yield();
    if (!stop.stop_requested()) kill(getpid(), SIGTERM);
  });
  // The child gets the mask as it was before the call, so it unblocks the signal by the shell's
  // trap.
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  const auto code =
      RunChild({"sh", "-c", "trap 'exit 9' TERM; : > " + ready + "; while :; do sleep 0.01; done"});
  ASSERT_OK(code);
  EXPECT_EQ(*code, 9);
}

}  // namespace
}  // namespace catchment::simulator
