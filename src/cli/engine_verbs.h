#pragma once

#include <span>

#include "cli/verb.h"

namespace catchment::cli {

/// The verbs that `catchment-engine` answers.
std::span<const VerbEntry> EngineVerbs();

void SetUpAsof(CLI::App& app, Session& session);
void SetUpCompact(CLI::App& app, Session& session);
void SetUpDeliver(CLI::App& app, Session& session);
void SetUpDiff(CLI::App& app, Session& session);
void SetUpDoctor(CLI::App& app, Session& session);
void SetUpExport(CLI::App& app, Session& session);
void SetUpPlan(CLI::App& app, Session& session);
void SetUpQuery(CLI::App& app, Session& session);
void SetUpRecover(CLI::App& app, Session& session);
void SetUpReplay(CLI::App& app, Session& session);
void SetUpRetry(CLI::App& app, Session& session);
void SetUpRun(CLI::App& app, Session& session);
void SetUpSchema(CLI::App& app, Session& session);
void SetUpStac(CLI::App& app, Session& session);
void SetUpValidate(CLI::App& app, Session& session);
void SetUpVerify(CLI::App& app, Session& session);

}  // namespace catchment::cli
