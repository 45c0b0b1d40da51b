#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "app/settings.h"
#include "base/result.h"
#include "core/task.h"
#include "lake/manifest.h"
#include "lake/store.h"

namespace catchment::app {

/// One published file, as it was and as the replay made it.
struct ReplayedFile {
  std::string table;
  std::string path;
  std::string published_sha256;
  std::string replayed_sha256;  ///< empty: the replay did not make it
  bool same() const { return published_sha256 == replayed_sha256; }
};

struct ReplayAnswer {
  std::string run, dataset, slot;
  int64_t publish = 0;
  std::vector<ReplayedFile> files;
  bool state_same = false;
  bool same() const;
};

/// Repeat a published run from its recorded responses, without network, and compare the bytes of
/// every file and the state with what it published. Nothing in the lake is changed. kNotFound: no
/// such run, it published nothing, or its recordings were pruned.
Result<ReplayAnswer> Replay(const Settings& settings, const std::string& run, std::stop_token stop);

/// What these tasks gave in the run of a publish, by `task` and `task.table`: they and what they
/// need are carried out again from the recorded responses, without network. `record` is the run's,
/// as it stands in the lake. kInvalid: a program is among them. Errors as of Replay.
Result<core::Artifacts> RepeatTasks(const Settings& settings, const lake::ReadStore& store,
                                    const lake::Manifest& published, const nlohmann::json& record,
                                    const std::set<std::string>& tasks, std::stop_token stop);

}  // namespace catchment::app
