#include "cli/run_report.h"

#include <algorithm>
#include <cstdio>

#include "base/text.h"

namespace catchment::cli {
namespace {

/// `several`: each is told with its dataset.
void PrintResult(const core::RunResult& result, const std::string& verb, bool several) {
  const bool failed = result.exit_code != 0 && result.exit_code != 3;
  const std::string message =
      several ? result.record.dataset.text + ": " + result.message : result.message;
  if (failed) {
    std::fprintf(stderr, "catchment %s: %s\n", verb.c_str(), message.c_str());
  } else {
    PrintText(message);
  }
  for (const Gap& gap : result.record.gaps) {
    const bool told = failed && !gap.detail.empty() && result.message.ends_with(gap.detail);
    if (told) continue;
    std::fprintf(stderr, "gap: %s: %s (%s)%s%s\n", gap.source.c_str(), gap.reason.c_str(),
                 FormatCount(gap.units).c_str(), gap.detail.empty() ? "" : ": ",
                 gap.detail.c_str());
  }
}

}  // namespace

void ReportRuns(const std::vector<core::RunResult>& results, const Session& session) {
  if (!session.format.json) {
    const bool several =
        std::any_of(results.begin(), results.end(), [&](const core::RunResult& result) {
          return result.record.dataset != results.front().record.dataset;
        });
    for (const core::RunResult& result : results) PrintResult(result, session.name, several);
    return;
  }
  nlohmann::json list = nlohmann::json::array();
  for (const core::RunResult& result : results) {
    nlohmann::json json = {{"exit_code", result.exit_code},
                           {"message", result.message},
                           {"record", core::ToJson(result.record)}};
    json["published"] = result.published ? nlohmann::json(*result.published) : nlohmann::json();
    list.push_back(std::move(json));
  }
  PrintJson(session.name, {{"exit_code", session.exit_code}, {"runs", list}});
}

}  // namespace catchment::cli
