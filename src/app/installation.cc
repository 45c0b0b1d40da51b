#include "app/installation.h"

#include <algorithm>

namespace catchment::app {
namespace fs = std::filesystem;

fs::path ProgramFolder() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path();
}

std::vector<fs::path> SharedFolders(std::string_view kind) {
  std::vector<fs::path> folders;
  const auto add = [&](const fs::path& folder) {
    std::error_code error;
    if (fs::is_directory(folder, error) &&
        std::find(folders.begin(), folders.end(), folder) == folders.end()) {
      folders.push_back(folder);
    }
  };
  std::error_code error;
  fs::path here = fs::current_path(error);
  for (int level = 0; level < 8 && !here.empty(); ++level) {
    add(here / kind);
    if (here == here.parent_path()) break;
    here = here.parent_path();
  }
  const fs::path program = ProgramFolder();
  add(program.parent_path() / "share" / "catchment" / kind);  // bin/catchment
  add(program.parent_path().parent_path() / "share" / "catchment" /
      kind);  // libexec/catchment/catchment-engine
  // A build folder lies inside the tree: go up until the folder is found.
  for (fs::path up = program; up != up.parent_path(); up = up.parent_path()) {
    if (fs::exists(up / "CMakePresets.json", error)) {
      add(up / kind);
      break;
    }
  }
  return folders;
}

}  // namespace catchment::app
