#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/pipeline.h"
#include "core/pipeline_parse.h"

namespace catchment::core {

/// A named set of read roots, write roots, state and variables. Roots are texts as they stand:
/// local paths are relative to the configuration's folder; they may contain `{param.NAME}`.
struct Environment {
  std::string name;
  std::string lake;  ///< the only root that manifests go to
  std::map<std::string, std::string>
      exports;         ///< by name; without `default` it is the folder `exports` beside the lake
  std::string reads;   ///< another environment, or empty
  std::string suffix;  ///< put behind names in outside stores
  std::string region;
  std::map<std::string, std::string> vars;
  std::string state;         ///< folder; `.catchment` unless given
  std::string budget_share;  ///< environment whose ledger is shared; empty: its own
  int budget_percent = 100;
  std::vector<std::string> exec;  ///< pipelines whose `exec` tasks and `command` sinks are allowed
                                  ///< although there is `reads:`
  Mark mark;
};

/// A named set of credentials, as references, with its budget.
struct Identity {
  std::string name;
  /// A reference, a list of them (the first that resolves), or a map of field → reference or list.
  nlohmann::json from;
  std::string format;                                ///< of a structured secret; empty: its own
  nlohmann::json budget = nlohmann::json::object();  ///< `calls_per_bucket`, `bucket_window`, …
  Mark mark;
};

struct Config {
  std::filesystem::path file;    ///< empty: no file, defaults
  std::filesystem::path folder;  ///< where relative roots start
  std::map<std::string, Environment> environments;
  std::map<std::string, Identity> identities;

  /// kInvalid: no such environment; names the known ones and the nearest.
  Result<Environment> FindEnvironment(const std::string& name) const;
};

/// What holds without a file: environment `local` {lake: ./lake}, state `.catchment`, identities
/// `azure` of the AZURE_ variables and `earthdata` of EARTHDATA_TOKEN.
Config DefaultConfig(const std::filesystem::path& folder);

struct ConfigText {
  Config config;  ///< meaningful only if there are no problems
  std::vector<FileProblem> problems;
};

/// Parse `catchment.yaml`; what it leaves out comes from DefaultConfig. Limits as ReadPipelineText.
ConfigText ReadConfigText(std::string_view text, const std::filesystem::path& file);

/// Read `file`. kNotFound: there is none. kInvalid: one problem a line.
Result<Config> LoadConfig(const std::filesystem::path& file);

/// The nearest `catchment.yaml` in `folder` or above it, else the defaults at `folder`.
Result<Config> FindConfig(const std::filesystem::path& folder);

}  // namespace catchment::core
