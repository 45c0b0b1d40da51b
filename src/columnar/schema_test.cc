#include "columnar/schema.h"

#include "columnar/test.h"

namespace catchment::columnar {
namespace {

TEST(SchemaTest, EveryTypeNameReadsBackAsItself) {
  for (const std::string name : {"text",
                                 "bytes",
                                 "bool",
                                 "int8",
                                 "int16",
                                 "int32",
                                 "int64",
                                 "uint8",
                                 "uint16",
                                 "uint32",
                                 "uint64",
                                 "float32",
                                 "float64",
                                 "date32",
                                 "ts",
                                 "time64[us]",
                                 "null",
                                 "timestamp[us, UTC]",
                                 "timestamp[ns, Asia/Seoul]",
                                 "timestamp[s]",
                                 "decimal(18,5)",
                                 "list<text>",
                                 "list<list<int64!>>",
                                 "struct<a:int64,b:list<text>>",
                                 "struct<\"we ird\":text!,\"q\\\"\":ts>"}) {
    ASSERT_OK_AND_ASSIGN(const auto type, TypeFromName(name));
    EXPECT_EQ(TypeName(*type), name);
  }
}

TEST(SchemaTest, RefusesAnUnknownTypeAndNamesTheNearest) {
  EXPECT_ERROR(TypeFromName("flaot64"), Code::kInvalid, "did you mean \"float64\"?");
  for (const std::string name :
       {"", "list", "list<", "list<int64", "decimal(0,0)", "decimal(39,1)", "decimal(5,6)",
        "timestamp[h]", "struct<a>", "struct<a:>", "int64 x", "timestamp[us"}) {
    EXPECT_FALSE(TypeFromName(name).ok()) << name;
  }
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "list<";
  EXPECT_ERROR(TypeFromName(deep), Code::kInvalid, "nested too deeply");
}

TEST(SchemaTest, SchemaSurvivesJson) {
  const nlohmann::json json = {{{"name", "region_code"}, {"type", "text"}, {"nullable", false}},
                               {{"name", "time"}, {"type", "ts"}, {"id", 7}}};
  ASSERT_OK_AND_ASSIGN(const auto schema, SchemaFromJson(json));
  EXPECT_EQ(SchemaToJson(*schema), json);
  EXPECT_ERROR(SchemaFromJson({{{"name", "x"}}}), Code::kInvalid, "column 1");
  EXPECT_ERROR(SchemaFromJson({{{"name", "x"}, {"type", "nix"}}}), Code::kInvalid, "column \"x\"");
  EXPECT_ERROR(SchemaFromJson(nlohmann::json::object()), Code::kInvalid, "array of columns");
}

TEST(SchemaTest, FingerprintTellsTypesAndNullsApartButNotDictionaries) {
  const auto one = arrow::schema({arrow::field("a", arrow::utf8())});
  const auto same =
      arrow::schema({arrow::field("a", arrow::dictionary(arrow::int32(), arrow::utf8()))});
  EXPECT_EQ(SchemaFingerprint(*one), SchemaFingerprint(*same));
  EXPECT_NE(SchemaFingerprint(*one),
            SchemaFingerprint(*arrow::schema({arrow::field("a", arrow::utf8(), false)})));
  EXPECT_NE(SchemaFingerprint(*one),
            SchemaFingerprint(*arrow::schema({arrow::field("a", arrow::int64())})));
  EXPECT_EQ(SchemaFingerprint(*one).size(), 64u);
}

std::shared_ptr<arrow::Schema> SchemaOf(const std::vector<TestColumn>& columns) {
  return TestTable(columns).schema();
}

TEST(SchemaTest, SchemasGrowByNullableColumnsOnly) {
  const auto old = SchemaOf({{"a", "int64!", "[]"}, {"b", "text", "[]"}});
  EXPECT_OK(CheckEvolution(
      *old, *SchemaOf({{"c", "text", "[]"}, {"b", "text", "[]"}, {"a", "int64", "[]"}})));
  EXPECT_ERROR(CheckEvolution(*old, *SchemaOf({{"a", "int64!", "[]"}})), Code::kInvalid,
               "column \"b\" (text) is gone");
  EXPECT_ERROR(CheckEvolution(*old, *SchemaOf({{"a", "text!", "[]"}, {"b", "text", "[]"}})),
               Code::kInvalid, "column \"a\" was int64 and is now text");
  EXPECT_ERROR(CheckEvolution(*old, *SchemaOf({{"a", "int64!", "[]"}, {"b", "text!", "[]"}})),
               Code::kInvalid, "new table name");
  EXPECT_ERROR(
      CheckEvolution(*old,
                     *SchemaOf({{"a", "int64!", "[]"}, {"b", "text", "[]"}, {"c", "text!", "[]"}})),
      Code::kInvalid, "make it nullable");
}

TEST(SchemaTest, CastAddsReordersAndConvertsWithoutLoss) {
  const Table rows = TestTable(
      {{"n", "int64", "[1, null, 300]"}, {"t", "timestamp[us, UTC]", "[1000, 2000, 3000]"}});
  const auto wanted = SchemaOf({{"t", "ts", "[]"}, {"new", "text", "[]"}, {"n", "int16", "[]"}});
  ASSERT_OK_AND_ASSIGN(const auto cast, CastToSchema(*rows.Load(), wanted));
  EXPECT_EQ(Rows(cast),
            "{\"t\":\"1970-01-01T00:00:00.001Z\",\"new\":null,\"n\":1}\n"
            "{\"t\":\"1970-01-01T00:00:00.002Z\",\"new\":null,\"n\":null}\n"
            "{\"t\":\"1970-01-01T00:00:00.003Z\",\"new\":null,\"n\":300}\n");
}

TEST(SchemaTest, CastRefusesOverflowLossAndMissingValues) {
  const auto cast = [](const TestColumn& have, const TestColumn& want) {
    return CastToSchema(*TestTable({have}).Load(), SchemaOf({want}));
  };
  EXPECT_ERROR(cast({"n", "int64", "[40000]"}, {"n", "int16", "[]"}), Code::kInvalid,
               "column \"n\"");
  EXPECT_ERROR(cast({"n", "float64", "[1.5]"}, {"n", "int64", "[]"}), Code::kInvalid,
               "column \"n\"");
  EXPECT_ERROR(cast({"n", "timestamp[us, UTC]", "[1001]"}, {"n", "ts", "[]"}), Code::kInvalid,
               "column \"n\"");
  EXPECT_ERROR(cast({"n", "text", R"(["1", "2", null, "x", "y"])"}, {"n", "int64", "[]"}),
               Code::kInvalid, "column \"n\": cannot turn text into int64: row 4 holds x");
  const auto refused = cast({"n", "float64", "[1, 1.5e300]"}, {"n", "int64", "[]"});
  EXPECT_EQ(refused.error().message,
            "column \"n\": cannot turn float64 into int64: row 2 holds 1.5e+300");
  EXPECT_ERROR(cast({"n", "int64", "[null]"}, {"n", "int64!", "[]"}), Code::kInvalid,
               "declared not null");
  EXPECT_ERROR(cast({"n", "int64", "[1]"}, {"m", "int64!", "[]"}), Code::kInvalid, "is missing");
}

}  // namespace
}  // namespace catchment::columnar
