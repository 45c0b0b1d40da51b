#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "core/catalogue.h"
#include "core/config.h"
#include "core/pipeline.h"
#include "core/placeholders.h"

namespace catchment::app {

/// What every verb is told on the command line.
struct SettingsRequest {
  std::string config_path;            ///< --config; empty: found upwards from the working folder
  std::string environment = "local";  ///< --env
  bool roots_later = false;           ///< parameters that roots name are told later (WithRoots)
};

/// Where this invocation reads and writes: configuration and environment, with paths made absolute.
struct Settings {
  core::Config config;
  core::Environment environment;
  std::filesystem::path state_folder;
  std::filesystem::path lake_root;
  std::map<std::string, std::filesystem::path> export_roots;
  /// Text of CATCHMENT_CLOCK: empty (the machine's clock), `slot`, or an RFC 3339 time.
  std::string clock;
  bool simulated = false;  ///< an endpoint or clock variable is set; manifests say so
};

/// kInvalid: no such environment, a root that this version cannot write (`s3://…`), a simulated
/// world together with a root that is not local, or a root that names a parameter unless
/// `roots_later`.
Result<Settings> LoadSettings(const SettingsRequest& request);

/// The same with the parameters of a run in the roots. kInvalid: a root names a parameter that has
/// no value, or one that would lead elsewhere.
Result<Settings> WithRoots(Settings settings, const core::PlaceholderValues& values);

/// A root as an absolute local path; relative ones start at the configuration's folder. kInvalid: a
/// URL of an object store.
Result<std::filesystem::path> LocalRoot(const core::Config& config, const std::string& root);

/// Where an environment's state database lies.
Result<std::filesystem::path> StateFolder(const core::Config& config,
                                          const core::Environment& environment);

/// The clock of a run: the machine's, or one that stands at `slot` (or at CATCHMENT_CLOCK's own
/// time) and moves by waiting only.
Result<std::unique_ptr<Clock>> MakeClock(const Settings& settings, Time slot);

/// The file of a pipeline by name (`<folder>/<name>/pipeline.yaml` in the folders of
/// SharedFolders("pipelines") and of the configuration) or by path (it has a `/` or is a folder or
/// file). kInvalid: nothing has the name; says the nearest, and all that were found. kNotFound:
/// nothing lies at the path.
Result<std::filesystem::path> FindPipelineFile(const Settings& settings,
                                               const std::string& name_or_path);

/// Names of all pipelines that FindPipelineFile finds, sorted.
std::vector<std::string> PipelineNames(const Settings& settings);

/// Every dataset of the lake, sorted.
std::vector<std::string> ListDatasets(const Settings& settings);

/// Whether a pipeline has this name or path, or a dataset of the lake or one that it would have.
bool IsKnownName(const Settings& settings, const std::string& name);
/// What to say of a name that nothing has: the nearest of the pipelines, the lake's datasets and
/// `others`, what a state database knows. kInvalid.
Error NoSuchName(const Settings& settings, const std::string& name,
                 const std::vector<std::string>& others = {});

/// What to say of a run that is not there, `where` it was looked for. kNotFound; kInvalid if a
/// pipeline or dataset was named instead.
Error NoSuchRun(const Settings& settings, const std::string& run, const std::string& where);

/// The datasets a verb's argument means: the one of that name in the lake, else all of the pipeline
/// of that name (`for_each`), sorted. kNotFound: there is none yet. kInvalid: NoSuchName.
Result<std::vector<std::string>> DatasetsOf(const Settings& settings,
                                            const std::string& name_or_path);

/// The same where one is wanted. kNotFound also: names the several that there are.
Result<std::string> DatasetOf(const Settings& settings, const std::string& name_or_path);

}  // namespace catchment::app
