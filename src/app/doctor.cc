#include "app/doctor.h"

#include <arrow/config.h>
#include <dlfcn.h>
#include <fmt/ranges.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "app/installation.h"
#include "app/simulate.h"
#include "app/state_stores.h"
#include "app/validate.h"
#include "base/cron.h"
#include "base/text.h"
#include "columnar/sql.h"

namespace catchment::app {
namespace fs = std::filesystem;
namespace {

Diagnosis FromStatus(std::string check, const Status& status, std::string found,
                     std::string remedy) {
  if (status.ok()) return {std::move(check), true, std::move(found), ""};
  return {std::move(check), false, status.error().message, std::move(remedy)};
}

/// libparquet of the Arrow wheel exports OpenSSL's symbols: the system's library must come first.
Diagnosis CheckOpenSsl() {
  Dl_info info{};
  void* symbol = dlsym(RTLD_DEFAULT, "EVP_Digest");
  const bool found = symbol != nullptr && dladdr(symbol, &info) != 0;
  const std::string library = found ? info.dli_fname : "not found";
  return {"OpenSSL", library.find("libcrypto.so") != std::string::npos, library,
          "the link order is wrong; build again"};
}

Diagnosis CheckSql() {
  const auto engine = columnar::SqlEngine::Open();
  if (!engine.ok()) return FromStatus("DuckDB", engine.status(), "", "run tools/setup");
  const auto rows = (*engine)->Query({"SELECT 6 * 7 AS answer", "doctor"});
  return FromStatus("DuckDB", rows.status(), "answers", "run tools/setup");
}

Diagnosis CheckRoot(const std::string& name, const fs::path& root) {
  fs::path existing = root;
  std::error_code error;
  while (!fs::exists(existing, error) && existing != existing.parent_path())
    existing = existing.parent_path();
  struct statvfs info {};
  const bool writable =
      access(existing.c_str(), W_OK) == 0 && statvfs(existing.c_str(), &info) == 0;
  const uint64_t free_mib = uint64_t{info.f_bavail} * info.f_frsize >> 20;
  return {
      name, writable && free_mib > 64,
      fmt::format("{} ({} MiB free)", root.string(), FormatCount(static_cast<int64_t>(free_mib))),
      "name a root that can be written and has space"};
}

void AddSettings(const SettingsRequest& request, std::vector<Diagnosis>& all) {
  const Result<Settings> settings = LoadSettings(request);
  all.push_back(FromStatus(
      "configuration", settings.status(),
      settings.ok() && !settings->config.file.empty() ? settings->config.file.string() : "defaults",
      "correct catchment.yaml"));
  if (!settings.ok()) return;
  all.push_back(CheckRoot("lake", settings->lake_root));
  for (const auto& [name, root] : settings->export_roots)
    all.push_back(CheckRoot("exports " + name, root));
  all.push_back(FromStatus("state", StateStores::Open(*settings).status(),
                           settings->state_folder.string(), "see docs/formats/state_db.md"));
  if (settings->simulated)
    all.push_back({"clock and endpoints", true, "simulated: " + settings->clock, ""});
  for (const std::string& name : PipelineNames(*settings)) {
    all.push_back(FromStatus("pipeline " + name, ValidatePipeline(*settings, name).status(),
                             "valid", "correct the file"));
  }
}

}  // namespace

std::vector<Diagnosis> Diagnose(const SettingsRequest& request) {
  std::vector<Diagnosis> all;
  all.push_back({"Catchment", true, CATCHMENT_VERSION, ""});
  all.push_back({"Arrow", true, arrow::GetBuildInfo().version_string, ""});
  all.push_back(CheckSql());
  all.push_back(CheckOpenSsl());
  all.push_back(FromStatus("time zones", Cron::Parse("0 0 * * *", "Europe/Berlin").status(),
                           "found", "install tzdata"));
  AddSettings(request, all);
  const std::vector<std::string> worlds = SimulatedWorlds();
  all.push_back({"worlds", !worlds.empty(), fmt::format("{}", fmt::join(worlds, ", ")),
                 "install Catchment again"});
  return all;
}

}  // namespace catchment::app
