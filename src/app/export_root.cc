#include "app/export_root.h"

namespace catchment::app {

Result<std::unique_ptr<lake::ExportRoot>> OpenExportRoot(const Settings& settings,
                                                         const std::string& name) {
  const auto root = settings.export_roots.find(name);
  if (root == settings.export_roots.end()) {
    return Invalid("environment '{}' has no export root '{}'; add it under 'exports:'",
                   settings.environment.name, name);
  }
  return lake::LocalExportRoot::Open(root->second);
}

}  // namespace catchment::app
