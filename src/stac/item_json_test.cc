#include "stac/item_json.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>

#include "stac/item_columns.h"
#include "stac/test_items.h"

namespace catchment::stac {
namespace {

bool Equal(const std::string& a, const std::string& b) {
  const auto equal = EqualByValue(a, b);
  EXPECT_OK(equal);
  return equal.ok() && *equal;
}

TEST(EqualByValueTest, OrderSpacesAndEscapesDoNotCount) {
  EXPECT_TRUE(Equal(R"({"a":1,"b":[true,"x"]})", R"( { "b" : [ true, "\u0078" ], "\u0061":1 } )"));
  EXPECT_FALSE(Equal(R"({"a":[1,2]})", R"({"a":[2,1]})"));
  EXPECT_FALSE(Equal(R"({"a":[1,2]})", R"({"a":[1]})"));
  EXPECT_FALSE(Equal(R"({"a":"1"})", R"({"a":1})"));
  EXPECT_FALSE(Equal(R"({"a":true})", R"({"a":false})"));
  EXPECT_FALSE(Equal(R"({"a":{}})", R"({"a":[]})"));
  EXPECT_FALSE(Equal(R"({"a":{}})", R"({})"));
}

TEST(EqualByValueTest, NullMembersAreDroppedButForTwo) {
  EXPECT_TRUE(Equal(R"({"a":null,"b":{"c":null}})", R"({"b":{}})"));
  EXPECT_FALSE(Equal(R"({"a":[null]})", R"({"a":[]})"));
  EXPECT_FALSE(Equal(R"({"geometry":null})", "{}"));
  EXPECT_FALSE(Equal(R"({"properties":{"datetime":null}})", R"({"properties":{}})"));
  EXPECT_TRUE(Equal(R"({"properties":{"geometry":null}})", R"({"properties":{}})"));
}

TEST(EqualByValueTest, NumbersAreDoublesButIntegersAreExact) {
  EXPECT_TRUE(Equal("[18,1e2,-0.0]", "[18.0,100,0]"));
  EXPECT_FALSE(Equal("9007199254740993", "9007199254740992"));
  EXPECT_TRUE(Equal("9007199254740993", "9007199254740992.0"));
  EXPECT_TRUE(Equal("18446744073709551616", "1.8446744073709552e19"));
  EXPECT_FALSE(Equal("0.1", "0.10000000000000001e1"));
}

TEST(EqualByValueTest, TheEightTimesAreInstantsOthersAreTexts) {
  const auto times = [](const std::string& name, const std::string& a, const std::string& b) {
    return Equal(R"({"properties":{")" + name + R"(":")" + a + R"("}})",
                 R"({"properties":{")" + name + R"(":")" + b + R"("}})");
  };
  EXPECT_TRUE(times("created", "2024-01-01 01:00:00+01:00", "2024-01-01T00:00:00.000Z"));
  EXPECT_FALSE(times("created", "2024-01-01T00:00:00.1234561Z", "2024-01-01T00:00:00.123456Z"));
  EXPECT_TRUE(times("created", "2024-01-01T00:00:00.1234560Z", "2024-01-01T00:00:00.123456Z"));
  EXPECT_FALSE(times("other", "2024-01-01 00:00:00Z", "2024-01-01T00:00:00Z"));
}

TEST(EqualByValueTest, TheFirstDifferenceIsNamed) {
  std::string difference;
  ASSERT_OK(EqualByValue(R"({"a":{"b":[1,2]}})", R"({"a":{"b":[1,3]}})", &difference));
  EXPECT_EQ(difference, "/a/b/1");
  EXPECT_ERROR(EqualByValue("{", "{}"), Code::kInvalid, "bad_json");
  EXPECT_ERROR(EqualByValue("{}", R"({"a":1,"a":1})"), Code::kInvalid, "duplicate_key");
}

std::shared_ptr<arrow::RecordBatch> Rows(const ItemSchema& schema, const std::string& body) {
  ItemColumns columns(schema);
  ItemFacts facts;
  for (int i = 0; i < 3; ++i) {
    const auto bad = columns.Append(body, {.collection = "HLSS30_2.0"}, facts);
    EXPECT_FALSE(bad) << bad->detail;
  }
  return columns.Finish();
}

TEST(ItemJsonTest, AddedColumnsAreLeftOutUnlessAskedFor) {
  const ItemSchema schema = Declared("HLSS30_2.0", {.fix_epsg = true});
  const std::string body =
      *ReadFile(CATCHMENT_SOURCE_DIR "/tests/data/hls/hls_item_verbatim.ndjson");
  const auto rows = Rows(schema, body);
  ItemJson plain(schema), whole(schema, {.with_added = true});
  ASSERT_OK(plain.Open(rows));
  ASSERT_OK(whole.Open(rows));
  std::string text;
  ASSERT_OK(plain.Append(0, text));
  EXPECT_EQ(text.find("collection"), text.npos);
  text.clear();
  ASSERT_OK(whole.Append(0, text));
  EXPECT_NE(text.find(R"("collection":"HLSS30_2.0")"), text.npos);
  EXPECT_NE(text.find(R"("proj:epsg_fixed":32601)"), text.npos);
}

TEST(ItemJsonTest, SlicesAndMissingColumnsAreRead) {
  const ItemSchema schema = Declared("HLSS30_2.0");
  const std::string body =
      *ReadFile(CATCHMENT_SOURCE_DIR "/tests/data/hls/hls_item_verbatim.ndjson");
  const auto rows = Rows(schema, body);
  ItemJson writer(schema);
  ASSERT_OK(writer.Open(rows->Slice(1, 2)));
  std::string text;
  ASSERT_OK(writer.Append(1, text));
  EXPECT_TRUE(Equal(text, body));
  auto fewer = rows->SelectColumns({0, 1});
  ASSERT_TRUE(fewer.ok());
  ASSERT_OK(writer.Open(*fewer));
  text.clear();
  ASSERT_OK(writer.Append(0, text));
  EXPECT_EQ(text, R"({"id":"HLS.S30.T01WEV.2024153T000609.v2.0","type":"Feature","geometry":null,)"
                  R"("properties":{"datetime":null}})");
}

TEST(ItemJsonTest, AColumnOfAnotherTypeIsNamed) {
  const ItemSchema schema = Declared("HLSS30_2.0");
  ItemSchema other = schema;
  other.columns[0].kind = ColumnKind::kInt64;
  const auto rows =
      Rows(schema, *ReadFile(CATCHMENT_SOURCE_DIR "/tests/data/hls/hls_item_verbatim.ndjson"));
  ItemJson writer(other);
  EXPECT_ERROR(writer.Open(rows), Code::kInvalid, "id: expected int64, found string");
}

}  // namespace
}  // namespace catchment::stac
