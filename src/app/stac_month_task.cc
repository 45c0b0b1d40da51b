#include "app/stac_month_task.h"

#include <algorithm>
#include <map>

#include "app/lake_head.h"
#include "app/month_items.h"
#include "app/month_tables.h"
#include "app/table_artifact.h"
#include "app/vault_bodies.h"
#include "base/file.h"
#include "base/text.h"
#include "core/values.h"
#include "lake/vault_blob_store.h"
#include "sources/parameters.h"
#include "stac/collection.h"
#include "stac/item_sort.h"
#include "stac/write_items.h"

namespace catchment::app {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMostDocumentBytes = 16u << 20;
constexpr size_t kMostNotes = 100;

struct MonthOptions {
  stac::ItemSchema schema;
  std::string collection;
  fs::path temp_dir;
  uint64_t memory_bytes = 0;
  stac::ItemFileOptions file;
};

Result<uint64_t> MemoryOf(const sources::Parameters& with) {
  const nlohmann::json& memory = with.At("memory");
  if (memory.is_number_unsigned()) return memory.get<uint64_t>();
  ASSIGN_OR_RETURN(const std::string text, with.Text("memory", "384MiB"));
  ASSIGN_OR_RETURN(const int64_t bytes, core::ParseSize(text), "memory");
  return static_cast<uint64_t>(bytes);
}

Result<MonthOptions> ReadMonthOptions(const core::TaskSpec& task, const core::RunSpec& spec) {
  ASSIGN_OR_RETURN(const nlohmann::json json, core::ExpandDocument(task.with, spec.placeholders));
  ASSIGN_OR_RETURN(const sources::Parameters with,
                   sources::Parameters::Make(json, task.name,
                                             {"schema", "collection", "temp_dir", "memory",
                                              "compression", "row_group_rows", "fix_epsg"}));
  MonthOptions options;
  ASSIGN_OR_RETURN(const std::string schema, with.Text("schema", ""));
  ASSIGN_OR_RETURN(const std::string collection, with.Text("collection", ""));
  ASSIGN_OR_RETURN(const std::string temp_dir,
                   with.Text("temp_dir", fs::temp_directory_path().string()));
  options.temp_dir = temp_dir;
  ASSIGN_OR_RETURN(options.memory_bytes, MemoryOf(with));
  ASSIGN_OR_RETURN(const std::string compression, with.Text("compression", "zstd:9"));
  ASSIGN_OR_RETURN(options.file.level, stac::ParseZstdLevel(compression), "compression {}",
                   compression);
  ASSIGN_OR_RETURN(options.file.row_group_rows, with.Integer("row_group_rows", 8192, 1, 1 << 20));
  ASSIGN_OR_RETURN(const bool fix_epsg, with.Bool("fix_epsg", false));
  const fs::path& folder = spec.definition->folder;
  ASSIGN_OR_RETURN(const std::string columns, ReadFile(folder / schema, kMostDocumentBytes),
                   "schema");
  ASSIGN_OR_RETURN(options.schema, stac::LoadItemSchema(columns, {.fix_epsg = fix_epsg}), "{}",
                   schema);
  ASSIGN_OR_RETURN(const std::string document, ReadFile(folder / collection, kMostDocumentBytes),
                   "collection");
  ASSIGN_OR_RETURN(const stac::CollectionText described, stac::ReadCollectionText(document), "{}",
                   collection);
  options.collection = described.id;
  options.schema.collections = {{described.id, described.document}};
  options.file.durable = false;  // the lake makes what it takes durable
  return options;
}

/// The file of a month's items.
struct WrittenMonth {
  stac::WriteItemsReport report;
  fs::path path;
};

/// Items refused for the same thing: `misfit /properties/eo:cloud_cover in 104675 items (first
/// HLS.L30.…)`.
class RefusedGroups {
 public:
  void Add(const stac::Quarantined& why, const std::string& id) {
    Group& group = groups_[{std::string(stac::QuarantineReasonName(why.reason)), why.pointer}];
    const bool first = group.count++ == 0;
    if (first || id < group.first) group.first = id;
  }

  /// A gap each, the largest first.
  void AppendTo(std::vector<Gap>& gaps, const std::string& task, const std::string& kind,
                const std::string& ending) const {
    std::vector<Gap> added;
    for (const auto& [key, group] : groups_) {
      const auto& [reason, pointer] = key;
      added.push_back(
          {task, kind, group.count,
           fmt::format("{}{}{} in {} item{} (first {}){}", reason, pointer.empty() ? "" : " ",
                       pointer, group.count, group.count == 1 ? "" : "s", group.first, ending)});
    }
    std::ranges::stable_sort(added, std::ranges::greater(), &Gap::units);
    gaps.insert(gaps.end(), added.begin(), added.end());
  }

 private:
  struct Group {
    int64_t count = 0;
    std::string first;
  };
  std::map<std::pair<std::string, std::string>, Group> groups_;  // by reason and pointer
};

std::vector<Gap> GapsOf(const std::string& task, const MonthItems& items,
                        const MonthVerdict& verdict) {
  RefusedGroups refused, stale;
  for (const auto& [number, why] : verdict.refused) refused.Add(why, items.ids[number]);
  for (const auto& [number, kept] : verdict.kept_earlier) stale.Add(kept.why, items.ids[number]);
  std::vector<Gap> gaps;
  refused.AppendTo(gaps, task, "rejected", "");
  stale.AppendTo(gaps, task, "stale", "; the revision before it stays");
  return gaps;
}

SourceReport ReportOf(const std::string& task, const MonthItems& items, const MonthVerdict& verdict,
                      const stac::WriteItemsReport& written) {
  SourceReport report;
  report.source = task;
  report.gaps = GapsOf(task, items, verdict);
  if (!report.gaps.empty()) {
    report.state = SourceState::kPartial;
    report.reason = report.gaps.front().detail;
  }
  report.counts["rows"] = written.file.rows;
  report.counts["quarantined"] =
      static_cast<int64_t>(verdict.refused.size() + verdict.kept_earlier.size());
  report.counts["unknown_members"] = static_cast<int64_t>(written.unknown_members.size());
  for (const auto& [pointer, member] : written.unknown_members) {
    if (report.notes.size() == kMostNotes) break;
    report.notes.push_back(fmt::format("no column for {}: {} item{} (first {}); kept in extra",
                                       pointer, member.count, member.count == 1 ? "" : "s",
                                       member.first_id));
  }
  return report;
}

const columnar::Table* FindTable(const core::TaskInput& input, const std::string& name) {
  const auto found = input.needs.find(name);
  return found == input.needs.end() ? nullptr : &TableOf(*found->second);
}

class StacMonthTask final : public core::TaskBody {
 public:
  StacMonthTask(const core::TaskSpec& task, const TaskServices& services)
      : task_(task), services_(services) {}

  bool derives() const override { return true; }

  Result<core::TaskOutput> Run(const core::TaskInput& input, const OpContext& context) override {
    ASSIGN_OR_RETURN(const MonthOptions options, ReadMonthOptions(task_, *input.spec), "task '{}'",
                     task_.name);
    const std::string need = core::TaskOf(task_.needs[0]);
    core::TaskOutput output;
    const auto links = input.needs.find(need);
    if (links == input.needs.end())
      return NotFound("task '{}': '{}' gave no links", task_.name, need);
    ASSIGN_OR_RETURN(MonthItems items, ReadMonthItems(TableOf(*links->second)));
    ++attempts_;
    MonthVerdict verdict;
    ASSIGN_OR_RETURN(const WrittenMonth month,
                     WriteFitting(options, input, items, verdict, context));
    output.report = ReportOf(task_.name, items, verdict, month.report);
    output.notes = output.report->notes;
    if (month.report.file.rows == 0) {
      output.tables[""] = MakeArtifact(columnar::Table::Empty(stac::ArrowSchema(options.schema)));
    } else {
      ASSIGN_OR_RETURN(columnar::Table table, columnar::Table::FromParquetFiles({month.path}));
      output.tables[""] = MakeFinishedArtifact(std::move(table));
    }
    const auto days = input.needs.find(need + ".days");
    if (days != input.needs.end()) output.tables["days"] = days->second;
    ASSIGN_OR_RETURN(const fs::path file, NewFile("links"));
    ASSIGN_OR_RETURN(MonthTables tables, FinishMonthTables({&TableOf(*links->second),
                                                            FindTable(input, need + ".missing"),
                                                            FindTable(input, need + ".quarantine")},
                                                           items, verdict, file));
    output.tables["links"] = tables.links.in_memory()
                                 ? MakeArtifact(std::move(tables.links))
                                 : MakeFinishedArtifact(std::move(tables.links));
    output.tables["missing"] = MakeArtifact(std::move(tables.missing));
    output.tables["quarantine"] = MakeArtifact(std::move(tables.quarantine));
    return output;
  }

 private:
  /// A file of this task; derived again, it gets another name, since the first may be in use.
  Result<fs::path> NewFile(const std::string& name) const {
    const fs::path folder = services_.work_folder / task_.name;
    RETURN_IF_ERROR(MakeFolders(folder));
    return folder / fmt::format("{}-{}.parquet", name, attempts_);
  }

  /// Write the items; where the columns refuse a revision, the one that the head has.
  Result<WrittenMonth> WriteFitting(const MonthOptions& options, const core::TaskInput& input,
                                    MonthItems& items, MonthVerdict& verdict,
                                    const OpContext& context) const {
    const core::RunSpec& spec = *input.spec;
    ASSIGN_OR_RETURN(WrittenMonth month, Write(options, items, spec, verdict.refused, context));
    if (verdict.refused.empty()) return month;
    ASSIGN_OR_RETURN(const auto published, HeadOf(*input.head).Partition("links", spec.slot.start),
                     "the published links");
    if (published) RETURN_IF_ERROR(TakeEarlierBodies(*published, items, verdict));
    if (verdict.kept_earlier.empty()) return month;
    ASSIGN_OR_RETURN(month, Write(options, items, spec, verdict.refused, context));
    GiveUpRefusedAgain(items, verdict);
    return month;
  }

  /// `refused` becomes what there is no row of.
  Result<WrittenMonth> Write(const MonthOptions& options, const MonthItems& items,
                             const core::RunSpec& spec,
                             std::map<uint32_t, stac::Quarantined>& refused,
                             const OpContext& context) const {
    refused.clear();
    WrittenMonth month;
    if (items.bodies.empty()) return month;
    const lake::VaultBlobStore vault(*services_.store, spec.dataset.text);
    ASSIGN_OR_RETURN(const auto bodies, VaultBodies::Open(vault, items.packs.all(), items.bodies,
                                                          {options.temp_dir, context.stop}));
    ASSIGN_OR_RETURN(stac::ItemIndex index, stac::IndexItems(*bodies));
    // An item must have the id of its granule, whatever its text says.
    for (stac::ItemEntry& entry : index.entries) entry.id = items.ids[entry.body.line];
    std::vector<uint32_t> all(index.entries.size());
    for (uint32_t number = 0; number < all.size(); ++number) all[number] = number;
    stac::WriteItemsOptions write;
    write.file = options.file;
    write.writer = "catchment " CATCHMENT_VERSION;
    write.dataset = spec.dataset.text;
    write.slot = spec.slot.id.text;
    write.collection = options.collection;
    write.max_quarantine = 1;  // how many may be missing is for the contract to say
    write.memory_bytes = options.memory_bytes;
    write.stop = context.stop;
    ASSIGN_OR_RETURN(month.path, NewFile("items"));
    ASSIGN_OR_RETURN(month.report, stac::WriteItems(*bodies, index, std::move(all), options.schema,
                                                    month.path, write));
    for (stac::LeftOut& left : month.report.quarantined)
      refused.emplace(index.entries[left.entry].body.line, std::move(left.why));
    return month;
  }

  const core::TaskSpec& task_;
  const TaskServices& services_;
  int attempts_ = 0;
};

}  // namespace

Result<std::unique_ptr<core::TaskBody>> MakeStacMonthTask(const core::TaskSpec& task,
                                                          const TaskServices& services) {
  if (task.needs.size() != 1)
    return Invalid("task '{}': stac_month needs exactly one task of stac.items", task.name);
  return std::unique_ptr<core::TaskBody>(std::make_unique<StacMonthTask>(task, services));
}

core::Component StacMonthComponent() {
  core::Component month;
  month.name = "stac_month";
  month.help = "the items that a task of stac.items holds, as one sorted GeoParquet file";
  month.keys = {
      {"schema", "text", true, "the columns, a file of the pipeline's folder", {}},
      {"collection", "text", true, "the STAC Collection, a file of the pipeline's folder", {}},
      {"temp_dir", "text", false, "where bodies are copied to (default: that of the machine)", {}},
      {"memory", "any", false, "working memory, e.g. 384MiB (default)", {}},
      {"compression", "text", false, "zstd:LEVEL, LEVEL 1 to 22 (default: zstd:9)", {}},
      {"row_group_rows", "int", false, "rows of a row group (default: 8192)", {}},
      {"fix_epsg",
       "bool",
       false,
       "add the columns that the schema has for that (default: false)",
       {}},
  };
  month.outputs = {"links", "days", "missing", "quarantine"};
  return month;
}

}  // namespace catchment::app
