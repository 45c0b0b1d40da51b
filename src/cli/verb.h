#pragma once

#include <CLI/CLI.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/settings.h"
#include "base/result.h"
#include "cli/output.h"

namespace catchment::cli {

/// One line of `catchment --help`. Light verbs are answered by `catchment` itself; the others by
/// `catchment-engine`, which it becomes by exec, so that light verbs do not load Arrow and DuckDB.
struct VerbInfo {
  std::string_view name;
  std::string_view summary;
  std::string_view example;
  bool light = false;
};

/// Every verb, in the order of `catchment --help`.
std::span<const VerbInfo> Verbs();

/// What a verb is given: the options that all verbs share, and where its answer goes.
struct Session {
  std::string name;  ///< the verb
  app::SettingsRequest settings;
  OutputFormat format;
  int exit_code = 0;

  /// Print a failure, to standard error or with --json as a document, and remember its exit code.
  void Fail(const Status& status);
};

/// Declares a verb's options on `app` and sets its callback. `session` outlives `app`.
using VerbSetup = void (*)(CLI::App& app, Session& session);

struct VerbEntry {
  std::string_view name;
  VerbSetup setup;
};

/// Declares the options that every verb and every verb of `stac` has.
void AddCommonOptions(CLI::App& app, Session& session);

/// Parse `arguments` (without the program's name; the verb first) and run the verb. Returns the
/// exit code.
int RunVerb(const VerbEntry& entry, std::vector<std::string> arguments);

}  // namespace catchment::cli
