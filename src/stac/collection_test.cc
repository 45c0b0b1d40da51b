#include "stac/collection.h"

#include <arrow/record_batch.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/test.h"
#include "stac/item_columns.h"
#include "stac/item_file_writer.h"
#include "stac/test_items.h"

namespace catchment::stac {
namespace {

std::string ShippedDocument(const std::string& collection) {
  const auto text =
      ReadFile(CATCHMENT_SOURCE_DIR "/pipelines/hls-stac/collections/" + collection + ".json");
  EXPECT_OK(text);
  return text.ok() ? *text : std::string();
}

TEST(CollectionTest, TheShippedDocumentsAreCollections) {
  for (const std::string collection : {"HLSL30_2.0", "HLSS30_2.0"}) {
    const std::string document = ShippedDocument(collection);
    ASSERT_OK_AND_ASSIGN(const std::string described, DescribeCollection(document, {}, ""));
    // Nothing is known: nothing changes.
    EXPECT_EQ(nlohmann::json::parse(described), nlohmann::json::parse(document));
    EXPECT_EQ(nlohmann::json::parse(described)["id"], collection);
  }
}

TEST(CollectionTest, ExtentsAndTheMirrorAreFilledIn) {
  ItemExtent extent;
  extent.Add({.box = {.xmin = -10, .ymin = 1, .xmax = 5, .ymax = 7.25},
              .from_us = 1'704'067'200'000'000,
              .to_us = 1'704'067'200'500'000});
  extent.Add({.box = {.xmin = -4, .ymin = -2, .xmax = 6, .ymax = 7},
              .from_us = 1'704'067'199'000'000,
              .to_us = std::nullopt});
  ASSERT_OK_AND_ASSIGN(
      const std::string text,
      DescribeCollection(ShippedDocument("HLSL30_2.0"), extent, "./collection=HLSL30_2.0/"));
  const auto document = nlohmann::json::parse(text);
  EXPECT_EQ(document["extent"]["spatial"]["bbox"].dump(), "[[-10.0,-2.0,6.0,7.25]]");
  EXPECT_EQ(document["extent"]["temporal"]["interval"].dump(),
            R"([["2023-12-31T23:59:59Z","2024-01-01T00:00:00.500Z"]])");
  EXPECT_EQ(document["assets"]["items"]["roles"].dump(), R"(["collection-mirror"])");
  EXPECT_EQ(document["assets"]["items"]["type"], "application/vnd.apache.parquet");
  EXPECT_EQ(document["assets"]["items"]["href"], "./collection=HLSL30_2.0/");
}

TEST(CollectionTest, WhatIsNoCollectionIsRefused) {
  for (const char* const text : {"", "[]", "{}", R"({"type":"Catalog"})"})
    EXPECT_FALSE(DescribeCollection(text, {}, "").ok()) << text;
  std::string document = ShippedDocument("HLSL30_2.0");
  document.replace(document.find("1.0.0"), 5, "1.1.0");
  EXPECT_ERROR(DescribeCollection(document, {}, ""), Code::kInvalid, "1.1.0");
}

TEST(CollectionTest, AFilesExtentStandsInItsFooter) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder.path / "items.parquet";
  const ItemSchema schema = Declared("HLSS30_2.0");
  ItemColumns columns(schema);
  ItemFacts facts;
  for (const char* const item :
       {R"({"type":"Feature","id":"a","properties":{"datetime":"2024-01-03T00:00:00Z"},"geometry":)"
        R"({"type":"Point","coordinates":[10,20]},"bbox":[10,20,11,21],"links":[],"assets":{}})",
        R"({"type":"Feature","id":"b","properties":{"datetime":null,"start_datetime":)"
        R"("2024-01-01T12:00:00Z","end_datetime":"2024-01-31T12:00:00Z"},"geometry":null,)"
        R"("links":[],"assets":{}})"}) {
    EXPECT_FALSE(columns.Append(item, {.expected_id = {}, .collection = "HLSS30_2.0"}, facts));
  }
  ASSERT_OK_AND_ASSIGN(const auto writer, ItemFileWriter::Open(path, schema, {.level = 1}));
  ASSERT_OK(writer->Write(columns.Finish()));
  ASSERT_OK(writer->Finish({.writer = "test", .order = "input"}));
  ASSERT_OK_AND_ASSIGN(const auto reader, ItemFileReader::Open(path));
  ASSERT_OK_AND_ASSIGN(const ItemExtent extent, ExtentOfFile(*reader));
  EXPECT_EQ(extent.box.xmin, 10);
  EXPECT_EQ(extent.box.ymax, 21);
  EXPECT_EQ(FormatTime(Time(std::chrono::microseconds(*extent.from_us))), "2024-01-01T12:00:00Z");
  EXPECT_EQ(FormatTime(Time(std::chrono::microseconds(*extent.to_us))), "2024-01-31T12:00:00Z");
}

}  // namespace
}  // namespace catchment::stac
