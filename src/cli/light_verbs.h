#pragma once

#include <span>

#include "cli/verb.h"

namespace catchment::cli {

/// The verbs that `catchment` answers itself.
std::span<const VerbEntry> LightVerbs();

void SetUpCompletion(CLI::App& app, Session& session);
void SetUpHistory(CLI::App& app, Session& session);
void SetUpInit(CLI::App& app, Session& session);
void SetUpLogs(CLI::App& app, Session& session);
void SetUpSimulate(CLI::App& app, Session& session);
void SetUpStatus(CLI::App& app, Session& session);
void SetUpVersion(CLI::App& app, Session& session);

}  // namespace catchment::cli
