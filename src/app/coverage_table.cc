#include "app/coverage_table.h"

#include <arrow/api.h>

#include <array>
#include <chrono>

#include "columnar/arrow_status.h"

namespace catchment::app {
namespace {

constexpr std::array<const char*, 6> kReasons = {"budget",   "deadline",    "failed",
                                                 "rejected", "credentials", "no_answer"};

std::shared_ptr<arrow::Schema> Schema() {
  arrow::FieldVector fields = {
      arrow::field("slot", arrow::timestamp(arrow::TimeUnit::MILLI, "UTC"), false),
      arrow::field("date", arrow::date32(), false),
      arrow::field("source", arrow::utf8(), false),
      arrow::field("region_code", arrow::utf8()),
      arrow::field("desired_count", arrow::int16()),
      arrow::field("unit", arrow::utf8(), false),
  };
  for (const char* name :
       {"expected", "asked", "answered", "scored", "excluded_invalid", "left_out"}) {
    fields.push_back(arrow::field(name, arrow::int32(), false));
  }
  for (const char* reason : kReasons) {
    fields.push_back(arrow::field(std::string("missing_") + reason, arrow::int32(), false));
  }
  return arrow::schema(std::move(fields));
}

std::array<int64_t, 12> Numbers(const CoverageRow& row) {
  std::array<int64_t, 12> numbers = {row.expected,         row.asked,   row.answered, row.scored,
                                     row.excluded_invalid, row.left_out};
  for (const auto& [reason, units] : row.missing) {
    size_t at = 2;  // `failed`
    for (size_t i = 0; i < kReasons.size(); ++i) {
      if (reason == kReasons[i]) at = i;
    }
    numbers[6 + at] += units;
  }
  return numbers;
}

arrow::Status Append(arrow::RecordBatchBuilder& builder, const CoverageRow& row, Time slot) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(slot).time_since_epoch().count();
  const auto day = std::chrono::floor<std::chrono::days>(slot).time_since_epoch().count();
  ARROW_RETURN_NOT_OK(builder.GetFieldAs<arrow::TimestampBuilder>(0)->Append(ms));
  ARROW_RETURN_NOT_OK(
      builder.GetFieldAs<arrow::Date32Builder>(1)->Append(static_cast<int32_t>(day)));
  ARROW_RETURN_NOT_OK(builder.GetFieldAs<arrow::StringBuilder>(2)->Append(row.source));
  auto* region = builder.GetFieldAs<arrow::StringBuilder>(3);
  ARROW_RETURN_NOT_OK(row.region ? region->Append(*row.region) : region->AppendNull());
  auto* count = builder.GetFieldAs<arrow::Int16Builder>(4);
  ARROW_RETURN_NOT_OK(row.desired_count ? count->Append(static_cast<int16_t>(*row.desired_count))
                                        : count->AppendNull());
  ARROW_RETURN_NOT_OK(builder.GetFieldAs<arrow::StringBuilder>(5)->Append(row.unit));
  const auto numbers = Numbers(row);
  for (size_t i = 0; i < numbers.size(); ++i) {
    auto* column = builder.GetFieldAs<arrow::Int32Builder>(static_cast<int>(6 + i));
    ARROW_RETURN_NOT_OK(column->Append(static_cast<int32_t>(numbers[i])));
  }
  return arrow::Status::OK();
}

}  // namespace

Result<columnar::Table> CoverageTable(const std::vector<SourceReport>& reports, Time slot) {
  ASSIGN_ARROW_OR_RETURN(auto builder,
                         arrow::RecordBatchBuilder::Make(Schema(), arrow::default_memory_pool()));
  for (const SourceReport& report : reports) {
    for (const CoverageRow& row : report.coverage) {
      ARROW_OR_RETURN(Append(*builder, row, slot));
    }
  }
  ASSIGN_ARROW_OR_RETURN(const auto batch, builder->Flush());
  ASSIGN_ARROW_OR_RETURN(auto table, arrow::Table::FromRecordBatches({batch}));
  return columnar::Table::FromArrow(std::move(table));
}

}  // namespace catchment::app
