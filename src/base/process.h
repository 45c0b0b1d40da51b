#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/op_context.h"
#include "base/result.h"

namespace catchment {

/// A program to start. argv[0] with a `/` is a path, else it is searched in PATH; no shell is
/// involved.
struct ProcessSpec {
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>>
      variables;                         ///< added to this process' environment; they win
  std::filesystem::path working_folder;  ///< empty: this process' own
  std::filesystem::path standard_input;  ///< empty: `input`
  std::string_view input;                ///< borrowed; what it reads if no file is named
  uint64_t output_limit = 64 << 10;      ///< of each stream kept; the rest is read and dropped
};

/// How it ended.
struct ProcessResult {
  int exit_code = 0;   ///< 128 + the signal if a signal ended it
  int signal = 0;      ///< that signal; 0: it ended by itself
  std::string output;  ///< the beginning of its standard output
  std::string errors;  ///< the end of its standard error
};

/// Start a program in a process group of its own and wait for its end. Any exit code is a result.
/// kInvalid: there is no such program, or it may not be run; says where it was looked for.
/// kNotFound: the working folder. kUnavailable: no memory or descriptor. kDeadline,
/// kCancelled: the context ended first; the whole group was asked to end (SIGTERM) and, two seconds
/// later, killed.
Result<ProcessResult> RunProcess(const ProcessSpec& spec, const OpContext& context);

}  // namespace catchment
