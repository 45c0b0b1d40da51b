#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace catchment::app {

/// Make a first project in `folder`: catchment.yaml, one pipeline with its SQL, and a CSV file for
/// it to read. Returns the files made, relative to `folder`. kInvalid: one of them is there
/// already; nothing was written then.
Result<std::vector<std::string>> WriteStarterProject(const std::filesystem::path& folder);

}  // namespace catchment::app
