#include <algorithm>
#include <memory>

#include "app/state_stores.h"
#include "cli/light_verbs.h"

namespace catchment::cli {
namespace {

struct Options {
  std::string pipeline, slot, state;
  size_t limit = 20;
};

/// Whether a pipeline or dataset of this name is there, or has runs; else what is said of it.
Status Known(const app::Settings& settings, core::RunStore& store, core::RunFilter filter,
             const std::string& name) {
  filter.slot.clear();
  filter.state.reset();
  ASSIGN_OR_RETURN(const auto any, store.List(filter, 1));
  if (!any.empty()) return {};
  const auto datasets = app::DatasetsOf(settings, name);
  if (datasets.ok()) return {};
  if (name.find('/') != std::string::npos) return datasets.status();
  if (app::IsKnownName(settings, name)) return {};
  ASSIGN_OR_RETURN(const std::vector<core::PipelineStatus> statuses, store.StatusOfPipelines());
  std::vector<std::string> names;
  for (const core::PipelineStatus& status : statuses) names.push_back(status.pipeline);
  return app::NoSuchName(settings, name, names);
}

void Run(const Options& options, Session& session) {
  const auto settings = app::LoadSettings(session.settings);
  if (!settings.ok()) return session.Fail(settings.status());
  const auto stores = app::StateStores::Open(*settings);
  if (!stores.ok()) return session.Fail(stores.status());
  core::RunFilter filter;
  // A dataset of a pipeline with several has the pipeline's name before it.
  const bool one_dataset = options.pipeline.find('/') != std::string::npos;
  (one_dataset ? filter.dataset : filter.pipeline) = options.pipeline;
  filter.slot = options.slot;
  if (!options.state.empty()) filter.state = core::RunStateFromName(options.state);
  const auto runs = (*stores)->runs().List(filter, options.limit);
  if (!runs.ok()) return session.Fail(runs.status());
  if (runs->empty() && !options.pipeline.empty()) {
    const Status known = Known(*settings, (*stores)->runs(), filter, options.pipeline);
    if (!known.ok()) return session.Fail(known);
  }
  if (session.format.json) {
    nlohmann::json list = nlohmann::json::array();
    for (const core::RunRecord& run : *runs) list.push_back(core::ToJson(run));
    return PrintJson("history", {{"runs", list}});
  }
  TextTable table{{"run", "slot", "state", "exit", "publish", "started", "seconds", "message"}, {}};
  const bool several = std::any_of(runs->begin(), runs->end(), [](const core::RunRecord& run) {
    return run.dataset.text != run.pipeline.text;
  });
  if (several) table.header.insert(table.header.begin() + 1, "dataset");
  for (const core::RunRecord& run : *runs) {
    const double seconds =
        run.ended ? std::chrono::duration<double>(*run.ended - run.started).count() : 0;
    table.rows.push_back({run.run.text, run.slot.text, std::string(core::RunStateName(run.state)),
                          run.exit_code ? std::to_string(*run.exit_code) : "",
                          run.published ? std::to_string(*run.published) : "",
                          FormatTime(std::chrono::floor<std::chrono::seconds>(run.started)),
                          run.ended ? fmt::format("{:.1f}", seconds) : "",
                          run.message.substr(0, run.message.find('\n'))});
    std::vector<std::string>& cells = table.rows.back();
    if (several) cells.insert(cells.begin() + 1, run.dataset.text);
  }
  PrintText(Render(table));
}

}  // namespace

void SetUpHistory(CLI::App& app, Session& session) {
  auto options = std::make_shared<Options>();
  app.add_option("pipeline", options->pipeline, "a pipeline's or dataset's name (default: all)");
  app.add_option("--slot", options->slot, "only runs of this slot")->type_name("SLOT");
  app.add_option("--state", options->state, "only runs in this state")
      ->check(CLI::IsMember(
          {"running", "done", "failed", "skipped", "held", "deferred", "cancelled", "lost"}));
  app.add_option("--limit", options->limit, "at most so many (default: 20)")
      ->check(CLI::Range(1, 1'000'000));
  app.callback([options, &session] { Run(*options, session); });
}

}  // namespace catchment::cli
