// The SQL of pipelines/azure-spot over tables such as the sources give.

#include <arrow/api.h>
#include <arrow/json/from_string.h>

#include <filesystem>

#include "base/file.h"
#include "base/test.h"
#include "columnar/csv_file.h"
#include "columnar/schema.h"
#include "columnar/sql.h"

namespace catchment::sources::azure {
namespace {

const std::filesystem::path kSnapshotPipeline =
    std::filesystem::path(CATCHMENT_SOURCE_DIR) / "pipelines/azure-spot";

columnar::Table TableOf(const std::string& schema, const std::string& rows) {
  const auto fields = *columnar::SchemaFromJson(nlohmann::json::parse(schema));
  const auto array = arrow::json::ArrayFromJSONString(arrow::struct_(fields->fields()), rows);
  EXPECT_TRUE(array.ok()) << array.status().ToString();
  return columnar::Table::FromArrow(
      *arrow::Table::FromRecordBatches({*arrow::RecordBatch::FromStructArray(*array)}));
}

columnar::Table Prices(const std::string& rows) {
  return TableOf(
      R"([{"name":"instance_tier","type":"text"},{"name":"instance_type","type":"text"},{"name":"sku","type":"text"},
                     {"name":"region_code","type":"text"},{"name":"region_name","type":"text"},{"name":"spot_price","type":"float64"},
                     {"name":"ondemand_price","type":"float64"},{"name":"windows_spot_price","type":"float64"},
                     {"name":"windows_ondemand_price","type":"float64"},{"name":"price_at","type":"ts"},{"name":"ondemand_at","type":"ts"}])",
      rows);
}

columnar::Table Interruptions(const std::string& rows) {
  return TableOf(
      R"([{"name":"region_code","type":"text"},{"name":"sku","type":"text"},{"name":"interruption_band","type":"text"},
                     {"name":"interruption_score","type":"float64"},{"name":"interruption_at","type":"ts"}])",
      rows);
}

columnar::Table ResourceSkus(const std::string& rows) {
  return TableOf(
      R"([{"name":"region_code","type":"text"},{"name":"sku","type":"text"},{"name":"instance_family","type":"text"},
                     {"name":"vcpus","type":"int32"},{"name":"memory_gib","type":"float64"},{"name":"offered_zones","type":"text"}])",
      rows);
}

columnar::Table Capacity(const std::string& rows) {
  return TableOf(
      R"([{"name":"instance_tier","type":"text"},{"name":"instance_type","type":"text"},{"name":"region_code","type":"text"},
                     {"name":"zone","type":"text"},{"name":"score","type":"int8"},{"name":"t2","type":"int16"},{"name":"t3","type":"int16"},
                     {"name":"last_score","type":"int8"},{"name":"last_count","type":"int16"},{"name":"scored_at","type":"ts"},
                     {"name":"answer_text","type":"text"},{"name":"answered_at","type":"ts"}])",
      rows);
}

Result<columnar::Table> SnapshotQuery(
    const std::string& file,
    const std::vector<std::tuple<std::string, std::string, columnar::Table>>& tables,
    const std::string& slot = "2026-01-28T00:10:00Z") {
  ASSIGN_OR_RETURN(const auto engine, columnar::SqlEngine::Open());
  for (const auto& [schema, name, table] : tables)
    RETURN_IF_ERROR(engine->AddTable(schema, name, table));
  ASSIGN_OR_RETURN(const std::string text, ReadFile(kSnapshotPipeline / file));
  return engine->Query({text, file}, {{"slot", *ParseTime(slot)}});
}

/// snapshot.sql over these rows.
Result<columnar::Table> Snapshot(const std::string& prices, const std::string& interruptions = "[]",
                                 const std::string& skus = "[]",
                                 const std::string& capacity = "[]") {
  return SnapshotQuery("snapshot.sql", {{"", "price", Prices(prices)},
                                        {"", "interruption", Interruptions(interruptions)},
                                        {"", "resource_skus", ResourceSkus(skus)},
                                        {"", "capacity", Capacity(capacity)}});
}

std::string Csv(const columnar::Table& table, const std::vector<std::string>& columns) {
  return *columnar::FormatCsv(columnar::Table::FromArrow(*table.Load(columns)));
}

constexpr char kPrices[] =
    R"([{"instance_tier":"Standard","instance_type":"D2s_v3","sku":"Standard_D2s_v3","region_code":"eastus","region_name":"US East",
         "spot_price":0.018816,"ondemand_price":0.096},
        {"instance_tier":"Standard","instance_type":"A1","sku":"Standard_A1","region_code":"EastUS","spot_price":0.5},
        {"instance_tier":"Basic","instance_type":"A1","sku":"Basic_A1","region_code":"eastus","ondemand_price":0.5}])";

// A14: names of other spelling were lost in the join. A20: repeated rows multiplied through it.
TEST(SnapshotSqlTest, azure_A14_SourcesMeetByLowerCaseNames) {
  ASSERT_OK_AND_ASSIGN(
      const auto snapshot,
      Snapshot(
          kPrices,
          R"([{"region_code":"eastus","sku":"standard_d2s_v3","interruption_band":"0-5","interruption_score":3.0},
              {"region_code":"eastus","sku":"basic_a1","interruption_band":"20+","interruption_score":1.0},
              {"region_code":"westus","sku":"standard_d2s_v3","interruption_band":"20+","interruption_score":1.0}])",
          R"([{"region_code":"eastus","sku":"Standard_D2S_v3","vcpus":2,"offered_zones":"1,2,3"}])"));
  EXPECT_EQ(
      Csv(snapshot, {"instance_tier", "instance_type", "region_code", "zone", "spot_price",
                     "savings", "interruption_band", "vcpus"}),
      "instance_tier,instance_type,region_code,zone,spot_price,savings,interruption_band,vcpus\n"
      "Standard,A1,EastUS,,0.5,,,\n"
      "Standard,D2s_v3,eastus,,0.018816,80.4,0-5,2\n");
}

// A20: rows stay unique although a source spelled a pair in two ways, and the newest answer counts.
TEST(SnapshotSqlTest, azure_A20_APairSpelledInTwoWaysHasOneRowAZone) {
  ASSERT_OK_AND_ASSIGN(
      const auto snapshot,
      Snapshot(
          kPrices, "[]", "[]",
          R"([{"instance_tier":"Standard","instance_type":"D2S_V3","region_code":"eastus","zone":"1","score":1,"t2":0,"t3":0,"answered_at":"2026-01-28 00:00:00"},
              {"instance_tier":"Standard","instance_type":"D2s_v3","region_code":"eastus","zone":"1","score":3,"t2":5,"t3":5,"answered_at":"2026-01-28 00:10:00"},
              {"instance_tier":"Standard","instance_type":"D2s_v3","region_code":"eastus","zone":"2","score":2,"t2":1,"t3":0,"answered_at":"2026-01-28 00:10:00"}])"));
  EXPECT_EQ(Csv(snapshot, {"sku", "region_code", "zone", "score", "t2", "t3"}),
            "sku,region_code,zone,score,t2,t3\n"
            "Standard_A1,EastUS,,,,\n"
            "Standard_D2s_v3,eastus,1,3,5,5\n"
            "Standard_D2s_v3,eastus,2,2,1,0\n");
}

// A32: one optional source failing stopped the merge.
TEST(SnapshotSqlTest, azure_A32_WithoutInterruptionRatesTheirColumnsAreNull) {
  ASSERT_OK_AND_ASSIGN(const auto snapshot, Snapshot(kPrices));
  EXPECT_EQ(snapshot.num_rows(), 2);
  EXPECT_EQ((*snapshot.Load({"interruption_score"}))->column(0)->null_count(), 2);
}

TEST(SnapshotSqlTest, HasEveryColumnWithItsType) {
  ASSERT_OK_AND_ASSIGN(const auto snapshot, Snapshot("[]"));
  std::string columns;
  for (const auto& field : snapshot.schema()->fields()) {
    columns +=
        fmt::format("{} {}\n", field->name(), columnar::TypeName(*field->type()).substr(0, 9));
  }
  EXPECT_EQ(columns,
            "instance_tier text\ninstance_type text\nsku text\nregion_code text\nzone "
            "text\nregion_name text\n"
            "instance_family text\nvcpus int32\nmemory_gib float64\noffered_zones text\nspot_price "
            "float64\n"
            "ondemand_price float64\nsavings float64\nwindows_spot_price "
            "float64\nwindows_ondemand_price float64\n"
            "windows_savings float64\nprice_at ts\nondemand_at ts\ninterruption_at "
            "ts\ninterruption_band text\n"
            "interruption_score float64\nscore int8\nt2 int16\nt3 int16\nlast_score "
            "int8\nlast_count int16\n"
            "scored_at ts\nanswer_text text\nanswered_at ts\n");
}

TEST(SnapshotSqlTest, KnownPairsOnlyGrow) {
  ASSERT_OK_AND_ASSIGN(const auto snapshot, Snapshot(kPrices));
  const auto head = TableOf(
      R"([{"name":"instance_tier","type":"text"},{"name":"instance_type","type":"text"},
                                {"name":"region_name","type":"text"},{"name":"first_publish","type":"ts"}])",
      R"([{"instance_tier":"Standard","instance_type":"gone","region_name":"US East","first_publish":"2026-01-01 00:00:00"},
                                {"instance_tier":"Standard","instance_type":"D2s_v3","region_name":"US East","first_publish":"2026-01-02 00:00:00"}])");
  const auto earlier = TableOf(
      R"([{"name":"InstanceTier","type":"text"},{"name":"InstanceType","type":"text"},{"name":"Region","type":"text"}])",
      R"([{"InstanceTier":"Standard","InstanceType":"D2s_v3","Region":"US East"},
          {"InstanceTier":"Standard","InstanceType":"D2s_v3","Region":"Mars North"}])");
  ASSERT_OK_AND_ASSIGN(const auto known,
                       SnapshotQuery("known_pairs.sql", {{"head", "known_pairs", head},
                                                         {"", "snapshot", snapshot},
                                                         {"", "earlier_pairs", earlier}}));
  EXPECT_EQ(Csv(known, {"instance_tier", "instance_type", "region_name", "first_publish"}),
            "instance_tier,instance_type,region_name,first_publish\n"
            "Standard,A1,EastUS,2026-01-28T00:10:00Z\n"
            "Standard,D2s_v3,Mars North,2026-01-28T00:10:00Z\n"
            "Standard,D2s_v3,US East,2026-01-02T00:00:00Z\n"
            "Standard,gone,US East,2026-01-01T00:00:00Z\n");
}

}  // namespace
}  // namespace catchment::sources::azure
