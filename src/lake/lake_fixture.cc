#include "lake/lake_fixture.h"

#include <arrow/api.h>

#include "base/text.h"
#include "columnar/csv_file.h"
#include "lake/table_read.h"

namespace catchment::lake {
namespace {

std::shared_ptr<arrow::Array> Regions(const std::vector<PriceRow>& rows) {
  arrow::StringBuilder builder;
  for (const auto& [region, price] : rows) {
    EXPECT_TRUE((region ? builder.Append(*region) : builder.AppendNull()).ok());
  }
  return builder.Finish().ValueOrDie();
}

std::shared_ptr<arrow::Array> PriceColumn(const std::vector<PriceRow>& rows) {
  arrow::DoubleBuilder builder;
  for (const auto& [region, price] : rows) EXPECT_TRUE(builder.Append(price).ok());
  return builder.Finish().ValueOrDie();
}

columnar::Table Make(const std::vector<std::shared_ptr<arrow::Field>>& fields,
                     const std::vector<std::shared_ptr<arrow::Array>>& columns) {
  return columnar::Table::FromArrow(arrow::Table::Make(arrow::schema(fields), columns));
}

}  // namespace

columnar::Table Prices(const std::vector<PriceRow>& rows) {
  return Make({arrow::field("region", arrow::utf8()), arrow::field("price", arrow::float64())},
              {Regions(rows), PriceColumn(rows)});
}

columnar::Table PricesWithZone(const std::vector<PriceRow>& rows) {
  const auto zones = arrow::MakeArrayOfNull(arrow::utf8(), static_cast<int64_t>(rows.size()));
  return Make({arrow::field("region", arrow::utf8()), arrow::field("price", arrow::float64()),
               arrow::field("zone", arrow::utf8())},
              {Regions(rows), PriceColumn(rows), zones.ValueOrDie()});
}

columnar::Table PricesAsText(const std::vector<PriceRow>& rows) {
  return Make({arrow::field("region", arrow::utf8()), arrow::field("price", arrow::utf8())},
              {Regions(rows), Regions(rows)});
}

columnar::Table DatedPrices(const std::vector<PriceRow>& rows, const std::vector<int>& days) {
  arrow::Date32Builder builder;
  for (const int day : days) EXPECT_TRUE(builder.Append(day).ok());
  return Make({arrow::field("region", arrow::utf8()), arrow::field("price", arrow::float64()),
               arrow::field("date", arrow::date32())},
              {Regions(rows), PriceColumn(rows), builder.Finish().ValueOrDie()});
}

std::vector<std::string> Lines(const columnar::Table& table) {
  columnar::CsvFormat format;
  format.header = false;
  const Result<std::string> text = columnar::FormatCsv(table, format);
  EXPECT_TRUE(text.ok()) << text.status().ToString();
  if (!text.ok() || text->empty()) return {};
  std::vector<std::string> lines = Split(*text, '\n');
  lines.pop_back();
  return lines;
}

std::vector<std::string> Published(const ReadStore& store, const std::string& table,
                                   std::optional<int64_t> number) {
  const Result<View> view = LoadView(store, kDataset, number);
  EXPECT_TRUE(view.ok()) << view.status().ToString();
  if (!view.ok()) return {};
  const Result<columnar::Table> rows =
      ReadTable(store, *view, table, {.where = {}, .verify_sha256 = true});
  EXPECT_TRUE(rows.ok()) << rows.status().ToString();
  return rows.ok() ? Lines(*rows) : std::vector<std::string>{};
}

PublishInput RunOf(const ReadStore& store, const std::string& slot, const std::string& run,
                   const std::vector<PriceRow>& rows) {
  PublishInput input;
  input.dataset = kDataset;
  input.slot.text = slot;
  input.slot_time = ParseTime(slot).value();
  input.run.text = run;
  input.published = input.slot_time + std::chrono::minutes(5);
  input.state = {{"version", 1}, {"slot", slot}};
  const Result<ViewForRun> seen = LoadForSlot(store, kDataset, input.slot, input.slot_time);
  EXPECT_TRUE(seen.ok()) << seen.status().ToString();
  if (seen.ok()) input.seen = *seen;
  TableInput snapshot;
  snapshot.name = "snapshot";
  snapshot.mode = TableMode::kReplace;
  snapshot.key = {"region"};
  snapshot.rows = Prices(rows);
  TableInput scores = snapshot;
  scores.name = "scores";
  scores.mode = TableMode::kAppend;
  scores.partition = {"date"};
  TableInput changes = scores;
  changes.name = "changes";
  changes.from_diff = true;
  input.tables = {snapshot, scores, changes};
  return input;
}

Manifest PublishRun(WriteStore& store, const std::string& slot, const std::string& run,
                    const std::vector<PriceRow>& rows) {
  const Result<Manifest> manifest = Publish(store, RunOf(store, slot, run, rows), TestContext());
  EXPECT_TRUE(manifest.ok()) << manifest.status().ToString();
  return manifest.ok() ? *manifest : Manifest{};
}

OpContext TestContext() {
  static const ManualClock clock(ParseTime("2026-02-01T00:00:00Z").value());
  OpContext context;
  context.clock = &clock;
  context.prefix = "[test]";
  return context;
}

}  // namespace catchment::lake
