#include "sources/azure/placement_table.h"

#include <arrow/api.h>

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "columnar/arrow_status.h"

namespace catchment::sources::azure {
namespace {

using transforms::CoverPair;

std::string_view TierOf(std::string_view sku) { return sku.substr(0, sku.find('_')); }
std::string_view TypeOf(std::string_view sku) {
  const size_t at = sku.find('_');
  return at == std::string_view::npos ? std::string_view() : sku.substr(at + 1);
}

std::shared_ptr<arrow::DataType> Timestamp() {
  return arrow::timestamp(arrow::TimeUnit::MILLI, "UTC");
}

int64_t Milliseconds(Time time) {
  return std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count();
}

std::shared_ptr<arrow::Schema> AnswerSchema() {
  return arrow::schema(
      {arrow::field("instance_tier", arrow::utf8(), false),
       arrow::field("instance_type", arrow::utf8(), false),
       arrow::field("sku", arrow::utf8(), false), arrow::field("region_code", arrow::utf8(), false),
       arrow::field("zone", arrow::utf8(), false),
       arrow::field("desired_count", arrow::int16(), false), arrow::field("score", arrow::int8()),
       arrow::field("score_text", arrow::utf8()), arrow::field("asked_at", Timestamp(), false),
       arrow::field("call", arrow::int32(), false), arrow::field("wanted", arrow::boolean(), false),
       arrow::field("subscription", arrow::utf8(), false)});
}

std::shared_ptr<arrow::Schema> ScoresSchema() {
  return arrow::schema(
      {arrow::field("slot", Timestamp(), false), arrow::field("date", arrow::date32(), false),
       arrow::field("instance_tier", arrow::utf8(), false),
       arrow::field("instance_type", arrow::utf8(), false),
       arrow::field("sku", arrow::utf8(), false), arrow::field("region_code", arrow::utf8(), false),
       arrow::field("zone", arrow::utf8(), false),
       arrow::field("desired_count", arrow::int16(), false),
       arrow::field("score_text", arrow::utf8()), arrow::field("score", arrow::int8()),
       arrow::field("quota_available", arrow::boolean()),
       arrow::field("wanted", arrow::boolean(), false),
       arrow::field("subscription", arrow::utf8(), false),
       arrow::field("call_id", arrow::utf8(), false),
       arrow::field("asked_at", Timestamp(), false)});
}

/// Appends values to the columns of one row from left to right.
class RowBuilder {
 public:
  explicit RowBuilder(arrow::RecordBatchBuilder& builder) : builder_(builder) {}

  template <typename Builder, typename Value>
  RowBuilder& Add(const Value& value) {
    if (status_.ok()) status_ = builder_.GetFieldAs<Builder>(column_)->Append(value);
    ++column_;
    return *this;
  }
  template <typename Builder, typename Value>
  RowBuilder& AddOptional(const std::optional<Value>& value) {
    if (value) return Add<Builder>(*value);
    if (status_.ok()) status_ = builder_.GetFieldAs<Builder>(column_)->AppendNull();
    ++column_;
    return *this;
  }
  const arrow::Status& status() const { return status_; }

 private:
  arrow::RecordBatchBuilder& builder_;
  int column_ = 0;
  arrow::Status status_;
};

template <typename AddRow>
Result<columnar::Table> Build(const std::shared_ptr<arrow::Schema>& schema,
                              const std::vector<PlacementRow>& rows, const AddRow& add) {
  ASSIGN_ARROW_OR_RETURN(auto builder,
                         arrow::RecordBatchBuilder::Make(schema, arrow::default_memory_pool(),
                                                         static_cast<int64_t>(rows.size())));
  for (const PlacementRow& row : rows) {
    RowBuilder columns(*builder);
    add(columns, row);
    ARROW_OR_RETURN(columns.status());
  }
  ASSIGN_ARROW_OR_RETURN(auto batch, builder->Flush());
  ASSIGN_ARROW_OR_RETURN(auto table, arrow::Table::FromRecordBatches({batch}));
  return columnar::Table::FromArrow(std::move(table));
}

void AddKey(RowBuilder& columns, const PlacementRow& row, int count) {
  columns.Add<arrow::StringBuilder>(TierOf(row.sku))
      .Add<arrow::StringBuilder>(TypeOf(row.sku))
      .Add<arrow::StringBuilder>(row.sku)
      .Add<arrow::StringBuilder>(row.region)
      .Add<arrow::StringBuilder>(row.zone)
      .Add<arrow::Int16Builder>(static_cast<int16_t>(count));
}

std::vector<std::string> Lower(const std::vector<std::string>& values) {
  std::vector<std::string> lower;
  for (const std::string& value : values) lower.push_back(ToLower(value));
  return lower;
}

/// The asked value equal to `name` without regard to case; null: it was not asked.
const std::string* Asked(const std::vector<std::string>& values,
                         const std::vector<std::string>& lower, const std::string& name) {
  for (size_t at = 0; at < values.size(); ++at) {
    if (values[at] == name) return &values[at];
  }
  const auto found = std::find(lower.begin(), lower.end(), ToLower(name));
  return found == lower.end() ? nullptr : &values[static_cast<size_t>(found - lower.begin())];
}

}  // namespace

ReplyGrid SortReply(const PlacementReply& reply) {
  const std::vector<std::string> regions = Lower(reply.regions), skus = Lower(reply.skus);
  ReplyGrid grid;
  for (const PlacementCell& cell : reply.cells) {
    const std::string* region = Asked(reply.regions, regions, cell.region);
    const std::string* sku = Asked(reply.skus, skus, cell.sku);
    if (region == nullptr || sku == nullptr) {
      ++grid.foreign;
      continue;
    }
    std::vector<PlacementCell>& cells = grid.cells[{*region, *sku}];
    const bool repeated = std::any_of(cells.begin(), cells.end(), [&](const PlacementCell& other) {
      return other.zone == cell.zone;
    });
    grid.repeated += repeated;
    if (!repeated) cells.push_back(cell);
  }
  return grid;
}

void SortPlacementRows(std::vector<PlacementRow>& rows) {
  std::sort(rows.begin(), rows.end(), [](const PlacementRow& a, const PlacementRow& b) {
    return std::make_tuple(TierOf(a.sku), TypeOf(a.sku), std::string_view(a.region),
                           std::string_view(a.zone), a.call) <
           std::make_tuple(TierOf(b.sku), TypeOf(b.sku), std::string_view(b.region),
                           std::string_view(b.zone), b.call);
  });
}

Result<columnar::Table> MakeAnswerTable(const std::vector<PlacementRow>& rows, int count) {
  return Build(AnswerSchema(), rows, [&](RowBuilder& columns, const PlacementRow& row) {
    AddKey(columns, row, count);
    columns.AddOptional<arrow::Int8Builder>(row.score)
        .AddOptional<arrow::StringBuilder>(row.score_text)
        .Add<arrow::TimestampBuilder>(Milliseconds(row.asked_at))
        .Add<arrow::Int32Builder>(row.call)
        .Add<arrow::BooleanBuilder>(row.wanted)
        .Add<arrow::StringBuilder>(row.subscription);
  });
}

Result<columnar::Table> MakeScoresTable(const std::vector<PlacementRow>& rows, int count,
                                        Time slot) {
  const int64_t slot_time = Milliseconds(slot);
  const auto day =
      static_cast<int32_t>(std::chrono::floor<std::chrono::days>(slot).time_since_epoch().count());
  return Build(ScoresSchema(), rows, [&](RowBuilder& columns, const PlacementRow& row) {
    columns.Add<arrow::TimestampBuilder>(slot_time).Add<arrow::Date32Builder>(day);
    AddKey(columns, row, count);
    columns.AddOptional<arrow::StringBuilder>(row.score_text)
        .AddOptional<arrow::Int8Builder>(row.score)
        .AddOptional<arrow::BooleanBuilder>(row.quota_available)
        .Add<arrow::BooleanBuilder>(row.wanted)
        .Add<arrow::StringBuilder>(row.subscription)
        .Add<arrow::StringBuilder>(row.call_id)
        .Add<arrow::TimestampBuilder>(Milliseconds(row.asked_at));
  });
}

}  // namespace catchment::sources::azure
