#include "app/settings.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "app/installation.h"
#include "base/text.h"
#include "core/values.h"

extern char** environ;

namespace catchment::app {
namespace fs = std::filesystem;
namespace {

bool AnyEndpointVariable() {
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (std::string_view(*entry).starts_with("CATCHMENT_ENDPOINT_")) return true;
  }
  return false;
}

/// Folders that hold pipelines: the configuration's, then the shared ones.
std::vector<fs::path> PipelineFolders(const Settings& settings) {
  std::vector<fs::path> folders;
  std::error_code error;
  const fs::path own = settings.config.folder / "pipelines";
  if (fs::is_directory(own, error)) folders.push_back(own);
  for (const fs::path& shared : SharedFolders("pipelines")) {
    if (!fs::equivalent(shared, own, error)) folders.push_back(shared);
  }
  return folders;
}

std::set<std::string> NameSet(const std::vector<std::string>& names) {
  return {names.begin(), names.end()};
}

/// A value fills one part of a root and leads nowhere else: no `/`, no `..`.
Result<fs::path> FilledRoot(const core::Config& config, const std::string& root,
                            const core::PlaceholderValues& values) {
  for (const std::string& name : core::ListPlaceholders(root)) {
    const std::string parameter = name.substr(name.find('.') + 1);
    const nlohmann::json value = values.parameters.value(parameter, nlohmann::json());
    if (!value.is_string())
      return Invalid("root '{}' depends on {}, which has no value here", root, parameter);
    const auto text = value.get<std::string>();
    if (!core::CheckPathPrefix(text).ok() || text.find('/') != std::string::npos) {
      return Invalid("{}: expected a name of letters, digits, '.', '_' and '-', found '{}'",
                     parameter, text.substr(0, 64));
    }
  }
  ASSIGN_OR_RETURN(const std::string filled, core::ExpandPlaceholders(root, values));
  return LocalRoot(config, filled);
}

}  // namespace

Result<fs::path> LocalRoot(const core::Config& config, const std::string& root) {
  if (root.find("://") != std::string::npos) {
    return Invalid("root '{}': this version writes to local folders only; name a path", root);
  }
  return (config.folder / root).lexically_normal();
}

Result<Settings> LoadSettings(const SettingsRequest& request) {
  Settings settings;
  if (request.config_path.empty()) {
    ASSIGN_OR_RETURN(settings.config, core::FindConfig(fs::current_path()));
  } else {
    ASSIGN_OR_RETURN(settings.config, core::LoadConfig(request.config_path));
  }
  // A file named without a folder has an empty one.
  if (settings.config.folder.is_relative())
    settings.config.folder = fs::current_path() / settings.config.folder;
  ASSIGN_OR_RETURN(settings.environment, settings.config.FindEnvironment(request.environment));
  if (const char* clock = std::getenv("CATCHMENT_CLOCK"); clock != nullptr) settings.clock = clock;
  settings.simulated = !settings.clock.empty() || AnyEndpointVariable();
  ASSIGN_OR_RETURN(settings.state_folder, StateFolder(settings.config, settings.environment));
  if (request.roots_later) return settings;
  return WithRoots(std::move(settings), {});
}

Result<Settings> WithRoots(Settings settings, const core::PlaceholderValues& values) {
  const core::Environment& environment = settings.environment;
  ASSIGN_OR_RETURN(settings.lake_root, FilledRoot(settings.config, environment.lake, values),
                   "environment '{}'", environment.name);
  for (const auto& [name, root] : environment.exports) {
    ASSIGN_OR_RETURN(settings.export_roots[name], FilledRoot(settings.config, root, values),
                     "environment '{}'", environment.name);
  }
  // Beside the lake, never inside it: exports are other programs' files.
  settings.export_roots.try_emplace("default", settings.lake_root.parent_path() / "exports");
  return settings;
}

Result<fs::path> StateFolder(const core::Config& config, const core::Environment& environment) {
  return LocalRoot(config, environment.state.empty() ? ".catchment" : environment.state);
}

Result<std::unique_ptr<Clock>> MakeClock(const Settings& settings, Time slot) {
  if (settings.clock.empty()) return std::unique_ptr<Clock>(std::make_unique<SystemClock>());
  if (settings.clock == "slot") return std::unique_ptr<Clock>(std::make_unique<ManualClock>(slot));
  ASSIGN_OR_RETURN(const Time start, ParseTime(settings.clock), "CATCHMENT_CLOCK");
  return std::unique_ptr<Clock>(std::make_unique<ManualClock>(start));
}

std::vector<std::string> PipelineNames(const Settings& settings) {
  std::set<std::string> names;
  std::error_code error;
  for (const fs::path& folder : PipelineFolders(settings)) {
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
      if (fs::exists(entry.path() / "pipeline.yaml", error)) names.insert(entry.path().filename());
    }
  }
  return {names.begin(), names.end()};
}

Result<fs::path> FindPipelineFile(const Settings& settings, const std::string& name_or_path) {
  std::error_code error;
  if (name_or_path.find('/') != std::string::npos ||
      fs::exists(fs::path(name_or_path) / "pipeline.yaml", error) ||
      name_or_path.ends_with(".yaml")) {
    const fs::path path(name_or_path);
    const fs::path file = fs::is_directory(path, error) ? path / "pipeline.yaml" : path;
    if (!fs::exists(file, error))
      return NotFound("{}: there is no pipeline file here", file.string());
    return file;
  }
  for (const fs::path& folder : PipelineFolders(settings)) {
    const fs::path file = folder / name_or_path / "pipeline.yaml";
    if (fs::exists(file, error)) return file;
  }
  const std::vector<std::string> names = PipelineNames(settings);
  const std::string nearest = Nearest(name_or_path, names);
  return Invalid("there is no pipeline '{}'{} there {}", name_or_path,
                 nearest.empty() ? ";" : fmt::format("; did you mean '{}'?", nearest),
                 names.empty() ? "is none in pipelines/; catchment init makes one"
                               : fmt::format("are: {}", fmt::join(names, ", ")));
}

std::vector<std::string> ListDatasets(const Settings& settings) {
  std::vector<std::string> datasets;
  std::error_code error;
  const auto is_dataset = [&](const fs::path& path) {
    // A run killed before its first publish leaves less than a dataset.
    return fs::is_directory(path / "manifests", error) || fs::is_directory(path / "runs", error) ||
           fs::is_directory(path / "vault", error);
  };
  for (const fs::directory_entry& entry : fs::directory_iterator(settings.lake_root, error)) {
    if (!entry.is_directory(error)) continue;
    const std::string name = entry.path().filename().string();
    if (is_dataset(entry.path())) {
      datasets.push_back(name);
      continue;
    }
    for (const fs::directory_entry& inner : fs::directory_iterator(entry.path(), error)) {
      if (inner.is_directory(error) && is_dataset(inner.path())) {
        datasets.push_back(name + "/" + inner.path().filename().string());
      }
    }
  }
  std::sort(datasets.begin(), datasets.end());
  return datasets;
}

bool IsKnownName(const Settings& settings, const std::string& name) {
  const std::string first = name.substr(0, name.find('/'));
  const std::vector<std::string> datasets = ListDatasets(settings);
  return FindPipelineFile(settings, name).ok() ||
         (!first.empty() && FindPipelineFile(settings, first).ok()) ||
         std::any_of(datasets.begin(), datasets.end(), [&](const std::string& dataset) {
           return dataset == name || dataset.starts_with(name + "/");
         });
}

Error NoSuchName(const Settings& settings, const std::string& name,
                 const std::vector<std::string>& others) {
  std::set<std::string> known(others.begin(), others.end());
  known.merge(NameSet(PipelineNames(settings)));
  known.merge(NameSet(ListDatasets(settings)));
  const std::vector<std::string> names(known.begin(), known.end());
  const std::string nearest = Nearest(name, names);
  return Invalid("there is no pipeline or dataset '{}'{}", name,
                 !nearest.empty() ? fmt::format("; did you mean '{}'?", nearest)
                 : names.empty()  ? "; catchment init makes a first pipeline"
                                  : fmt::format("; there are: {}", fmt::join(names, ", ")));
}

Error NoSuchRun(const Settings& settings, const std::string& run, const std::string& where) {
  if (IsKnownName(settings, run)) {
    return Invalid("'{}' is no run's id; `catchment history {}` lists the runs of {}", run, run,
                   run);
  }
  return NotFound("there is no record of run '{}' {}; `catchment history PIPELINE` lists the runs",
                  run, where);
}

Result<std::vector<std::string>> DatasetsOf(const Settings& settings,
                                            const std::string& name_or_path) {
  std::error_code error;
  if (fs::is_directory(settings.lake_root / name_or_path / "manifests", error))
    return std::vector<std::string>{name_or_path};
  // The pipeline's folder carries its name, and its name is its dataset's unless the file says
  // otherwise.
  const std::string last = fs::path(name_or_path).lexically_normal().filename().string();
  if (!last.empty() && fs::is_directory(settings.lake_root / last / "manifests", error))
    return std::vector<std::string>{last};
  std::vector<std::string> below;
  for (const fs::directory_entry& entry :
       fs::directory_iterator(settings.lake_root / last, error)) {
    if (fs::is_directory(entry.path() / "manifests", error))
      below.push_back(last + "/" + entry.path().filename().string());
  }
  if (last.empty() || below.empty()) {
    if (!IsKnownName(settings, name_or_path)) return NoSuchName(settings, name_or_path);
    return NotFound(
        "there is no dataset '{}' in {}; run its pipeline first, or name another environment",
        name_or_path, settings.lake_root.string());
  }
  std::sort(below.begin(), below.end());
  return below;
}

Result<std::string> DatasetOf(const Settings& settings, const std::string& name_or_path) {
  ASSIGN_OR_RETURN(const std::vector<std::string> datasets, DatasetsOf(settings, name_or_path));
  if (datasets.size() == 1) return datasets.front();
  return NotFound("'{}' has several datasets; name one of {}", name_or_path,
                  fmt::join(datasets, ", "));
}

}  // namespace catchment::app
