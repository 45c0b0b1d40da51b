#include "app/joint_export.h"

#include <arrow/api.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "app/export_root.h"
#include "app/export_writer.h"
#include "app/lake_head.h"
#include "app/stac_write.h"
#include "columnar/arrow_status.h"
#include "columnar/parquet_file.h"
#include "core/lease_keeper.h"
#include "lake/history.h"
#include "lake/table_read.h"
#include "sources/cmr/link_table.h"
#include "stac/merge_files.h"

namespace catchment::app {
namespace {

namespace fs = std::filesystem;

/// The rows of one dataset.
struct JointSource {
  std::string dataset;
  lake::View view;
  std::vector<lake::FetchedFile> files;
  int64_t publish = 0;  ///< the newest that one of the files is from; 0: there are no rows
  int64_t rows = 0;
};

Result<JointSource> LoadSource(const lake::ReadStore& store, const std::string& dataset,
                               const JointExport& file) {
  JointSource source;
  source.dataset = dataset;
  ASSIGN_OR_RETURN(source.view, lake::LoadView(store, dataset));
  const auto table = source.view.tables.find(file.record.table);
  if (table == source.view.tables.end()) return source;
  const lake::PartitionFilter where = SlotFilter(table->second, file.slot_time);
  if (table->second.mode != lake::TableMode::kPartition || where.empty())
    return Invalid("table '{}' of {} is not partitioned by parts of the slot", file.record.table,
                   dataset);
  ASSIGN_OR_RETURN(source.files,
                   lake::ListTableFiles(store, source.view, file.record.table, where));
  for (const lake::FetchedFile& of : source.files) {
    source.rows += of.live.file.rows;
    if (of.live.file.rows > 0) source.publish = std::max(source.publish, of.live.publish);
  }
  return source;
}

/// Whether the rows that a publish had of the slot stand in the same data objects as now.
bool SameObjects(const lake::ReadStore& store, const JointSource& source, int64_t publish,
                 const std::string& table) {
  if (publish == source.publish) return true;
  if (publish == 0 || source.publish == 0) return false;
  const Result<lake::Manifest> earlier = lake::ReadManifest(store, source.dataset, publish);
  if (!earlier.ok()) return false;  // pruned: written again
  const auto found = earlier->tables.find(table);
  if (found == earlier->tables.end() || found->second.files.size() != source.files.size())
    return false;
  return std::all_of(source.files.begin(), source.files.end(), [&](const lake::FetchedFile& now) {
    return std::any_of(
        found->second.files.begin(), found->second.files.end(),
        [&](const lake::FileEntry& then) { return then.sha256 == now.live.file.sha256; });
  });
}

/// The bodies' digests of the items that are merged, by id: 40 bytes an item.
class BodyDigests {
 public:
  /// From the table `links` of the datasets; one without it leaves its items unknown.
  static Result<BodyDigests> Load(const lake::ReadStore& store,
                                  const std::vector<JointSource>& sources, Time slot_time) {
    BodyDigests digests;
    for (const JointSource& source : sources) {
      const auto links = source.view.tables.find("links");
      if (links == source.view.tables.end()) continue;
      ASSIGN_OR_RETURN(
          const auto files,
          lake::ListTableFiles(store, source.view, "links", SlotFilter(links->second, slot_time)));
      for (const lake::FetchedFile& file : files) RETURN_IF_ERROR(digests.Add(file.path));
    }
    std::sort(digests.entries_.begin(), digests.entries_.end());
    return digests;
  }

  std::optional<std::string> Find(std::string_view id) const {
    const Entry wanted = {std::hash<std::string_view>()(id), {}};
    const auto found = std::lower_bound(entries_.begin(), entries_.end(), wanted);
    if (found == entries_.end() || found->hash != wanted.hash) return std::nullopt;
    if (std::next(found) != entries_.end() && std::next(found)->hash == wanted.hash)
      return std::nullopt;  // two ids of one hash
    return sources::cmr::DigestTextOf(found->digest);
  }

 private:
  struct Entry {
    size_t hash = 0;
    std::array<char, 32> digest;
    bool operator<(const Entry& other) const { return hash < other.hash; }
  };

  Status Add(const fs::path& file) {
    ASSIGN_OR_RETURN(const auto reader,
                     columnar::OpenParquet(file, {.columns = {"id", "body_sha256"}}));
    while (true) {
      ASSIGN_OR_RETURN(const auto batch, reader->Next());
      if (batch == nullptr) return {};
      const auto ids = std::dynamic_pointer_cast<arrow::StringArray>(batch->column(0));
      const auto bodies = std::dynamic_pointer_cast<arrow::StringArray>(batch->column(1));
      if (ids == nullptr || bodies == nullptr) return {};
      for (int64_t row = 0; row < batch->num_rows(); ++row) {
        if (ids->IsNull(row) || bodies->IsNull(row) || bodies->GetView(row).size() != 64) continue;
        entries_.push_back({std::hash<std::string_view>()(ids->GetView(row)),
                            sources::cmr::DigestBytesOf(bodies->GetView(row))});
      }
    }
  }

  std::vector<Entry> entries_;
};

Result<stac::ItemFileOptions> FileOptionsOf(const nlohmann::json& parameters) {
  stac::ItemFileOptions options;
  options.durable = false;  // the root makes it so
  const auto compression = parameters.find("compression");
  if (compression != parameters.end() && compression->is_string()) {
    ASSIGN_OR_RETURN(options.level,
                     stac::ParseZstdLevel(compression->get_ref<const std::string&>()));
  }
  const auto rows = parameters.find("rowGroupRows");
  if (rows != parameters.end() && rows->is_number_integer())
    options.row_group_rows = rows->get<int64_t>();
  return options;
}

Status MergeItems(const lake::ReadStore& store, const JointExport& file,
                  const std::vector<JointSource>& sources, const std::vector<fs::path>& paths,
                  const fs::path& to, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const BodyDigests digests, BodyDigests::Load(store, sources, file.slot_time));
  stac::MergeOptions options;
  ASSIGN_OR_RETURN(options.file, FileOptionsOf(file.parameters));
  options.writer = "catchment " CATCHMENT_VERSION;
  options.dataset = lake::JointName(file.record.datasets);
  options.slot = file.slot.text;
  options.body_sha256 = [&](std::string_view id) { return digests.Find(id); };
  options.stop = stop;
  return stac::MergeItemFiles(paths, to, options).status();
}

/// The columns of all, as they come; rows in the order of the datasets.
Status AppendTables(const lake::ReadStore& store, const JointExport& file,
                    const std::vector<JointSource>& sources, const fs::path& to) {
  std::vector<std::shared_ptr<arrow::Table>> parts;
  for (const JointSource& source : sources) {
    if (source.rows == 0) continue;
    lake::ReadTableOptions options;
    options.where = SlotFilter(source.view.tables.at(file.record.table), file.slot_time);
    ASSIGN_OR_RETURN(const columnar::Table rows,
                     lake::ReadTable(store, source.view, file.record.table, options));
    ASSIGN_OR_RETURN(parts.emplace_back(), rows.Load());
  }
  const arrow::ConcatenateTablesOptions by_name{
      .unify_schemas = true, .field_merge_options = arrow::Field::MergeOptions::Permissive()};
  ASSIGN_ARROW_OR_RETURN(auto joined, arrow::ConcatenateTables(parts, by_name));
  columnar::ParquetOptions options;
  options.durable = false;
  options.metadata["catchment"] =
      nlohmann::json({{"dataset", lake::JointName(file.record.datasets)},
                      {"slot", file.slot.text},
                      {"rows", joined->num_rows()}})
          .dump();
  return columnar::WriteParquet(columnar::Table::FromArrow(std::move(joined)), to, options)
      .status();
}

class JointWriter {
 public:
  JointWriter(const JointExport& file, const PublisherServices& services, std::stop_token stop)
      : file_(file), services_(services), store_(*services.store), stop_(std::move(stop)) {}

  Result<WrittenExport> Write() {
    for (const std::string& dataset : file_.record.datasets) {
      ASSIGN_OR_RETURN(JointSource source, LoadSource(store_, dataset, file_), "{}", dataset);
      total_ += source.rows;
      sources_.push_back(std::move(source));
    }
    if (const std::string missing = MissingDatasets(); !missing.empty()) {
      return WrittenExport{WrittenExport::Kind::kWaits,
                           {},
                           fmt::format("{} waits for {}, which has nothing of {}",
                                       file_.record.path, missing, file_.slot.text)};
    }
    ASSIGN_OR_RETURN(const auto root, OpenExportRoot(*services_.settings, file_.record.root));
    ASSIGN_OR_RETURN(const auto found, root->Find(file_.record.path));
    if (found) {
      ASSIGN_OR_RETURN(const auto as_it_is, LookAt(*found, *root));
      if (as_it_is) return *as_it_is;
    }
    ASSIGN_OR_RETURN(const lake::StagingFile staging, root->NewStagingFile());
    RETURN_IF_ERROR(Fill(staging.path()), "{}", file_.record.path);
    lake::ExportMark mark{lake::JointName(file_.record.datasets), 0, total_};
    for (const JointSource& source : sources_) mark.publishes.push_back(source.publish);
    RETURN_IF_ERROR(root->Put(file_.record.path, staging.path(), mark));
    return WrittenExport{};
  }

 private:
  /// Those that the file must not be without.
  std::string MissingDatasets() const {
    std::vector<std::string> missing;
    for (const JointSource& source : sources_) {
      const bool nothing_yet = services_.joint.nothing_yet.contains({source.dataset, file_.slot});
      if (source.rows == 0 && !nothing_yet) missing.push_back(source.dataset);
    }
    return fmt::format("{}", fmt::join(missing, " and "));
  }

  /// Whether the file stays as it is, and why.
  Result<std::optional<WrittenExport>> LookAt(const lake::ExportFound& found,
                                              const lake::ExportRoot& root) const {
    if (!found.mark) {
      if (file_.allow_shrink || found.rows.value_or(0) <= total_) return std::nullopt;
      return WrittenExport{
          WrittenExport::Kind::kHeld,
          {},
          ForeignFileHasMore({file_.record.path, *found.rows},
                             fmt::format("{} of {} {}", total_,
                                         lake::JointName(file_.record.datasets), file_.slot.text))};
    }
    if (found.mark->dataset != lake::JointName(file_.record.datasets)) {
      if (file_.takeover) return std::nullopt;
      return lake::BelongsToAnother(root, file_.record.path, found.mark->dataset);
    }
    const std::vector<int64_t>& standing = found.mark->publishes;
    if (file_.again || standing.size() != sources_.size()) return std::nullopt;
    bool newer = true;
    bool same = true;
    for (size_t i = 0; i < sources_.size(); ++i) {
      newer = newer && standing[i] >= sources_[i].publish;
      same = same && SameObjects(store_, sources_[i], standing[i], file_.record.table);
    }
    if (same) return WrittenExport{WrittenExport::Kind::kDone, lake::ExportOutcome::kUnchanged, ""};
    if (newer)
      return WrittenExport{WrittenExport::Kind::kDone, lake::ExportOutcome::kNewerLeftAlone, ""};
    return std::nullopt;
  }

  Status Fill(const fs::path& to) const {
    std::vector<fs::path> paths;
    bool items = true;
    for (const JointSource& source : sources_) {
      for (const lake::FetchedFile& of : source.files) {
        if (of.live.file.rows == 0) continue;
        ASSIGN_OR_RETURN(const auto info, columnar::InspectParquet(of.path));
        items = items && stac::CanBeMerged(info);
        paths.push_back(of.path);
      }
    }
    return items ? MergeItems(store_, file_, sources_, paths, to, stop_)
                 : AppendTables(store_, file_, sources_, to);
  }

  const JointExport& file_;
  const PublisherServices& services_;
  const lake::ReadStore& store_;
  const std::stop_token stop_;
  std::vector<JointSource> sources_;
  int64_t total_ = 0;
};

}  // namespace

Result<WrittenExport> WriteJointExport(const JointExport& file, const std::string& run,
                                       const PublisherServices& services,
                                       const std::stop_token& stop) {
  constexpr std::chrono::milliseconds kTtl{60'000};
  const std::string name = "export:" + lake::JointName(file.record.datasets);
  const Result<core::Lease> lease =
      services.leases->Acquire(name, services.machine->Self(run), kTtl);
  if (!lease.ok() && lease.error().code == Code::kLocked)
    return Unavailable("{} is being written by another run", file.record.path);
  if (!lease.ok()) return lease.status();
  std::stop_source lost;
  const std::stop_callback forward(stop, [&] { lost.request_stop(); });
  Result<WrittenExport> written = Internal("not written");
  {
    // A large month takes longer than the lease lasts.
    const core::LeaseKeeper keeper(
        kTtl, [&] { return services.leases->Renew(*lease); },
        [&](const Error&) { lost.request_stop(); });
    written = JointWriter(file, services, lost.get_token()).Write();
  }
  RETURN_IF_ERROR(services.leases->Release(*lease));
  return written;
}

}  // namespace catchment::app
