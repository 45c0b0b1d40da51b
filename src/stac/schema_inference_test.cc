#include "stac/schema_inference.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "stac/item_columns.h"
#include "stac/item_json.h"
#include "stac/test_items.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>

namespace catchment::stac {
namespace {

/// An item with this property `p`, and other members behind it.
std::string With(const std::string& value, const std::string& rest = "") {
  return R"({"type":"Feature","id":"a","geometry":null,"properties":{"p":)" + value + "}" + rest +
         "}";
}

ItemSchema Infer(const std::vector<std::string>& items) {
  SchemaInference inference;
  for (const std::string& item : items) {
    const auto bad = inference.Add(item);
    EXPECT_FALSE(bad) << bad->detail;
  }
  auto schema = inference.Finish({});
  EXPECT_OK(schema);
  return *schema;
}

std::string Describe(const ItemNode& node) {
  std::string text(ColumnKindName(node.kind));
  if (node.children.empty()) return text;
  text += '<';
  for (const ItemNode& child : node.children) {
    if (&child != &node.children.front()) text += ',';
    if (node.kind != ColumnKind::kList) text += child.name + ':';
    text += Describe(child);
  }
  return text + '>';
}

void ExpectRoundTrips(const std::vector<std::string>& items, const ItemSchema& schema) {
  ItemColumns columns(schema);
  ItemJson writer(schema);
  ItemFacts facts;
  for (const std::string& item : items) {
    const auto bad = columns.Append(item, {}, facts);
    ASSERT_FALSE(bad) << item << bad->pointer << bad->detail;
  }
  const auto batch = columns.Finish();
  ASSERT_TRUE(batch->ValidateFull().ok());
  ASSERT_OK(writer.Open(batch));
  for (size_t row = 0; row < items.size(); ++row) {
    std::string text, difference;
    ASSERT_OK(writer.Append(static_cast<int64_t>(row), text));
    ASSERT_OK_AND_ASSIGN(const bool equal, EqualByValue(items[row], text, &difference));
    EXPECT_TRUE(equal) << difference << "\n" << items[row] << "\n" << text;
  }
}

/// The column of a property that took these values, one an item.
std::string ColumnOfValues(const std::vector<std::string>& values) {
  std::vector<std::string> items;
  for (const std::string& value : values) items.push_back(With(value));
  const ItemSchema schema = Infer(items);
  ExpectRoundTrips(items, schema);
  const ItemNode* node = schema.Find("p");
  return node == nullptr ? "none" : Describe(*node);
}

// The rows of the table of inference.

TEST(SchemaInferenceTest, OnlyNullsMakeNoColumn) {
  EXPECT_EQ(ColumnOfValues({"null", "null"}), "none");
}

TEST(SchemaInferenceTest, ScalarsHaveTheirType) {
  EXPECT_EQ(ColumnOfValues({"true", "null", "false"}), "bool");
  EXPECT_EQ(ColumnOfValues({R"("a")", "null"}), "text");
  EXPECT_EQ(ColumnOfValues({"1", "-9223372036854775808", "9223372036854775807"}), "int64");
}

TEST(SchemaInferenceTest, IntegersAndFractionsAreDouble) {
  EXPECT_EQ(ColumnOfValues({"1", "1.5"}), "double");
  EXPECT_EQ(ColumnOfValues({"9007199254740992", "1.5"}), "double");
  EXPECT_EQ(ColumnOfValues({"1.0"}), "double");
}

TEST(SchemaInferenceTest, IntegersThatADoubleWouldChangeAreJson) {
  EXPECT_EQ(ColumnOfValues({"9007199254740993", "1.5"}), "json");
  EXPECT_EQ(ColumnOfValues({"9223372036854775808"}), "json");
  EXPECT_EQ(ColumnOfValues({"9223372036854775808", "1.5"}), "json");
}

TEST(SchemaInferenceTest, ObjectsAreTheUnionOfTheirMembers) {
  EXPECT_EQ(ColumnOfValues({R"({"b":1})", R"({"a":{"c":true}})", "{}", R"({"b":0.5,"n":null})"}),
            "struct<a:struct<c:bool>,b:double>");
}

TEST(SchemaInferenceTest, ArraysAreListsOfTheUnitedElement) {
  EXPECT_EQ(ColumnOfValues({"[1,2]", "[]", "[0.5,null]"}), "list<double>");
  EXPECT_EQ(ColumnOfValues({"[]", "[]"}), "list<text>");
  EXPECT_EQ(ColumnOfValues({R"([{"a":1}])", R"([{"b":[[]]}])"}),
            "list<struct<a:int64,b:list<list<text>>>>");
  EXPECT_EQ(ColumnOfValues({R"([1,"a",{"b":[1, 2]}])"}), "list<json>");
}

TEST(SchemaInferenceTest, OtherMixturesAreJson) {
  EXPECT_EQ(ColumnOfValues({"1", R"("a")"}), "json");
  EXPECT_EQ(ColumnOfValues({"true", "1"}), "json");
  EXPECT_EQ(ColumnOfValues({"[1]", "{\"a\":1}"}), "json");
  EXPECT_EQ(ColumnOfValues({"{}", "{}"}), "json");
  EXPECT_EQ(ColumnOfValues({R"({"a":null})"}), "json");
  EXPECT_EQ(ColumnOfValues({R"({"":1})"}), "json");
  EXPECT_EQ(ColumnOfValues({R"({"a":{"":1,"b":2}})"}), "struct<a:json>");
}

TEST(SchemaInferenceTest, MoreThanAThousandKeysAreJson) {
  const auto object = [](int first, int count) {
    std::string text = "{";
    for (int i = 0; i < count; ++i)
      text += fmt::format("{}\"k{}\":1", i == 0 ? "" : ",", first + i);
    return text + "}";
  };
  EXPECT_EQ(ColumnOfValues({object(0, 600), object(600, 401)}), "json");
  EXPECT_TRUE(ColumnOfValues({object(0, 600), object(500, 500)}).starts_with("struct<"));
}

TEST(SchemaInferenceTest, DeeperThanSixteenIsJson) {
  std::string deep = "1", type = "int64";
  for (int i = 0; i < 16; ++i) {
    deep = "[" + deep + "]";
    type = "list<" + type + ">";
  }
  EXPECT_EQ(ColumnOfValues({deep}), type);
  std::string cut = "json";
  for (int i = 0; i < 16; ++i) cut = "list<" + cut + ">";
  EXPECT_EQ(ColumnOfValues({"[" + deep + "]"}), cut);
}

TEST(SchemaInferenceTest, WideningDoesNotHangOnTheOrder) {
  EXPECT_EQ(ColumnOfValues({"1.5", "1"}), "double");
  EXPECT_EQ(ColumnOfValues({R"("a")", "1", "1.5"}), "json");
}

TEST(SchemaInferenceTest, PropertiesThatAreGeometriesAreWkb) {
  const std::string point = R"({"type":"Point","coordinates":[1.5,2]})";
  EXPECT_EQ(
      ColumnOfValues({point, "null", R"({"coordinates":[[0,1,2],[1,2,3]],"type":"LineString"})"}),
      "geometry");
  EXPECT_EQ(ColumnOfValues({point, R"({"type":"Point","coordinates":[1,2],"crs":"x"})"}),
            "struct<coordinates:list<double>,crs:text,type:text>");
}

// H23 empty_links_type.
TEST(SchemaInferenceTest, H23LinksKeepTheirTypeWhenAllListsAreEmpty) {
  for (const std::string links : {"", R"(,"links":[])", R"(,"links":null)"}) {
    const ItemSchema schema = Infer({With("1", links)});
    EXPECT_EQ(Describe(*schema.Find("links")),
              "list<struct<href:text,rel:text,type:text,title:text>>");
    EXPECT_EQ(Describe(*schema.Find("stac_extensions")), "list<text>");
    ASSERT_NE(schema.Find("assets"), nullptr);
    ASSERT_NE(schema.Find("bbox"), nullptr);
    ExpectRoundTrips({With("1", links)}, schema);
  }
}

// H04 field_dropped.
TEST(SchemaInferenceTest, H04AFieldThatOnlyTheLastItemHasIsThere) {
  std::vector<std::string> items(5000, With("1"));
  items.push_back(With("1.5", R"(,"assets":{"late":{"href":"h"}})"));
  const ItemSchema schema = Infer(items);
  EXPECT_EQ(Describe(*schema.Find("p")), "double");
  EXPECT_EQ(Describe(*schema.Find("assets")), "struct<late:struct<href:text>>");
  ExpectRoundTrips(items, schema);
}

TEST(SchemaInferenceTest, CollidingAndUnnamedPropertiesStayInExtra) {
  const std::string item =
      R"({"type":"Feature","id":"a","geometry":null,"x":1,"properties":{"collection":"c","":2,"extra":[],"bbox":{}}})";
  const ItemSchema schema = Infer({item});
  std::string names;
  for (const ItemNode& node : schema.columns) names += node.name + " ";
  EXPECT_EQ(
      names,
      "id type stac_version stac_extensions collection datetime geometry bbox links assets extra ");
  ExpectRoundTrips({item}, schema);
}

TEST(SchemaInferenceTest, TheBoxIsSolidOnlyIfAllAre) {
  const auto item = [](const std::string& box) {
    return R"({"type":"Feature","id":"a","geometry":{"type":"Point","coordinates":[1,2,3]},"properties":{})" +
           box + "}";
  };
  const std::string solid = item(R"(,"bbox":[1,2,3,1,2,3])"), flat = item(R"(,"bbox":[1,2,1,2])");
  EXPECT_TRUE(Infer({solid, solid}).box_3d());
  ExpectRoundTrips({solid}, Infer({solid}));
  for (const std::string& other : {flat, item(""), item(R"(,"bbox":null)")}) {
    EXPECT_FALSE(Infer({solid, other}).box_3d());
    ExpectRoundTrips({solid, other}, Infer({solid, other}));
  }
  EXPECT_TRUE(Infer({solid, With("1")}).box_3d());
}

TEST(SchemaInferenceTest, ACollectionIsAddedOnlyWhereNoItemHasOne) {
  SchemaInference none, one;
  ASSERT_FALSE(none.Add(With("1")));
  ASSERT_FALSE(one.Add(With("1")));
  ASSERT_FALSE(one.Add(With("1", R"(,"collection":"c")")));
  EXPECT_TRUE(none.Finish({.collection = "d"})->added.contains("collection"));
  EXPECT_TRUE(none.Finish({})->added.empty());
  EXPECT_TRUE(one.Finish({.collection = "d"})->added.empty());
}

TEST(SchemaInferenceTest, TooManyColumnsNameTheWidestFields) {
  std::string assets;
  for (int i = 0; i < 30; ++i)
    assets += fmt::format(R"({}"a{}":{{"href":"h"}})", i == 0 ? "" : ",", i);
  SchemaInference inference;
  ASSERT_FALSE(inference.Add(With("1", ",\"assets\":{" + assets + "}")));
  EXPECT_ERROR(inference.Finish({.max_columns = 40}), Code::kInvalid, "widest: assets 30");
  EXPECT_ERROR(inference.Finish({.max_columns = 40}), Code::kInvalid, "--split-by collection");
  EXPECT_OK(inference.Finish({.max_columns = 60}));
}

TEST(SchemaInferenceTest, ARefusedItemLeavesNoTrace) {
  SchemaInference inference;
  ASSERT_FALSE(inference.Add(With("1")));
  EXPECT_TRUE(inference.Add(With("\"x\"", ",\"id\":5")));
  EXPECT_TRUE(inference.Add(With("\"x\",\"datetime\":\"y\"")));
  EXPECT_TRUE(inference.Add(With("\"x\"", ",\"bbox\":[1]")));
  EXPECT_TRUE(inference.Add("{"));
  EXPECT_EQ(inference.items(), 1);
  EXPECT_EQ(Describe(*inference.Finish({})->Find("p")), "int64");
}

TEST(SchemaInferenceTest, NeitherOrderNorDivisionMatters) {
  std::vector<std::string> items;
  for (int i = 0; i < 60; ++i) {
    items.push_back(
        With(i % 7 == 0 ? "1" : "1.5", fmt::format(R"(,"assets":{{"a{}":{{"href":"h","n":[{}]}}}})",
                                                   i % 9, i % 5 == 0 ? "" : "1")));
  }
  const std::string expected = FormatItemSchema(Infer(items));
  std::mt19937 random(7);
  for (int round = 0; round < 5; ++round) {
    std::shuffle(items.begin(), items.end(), random);
    SchemaInference parts[3];
    for (size_t i = 0; i < items.size(); ++i) ASSERT_FALSE(parts[i % 3].Add(items[i]));
    parts[0].Unite(parts[2]);
    parts[0].Unite(parts[1]);
    EXPECT_EQ(parts[0].items(), 60);
    EXPECT_EQ(FormatItemSchema(*parts[0].Finish({})), expected);
  }
}

TEST(SchemaInferenceTest, MembersThatReadersRelyOnKeepTheirTypeThoughAnItemHasAnother) {
  const ItemSchema schema = Infer({
      With("1", R"(,"links":[{"href":"h","rel":"self"}],"assets":{"a":{"href":"x"}},)"
                R"("stac_extensions":["e"],"collection":"c")"),
      With("1", R"(,"links":7,"assets":[],"stac_extensions":"e","collection":7)"),
      With("1", R"(,"links":[7],"assets":"x","stac_extensions":[{}],"stac_version":1.0)"),
      With("1", R"(,"links":null,"stac_extensions":[null],"collection":null)"),
  });
  EXPECT_EQ(Describe(*schema.Find("links")), "list<struct<href:text,rel:text>>");
  EXPECT_EQ(Describe(*schema.Find("assets")), "struct<a:struct<href:text>>");
  EXPECT_EQ(Describe(*schema.Find("stac_extensions")), "list<text>");
  EXPECT_EQ(Describe(*schema.Find("collection")), "text");
  EXPECT_EQ(Describe(*schema.Find("stac_version")), "text");
}

TEST(SchemaInferenceTest, APropertyNamedPropertiesIsNoColumn) {
  const std::vector<std::string> items = {
      R"({"type":"Feature","id":"a","geometry":null,"properties":{"properties":"p","q":1}})"};
  const ItemSchema schema = Infer(items);
  EXPECT_EQ(schema.Find("properties"), nullptr);
  EXPECT_NE(schema.Find("q"), nullptr);
  ExpectRoundTrips(items, schema);
}

}  // namespace
}  // namespace catchment::stac
