#include "app/month_tables.h"

#include <arrow/api.h>

#include "columnar/arrow_status.h"
#include "columnar/parquet_file.h"
#include "columnar/sort.h"

namespace catchment::app {

namespace fs = std::filesystem;
using sources::cmr::Granule;
using sources::cmr::LinkState;
using sources::cmr::MissingItem;
using sources::cmr::QuarantinedItem;
using sources::cmr::StoredBody;

namespace {

constexpr int kHttpOk = 200;  // a body comes with no other status

/// `before` (null: none) and `added`, ordered by `key`.
Result<columnar::Table> WithRows(const columnar::Table* before, const columnar::Table& added,
                                 const std::vector<std::string>& key) {
  ASSIGN_OR_RETURN(std::shared_ptr<arrow::Table> all, added.Load());
  if (before != nullptr) {
    ASSIGN_OR_RETURN(const auto others, before->Load());
    ASSIGN_ARROW_OR_RETURN(all, arrow::ConcatenateTables({others, all}));
  }
  ASSIGN_OR_RETURN(all, columnar::SortRows(all, key));
  return columnar::Table::FromArrow(std::move(all));
}

/// Writes the links anew, with what became of the items.
class LinksWriter {
 public:
  LinksWriter(const MonthItems& items, const MonthVerdict& verdict)
      : verdict_(verdict), packs_(items.packs) {
    for (const auto& [number, why] : verdict.refused) changed_[items.rows[number]] = number;
    for (const auto& [number, kept] : verdict.kept_earlier) changed_[items.rows[number]] = number;
  }

  Result<columnar::Table> Write(const columnar::Table& links, const fs::path& file) {
    columnar::ParquetOptions options;
    options.durable = false;
    ASSIGN_OR_RETURN(const auto writer,
                     columnar::ParquetWriter::Open(file, links.schema(), options));
    ASSIGN_OR_RETURN(const auto reader, links.Read());
    while (true) {
      ASSIGN_OR_RETURN(const auto batch, reader->Next());
      if (batch == nullptr) break;
      ASSIGN_OR_RETURN(const auto written, Rewritten(batch));
      RETURN_IF_ERROR(writer->Write(written));
    }
    RETURN_IF_ERROR(writer->Finish().status());
    return columnar::Table::FromParquetFiles({file});
  }

  /// The items whose newer revision is not in the rows; known after Write.
  const std::vector<MissingItem>& stale() const { return stale_; }

 private:
  Result<std::shared_ptr<arrow::RecordBatch>> Rewritten(
      const std::shared_ptr<arrow::RecordBatch>& batch) {
    ASSIGN_OR_RETURN(const std::vector<Granule> granules, sources::cmr::GranulesOf(*batch));
    ASSIGN_ARROW_OR_RETURN(auto table, arrow::Table::FromRecordBatches({batch}));
    Status added;
    size_t at = 0;
    RETURN_IF_ERROR(sources::cmr::ReadStoredBodies(columnar::Table::FromArrow(std::move(table)),
                                                   packs_,
                                                   [&](const std::string&, Time, StoredBody body) {
                                                     if (added.ok())
                                                       added = Add(granules[at++], std::move(body));
                                                   }));
    RETURN_IF_ERROR(std::move(added));
    return rows_.Take();
  }

  Status Add(const Granule& granule, StoredBody body) {
    const auto changed = changed_.find(row_++);
    if (changed != changed_.end()) {
      const auto kept = verdict_.kept_earlier.find(changed->second);
      body.state = LinkState::kQuarantined;
      if (kept != verdict_.kept_earlier.end()) {
        body = kept->second.earlier;
        body.state = LinkState::kStale;
        stale_.push_back({granule.id, granule.day, granule.href, "stale_revision", kHttpOk, 0});
      }
    }
    return rows_.Add(granule, body, body.has_body ? packs_[body.pack] : "");
  }

  const MonthVerdict& verdict_;
  sources::cmr::PackNames packs_;
  std::map<uint32_t, uint32_t> changed_;  // row → number of the item
  uint32_t row_ = 0;
  sources::cmr::LinkRows rows_;
  std::vector<MissingItem> stale_;
};

Result<columnar::Table> FinalQuarantine(const columnar::Table* before, const MonthItems& items,
                                        const MonthVerdict& verdict) {
  std::vector<QuarantinedItem> rows;
  const auto add = [&](uint32_t number, const VaultBody& body, const stac::Quarantined& why) {
    rows.push_back({.id = items.ids[number],
                    .sha256 = sources::cmr::DigestTextOf(body.sha256),
                    .reason = std::string(stac::QuarantineReasonName(why.reason)),
                    .pointer = why.pointer,
                    .detail = why.detail,
                    .pack = items.packs[body.pack],
                    .offset = body.offset,
                    .length = body.length});
  };
  for (const auto& [number, why] : verdict.refused) add(number, items.bodies[number], why);
  for (const auto& [number, kept] : verdict.kept_earlier) add(number, kept.refused, kept.why);
  ASSIGN_OR_RETURN(const columnar::Table made, sources::cmr::MakeQuarantine(rows));
  return WithRows(before, made, {"id", "body_sha256"});
}

}  // namespace

Result<MonthTables> FinishMonthTables(const MonthTablesBefore& before, const MonthItems& items,
                                      const MonthVerdict& verdict, const fs::path& file) {
  MonthTables tables{.links = *before.links, .missing = {}, .quarantine = {}};
  std::vector<MissingItem> stale;
  if (!verdict.refused.empty() || !verdict.kept_earlier.empty()) {
    LinksWriter writer(items, verdict);
    ASSIGN_OR_RETURN(tables.links, writer.Write(*before.links, file), "links");
    stale = writer.stale();
  }
  if (before.missing != nullptr && stale.empty()) {
    tables.missing = *before.missing;
  } else {
    ASSIGN_OR_RETURN(const columnar::Table made, sources::cmr::MakeMissing(stale));
    ASSIGN_OR_RETURN(tables.missing, WithRows(before.missing, made, {"id"}), "missing");
  }
  ASSIGN_OR_RETURN(tables.quarantine, FinalQuarantine(before.quarantine, items, verdict),
                   "quarantine");
  return tables;
}

}  // namespace catchment::app
