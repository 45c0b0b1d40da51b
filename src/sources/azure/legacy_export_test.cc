// The exports and deliveries of pipelines/azure-spot, byte for byte, over tables such as it
// publishes. Source: docs/pipelines/azure-spot.md, files and stores.

#include <arrow/api.h>
#include <arrow/json/from_string.h>

#include <filesystem>

#include "base/file.h"
#include "base/test.h"
#include "columnar/csv_file.h"
#include "columnar/json_file.h"
#include "columnar/schema.h"
#include "columnar/sql.h"

namespace catchment::sources::azure {
namespace {

const std::filesystem::path kLegacyPipeline =
    std::filesystem::path(CATCHMENT_SOURCE_DIR) / "pipelines/azure-spot";

/// A table of columns `name type` and rows as JSON.
columnar::Table TableOf(const std::vector<std::pair<std::string, std::string>>& columns,
                        const std::string& rows) {
  nlohmann::json schema = nlohmann::json::array();
  for (const auto& [name, type] : columns) schema.push_back({{"name", name}, {"type", type}});
  const auto fields = *columnar::SchemaFromJson(schema);
  const auto array = arrow::json::ArrayFromJSONString(arrow::struct_(fields->fields()), rows);
  EXPECT_TRUE(array.ok()) << array.status().ToString();
  return columnar::Table::FromArrow(
      *arrow::Table::FromRecordBatches({*arrow::RecordBatch::FromStructArray(*array)}));
}

columnar::Table LegacySnapshot(const std::string& rows) {
  return TableOf({{"instance_tier", "text"},
                  {"instance_type", "text"},
                  {"sku", "text"},
                  {"region_code", "text"},
                  {"zone", "text"},
                  {"region_name", "text"},
                  {"spot_price", "float64"},
                  {"ondemand_price", "float64"},
                  {"savings", "float64"},
                  {"interruption_score", "float64"},
                  {"t2", "int16"},
                  {"t3", "int16"},
                  {"last_score", "int8"},
                  {"last_count", "int16"}},
                 rows);
}

constexpr char kRows[] = R"([
  {"instance_tier":"Standard","instance_type":"D2s_v3","sku":"Standard_D2s_v3","region_code":"eastus","zone":"2","region_name":"US East",
   "spot_price":0.018816,"ondemand_price":0.096,"savings":80.4,"interruption_score":3.0,"t2":5,"t3":5,"last_score":3,"last_count":5},
  {"instance_tier":"Standard","instance_type":"D2s_v3","sku":"Standard_D2s_v3","region_code":"eastus","zone":"1","region_name":"US East",
   "spot_price":0.018816,"ondemand_price":0.096,"savings":80.4,"interruption_score":3.0},
  {"instance_tier":"Standard","instance_type":"A1","sku":"Standard_A1","region_code":"westindia","zone":"regional","region_name":null,
   "spot_price":1e-7,"t2":1,"t3":0,"last_score":2,"last_count":1},
  {"instance_tier":"Basic","instance_type":"A0","sku":"Basic_A0","region_code":"eastus","zone":null,"region_name":"US East","spot_price":1.0}])";

Result<columnar::Table> LegacyQuery(
    const std::string& file,
    const std::vector<std::tuple<std::string, std::string, columnar::Table>>& tables) {
  ASSIGN_OR_RETURN(const auto engine, columnar::SqlEngine::Open());
  for (const auto& [schema, name, table] : tables)
    RETURN_IF_ERROR(engine->AddTable(schema, name, table));
  ASSIGN_OR_RETURN(const std::string text, ReadFile(kLegacyPipeline / file));
  return engine->Query({text, file}, {{"slot", *ParseTime("2026-01-28T00:10:00Z")}});
}

// A08: the raw file had 13 or 14 columns at random.
TEST(LegacyExportTest, azure_A08_TheRawFileAlwaysHasItsThirteenColumns) {
  ASSERT_OK_AND_ASSIGN(const auto rows,
                       LegacyQuery("exports/raw.sql", {{"", "snapshot", LegacySnapshot(kRows)}}));
  EXPECT_EQ(*columnar::FormatCsv(rows),
            "InstanceTier,InstanceType,Region,OndemandPrice,SpotPrice,Savings,IF,DesiredCount,"
            "AvailabilityZone,Score,Time,T2,T3\n"
            "Standard,A1,westindia,-1.0,1e-07,-1.0,-1.0,1,Single,2,2026-01-28 00:10:00,1,0\n"
            "Standard,D2s_v3,US East,0.096,0.018816,80.4,3.0,-1,1,-1,2026-01-28 00:10:00,0,0\n"
            "Standard,D2s_v3,US East,0.096,0.018816,80.4,3.0,5,2,3,2026-01-28 00:10:00,5,5\n");
}

TEST(LegacyExportTest, WithoutAnyAnswerTheRawFileHasItsHeader) {
  ASSERT_OK_AND_ASSIGN(const auto rows,
                       LegacyQuery("exports/raw.sql", {{"", "snapshot", LegacySnapshot("[]")}}));
  EXPECT_EQ(*columnar::FormatCsv(rows),
            "InstanceTier,InstanceType,Region,OndemandPrice,SpotPrice,Savings,IF,DesiredCount,"
            "AvailabilityZone,Score,Time,T2,T3\n");
}

TEST(LegacyExportTest, TheLatestFileIsOneArrayWithNumberedRows) {
  ASSERT_OK_AND_ASSIGN(const auto rows, LegacyQuery("exports/latest.sql",
                                                    {{"", "snapshot", LegacySnapshot(kRows)}}));
  EXPECT_EQ(
      *columnar::FormatJson(rows),
      R"([{"InstanceTier":"Standard","InstanceType":"A1","Region":"westindia","OndemandPrice":-1.0,"SpotPrice":1e-07,"Savings":-1.0,"IF":-1.0,"DesiredCount":1,"AvailabilityZone":"Single","Score":2,"Time":"2026-01-28 00:10:00","T2":1,"T3":0,"id":1},)"
      R"({"InstanceTier":"Standard","InstanceType":"D2s_v3","Region":"US East","OndemandPrice":0.096,"SpotPrice":0.018816,"Savings":80.4,"IF":3.0,"DesiredCount":-1,"AvailabilityZone":"1","Score":-1,"Time":"2026-01-28 00:10:00","T2":0,"T3":0,"id":2},)"
      R"({"InstanceTier":"Standard","InstanceType":"D2s_v3","Region":"US East","OndemandPrice":0.096,"SpotPrice":0.018816,"Savings":80.4,"IF":3.0,"DesiredCount":5,"AvailabilityZone":"2","Score":3,"Time":"2026-01-28 00:10:00","T2":5,"T3":5,"id":3}])");
}

TEST(LegacyExportTest, TheSelectorHasEveryPairByItsFirstPublish) {
  const auto known = TableOf(
      {{"instance_tier", "text"},
       {"instance_type", "text"},
       {"region_name", "text"},
       {"first_publish", "ts"}},
      R"([{"instance_tier":"Standard","instance_type":"A1","region_name":"US East","first_publish":"2026-01-28 00:10:00"},
          {"instance_tier":"Standard","instance_type":"Z9","region_name":"US East","first_publish":"2026-01-27 00:00:00"},
          {"instance_tier":"Basic","instance_type":"A1","region_name":"US East","first_publish":"2026-01-28 00:10:00"}])");
  ASSERT_OK_AND_ASSIGN(const auto rows,
                       LegacyQuery("exports/query_selector.sql", {{"", "known_pairs", known}}));
  EXPECT_EQ(*columnar::FormatCsv(rows),
            "InstanceTier,InstanceType,Region\n"
            "Standard,Z9,US East\n"
            "Basic,A1,US East\n"
            "Standard,A1,US East\n");
}

TEST(LegacyExportTest, TheRotationIsWrittenInTwoLines) {
  const auto manifest =
      TableOf({{"publish", "int64"}, {"state", "text"}},
              R"([{"publish":1,"state":"{\"rotation\":{\"index\":3,\"day\":\"2026-01-28\"}}"}])");
  ASSERT_OK_AND_ASSIGN(const auto rows,
                       LegacyQuery("exports/sps_metadata.sql", {{"run", "manifest", manifest}}));
  EXPECT_EQ(*columnar::FormatCsv(rows),
            "line\ndesired_count_index: 3\nworkload_date: '2026-01-28'\n");
}

// A29: exported row counts were always the total.
TEST(LegacyExportTest, azure_A29_EachSourceIsCountedByItself) {
  const auto scores = TableOf(
      {{"sku", "text"},
       {"region_code", "text"},
       {"zone", "text"},
       {"wanted", "bool"},
       {"score", "int8"}},
      R"([{"sku":"Standard_D2s_v3","region_code":"eastus","zone":"2","wanted":true,"score":3},
          {"sku":"Standard_D2s_v3","region_code":"eastus","zone":"1","wanted":true,"score":null},
          {"sku":"Standard_Z9","region_code":"eastus","zone":"1","wanted":false,"score":1}])");
  ASSERT_OK_AND_ASSIGN(const auto rows,
                       LegacyQuery("sinks/counts.sql", {{"", "snapshot", LegacySnapshot(kRows)},
                                                        {"publish", "scores", scores}}));
  EXPECT_EQ(*columnar::FormatCsv(rows), "ondemand,spot,interruption,scored\n2,4,2,1\n");
}

}  // namespace
}  // namespace catchment::sources::azure
