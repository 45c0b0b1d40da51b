#include "stac/item_schema.h"

#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>

#include <set>

#include "stac/test_items.h"

namespace catchment::stac {
namespace {

void CollectIds(const std::vector<ItemNode>& nodes, std::vector<int32_t>& ids) {
  for (const ItemNode& node : nodes) {
    ids.push_back(node.id);
    CollectIds(node.children, ids);
  }
}

std::string Names(const std::vector<ItemNode>& nodes) {
  std::string names;
  for (const ItemNode& node : nodes) names += node.name + " ";
  return names;
}

/// A schema document with these columns beside the needed ones, whose ids are 1 to 7.
std::string Document(const std::string& columns, int next_id = 100) {
  return R"({"stac_schema":1,"next_id":)" + std::to_string(next_id) + R"(,"columns":[
    {"id":1,"name":"id","type":"text"},{"id":2,"name":"geometry","type":"geometry"},
    {"id":3,"name":"bbox","type":"box","members":[{"id":4,"name":"xmin","type":"double"},
    {"id":5,"name":"ymin","type":"double"},{"id":6,"name":"xmax","type":"double"},
    {"id":7,"name":"ymax","type":"double"}]})" +
         columns + "]}";
}

TEST(ItemSchemaTest, DeclaredColumnsStandInTheOrderOfTheSpecification) {
  const std::string expected =
      "id type stac_version stac_extensions collection datetime start_datetime end_datetime "
      "platform "
      "instruments eo:cloud_cover proj:epsg proj:shape proj:transform view:sun_azimuth "
      "view:azimuth sci:doi "
      "processing:software geometry bbox links assets ";
  for (const std::string collection : {"HLSL30_2.0", "HLSS30_2.0"}) {
    const ItemSchema plain = Declared(collection);
    EXPECT_EQ(Names(plain.columns), expected + "extra ");
    const ItemSchema fixed = Declared(collection, {.fix_epsg = true});
    EXPECT_EQ(Names(fixed.columns), expected + "proj:epsg_fixed extra ");
    std::vector<int32_t> ids;
    CollectIds(fixed.columns, ids);
    for (size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(ids[i], static_cast<int32_t>(i + 1));
    EXPECT_EQ(fixed.next_id, static_cast<int32_t>(ids.size() + 1));
    EXPECT_EQ(plain.Find("extra")->id, fixed.Find("extra")->id);
    EXPECT_EQ(fixed.added.size(), 2u);
  }
  EXPECT_EQ(Names(Declared("HLSL30_2.0").Find("assets")->children),
            "B01 B02 B03 B04 B05 B06 B07 B09 B10 B11 Fmask SZA SAA VZA VAA thumbnail ");
  EXPECT_EQ(Names(Declared("HLSS30_2.0").Find("assets")->children),
            "B01 B02 B03 B04 B05 B06 B07 B08 B8A B09 B10 B11 B12 Fmask SZA SAA VZA VAA thumbnail ");
}

TEST(ItemSchemaTest, EveryNodeOfTheArrowSchemaHasItsFieldId) {
  const auto schema = ArrowSchema(Declared("HLSS30_2.0"));
  EXPECT_FALSE(schema->GetFieldByName("id")->nullable());
  EXPECT_FALSE(schema->GetFieldByName("collection")->nullable());
  EXPECT_TRUE(schema->GetFieldByName("geometry")->nullable());
  EXPECT_EQ(schema->GetFieldByName("datetime")->type()->ToString(), "timestamp[us, tz=UTC]");
  const auto box = schema->GetFieldByName("bbox");
  EXPECT_TRUE(box->nullable());
  for (const auto& member : box->type()->fields()) EXPECT_FALSE(member->nullable());
  std::set<std::string> ids;
  const auto visit = [&](const auto& self, const arrow::FieldVector& fields) -> void {
    for (const auto& field : fields) {
      ids.insert(*field->metadata()->Get("PARQUET:field_id"));
      if (field->type()->id() == arrow::Type::LIST) {
        EXPECT_EQ(field->type()->field(0)->name(), "element");
      }
      self(self, field->type()->fields());
    }
  };
  visit(visit, schema->fields());
  std::vector<int32_t> nodes;
  CollectIds(Declared("HLSS30_2.0").columns, nodes);
  EXPECT_EQ(ids.size(), nodes.size());
}

TEST(ItemSchemaTest, ComesBackFromItsTextAndFromArrow) {
  for (const std::string collection : {"HLSL30_2.0", "HLSS30_2.0"}) {
    ItemSchema schema = Declared(collection, {.fix_epsg = true});
    schema.collections["c"] = R"({"id":"c"})";
    const std::string text = FormatItemSchema(schema);
    ASSERT_OK_AND_ASSIGN(const ItemSchema again, LoadItemSchema(text, {.fix_epsg = true}));
    EXPECT_EQ(FormatItemSchema(again), text);
    ASSERT_OK_AND_ASSIGN(ItemSchema arrow, ItemSchemaFromArrow(*ArrowSchema(schema),
                                                               {"collection", "proj:epsg_fixed"}));
    arrow.next_id = schema.next_id;
    arrow.collections = schema.collections;
    EXPECT_EQ(FormatItemSchema(arrow), text);
  }
}

TEST(ItemSchemaTest, MistakesInASchemaAreNamed) {
  EXPECT_OK(LoadItemSchema(Document("")));
  EXPECT_ERROR(LoadItemSchema("x"), Code::kInvalid, "not JSON");
  EXPECT_ERROR(LoadItemSchema("[]"), Code::kInvalid, "an object");
  EXPECT_ERROR(LoadItemSchema(R"({"stac_schema":2})"), Code::kInvalid, "\"stac_schema\": 1");
  EXPECT_ERROR(LoadItemSchema(R"({"stac_schema":1,"next_id":1,"columns":[]})"), Code::kInvalid,
               "a column \"id\"");
  EXPECT_ERROR(LoadItemSchema(Document("", 7)), Code::kInvalid, "never reused");
  const auto wrong = [](const std::string& column, const std::string& message) {
    EXPECT_ERROR(LoadItemSchema(Document("," + column)), Code::kInvalid, message);
  };
  wrong(R"({"id":1,"name":"a","type":"text"})", "id 1 stands twice");
  wrong(R"({"name":"a","type":"text"})", "\"id\"");
  wrong(R"({"id":8,"type":"text"})", "without a name");
  wrong(R"({"id":8,"name":"a","type":"txt"})", "unknown type \"txt\"");
  wrong(R"({"id":8,"name":"a","type":"text","x":1})", "unknown member \"x\"");
  wrong(R"({"id":8,"name":"id","type":"text"})", "stands twice");
  wrong(R"({"id":8,"name":"a","type":"struct","members":[]})", "a struct has members");
  wrong(R"({"id":8,"name":"a","type":"list"})", "an \"element\"");
  wrong(R"({"id":8,"name":"a","type":"text","members":[]})", "neither");
  wrong(R"({"id":8,"name":"a","type":"box","members":[{"id":9,"name":"xmin","type":"double"}]})",
        "a box is");
  wrong(R"({"id":8,"name":"extra","type":"text"})", "type json");
  wrong(R"({"id":8,"name":"a","type":"text","added":"x"})", "\"added\"");
  wrong(R"({"id":8,"name":"a","type":"int64","added":"collection"})", "it is text");
  wrong(R"({"id":8,"name":"a","type":"text","only":"x"})", "\"only\"");
  wrong(
      R"({"id":8,"name":"a","type":"struct","members":[{"id":9,"name":"b","type":"text","required":true}]})",
      "\"required\"");
}

TEST(ItemSchemaTest, SchemasOfSeveralCollectionsUnite) {
  ASSERT_OK_AND_ASSIGN(const ItemSchema united,
                       UniteSchemas({Declared("HLSL30_2.0"), Declared("HLSS30_2.0")}));
  EXPECT_EQ(united.Find("assets")->children.size(), 16u + 3u);
  EXPECT_EQ(united.columns.back().name, "extra");
  EXPECT_TRUE(united.Find("collection")->required);
  EXPECT_TRUE(united.Find("bbox")->children.front().required);
  EXPECT_EQ(united.added.size(), 1u);
  std::vector<int32_t> ids;
  CollectIds(united.columns, ids);
  for (size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(ids[i], static_cast<int32_t>(i + 1));
  const auto load = [](const std::string& column) {
    return *LoadItemSchema(Document("," + column));
  };
  const ItemSchema whole = load(R"({"id":8,"name":"a","type":"int64","required":true})"),
                   fraction = load(R"({"id":8,"name":"a","type":"double"})"),
                   text = load(R"({"id":8,"name":"a","type":"text"})");
  EXPECT_EQ(UniteSchemas({whole, fraction})->Find("a")->kind, ColumnKind::kDouble);
  EXPECT_FALSE(
      UniteSchemas({whole, load(R"({"id":8,"name":"b","type":"text"})")})->Find("a")->required);
  EXPECT_ERROR(UniteSchemas({whole, text}), Code::kInvalid, "column /a: int64 in one schema, text");
}

}  // namespace
}  // namespace catchment::stac
