#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

namespace catchment::app {

/// The folder of the running program.
std::filesystem::path ProgramFolder();

/// Where `kind` (`pipelines`, `worlds`) may lie, in the order of search: the working folder and its
/// parents up to eight, then `../share/catchment/<kind>` of the installation, then the tree this
/// program was built from. Only those that exist.
std::vector<std::filesystem::path> SharedFolders(std::string_view kind);

}  // namespace catchment::app
