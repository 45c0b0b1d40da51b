#include "lake/verify.h"

#include <fmt/format.h>

#include <map>
#include <optional>

#include "columnar/parquet_file.h"
#include "lake/history.h"
#include "lake/manifest.h"
#include "lake/object_internal.h"
#include "lake/verify_vault_internal.h"

namespace catchment::lake {
namespace {

/// Codes that tell of damage; others mean that the check could not be done.
bool IsDamage(const Error& error) {
  return error.code == Code::kCorrupt || error.code == Code::kNotFound ||
         error.code == Code::kInvalid;
}

void Find(VerifyReport& report, std::string object, std::string what, std::string_view remedy) {
  report.findings.push_back({std::move(object), std::move(what), std::string(remedy)});
}

/// What is wrong with a manifest, without the key and the remedy: a finding names both itself.
std::string Plainly(std::string_view message, const std::string& key) {
  if (message.starts_with(key + ": ")) message.remove_prefix(key.size() + 2);
  return std::string(message.substr(0, message.find("; restore it from a backup")));
}

Status CheckCheckpoint(const ReadStore& store, const View& view, VerifyReport& report) {
  const std::string key = CheckpointKey(view.dataset, view.number);
  constexpr std::string_view kRemedy = "`catchment recover` writes it again";
  const Result<std::string> bytes = store.Get(key);
  if (!bytes.ok()) {
    if (!IsDamage(bytes.error())) return bytes.status();
    Find(report, key, "the checkpoint is missing", kRemedy);
    return {};
  }
  const Result<View> read = ParseCheckpoint(*bytes);
  if (!read.ok()) {
    Find(report, key, read.error().message, kRemedy);
  } else if (read->tables != view.tables || read->state != view.state ||
             read->digest != view.digest || read->newest_slot != view.newest_slot) {
    Find(report, key, "the checkpoint is not the sum of the manifests before it",
         "delete it, then `catchment recover` writes it again");
  }
  return {};
}

/// Walk the chain; collect the objects of every version in `objects`, and of the newest good one in
/// `view`. `vault`: null if it is not to be looked at.
Status CheckChain(const ReadStore& store, std::string_view dataset, const OpContext& context,
                  VaultCheck* vault, VerifyReport& report, View& view,
                  std::map<std::string, FileEntry>& objects) {
  bool foldable = true;
  for (int64_t number = 1; number <= report.head; ++number) {
    RETURN_IF_ERROR(context.Check());
    std::string digest;
    const Result<Manifest> manifest = ReadManifest(store, dataset, number, &digest);
    if (!manifest.ok()) {
      const bool newer = manifest.error().code == Code::kInvalid;  // no damage, not ours to judge
      if (newer || !IsDamage(manifest.error())) return manifest.status();
      const std::string key = ManifestKey(dataset, number);
      Find(report, key, Plainly(manifest.error().message, key), kFromBackup);
      foldable = false;
      continue;
    }
    ++report.manifests;
    for (const auto& [name, table] : manifest->tables) {
      for (const FileEntry& file : table.files) objects.try_emplace(file.path, file);
    }
    if (vault != nullptr) RETURN_IF_ERROR(vault->CheckRun(*manifest));
    if (!foldable) continue;
    const Status folded = Fold(view, *manifest, digest);
    if (!folded.ok()) {
      Find(report, ManifestKey(dataset, number), folded.error().message, kFromBackup);
      foldable = false;
      continue;
    }
    if (number % kCheckpointEvery == 0) RETURN_IF_ERROR(CheckCheckpoint(store, view, report));
    if (view.recent.size() > 2 * kCheckpointEvery) {
      view.recent.erase(view.recent.begin(), view.recent.end() - kCheckpointEvery);
    }
  }
  return {};
}

Result<std::optional<std::string>> Damage(const ReadStore& store, std::string_view dataset,
                                          const FileEntry& file, const VerifyOptions& options) {
  const auto told = [](const Error& error) -> Result<std::optional<std::string>> {
    if (!IsDamage(error)) return Status(error);
    return std::optional<std::string>(error.message);
  };
  const Result<std::filesystem::path> path = FetchObject(store, dataset, file);
  if (!path.ok()) return told(path.error());
  if (options.digests) {
    const Result<std::string> digest = DigestOfFile(*path);
    if (!digest.ok()) return told(digest.error());
    if (*digest != file.sha256) {
      return std::optional<std::string>(
          fmt::format("SHA-256 is {}, its manifest says {}", *digest, file.sha256));
    }
  }
  if (options.parquet) {
    const Result<columnar::ParquetInfo> info = columnar::InspectParquet(*path);
    if (!info.ok()) return told(info.error());
    if (info->rows != file.rows) {
      return std::optional<std::string>(
          fmt::format("its footer says {} rows, its manifest {}", info->rows, file.rows));
    }
  }
  return std::optional<std::string>();
}

/// What the rows of a data object that is whole rely on in the vault.
Status CheckBodiesOf(const ReadStore& store, std::string_view dataset, const FileEntry& file,
                     const VerifyOptions& options, VaultCheck& vault, VerifyReport& report) {
  if (!options.packs_of) return {};
  ASSIGN_OR_RETURN(const std::filesystem::path path, FetchObject(store, dataset, file));
  const Result<std::set<std::string>> packs = options.packs_of(path);
  if (!packs.ok()) {  // without digests damage may come to light here
    if (!IsDamage(packs.error())) return packs.status();
    Find(report, fmt::format("{}/{}", dataset, file.path), packs.error().message, kFromBackup);
    return {};
  }
  // `data/<table>/…`
  const std::string_view below = std::string_view(file.path).substr(file.path.find('/') + 1);
  return vault.CheckPacks(below.substr(0, below.find('/')), *packs);
}

}  // namespace

Result<VerifyReport> Verify(const ReadStore& store, std::string_view dataset,
                            const VerifyOptions& options, const OpContext& context) {
  VerifyReport report;
  ASSIGN_OR_RETURN(report.head, FindHead(store, dataset));
  View view;
  view.dataset = dataset;
  std::map<std::string, FileEntry> every;
  VaultCheck vault(store, dataset, options, context, report);
  RETURN_IF_ERROR(
      CheckChain(store, dataset, context, options.vault ? &vault : nullptr, report, view, every),
      "verify {}", dataset);
  std::map<std::string, FileEntry> live;
  for (const auto& [name, table] : view.tables) {
    for (const LiveFile& file : table.files) live.try_emplace(file.file.path, file.file);
  }
  // Without a fold up to head, the live set is not known: look at everything.
  const bool all = options.all_versions || view.number != report.head;
  for (const auto& [path, file] : all ? every : live) {
    RETURN_IF_ERROR(context.Check());
    ++report.objects;
    report.bytes += file.bytes;
    ASSIGN_OR_RETURN(const std::optional<std::string> damage, Damage(store, dataset, file, options),
                     "verify {}", dataset);
    if (damage) {
      Find(report, fmt::format("{}/{}", dataset, path), *damage, kFromBackup);
    } else if (options.vault) {
      RETURN_IF_ERROR(CheckBodiesOf(store, dataset, file, options, vault, report), "verify {}",
                      dataset);
    }
    if (options.progress) options.progress(report);
  }
  vault.Finish();
  return report;
}

}  // namespace catchment::lake
