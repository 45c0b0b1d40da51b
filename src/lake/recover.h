#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "lake/store.h"

namespace catchment::lake {

/// What Recover did, one line each, by name.
struct RecoverReport {
  std::vector<std::string> temporary;    ///< unfinished writes removed
  std::vector<std::string> orphans;      ///< staged objects of dead runs removed
  std::vector<std::string> journals;     ///< journals of dead runs removed
  std::vector<std::string> checkpoints;  ///< rewritten
  bool head = false;                     ///< HEAD rewritten
  std::vector<std::string> kept;         ///< of runs that are alive
};

/// Tidy up after runs that died: remove unfinished writes and the objects that their journals name
/// and no manifest does; rewrite HEAD and missing or damaged checkpoints. `alive` says whether a
/// run may still publish; its objects are left alone. Never touches an object that a manifest
/// names. Safe to repeat, and while runs are at work.
Result<RecoverReport> Recover(WriteStore& store, std::string_view dataset,
                              const std::function<bool(const RunId&)>& alive);

}  // namespace catchment::lake
