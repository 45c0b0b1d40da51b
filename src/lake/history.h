#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "lake/manifest.h"
#include "lake/store.h"

namespace catchment::lake {

/// One line of a dataset's history.
struct PublishSummary {
  int64_t number = 0;
  PublishKind kind = PublishKind::kPublish;
  SlotId slot;
  Time slot_time{};
  RunId run;
  Time published{};
  int64_t rows = 0;  ///< of the files it lists
  int64_t bytes = 0;
  int64_t gaps = 0;
  int64_t outbox = 0;   ///< items
  int64_t exports = 0;  ///< records
  bool operator==(const PublishSummary&) const = default;
};

/// A file of the live set, and who added it.
struct LiveFile {
  FileEntry file;
  int64_t publish = 0;
  std::string slot;
  bool operator==(const LiveFile&) const = default;
};

struct TableView {
  nlohmann::json schema;
  std::string fingerprint;
  TableMode mode = TableMode::kReplace;
  std::vector<std::string> key;
  std::vector<std::string> partition;
  std::vector<LiveFile> files;  ///< in the order of their adding
  int64_t changed_by = 0;       ///< the publish that last listed the table
  bool operator==(const TableView&) const = default;
};

/// A dataset as it stands after one publish. A value; reading it does no I/O.
struct View {
  std::string dataset;
  int64_t number = 0;  ///< 0: nothing published yet; everything else is then empty
  std::string digest;  ///< of manifest `number`
  PublishSummary head;
  std::map<std::string, TableView> tables;
  nlohmann::json state = nlohmann::json::object();
  SlotId newest_slot;  ///< empty if number is 0
  Time newest_slot_time{};
  /// The publishes since the checkpoint before the last, oldest first. ListPublishes has all.
  std::vector<PublishSummary> recent;
};

/// How a slot stands to a dataset: decides what its publish may write.
struct Standing {
  PublishKind kind = PublishKind::kPublish;  ///< kPublish, kLate or kRevision
  std::vector<int64_t> published;            ///< the slot's publishes so far, ascending
  bool is_newest = true;                     ///< no publish of a newer slot
  /// Late rules: only `append` and `partition` tables, nothing from a diff; state and slotless
  /// exports stay.
  bool late_rules() const { return !is_newest; }
};

/// What a run of one slot sees. `base` is what `replace` tables, diffs and state are derived
/// against: for a revision of the newest slot the dataset before that slot's first publish, else
/// the head. The rest sees `head`.
struct ViewForRun {
  View head;
  View base;
  Standing standing;
};

/// The number of the newest manifest; 0: none. HEAD says where to look first; what can be seen
/// counts. An error is never "none". kCorrupt: HEAD names one that is newer than all to be seen.
Result<int64_t> FindHead(const ReadStore& store, std::string_view dataset);

/// Fold manifests up to `number` (default: head) from the newest good checkpoint on. kNotFound: no
/// manifest of that number. kCorrupt: a manifest is damaged or missing, or is not its successor's
/// parent.
Result<View> LoadView(const ReadStore& store, std::string_view dataset,
                      std::optional<int64_t> number = std::nullopt);

/// Whether a checkpoint is there and whole.
Result<bool> GoodCheckpoint(const ReadStore& store, std::string_view dataset, int64_t number);

/// What keeps a dataset from being read as LoadView reads it, and a newest checkpoint that is
/// damaged, each with what to do. Data objects are not looked at (verify.h). Empty: all is well.
std::vector<std::string> FindDamage(const ReadStore& store, std::string_view dataset);

/// The views for a run of `slot`. `slot_time` orders it among the dataset's slots.
Result<ViewForRun> LoadForSlot(const ReadStore& store, std::string_view dataset, const SlotId& slot,
                               Time slot_time);

/// The publishes of [from, to], ascending, from checkpoints where they exist.
Result<std::vector<PublishSummary>> ListPublishes(const ReadStore& store, std::string_view dataset,
                                                  int64_t from = 1,
                                                  std::optional<int64_t> to = std::nullopt);

/// The number to view the dataset as it was when the slot of `slot_time`, or the last before it,
/// was the newest: the last before the first publish of a newer slot. kNotFound: no publish that
/// old.
Result<int64_t> AsOfSlot(const ReadStore& store, std::string_view dataset, Time slot_time);

/// The highest number published at or before `time`. kNotFound: none.
Result<int64_t> AsOfTime(const ReadStore& store, std::string_view dataset, Time time);

/// Apply one manifest to a view. kCorrupt: it does not follow it.
Status Fold(View& view, const Manifest& manifest, std::string_view digest);

PublishSummary Summarise(const Manifest& manifest);

/// The bytes of the checkpoint of `view`, whose number is a multiple of kCheckpointEvery. The
/// inverse: kCorrupt if any byte differs.
Result<std::string> SerialiseCheckpoint(const View& view);
Result<View> ParseCheckpoint(std::string_view bytes);

}  // namespace catchment::lake
