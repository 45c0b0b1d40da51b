#include "cli/run_options.h"

namespace catchment::cli {
namespace {

/// NAME=VALUE texts, and NAME VALUE as separate words.
Status ReadParameters(const RunOptions& options, nlohmann::json& parameters) {
  const auto set = [&](const std::string& name, const std::string& value) -> Status {
    if (name.empty()) return Invalid("--pairs: a name is empty; expected NAME VALUE NAME VALUE …");
    const auto known = parameters.find(name);
    if (known != parameters.end() && known->get<std::string>() != value)
      return Invalid("parameter '{}' is given twice: '{}' and '{}'", name,
                     known->get<std::string>(), value);
    parameters[name] = value;
    return {};
  };
  for (const std::string& text : options.parameters) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      return Invalid("--param '{}': expected NAME=VALUE", text);
    RETURN_IF_ERROR(set(text.substr(0, equals), text.substr(equals + 1)));
  }
  if (options.pairs.size() % 2 != 0) {
    return Invalid("--pairs: '{}' has no value; expected NAME VALUE NAME VALUE …",
                   options.pairs.back());
  }
  for (size_t i = 0; i < options.pairs.size(); i += 2) {
    RETURN_IF_ERROR(set(options.pairs[i], options.pairs[i + 1]));
  }
  return options.revalidate ? set("revalidate", "true") : Status();
}

}  // namespace

Result<app::RunRequest> RunOptions::Request() const {
  app::RunRequest made = request;
  RETURN_IF_ERROR(ReadParameters(*this, made.parameters));
  if (slot_option != nullptr && slot_option->count() > 0) made.slot = slot;
  if (refresh_option != nullptr && refresh_option->count() > 0) {
    ASSIGN_OR_RETURN(made.refresh, core::ParseRefresh(refresh.empty() ? "all" : refresh));
  } else if (revalidate) {
    made.refresh = core::Refresh::kAuto;
  }
  return made;
}

void AddRunOptions(CLI::App& app, RunOptions& options) {
  app.add_option("pipeline", options.request.pipeline, "a pipeline's name, folder or file")
      ->required();
  options.slot_option = app.add_option("--slot", options.slot,
                                       "a time, a month (2024-01) or `due`: the newest that is "
                                       "due; of months that stay open all "
                                       "that are due (default)")
                            ->type_name("SLOT");
  app.add_option("--param,-p", options.parameters, "set a parameter of the pipeline")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->take_all();
  app.add_option("--pairs", options.pairs,
                 "set parameters, as separate words: NAME VALUE NAME VALUE …; an empty value or "
                 "Ref::… is not given")
      ->expected(-1);
  options.refresh_option =
      app.add_option("--refresh", options.refresh,
                     "collect a published slot again: auto, all (default) or none")
          ->expected(0, 1)
          ->type_name("HOW");
  app.add_flag("--revalidate", options.revalidate,
               "also ask whether what is at hand is still the newest (pipelines with a parameter "
               "revalidate); --refresh auto unless said otherwise");
}

}  // namespace catchment::cli
