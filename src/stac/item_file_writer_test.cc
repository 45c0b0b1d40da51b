#include "stac/item_file_writer.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/json/from_string.h>
#include <arrow/record_batch.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <gtest/gtest.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>
#include <parquet/page_index.h>
#include <parquet/schema.h>

#include <nlohmann/json.hpp>
#include <random>

#include "base/file.h"
#include "base/test.h"
#include "columnar/parquet_file.h"

namespace catchment::stac {
namespace {

ItemNode Node(std::string name, ColumnKind kind, std::vector<ItemNode> children = {},
              bool required = false) {
  return {
      .name = std::move(name), .kind = kind, .required = required, .children = std::move(children)};
}

void GiveIds(std::vector<ItemNode>& nodes, int32_t& next) {
  for (ItemNode& node : nodes) {
    node.id = next++;
    GiveIds(node.children, next);
  }
}

/// The columns that a file of items has at least, and one of each kind.
ItemSchema SmallSchema() {
  std::vector<ItemNode> sides;
  for (const char* const side : {"xmin", "ymin", "xmax", "ymax"}) {
    sides.push_back(Node(side, ColumnKind::kDouble, {}, true));
  }
  const ItemNode href = Node("href", ColumnKind::kText);
  const ItemNode roles = Node("roles", ColumnKind::kList, {Node("element", ColumnKind::kText)});
  const ItemNode bands = Node(
      "eo:bands", ColumnKind::kList,
      {Node("element", ColumnKind::kStruct,
            {Node("name", ColumnKind::kText), Node("center_wavelength", ColumnKind::kDouble)})});
  ItemSchema schema;
  schema.columns = {
      Node("id", ColumnKind::kText, {}, true),
      Node("datetime", ColumnKind::kTime),
      Node("view:azimuth", ColumnKind::kDouble),
      Node("proj:epsg", ColumnKind::kInt64),
      Node("flag", ColumnKind::kBool),
      Node("geometry", ColumnKind::kGeometry),
      Node("bbox", ColumnKind::kBox, sides),
      Node("links", ColumnKind::kList,
           {Node("element", ColumnKind::kStruct, {href, Node("rel", ColumnKind::kText)})}),
      Node("assets", ColumnKind::kStruct, {Node("B01", ColumnKind::kStruct, {href, roles, bands})}),
      Node("extra", ColumnKind::kJson)};
  GiveIds(schema.columns, schema.next_id);
  schema.collections = {{"c", R"({"id":"c","type":"Collection"})"}};
  return schema;
}

std::string PointWkb(double x, double y) {
  std::string wkb("\x01\x01\x00\x00\x00", 5);
  wkb.append(reinterpret_cast<const char*>(&x), sizeof x);
  wkb.append(reinterpret_cast<const char*>(&y), sizeof y);
  return wkb;
}

/// Rows with nulls and empty lists at every depth, drawn from a seed.
std::shared_ptr<arrow::RecordBatch> RandomRows(const ItemSchema& schema, int64_t rows,
                                               uint32_t seed) {
  std::mt19937 random(seed);
  const auto chance = [&](uint32_t of) { return random() % of == 0; };
  nlohmann::json items = nlohmann::json::array();
  const auto text = [&]() -> nlohmann::json {
    if (chance(5)) return nullptr;
    return "text-" + std::to_string(random() % 50);
  };
  for (int64_t row = 0; row < rows; ++row) {
    nlohmann::json item = {{"id", "item-" + std::to_string(row)}};
    if (!chance(4)) item["datetime"] = static_cast<int64_t>(random());
    if (!chance(4)) item["view:azimuth"] = static_cast<double>(random()) / 7;
    if (!chance(4)) item["proj:epsg"] = random();
    if (!chance(4)) item["flag"] = chance(2);
    if (!chance(3)) {
      const double x = static_cast<double>(random() % 360) - 180;
      item["bbox"] = {{"xmin", x}, {"ymin", 1}, {"xmax", x + 1}, {"ymax", 2}};
    }
    if (!chance(4)) {
      item["links"] = nlohmann::json::array();
      for (uint32_t i = random() % 4; i > 0; --i) {
        item["links"].push_back(chance(6) ? nlohmann::json(nullptr)
                                          : nlohmann::json{{"href", text()}, {"rel", text()}});
      }
    }
    if (!chance(5)) {
      item["assets"] = nlohmann::json::object();
      if (!chance(5)) {
        nlohmann::json asset = {{"href", text()}};
        if (!chance(3)) {
          asset["roles"] = nlohmann::json::array();
          for (uint32_t i = random() % 3; i > 0; --i) asset["roles"].push_back(text());
        }
        if (!chance(3)) {
          asset["eo:bands"] = nlohmann::json::array();
          for (uint32_t i = random() % 3; i > 0; --i) {
            asset["eo:bands"].push_back({{"name", text()}, {"center_wavelength", 0.5}});
          }
        }
        item["assets"]["B01"] = asset;
      }
    }
    if (chance(3)) item["extra"] = "{\"a\":1}";
    items.push_back(std::move(item));
  }
  arrow::FieldVector fields = ArrowSchema(schema)->fields();
  const auto as_struct = arrow::json::ArrayFromJSONString(arrow::struct_(fields), items.dump());
  const auto& columns = static_cast<const arrow::StructArray&>(**as_struct);
  arrow::BinaryBuilder points;
  const auto boxes = std::static_pointer_cast<arrow::StructArray>(columns.GetFieldByName("bbox"));
  const auto xmin = std::static_pointer_cast<arrow::DoubleArray>(boxes->GetFieldByName("xmin"));
  for (int64_t row = 0; row < rows; ++row) {
    const arrow::Status appended =
        boxes->IsNull(row) ? points.AppendNull() : points.Append(PointWkb(xmin->Value(row), 1.5));
    EXPECT_TRUE(appended.ok());
  }
  arrow::ArrayVector arrays = columns.fields();
  arrays[static_cast<size_t>(ArrowSchema(schema)->GetFieldIndex("geometry"))] = *points.Finish();
  return arrow::RecordBatch::Make(ArrowSchema(schema), rows, arrays);
}

columnar::WrittenFile WriteRows(const std::filesystem::path& path, const ItemSchema& schema,
                                const arrow::RecordBatchVector& batches, int64_t group_rows) {
  auto writer = ItemFileWriter::Open(path, schema,
                                     {.level = 3, .row_group_rows = group_rows, .durable = false});
  EXPECT_OK(writer);
  for (const auto& batch : batches) EXPECT_OK((*writer)->Write(batch));
  auto written = (*writer)->Finish({.writer = "test", .order = "input", .added = {}});
  EXPECT_OK(written);
  return *written;
}

class ItemFileWriterTest : public ::testing::Test {
 protected:
  TemporaryFolder folder_;
  const ItemSchema schema_ = SmallSchema();
  const std::filesystem::path path_ = folder_.path / "items.parquet";
};

TEST_F(ItemFileWriterTest, NullsEmptyListsAndNestedListsComeBackAsTheyWent) {
  for (const uint32_t seed : {1u, 2u, 3u}) {
    const auto rows = RandomRows(schema_, 700, seed);
    WriteRows(path_, schema_, {rows->Slice(0, 123), rows->Slice(123, 400), rows->Slice(523)}, 300);
    ASSERT_OK_AND_ASSIGN(const auto read, columnar::ReadParquet(path_));
    ASSERT_EQ(read->num_rows(), 700);
    const auto expected = *arrow::Table::FromRecordBatches({rows});
    for (int i = 0; i < expected->num_columns(); ++i) {
      auto column = read->column(i);
      EXPECT_TRUE(column->Equals(*expected->column(i)))
          << schema_.columns[static_cast<size_t>(i)].name << " of seed " << seed;
    }
  }
}

// H25 two_row_groups: huge row groups undid the spatial order.
TEST_F(ItemFileWriterTest, H25RowGroupsHaveExactlyTheirRowsButForTheLast) {
  const auto rows = RandomRows(schema_, 1000, 7);
  WriteRows(path_, schema_, {rows->Slice(0, 999), rows->Slice(999)}, 256);
  const auto metadata = parquet::ParquetFileReader::OpenFile(path_.string())->metadata();
  ASSERT_EQ(metadata->num_row_groups(), 4);
  for (int group = 0; group < 3; ++group) EXPECT_EQ(metadata->RowGroup(group)->num_rows(), 256);
  EXPECT_EQ(metadata->RowGroup(3)->num_rows(), 1000 - 3 * 256);
}

TEST_F(ItemFileWriterTest, EveryNodeHasItsFieldIdAndListChildrenAreNamedElement) {
  WriteRows(path_, schema_, {RandomRows(schema_, 10, 1)}, 10);
  const auto reader = parquet::ParquetFileReader::OpenFile(path_.string());
  const auto* const root = reader->metadata()->schema()->group_node();
  ASSERT_EQ(root->field_count(), static_cast<int>(schema_.columns.size()));
  for (int i = 0; i < root->field_count(); ++i) {
    EXPECT_EQ(root->field(i)->field_id(), schema_.columns[static_cast<size_t>(i)].id);
  }
  EXPECT_EQ(reader->metadata()->schema()->ColumnIndex("links.list.element.href") >= 0, true);
  EXPECT_EQ(reader->metadata()->schema()->ColumnIndex("assets.B01.eo:bands.list.element.name") >= 0,
            true);
  EXPECT_EQ(root->field(root->FieldIndex("extra"))->logical_type()->is_JSON(), true);
  EXPECT_EQ(root->field(root->FieldIndex("id"))->is_required(), true);
  const auto& box =
      static_cast<const parquet::schema::GroupNode&>(*root->field(root->FieldIndex("bbox")));
  EXPECT_TRUE(box.is_optional());
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(box.field(i)->is_required());
  const auto geometry = root->field(root->FieldIndex("geometry"));
  EXPECT_TRUE(geometry->is_optional());
  EXPECT_TRUE(geometry->logical_type()->is_none());
}

TEST_F(ItemFileWriterTest, EncodingsStatisticsAndBloomFilterStandWhereTheyHelp) {
  WriteRows(path_, schema_, {RandomRows(schema_, 1000, 5)}, 1000);
  const auto reader = parquet::ParquetFileReader::OpenFile(path_.string());
  const auto metadata = reader->metadata();
  EXPECT_EQ(metadata->version(), parquet::ParquetVersion::PARQUET_2_6);
  const auto group = metadata->RowGroup(0);
  struct Expected {
    const char* path;
    parquet::Encoding::type encoding;
    bool statistics;
  };
  for (const Expected& expected : std::initializer_list<Expected>{
           {"id", parquet::Encoding::DELTA_BYTE_ARRAY, true},
           {"datetime", parquet::Encoding::DELTA_BINARY_PACKED, true},
           {"view:azimuth", parquet::Encoding::BYTE_STREAM_SPLIT, true},
           {"proj:epsg", parquet::Encoding::RLE_DICTIONARY, true},
           {"bbox.xmin", parquet::Encoding::RLE_DICTIONARY, true},
           {"geometry", parquet::Encoding::RLE_DICTIONARY, false},
           {"links.list.element.href", parquet::Encoding::DELTA_BYTE_ARRAY, false},
           {"links.list.element.rel", parquet::Encoding::RLE_DICTIONARY, false},
           {"assets.B01.href", parquet::Encoding::DELTA_BYTE_ARRAY, false},
           {"extra", parquet::Encoding::RLE_DICTIONARY, false}}) {
    const auto column = group->ColumnChunk(metadata->schema()->ColumnIndex(expected.path));
    const auto& encodings = column->encodings();
    EXPECT_NE(std::find(encodings.begin(), encodings.end(), expected.encoding), encodings.end())
        << expected.path;
    EXPECT_EQ(column->is_stats_set(), expected.statistics) << expected.path;
    EXPECT_EQ(column->GetColumnIndexLocation().has_value(), expected.statistics) << expected.path;
    EXPECT_EQ(column->compression(), parquet::Compression::ZSTD);
    EXPECT_EQ(column->bloom_filter_offset().has_value(), std::string(expected.path) == "id");
  }
}

TEST_F(ItemFileWriterTest, TheFooterSaysWhatTheRowsHold) {
  WriteRows(path_, schema_, {RandomRows(schema_, 100, 5)}, 64);
  ASSERT_OK_AND_ASSIGN(const auto info, columnar::InspectParquet(path_));
  const auto geo = nlohmann::json::parse(info.metadata.at("geo"));
  EXPECT_EQ(geo["version"], "1.1.0");
  EXPECT_EQ(geo["primary_column"], "geometry");
  const auto& column = geo["columns"]["geometry"];
  EXPECT_EQ(column["encoding"], "WKB");
  EXPECT_EQ(column["geometry_types"], nlohmann::json({"Point"}));
  EXPECT_EQ(column["covering"]["bbox"]["xmin"], nlohmann::json({"bbox", "xmin"}));
  EXPECT_EQ(column["bbox"].size(), 4u);
  EXPECT_FALSE(column.contains("crs"));
  const auto stac = nlohmann::json::parse(info.metadata.at("stac-geoparquet"));
  EXPECT_EQ(stac["version"], "1.0.0");
  EXPECT_EQ(stac["collections"]["c"]["type"], "Collection");
  ASSERT_OK_AND_ASSIGN(const auto facts, ParseItemFileFacts(info.metadata.at("catchment")));
  EXPECT_EQ(facts.rows, 100);
  EXPECT_EQ(info.metadata.contains("ARROW:schema"), false);
}

TEST_F(ItemFileWriterTest, TheSameRowsGiveTheSameBytes) {
  const auto rows = RandomRows(schema_, 500, 9);
  const auto one = WriteRows(path_, schema_, {rows}, 128);
  const auto other = WriteRows(folder_.path / "other.parquet", schema_, {rows}, 128);
  EXPECT_EQ(one.sha256, other.sha256);
  ASSERT_OK_AND_ASSIGN(const std::string bytes, ReadFile(path_));
  EXPECT_EQ(static_cast<int64_t>(bytes.size()), one.bytes);
}

TEST_F(ItemFileWriterTest, NoRowsAreAFileToo) {
  WriteRows(path_, schema_, {}, 128);
  ASSERT_OK_AND_ASSIGN(const auto read, columnar::ReadParquet(path_));
  EXPECT_EQ(read->num_rows(), 0);
}

TEST_F(ItemFileWriterTest, WithoutFinishNothingAppears) {
  {
    ASSERT_OK_AND_ASSIGN(const auto writer, ItemFileWriter::Open(path_, schema_, {}));
    ASSERT_OK(writer->Write(RandomRows(schema_, 50, 1)));
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path));
}

TEST_F(ItemFileWriterTest, OptionsThatMakeNoSenseAreRefused) {
  EXPECT_ERROR(ItemFileWriter::Open(path_, schema_, {.level = 23}), Code::kInvalid, "1 to 22");
  EXPECT_ERROR(ItemFileWriter::Open(path_, schema_, {.row_group_rows = 0}), Code::kInvalid,
               "at least 1");
}

}  // namespace
}  // namespace catchment::stac
