#include "columnar/json_file.h"

#include "base/file.h"
#include "columnar/test.h"

namespace catchment::columnar {
namespace {

std::string ReadText(const std::string& text, const JsonReadOptions& options = {}) {
  const auto table = ParseJson(text, "t.json", options);
  return table.ok() ? Columns(*table) + "\n" + Rows(*table) : table.error().message;
}

TEST(JsonReaderTest, ArraysAndLinesGiveTheSameRows) {
  const std::string rows = "a:int64 b:text\n{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":null}\n";
  EXPECT_EQ(ReadText("[{\"a\":1,\"b\":\"x\"},\n {\"a\":2}]\n"), rows);
  EXPECT_EQ(ReadText("{\"a\":1,\"b\":\"x\"}\n{\"a\":2}\n"), rows);
  EXPECT_EQ(ReadText("\xEF\xBB\xBF{\n\"a\":1,\n\"b\":\"x\"}{\"a\":2,\"b\":null}"), rows);
  EXPECT_EQ(ReadText("[]"), "\n");
  EXPECT_EQ(ReadText(""), "\n");
}

TEST(JsonReaderTest, TypesAreInferredWithListsStructsAndTimes) {
  EXPECT_EQ(
      ReadText(
          R"({"i":1,"f":1,"t":"2026-01-28T00:10:00Z","s":"007","l":[1,null],"r":{"x":[{"y":true}]},"n":null,"m":1,"e":{}}
{"f":2.5,"t":null,"l":[],"r":{"z":"q"},"m":"one"})"),
      "i:int64 f:float64 t:timestamp[us, UTC] s:text l:list<int64> "
      "r:struct<x:list<struct<y:bool>>,z:text> n:text m:text e:text\n"
      "{\"i\":1,\"f\":1.0,\"t\":\"2026-01-28T00:10:00Z\",\"s\":\"007\",\"l\":[1,null],"
      "\"r\":{\"x\":[{\"y\":true}],\"z\":null},\"n\":null,\"m\":\"1\",\"e\":\"{}\"}\n"
      "{\"i\":null,\"f\":2.5,\"t\":null,\"s\":null,\"l\":[],\"r\":{\"x\":null,\"z\":\"q\"},\"n\":"
      "null,"
      "\"m\":\"one\",\"e\":null}\n");
}

JsonReadOptions Declared(const std::vector<std::pair<std::string, std::string>>& columns) {
  arrow::FieldVector fields;
  for (const auto& [name, type] : columns) {
    const bool required = type.ends_with('!');
    fields.push_back(
        arrow::field(name, *TypeFromName(type.substr(0, type.size() - required)), !required));
  }
  return {.schema = arrow::schema(fields)};
}

TEST(JsonReaderTest, DeclaredTypesAreKept) {
  EXPECT_EQ(
      ReadText(
          R"({"d":1.25,"t":"2026-01-28T02:10:00+02:00","u":255,"f":3,"i":4.0,"day":"2026-01-28","x":"1.5"})",
          Declared({{"d", "decimal(10,3)"},
                    {"t", "ts"},
                    {"u", "uint8"},
                    {"f", "float32"},
                    {"i", "int64"},
                    {"day", "date32"},
                    {"x", "decimal(3,1)"},
                    {"gone", "text"}})),
      "d:decimal(10,3) t:ts u:uint8 f:float32 i:int64 day:date32 x:decimal(3,1) gone:text\n"
      "{\"d\":1.250,\"t\":\"2026-01-28T00:10:00Z\",\"u\":255,\"f\":3.0,\"i\":4,\"day\":\"2026-01-"
      "28\",\"x\":1.5,"
      "\"gone\":null}\n");
}

TEST(JsonReaderTest, ErrorsNameFileLineMemberAndWhatWasExpected) {
  const JsonReadOptions options = Declared({{"a", "float64!"}, {"l", "list<struct<x:int8>>"}});
  EXPECT_EQ(ReadText("{\"a\":1}\n\n{\"a\":\"abc\"}", options),
            "t.json:3: \"a\": expected float64, found text \"abc\"; mend the value, or declare "
            "another type");
  EXPECT_EQ(ReadText("{\"l\":null}", options), "t.json:1: \"a\": expected float64, found nothing");
  EXPECT_EQ(
      ReadText("{\"a\":1,\"l\":[{\"x\":1},{\"x\":300}]}", options),
      "t.json:1: \"l[].x\": expected int8, found 300; mend the value, or declare another type");
  EXPECT_EQ(ReadText("{\"a\":1,\"b\":2}", options),
            "t.json:1: \"b\" is not declared; declare it, or let unknown members be ignored");
  EXPECT_EQ(ReadText("[{\"a\":1}\n,5]", options), "t.json:2: expected an object, found \"5\"");
  EXPECT_EQ(ReadText("[{\"a\":1}\n", options),
            "t.json:2: the array is cut short; fetch or write it again");
  EXPECT_EQ(ReadText("[{\"a\":1}] x", options),
            "t.json:1: expected nothing after the array, found \"x\"");
  EXPECT_EQ(ReadText("{\"a\":1", options),
            "t.json:1: an object begins here and never ends; fetch or write it again");
  EXPECT_EQ(
      ReadText("<html>", options),
      "t.json:1: expected an object, found \"<\"; this looks like HTML: a login or error page in "
      "place of data?");
  EXPECT_EQ(ReadText("{\"a\":1e}", options).substr(0, 10), "t.json:1: ");
  EXPECT_ERROR(ParseJson("{\"a\":\"\xff\"}", "t.json"), Code::kCorrupt, "t.json:1: not JSON");
}

TEST(JsonReaderTest, LimitsHold) {
  std::string deep = "{\"a\":";
  for (int i = 0; i < 100'000; ++i) deep += "[";
  EXPECT_EQ(ReadText(deep), "t.json:1: nested over 64 levels");
  EXPECT_EQ(ReadText("{\"a\":\"" + std::string(2000, 'x') + "\"}", {.max_object_bytes = 1000}),
            "t.json:1: an object of over 1000 bytes");
  EXPECT_EQ(ReadText("{\"a\":1}{\"a\":1}{\"a\":1}", {.max_rows = 2}), "t.json: over 2 rows");
  EXPECT_EQ(ReadText("{\"a\":1,\"b\":1,\"c\":1}", {.max_columns = 2}),
            "t.json:1: over 2 different members");
}

TEST(JsonReaderTest, AMemberNamedTwiceCountsOnce) {
  EXPECT_EQ(ReadText("{\"a\":1,\"a\":2}"), "a:int64\n{\"a\":1}\n");
}

TEST(JsonReaderTest, ObjectsCrossTheBuffer) {
  std::string text;
  for (int i = 0; i < 30'000; ++i)
    text += "{\"n\":" + std::to_string(i) + ",\"s\":\"\\\\\\\"" + std::string(100, 'y') + "\"}\n";
  const auto read = ParseJson(text, "t.json", {.batch_rows = 1000});
  ASSERT_OK(read);
  EXPECT_EQ(Rows(*read), text);
}

TEST(JsonWriterTest, EveryTypeHasItsText) {
  const Table rows = TestTable({{"f", "float64", "[0.018816, 3, NaN]"},
                                {"f32", "float32", "[0.1, null, Inf]"},
                                {"s", "text", R"(["a\"\\\n\u0001ü/", "", null])"},
                                {"d", "decimal(12,8)", R"(["0.00000001", "-1.50000000", null])"},
                                {"day", "date32", "[20000, -1, null]"},
                                {"t", "timestamp[us, UTC]", "[1000000, 1500, null]"},
                                {"local", "timestamp[s]", "[1, 0, null]"},
                                {"b", "bool", "[true, false, null]"},
                                {"l", "list<struct<x:text>>", R"([[{"x":"q"}], [], null])"}});
  ASSERT_OK_AND_ASSIGN(const std::string text, FormatJson(rows));
  EXPECT_EQ(
      text,
      R"([{"f":0.018816,"f32":0.1,"s":"a\"\\\n\u0001ü/","d":0.00000001,"day":"2024-10-04","t":"1970-01-01T00:00:01Z",)"
      R"("local":"1970-01-01T00:00:01","b":true,"l":[{"x":"q"}]},)"
      R"({"f":3.0,"f32":null,"s":"","d":-1.50000000,"day":"1969-12-31","t":"1970-01-01T00:00:00.001500Z",)"
      R"("local":"1970-01-01T00:00:00","b":false,"l":[]},)"
      R"({"f":null,"f32":null,"s":null,"d":null,"day":null,"t":null,"local":null,"b":null,"l":null}])");
  ASSERT_OK_AND_ASSIGN(const std::string lines,
                       FormatJson(rows, {.shape = JsonShape::kLines, .skip_nulls = true}));
  EXPECT_TRUE(lines.ends_with("\n{}\n"));
  ASSERT_OK_AND_ASSIGN(const std::string none, FormatJson(Table::Empty(rows.schema())));
  EXPECT_EQ(none, "[]");
}

TEST(JsonWriterTest, ManyRowsAreOneArrayInOrder) {
  std::string numbers = "[", expected = "[";
  for (int i = 0; i < 30'000; ++i) {
    numbers += (i ? "," : "") + std::to_string(i);
    expected += (i ? ",{\"n\":" : "{\"n\":") + std::to_string(i) + "}";
  }
  TemporaryFolder folder;
  const Table rows = TestTable({{"n", "int64", numbers + "]"}});
  ASSERT_OK(WriteJson(rows, folder.path / "n.json"));
  ASSERT_OK_AND_ASSIGN(const std::string text, ReadFile(folder.path / "n.json"));
  EXPECT_EQ(text, expected + "]");
  ASSERT_OK(WriteJson(rows, folder.path / "n.ndjson.zst", {.shape = JsonShape::kLines}));
  ASSERT_OK_AND_ASSIGN(const Table read, ReadJson(folder.path / "n.ndjson.zst"));
  EXPECT_EQ(Rows(read), Rows(rows));
}

TEST(JsonWriterTest, AColumnNamedTwiceIsRefused) {
  const auto rows = *TestTable({{"a", "int64", "[1]"}}).Load();
  const auto twice =
      arrow::Table::Make(arrow::schema({rows->field(0), rows->field(0)}),
                         arrow::ChunkedArrayVector{rows->column(0), rows->column(0)});
  EXPECT_ERROR(FormatJson(Table::FromArrow(twice)), Code::kInvalid, "\"a\" is there twice");
}

}  // namespace
}  // namespace catchment::columnar
