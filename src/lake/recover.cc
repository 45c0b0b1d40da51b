#include "lake/recover.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "lake/history.h"
#include "lake/journal_internal.h"
#include "lake/manifest.h"
#include "lake/publish.h"

namespace catchment::lake {
namespace {

constexpr std::string_view kJournalEnding = ".journal";

/// The journals of runs that can publish no more. Liveness is asked before manifests are read: who
/// is dead then cannot add one afterwards.
Result<std::map<std::string, RunId>> DeadJournals(const ReadStore& store, std::string_view dataset,
                                                  const std::function<bool(const RunId&)>& alive,
                                                  RecoverReport& report) {
  std::map<std::string, RunId> journals;
  ASSIGN_OR_RETURN(const std::vector<std::string> keys,
                   store.List(fmt::format("{}/runs/", dataset)));
  for (const std::string& key : keys) {
    if (!key.ends_with(kJournalEnding)) continue;
    const size_t name = key.rfind('/') + 1;
    const RunId run{key.substr(name, key.size() - name - kJournalEnding.size())};
    if (alive(run)) {
      report.kept.push_back(key);
    } else {
      journals[key] = run;
    }
  }
  return journals;
}

/// The data objects that publishes of these runs name. A run's objects are named first by its own
/// publishes.
Result<std::set<std::string>> NamedBy(const ReadStore& store, std::string_view dataset,
                                      const std::set<RunId>& runs) {
  std::set<std::string> named;
  if (runs.empty()) return named;
  ASSIGN_OR_RETURN(const std::vector<PublishSummary> publishes, ListPublishes(store, dataset));
  for (const PublishSummary& row : publishes) {
    if (!runs.contains(row.run)) continue;
    ASSIGN_OR_RETURN(const Manifest manifest, ReadManifest(store, dataset, row.number));
    for (const auto& [name, table] : manifest.tables) {
      for (const FileEntry& file : table.files) named.insert(file.path);
    }
  }
  return named;
}

Status RemoveOrphans(WriteStore& store, std::string_view dataset,
                     const std::function<bool(const RunId&)>& alive, RecoverReport& report) {
  ASSIGN_OR_RETURN(const auto journals, DeadJournals(store, dataset, alive, report));
  std::set<RunId> runs;
  for (const auto& [key, run] : journals) runs.insert(run);
  ASSIGN_OR_RETURN(const std::set<std::string> named, NamedBy(store, dataset, runs));
  for (const auto& [key, run] : journals) {
    const Result<Journal> journal = ReadJournal(store, key);
    if (!journal.ok()) {
      if (journal.error().code != Code::kCorrupt) return journal.status();
      report.kept.push_back(key);
      continue;
    }
    for (const auto& [path, bytes] : journal->objects) {
      if (named.contains(path)) continue;
      const std::string object = fmt::format("{}/{}", dataset, path);
      ASSIGN_OR_RETURN(const bool there, store.Exists(object));
      if (!there) continue;
      RETURN_IF_ERROR(store.Delete(object));
      report.orphans.push_back(object);
    }
    RETURN_IF_ERROR(store.Delete(key));
    report.journals.push_back(key);
  }
  return {};
}

Status RestoreHints(WriteStore& store, std::string_view dataset, RecoverReport& report) {
  ASSIGN_OR_RETURN(const int64_t head, FindHead(store, dataset));
  if (head == 0) return {};
  for (int64_t at = kCheckpointEvery; at <= head; at += kCheckpointEvery) {
    ASSIGN_OR_RETURN(const bool good, GoodCheckpoint(store, dataset, at));
    if (good) continue;
    ASSIGN_OR_RETURN(const bool there, store.Exists(ManifestKey(dataset, at)));
    if (!there) continue;  // a version that was pruned
    ASSIGN_OR_RETURN(const View view, LoadView(store, dataset, at));
    ASSIGN_OR_RETURN(const std::string bytes, SerialiseCheckpoint(view));
    RETURN_IF_ERROR(store.Put(CheckpointKey(dataset, at), bytes));
    report.checkpoints.push_back(CheckpointKey(dataset, at));
  }
  const std::string key = fmt::format("{}/HEAD", dataset);
  const std::string wanted = fmt::format("{}\n", head);
  const Result<std::string> hint = store.Get(key);
  if (hint.ok() && *hint == wanted) return {};
  RETURN_IF_ERROR(store.Put(key, wanted));
  report.head = true;
  return {};
}

}  // namespace

Result<RecoverReport> Recover(WriteStore& store, std::string_view dataset,
                              const std::function<bool(const RunId&)>& alive) {
  RETURN_IF_ERROR(CheckDatasetName(dataset));
  RecoverReport report;
  ASSIGN_OR_RETURN(report.temporary, store.RemoveLeftovers(fmt::format("{}/", dataset)));
  RETURN_IF_ERROR(RemoveOrphans(store, dataset, alive, report), "recover {}", dataset);
  RETURN_IF_ERROR(RestoreHints(store, dataset, report), "recover {}", dataset);
  return report;
}

}  // namespace catchment::lake
