#include "stac/conformance.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/test.h"
#include "columnar/parquet_file.h"
#include "stac/item_columns.h"
#include "stac/item_file_writer.h"
#include "stac/test_items.h"

namespace catchment::stac {
namespace {

constexpr std::string_view kItem =
    R"({"type":"Feature","stac_version":"1.0.0","id":"a","properties":{"datetime":)"
    R"("2024-01-01T00:00:00Z"},"geometry":{"type":"Point","coordinates":[10,20]},"bbox":)"
    R"([10,20,10,20],"links":[],"assets":{},"stac_extensions":[]})";

class ConformanceTest : public ::testing::Test {
 protected:
  std::shared_ptr<arrow::RecordBatch> Rows() {
    ItemColumns columns(schema_);
    ItemFacts facts;
    EXPECT_FALSE(columns.Append(kItem, {.expected_id = {}, .collection = "HLSS30_2.0"}, facts));
    return columns.Finish();
  }
  std::vector<Finding> Check() {
    auto reader = ItemFileReader::Open(path_);
    EXPECT_OK(reader);
    auto findings = CheckItemFile(**reader);
    EXPECT_OK(findings);
    return *findings;
  }
  static std::string Failing(const std::vector<Finding>& findings) {
    std::string names;
    for (const Finding& finding : findings) {
      if (!finding.ok) names += finding.check + ": " + finding.detail + "\n";
    }
    return names;
  }

  TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_.path / "items.parquet";
  const ItemSchema schema_ = Declared("HLSS30_2.0");
};

TEST_F(ConformanceTest, AFileOfOursConforms) {
  ASSERT_OK_AND_ASSIGN(const auto writer, ItemFileWriter::Open(path_, schema_, {.level = 1}));
  ASSERT_OK(writer->Write(Rows()));
  ASSERT_OK(writer->Finish(
      {.writer = "test", .order = "hilbert14,datetime,id", .added = {"collection"}}));
  EXPECT_EQ(Failing(Check()), "");
}

TEST_F(ConformanceTest, APlainParquetFileOfTheSameRowsFailsWherePlainParquetDoes) {
  const auto table = *arrow::Table::FromRecordBatches({Rows()});
  ASSERT_OK(columnar::WriteParquet(columnar::Table::FromArrow(table), path_));
  const std::string failing = Failing(Check());
  EXPECT_NE(failing.find("geo: GeoParquet 1.1.0 metadata"), std::string::npos) << failing;
  EXPECT_NE(failing.find("stac-geoparquet: version"), std::string::npos) << failing;
  EXPECT_NE(failing.find("encodings:"), std::string::npos) << failing;
  EXPECT_NE(failing.find("statistics, page index"), std::string::npos) << failing;
  EXPECT_NE(failing.find("catchment:"), std::string::npos) << failing;
  EXPECT_EQ(failing.find("bbox: there if"), std::string::npos) << failing;
}

TEST_F(ConformanceTest, RowsOutOfOrderAndIdsThatStandTwiceAreFound) {
  ASSERT_OK_AND_ASSIGN(const auto writer, ItemFileWriter::Open(path_, schema_, {.level = 1}));
  ItemColumns columns(schema_);
  ItemFacts facts;
  for (const std::string_view id : {"b", "a", "a"}) {
    std::string item(kItem);
    item.replace(item.find("\"id\":\"a\"") + 6, 1, id);
    ASSERT_FALSE(columns.Append(item, {.expected_id = {}, .collection = "c"}, facts));
  }
  ASSERT_OK(writer->Write(columns.Finish()));
  ASSERT_OK(writer->Finish({.writer = "test", .order = "hilbert14,datetime,id", .added = {}}));
  const std::string failing = Failing(Check());
  EXPECT_NE(failing.find("order: as the footer says: a after b"), std::string::npos) << failing;
  EXPECT_NE(failing.find("id: one row an item: a stands twice"), std::string::npos) << failing;
}

TEST_F(ConformanceTest, WhatIsNoParquetIsCorrupt) {
  ASSERT_OK(WriteFileAtomically(path_, "no Parquet at all"));
  EXPECT_ERROR(ItemFileReader::Open(path_), Code::kCorrupt, "items.parquet");
  EXPECT_ERROR(ItemFileReader::Open(folder_.path / "none"), Code::kNotFound, "none");
}

}  // namespace
}  // namespace catchment::stac
