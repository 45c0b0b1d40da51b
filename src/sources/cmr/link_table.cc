#include "sources/cmr/link_table.h"

#include <arrow/api.h>

#include "columnar/arrow_status.h"
#include "columnar/parquet_file.h"
#include "sources/cmr/columns_internal.h"

namespace catchment::sources::cmr {
namespace {

constexpr std::array<std::string_view, 4> kLinkStates = {"stored", "stale", "missing",
                                                         "quarantined"};
constexpr int64_t kRowsReserved = 4096;

arrow::Status AppendLink(arrow::RecordBatchBuilder& rows, const Granule& granule,
                         const StoredBody& body, const std::string& pack) {
  int column = 0;
  const auto text = [&](std::string_view value, bool null = false) {
    auto* texts = rows.GetFieldAs<arrow::StringBuilder>(column++);
    return null ? texts->AppendNull() : texts->Append(value);
  };
  const auto number = [&](int64_t value) {
    auto* numbers = rows.GetFieldAs<arrow::Int64Builder>(column++);
    return body.has_body ? numbers->Append(value) : numbers->AppendNull();
  };
  const auto time = [&](Time value, bool null = false) {
    auto* times = rows.GetFieldAs<arrow::TimestampBuilder>(column++);
    return null ? times->AppendNull() : times->Append(value.time_since_epoch().count());
  };
  ARROW_RETURN_NOT_OK(text(granule.id));
  ARROW_RETURN_NOT_OK(text(granule.concept_id));
  ARROW_RETURN_NOT_OK(rows.GetFieldAs<arrow::Date32Builder>(column++)->Append(
      static_cast<int32_t>(granule.day.time_since_epoch().count())));
  ARROW_RETURN_NOT_OK(time(granule.time_start));
  ARROW_RETURN_NOT_OK(time(granule.time_end.value_or(Time()), !granule.time_end));
  ARROW_RETURN_NOT_OK(time(granule.updated));
  ARROW_RETURN_NOT_OK(text(granule.href, granule.href.empty()));
  ARROW_RETURN_NOT_OK(text(granule.listed ? "listed" : "derived", granule.href.empty()));
  ARROW_RETURN_NOT_OK(text(DigestTextOf(body.sha256), !body.has_body));
  ARROW_RETURN_NOT_OK(number(body.bytes));
  ARROW_RETURN_NOT_OK(text(pack, !body.has_body));
  ARROW_RETURN_NOT_OK(number(body.offset));
  ARROW_RETURN_NOT_OK(number(body.length));
  ARROW_RETURN_NOT_OK(text(body.etag, !body.has_body || body.etag.empty()));
  ARROW_RETURN_NOT_OK(time(body.fetched_at, !body.has_body));
  return text(LinkStateName(body.state));
}

arrow::Result<std::shared_ptr<arrow::Table>> BuildMissing(const std::vector<MissingItem>& rows) {
  ARROW_ASSIGN_OR_RAISE(
      auto builder, arrow::RecordBatchBuilder::Make(MissingSchema(), arrow::default_memory_pool()));
  for (const MissingItem& row : rows) {
    ARROW_RETURN_NOT_OK(builder->GetFieldAs<arrow::StringBuilder>(0)->Append(row.id));
    ARROW_RETURN_NOT_OK(builder->GetFieldAs<arrow::Date32Builder>(1)->Append(
        static_cast<int32_t>(row.day.time_since_epoch().count())));
    auto* href = builder->GetFieldAs<arrow::StringBuilder>(2);
    ARROW_RETURN_NOT_OK(row.href.empty() ? href->AppendNull() : href->Append(row.href));
    ARROW_RETURN_NOT_OK(builder->GetFieldAs<arrow::StringBuilder>(3)->Append(row.reason));
    auto* status = builder->GetFieldAs<arrow::Int32Builder>(4);
    ARROW_RETURN_NOT_OK(row.status == 0 ? status->AppendNull() : status->Append(row.status));
    ARROW_RETURN_NOT_OK(builder->GetFieldAs<arrow::Int32Builder>(5)->Append(row.tries));
  }
  ARROW_ASSIGN_OR_RAISE(auto batch, builder->Flush());
  return arrow::Table::FromRecordBatches({batch});
}

arrow::Result<std::shared_ptr<arrow::Table>> BuildQuarantine(
    const std::vector<QuarantinedItem>& rows) {
  ARROW_ASSIGN_OR_RAISE(auto builder, arrow::RecordBatchBuilder::Make(
                                          QuarantineSchema(), arrow::default_memory_pool()));
  for (const QuarantinedItem& row : rows) {
    const auto text = [&](int column, const std::string& value) {
      auto* texts = builder->GetFieldAs<arrow::StringBuilder>(column);
      return value.empty() ? texts->AppendNull() : texts->Append(value);
    };
    const auto number = [&](int column, uint64_t value) {
      auto* numbers = builder->GetFieldAs<arrow::Int64Builder>(column);
      return row.pack.empty() ? numbers->AppendNull()
                              : numbers->Append(static_cast<int64_t>(value));
    };
    ARROW_RETURN_NOT_OK(text(0, row.id));
    ARROW_RETURN_NOT_OK(builder->GetFieldAs<arrow::StringBuilder>(1)->Append(row.sha256));
    ARROW_RETURN_NOT_OK(text(2, row.reason));
    ARROW_RETURN_NOT_OK(text(3, row.pointer));
    ARROW_RETURN_NOT_OK(text(4, row.detail));
    ARROW_RETURN_NOT_OK(text(5, row.pack));
    ARROW_RETURN_NOT_OK(number(6, row.offset));
    ARROW_RETURN_NOT_OK(number(7, row.length));
  }
  ARROW_ASSIGN_OR_RAISE(auto batch, builder->Flush());
  return arrow::Table::FromRecordBatches({batch});
}

}  // namespace

std::string_view LinkStateName(LinkState state) { return kLinkStates[static_cast<size_t>(state)]; }

std::array<char, 32> DigestBytesOf(std::string_view sha256_hex) {
  std::array<char, 32> bytes{};
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (size_t i = 0; i < bytes.size() && 2 * i + 1 < sha256_hex.size(); ++i)
    bytes[i] = static_cast<char>(digit(sha256_hex[2 * i]) * 16 + digit(sha256_hex[2 * i + 1]));
  return bytes;
}

std::string DigestTextOf(const std::array<char, 32>& digest) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(64);
  for (const char byte : digest) {
    const auto value = static_cast<unsigned char>(byte);
    text += kDigits[value >> 4];
    text += kDigits[value & 15];
  }
  return text;
}

std::shared_ptr<arrow::Schema> LinksSchema() {
  return arrow::schema(
      {arrow::field("id", arrow::utf8(), false), arrow::field("concept_id", arrow::utf8(), false),
       arrow::field("day", arrow::date32(), false), arrow::field("time_start", UtcTime(), false),
       arrow::field("time_end", UtcTime()), arrow::field("updated", UtcTime(), false),
       arrow::field("href", arrow::utf8()), arrow::field("href_source", arrow::utf8()),
       arrow::field("body_sha256", arrow::utf8()), arrow::field("body_bytes", arrow::int64()),
       arrow::field("pack", arrow::utf8()), arrow::field("pack_offset", arrow::int64()),
       arrow::field("pack_length", arrow::int64()), arrow::field("etag", arrow::utf8()),
       arrow::field("fetched_at", UtcTime()), arrow::field("state", arrow::utf8(), false)});
}

struct LinkRows::Members {
  std::unique_ptr<arrow::RecordBatchBuilder> builder;
  int64_t rows = 0;
};

LinkRows::LinkRows() : members_(std::make_unique<Members>()) {}
LinkRows::~LinkRows() = default;

Status LinkRows::Add(const Granule& granule, const StoredBody& body, const std::string& pack) {
  if (!members_->builder) {
    ASSIGN_ARROW_OR_RETURN(members_->builder,
                           arrow::RecordBatchBuilder::Make(
                               LinksSchema(), arrow::default_memory_pool(), kRowsReserved));
  }
  ARROW_OR_RETURN(AppendLink(*members_->builder, granule, body, pack), "links");
  ++members_->rows;
  return {};
}

int64_t LinkRows::rows() const { return members_->rows; }

Result<std::shared_ptr<arrow::RecordBatch>> LinkRows::Take() {
  members_->rows = 0;
  if (!members_->builder) {
    ASSIGN_ARROW_OR_RETURN(members_->builder, arrow::RecordBatchBuilder::Make(
                                                  LinksSchema(), arrow::default_memory_pool()));
  }
  ASSIGN_ARROW_OR_RETURN(auto batch, members_->builder->Flush(), "links");
  return batch;
}

uint32_t PackNames::NumberOf(std::string_view name) {
  const auto known = numbers_.find(name);
  if (known != numbers_.end()) return known->second;
  const auto number = static_cast<uint32_t>(names_.size());
  names_.emplace_back(name);
  numbers_.emplace(name, number);
  return number;
}

Status ReadStoredBodies(
    const columnar::Table& links, PackNames& packs,
    const std::function<void(std::string id, Time updated, StoredBody body)>& visit) {
  ASSIGN_OR_RETURN(const auto reader, links.Read());
  while (true) {
    ASSIGN_OR_RETURN(const auto batch, reader->Next());
    if (batch == nullptr) return {};
    const Columns columns(*batch);
    ASSIGN_OR_RETURN(const auto* id, columns.Get<arrow::StringArray>("id"));
    ASSIGN_OR_RETURN(const auto* updated, columns.Get<arrow::TimestampArray>("updated"));
    ASSIGN_OR_RETURN(const auto* sha256, columns.Get<arrow::StringArray>("body_sha256"));
    ASSIGN_OR_RETURN(const auto* bytes, columns.Get<arrow::Int64Array>("body_bytes"));
    ASSIGN_OR_RETURN(const auto* pack, columns.Get<arrow::StringArray>("pack"));
    ASSIGN_OR_RETURN(const auto* offset, columns.Get<arrow::Int64Array>("pack_offset"));
    ASSIGN_OR_RETURN(const auto* length, columns.Get<arrow::Int64Array>("pack_length"));
    ASSIGN_OR_RETURN(const auto* etag, columns.Get<arrow::StringArray>("etag"));
    ASSIGN_OR_RETURN(const auto* fetched, columns.Get<arrow::TimestampArray>("fetched_at"));
    ASSIGN_OR_RETURN(const auto* state, columns.Get<arrow::StringArray>("state"));
    for (int64_t i = 0; i < batch->num_rows(); ++i) {
      StoredBody body;
      for (size_t name = 0; name < kLinkStates.size(); ++name) {
        if (kLinkStates[name] == state->GetView(i)) body.state = static_cast<LinkState>(name);
      }
      body.has_body = !pack->IsNull(i) && !sha256->IsNull(i) && sha256->GetView(i).size() == 64;
      if (body.has_body) {
        body.sha256 = DigestBytesOf(sha256->GetView(i));
        body.bytes = static_cast<uint32_t>(bytes->Value(i));
        body.pack = packs.NumberOf(pack->GetView(i));
        body.offset = static_cast<uint32_t>(offset->Value(i));
        body.length = static_cast<uint32_t>(length->Value(i));
        body.fetched_at = Time(std::chrono::microseconds(fetched->Value(i)));
        if (!etag->IsNull(i)) body.etag = etag->GetString(i);
      }
      visit(id->GetString(i), Time(std::chrono::microseconds(updated->Value(i))), std::move(body));
    }
  }
}

Result<std::set<std::string>> PacksOfFile(const std::filesystem::path& file) {
  std::set<std::string> packs;
  ASSIGN_OR_RETURN(const columnar::ParquetInfo info, columnar::InspectParquet(file));
  for (const char* column : {"body_sha256", "pack", "pack_offset", "pack_length"}) {
    if (info.schema->GetFieldIndex(column) < 0) return packs;
  }
  if (info.schema->GetFieldByName("pack")->type()->id() != arrow::Type::STRING) return packs;
  columnar::ParquetReadOptions options;
  options.columns = {"pack"};
  ASSIGN_OR_RETURN(const auto reader, columnar::OpenParquet(file, options));
  while (true) {
    ASSIGN_OR_RETURN(const auto batch, reader->Next());
    if (batch == nullptr) return packs;
    const Columns columns(*batch);
    ASSIGN_OR_RETURN(const auto* pack, columns.Get<arrow::StringArray>("pack"));
    for (int64_t i = 0; i < batch->num_rows(); ++i) {
      if (!pack->IsNull(i)) packs.emplace(pack->GetView(i));
    }
  }
}

std::shared_ptr<arrow::Schema> MissingSchema() {
  return arrow::schema(
      {arrow::field("id", arrow::utf8(), false), arrow::field("day", arrow::date32(), false),
       arrow::field("href", arrow::utf8()), arrow::field("reason", arrow::utf8(), false),
       arrow::field("http_status", arrow::int32()), arrow::field("tries", arrow::int32(), false)});
}

Result<columnar::Table> MakeMissing(const std::vector<MissingItem>& rows) {
  ASSIGN_ARROW_OR_RETURN(auto table, BuildMissing(rows), "missing");
  return columnar::Table::FromArrow(std::move(table));
}

std::shared_ptr<arrow::Schema> QuarantineSchema() {
  return arrow::schema(
      {arrow::field("id", arrow::utf8(), false), arrow::field("body_sha256", arrow::utf8(), false),
       arrow::field("reason", arrow::utf8(), false), arrow::field("pointer", arrow::utf8()),
       arrow::field("detail", arrow::utf8()), arrow::field("pack", arrow::utf8()),
       arrow::field("pack_offset", arrow::int64()), arrow::field("pack_length", arrow::int64())});
}

Result<columnar::Table> MakeQuarantine(const std::vector<QuarantinedItem>& rows) {
  ASSIGN_ARROW_OR_RETURN(auto table, BuildQuarantine(rows), "quarantine");
  return columnar::Table::FromArrow(std::move(table));
}

}  // namespace catchment::sources::cmr
