#include "rows.h"

#include <fmt/format.h>

namespace catchment::bench {

columnar::Table Snapshot(int64_t rows, int shift, int64_t cut) {
  arrow::StringBuilder type, region, zone;
  arrow::DoubleBuilder spot, ondemand;
  arrow::Int32Builder score;
  const auto add = [](auto& builder, const auto& value) {
    if (!builder.Append(value).ok()) std::abort();
  };
  for (int64_t row = cut; row < rows; ++row) {
    const uint64_t code = static_cast<uint64_t>(row) * 0x9E3779B97F4A7C15ull >> 32;
    add(type, fmt::format("Standard_{:04}s_v5", row / 100));
    add(region, fmt::format("region-{:02}", row / 4 % 25));
    add(zone, std::to_string(row % 4 + 1));
    const bool changed = row % 20 == 7;
    add(spot, static_cast<double>(code % 100'000 + (changed ? shift : 0)) / 1e4);
    if (code % 50 == 0) {
      if (!ondemand.AppendNull().ok()) std::abort();
    } else {
      add(ondemand, static_cast<double>(code % 90'000 + 20'000) / 1e4);
    }
    add(score, static_cast<int32_t>(code % 3 + 1));
  }
  arrow::ArrayVector columns;
  for (arrow::ArrayBuilder* builder :
       std::initializer_list<arrow::ArrayBuilder*>{&type, &region, &zone, &spot, &ondemand, &score})
    columns.push_back(builder->Finish().ValueOrDie());
  const auto text = arrow::utf8();
  return columnar::Table::FromArrow(arrow::Table::Make(
      arrow::schema({arrow::field("type", text), arrow::field("region", text),
                     arrow::field("zone", text), arrow::field("spot", arrow::float64()),
                     arrow::field("ondemand", arrow::float64()),
                     arrow::field("score", arrow::int32())}),
      columns));
}

}  // namespace catchment::bench
