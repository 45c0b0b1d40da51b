#pragma once

#include <string>
#include <vector>

#include "app/settings.h"

namespace catchment::app {

/// Something that is wrong with a dataset of the lake.
struct LakeProblem {
  std::string dataset;  ///< empty: the lake itself cannot be read
  std::string text;     ///< what it is and what to do, one line
};

/// What keeps the environment's datasets from being read, as far as their manifests and newest
/// checkpoints tell (lake/history.h: FindDamage), by dataset. A lake that is not there yet is well.
/// Light: no Arrow, no DuckDB.
std::vector<LakeProblem> FindLakeProblems(const Settings& settings);

}  // namespace catchment::app
