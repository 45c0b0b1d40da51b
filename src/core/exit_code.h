#pragma once

#include <span>
#include <vector>

#include "base/coverage.h"
#include "base/result.h"

namespace catchment::core {

/// What a process of ours returns (architecture, exit codes). Any other number is a failure.
enum ExitCode : int {
  kExitDone = 0,
  kExitFailed = 1,
  kExitUsage = 2,
  kExitGaps = 3,
  kExitHeld = 4,
  kExitExhausted = 5,
  kExitNotFound = 10,
  kExitLocked = 11,
  kExitDenied = 12,
  kExitTemporary = 75,
  kExitDeadline = 124,
  kExitInterrupted = 130,
  kExitTerminated = 143,
};

/// The exit code of an error that ends a run. kCancelled is kExitInterrupted.
int ExitCodeOf(Code code);

/// A collect task and how it went.
struct CollectOutcome {
  const SourceReport* report = nullptr;
  bool required = true;
};

/// Whether the sources' facts end the run: a required one is unavailable (12 denied, 5 exhausted,
/// 75 unavailable, else 1; the most severe of several), or no source obtained anything (75). 0: go
/// on.
int CollectExitCode(std::span<const CollectOutcome> outcomes);

/// Of a run that published: 75 if an export is owed, else 3 if and only if there is a gap.
int PublishedExitCode(bool any_gap, bool export_owed);

/// Of several runs in one process: the most severe, in order 1, 12, 5, 75, 4, 3, 0; any other code
/// comes first.
int MostSevere(int one, int other);

/// 128 + the signal: 130 for SIGINT, 143 for SIGTERM.
int SignalExitCode(int signal_number);

}  // namespace catchment::core
