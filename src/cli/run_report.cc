#include "cli/run_report.h"

#include <algorithm>
#include <cstdio>

#include "base/text.h"

namespace catchment::cli {
namespace {

constexpr size_t kMostWarnings = 10;

/// What a transform has to say of the data is said on standard error; what a source notes is for
/// the run's record alone.
void PrintWarnings(const core::RunRecord& record) {
  for (const SourceReport& report : record.reports) {
    const bool derives =
        std::any_of(record.tasks.begin(), record.tasks.end(), [&](const core::TaskRecord& task) {
          return task.name == report.source && task.kind == "transform";
        });
    if (!derives) continue;
    for (size_t i = 0; i < std::min(report.notes.size(), kMostWarnings); ++i)
      std::fprintf(stderr, "warning: %s: %s\n", report.source.c_str(), report.notes[i].c_str());
    if (report.notes.size() > kMostWarnings) {
      std::fprintf(stderr, "warning: %s: and %s more (catchment logs %s)\n", report.source.c_str(),
                   FormatCount(static_cast<int64_t>(report.notes.size() - kMostWarnings)).c_str(),
                   record.run.text.c_str());
    }
  }
}

/// `name`: what it is told with, if there are several.
void PrintResult(const core::RunResult& result, const std::string& verb, const std::string& name) {
  const bool failed = result.exit_code != 0 && result.exit_code != 3;
  const std::string message = name.empty() ? result.message : name + ": " + result.message;
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
  PrintWarnings(result.record);
}

}  // namespace

void ReportRuns(const std::vector<core::RunResult>& results, const Session& session) {
  if (!session.format.json) {
    if (results.empty()) PrintText("nothing is due");
    const auto differ = [&](auto part) {
      return std::any_of(results.begin(), results.end(), [&](const core::RunResult& result) {
        return part(result.record) != part(results.front().record);
      });
    };
    const bool datasets = differ([](const core::RunRecord& record) { return record.dataset; });
    const bool slots = differ([](const core::RunRecord& record) { return record.slot; });
    for (const core::RunResult& result : results) {
      std::string name = datasets ? result.record.dataset.text : "";
      if (slots) name += (datasets ? " " : "") + result.record.slot.text;
      PrintResult(result, session.name, name);
    }
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
