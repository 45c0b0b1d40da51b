#include "app/stac_month_task.h"

#include <arrow/api.h>

#include <algorithm>
#include <map>
#include <set>

#include "app/table_artifact.h"
#include "app/vault_bodies.h"
#include "base/file.h"
#include "base/text.h"
#include "columnar/arrow_status.h"
#include "columnar/parquet_file.h"
#include "columnar/sort.h"
#include "core/values.h"
#include "lake/vault_blob_store.h"
#include "sources/cmr/link_table.h"
#include "sources/parameters.h"
#include "stac/collection.h"
#include "stac/item_sort.h"
#include "stac/write_items.h"

namespace catchment::app {
namespace {

namespace fs = std::filesystem;
using sources::cmr::LinkState;

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

/// The items of a month that have a body: number n of `bodies` is of row `rows[n]` of the links.
struct MonthItems {
  std::vector<std::string> packs;
  std::vector<VaultBody> bodies;
  std::vector<uint32_t> rows;
  std::vector<std::string> ids;
};

Result<MonthItems> ReadMonthItems(const columnar::Table& links) {
  MonthItems items;
  std::map<std::string, uint32_t, std::less<>> numbers;
  const auto number_of = [&](std::string_view pack) {
    auto known = numbers.find(pack);
    if (known == numbers.end()) {
      known = numbers.emplace(pack, static_cast<uint32_t>(items.packs.size())).first;
      items.packs.emplace_back(pack);
    }
    return known->second;
  };
  uint32_t row = 0;
  RETURN_IF_ERROR(
      sources::cmr::ReadStoredBodies(
          links, number_of,
          [&](std::string id, Time, const sources::cmr::StoredBody& body) {
            const uint32_t at = row++;
            const bool usable = body.state == LinkState::kStored || body.state == LinkState::kStale;
            if (!body.has_body || !usable) return;
            items.bodies.push_back({body.pack, body.offset, body.length, body.bytes, body.sha256});
            items.rows.push_back(at);
            items.ids.push_back(std::move(id));
          }),
      "links");
  return items;
}

/// What became of a month's items.
struct WrittenMonth {
  stac::WriteItemsReport report;
  fs::path path;
  std::map<uint32_t, stac::Quarantined> refused;  ///< by number of the item
};

/// Items refused for the same thing.
struct RefusedGroup {
  int64_t count = 0;
  std::string first;
};

/// `misfit /properties/eo:cloud_cover in 104675 items (first HLS.L30.…: expected double, found …)`.
std::vector<Gap> GapsOf(const std::string& task, const MonthItems& items,
                        const std::map<uint32_t, stac::Quarantined>& refused) {
  std::map<std::pair<std::string, std::string>, RefusedGroup> groups;
  for (const auto& [number, why] : refused) {
    RefusedGroup& group =
        groups[{std::string(stac::QuarantineReasonName(why.reason)), why.pointer}];
    const bool first = group.count++ == 0;
    if (first || items.ids[number] < group.first) group.first = items.ids[number];
  }
  std::vector<Gap> gaps;
  for (const auto& [key, group] : groups) {
    const auto& [reason, pointer] = key;
    gaps.push_back(
        {task, "rejected", group.count,
         fmt::format("{}{}{} in {} item{} (first {})", reason, pointer.empty() ? "" : " ", pointer,
                     group.count, group.count == 1 ? "" : "s", group.first)});
  }
  std::ranges::stable_sort(gaps, std::ranges::greater(), &Gap::units);
  return gaps;
}

SourceReport ReportOf(const std::string& task, const MonthItems& items, const WrittenMonth& month) {
  SourceReport report;
  report.source = task;
  report.gaps = GapsOf(task, items, month.refused);
  if (!report.gaps.empty()) {
    report.state = SourceState::kPartial;
    report.reason = report.gaps.front().detail;
  }
  report.counts["rows"] = month.report.file.rows;
  report.counts["quarantined"] = static_cast<int64_t>(month.refused.size());
  report.counts["unknown_members"] = static_cast<int64_t>(month.report.unknown_members.size());
  for (const auto& [pointer, member] : month.report.unknown_members) {
    if (report.notes.size() == kMostNotes) break;
    report.notes.push_back(fmt::format("no column for {}: {} item{} (first {}); kept in extra",
                                       pointer, member.count, member.count == 1 ? "" : "s",
                                       member.first_id));
  }
  return report;
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
    for (const char* name : {"days", "missing"}) {
      const auto table = input.needs.find(need + "." + name);
      if (table != input.needs.end()) output.tables[name] = table->second;
    }
    ASSIGN_OR_RETURN(MonthItems items, ReadMonthItems(TableOf(*links->second)));
    ++attempts_;
    ASSIGN_OR_RETURN(const WrittenMonth month, Write(options, items, *input.spec, context));
    output.report = ReportOf(task_.name, items, month);
    output.notes = output.report->notes;
    if (month.report.file.rows == 0) {
      output.tables[""] = MakeArtifact(columnar::Table::Empty(stac::ArrowSchema(options.schema)));
    } else {
      ASSIGN_OR_RETURN(columnar::Table table, columnar::Table::FromParquetFiles({month.path}));
      output.tables[""] = MakeFinishedArtifact(std::move(table));
    }
    ASSIGN_OR_RETURN(output.tables["links"], FinalLinks(TableOf(*links->second), items, month));
    const auto quarantine = input.needs.find(need + ".quarantine");
    ASSIGN_OR_RETURN(
        output.tables["quarantine"],
        FinalQuarantine(quarantine == input.needs.end() ? nullptr : &TableOf(*quarantine->second),
                        items, month));
    return output;
  }

 private:
  /// A file of this task; derived again, it gets another name, since the first may be in use.
  Result<fs::path> NewFile(const std::string& name) const {
    const fs::path folder = services_.work_folder / task_.name;
    RETURN_IF_ERROR(MakeFolders(folder));
    return folder / fmt::format("{}-{}.parquet", name, attempts_);
  }

  Result<WrittenMonth> Write(const MonthOptions& options, const MonthItems& items,
                             const core::RunSpec& spec, const OpContext& context) const {
    WrittenMonth month;
    if (items.bodies.empty()) return month;
    const lake::VaultBlobStore vault(*services_.store, spec.dataset.text);
    ASSIGN_OR_RETURN(const auto bodies, VaultBodies::Open(vault, items.packs, items.bodies,
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
      month.refused.emplace(index.entries[left.entry].body.line, std::move(left.why));
    return month;
  }

  /// The links with the state `quarantined` where the month has no row.
  Result<core::ArtifactPtr> FinalLinks(const columnar::Table& links, const MonthItems& items,
                                       const WrittenMonth& month) const {
    if (month.refused.empty())
      return links.in_memory() ? MakeArtifact(links) : MakeFinishedArtifact(links);
    std::set<int64_t> rows;
    for (const auto& [number, why] : month.refused) rows.insert(items.rows[number]);
    ASSIGN_OR_RETURN(const fs::path path, NewFile("links"));
    columnar::ParquetOptions options;
    options.durable = false;
    ASSIGN_OR_RETURN(const auto writer,
                     columnar::ParquetWriter::Open(path, links.schema(), options));
    ASSIGN_OR_RETURN(const auto reader, links.Read());
    for (int64_t first = 0;;) {
      ASSIGN_OR_RETURN(const auto batch, reader->Next());
      if (batch == nullptr) break;
      ASSIGN_OR_RETURN(const auto changed, WithStates(batch, first, rows));
      RETURN_IF_ERROR(writer->Write(changed));
      first += batch->num_rows();
    }
    RETURN_IF_ERROR(writer->Finish().status());
    ASSIGN_OR_RETURN(columnar::Table table, columnar::Table::FromParquetFiles({path}));
    return MakeFinishedArtifact(std::move(table));
  }

  /// `batch`, whose first row is number `first`, with `quarantined` in these rows.
  static Result<std::shared_ptr<arrow::RecordBatch>> WithStates(
      const std::shared_ptr<arrow::RecordBatch>& batch, int64_t first,
      const std::set<int64_t>& rows) {
    const int column = batch->schema()->GetFieldIndex("state");
    const auto& states = static_cast<const arrow::StringArray&>(*batch->column(column));
    arrow::StringBuilder made;
    for (int64_t row = 0; row < batch->num_rows(); ++row) {
      ARROW_OR_RETURN(made.Append(rows.contains(first + row)
                                      ? LinkStateName(LinkState::kQuarantined)
                                      : states.GetView(row)));
    }
    ASSIGN_ARROW_OR_RETURN(const auto array, made.Finish());
    ASSIGN_ARROW_OR_RETURN(auto changed,
                           batch->SetColumn(column, batch->schema()->field(column), array));
    return changed;
  }

  /// `before`: those that had no usable body; null: none.
  static Result<core::ArtifactPtr> FinalQuarantine(const columnar::Table* before,
                                                   const MonthItems& items,
                                                   const WrittenMonth& month) {
    std::vector<sources::cmr::QuarantinedItem> rows;
    for (const auto& [number, why] : month.refused) {
      const VaultBody& body = items.bodies[number];
      rows.push_back({.id = items.ids[number],
                      .sha256 = sources::cmr::DigestTextOf(body.sha256),
                      .reason = std::string(stac::QuarantineReasonName(why.reason)),
                      .pointer = why.pointer,
                      .detail = why.detail,
                      .pack = items.packs[body.pack],
                      .offset = body.offset,
                      .length = body.length});
    }
    ASSIGN_OR_RETURN(const columnar::Table made, sources::cmr::MakeQuarantine(rows));
    ASSIGN_OR_RETURN(std::shared_ptr<arrow::Table> all, made.Load());
    if (before != nullptr) {
      ASSIGN_OR_RETURN(const auto others, before->Load());
      ASSIGN_ARROW_OR_RETURN(all, arrow::ConcatenateTables({others, all}));
    }
    ASSIGN_OR_RETURN(all, columnar::SortRows(all, {"id", "body_sha256"}));
    return MakeArtifact(columnar::Table::FromArrow(std::move(all)));
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
