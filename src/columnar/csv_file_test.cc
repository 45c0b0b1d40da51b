#include "columnar/csv_file.h"

#include "base/digest.h"
#include "base/file.h"
#include "columnar/test.h"

namespace catchment::columnar {
namespace {

std::shared_ptr<arrow::Schema> SchemaOf(
    const std::vector<std::pair<std::string, std::string>>& columns) {
  arrow::FieldVector fields;
  for (const auto& [name, type] : columns) {
    const bool required = type.ends_with('!');
    fields.push_back(
        arrow::field(name, *TypeFromName(type.substr(0, type.size() - required)), !required));
  }
  return arrow::schema(fields);
}

std::string Read(const std::string& text, const CsvReadOptions& options = {}) {
  const auto table = ParseCsv(text, "t.csv", options);
  return table.ok() ? Columns(*table) + "\n" + Rows(*table) : table.error().message;
}

TEST(CsvReaderTest, TypesAreInferredFromTheFirstRows) {
  EXPECT_EQ(Read("a,b,c,d,e,f,g,h\n1,1.5,true,2026-01-28,2026-01-28T00:10:00Z,x,007,\n,,,,,,,\n"),
            "a:int64 b:float64 c:bool d:date32 e:timestamp[us, UTC] f:text g:text h:text\n"
            "{\"a\":1,\"b\":1.5,\"c\":true,\"d\":\"2026-01-28\",\"e\":\"2026-01-28T00:10:00Z\","
            "\"f\":\"x\",\"g\":\"007\","
            "\"h\":null}\n"
            "{\"a\":null,\"b\":null,\"c\":null,\"d\":null,\"e\":null,\"f\":null,\"g\":null,\"h\":"
            "null}\n");
  EXPECT_EQ(Read("a\n1\nx\n", {.infer_rows = 1}),
            "t.csv:3:1: column \"a\": expected int64 (as the first 1 rows; declare the type), "
            "found \"x\"");
}

TEST(CsvReaderTest, DeclaredColumnsAreFoundByNameInAnyOrder) {
  const CsvReadOptions options{
      .schema = SchemaOf({{"price", "decimal(10,5)"}, {"time", "ts"}, {"n", "int16"}})};
  EXPECT_EQ(Read("n,time,price\r\n7,2026-01-28 00:10,0.1\r\n", options),
            "price:decimal(10,5) time:ts "
            "n:int16\n{\"price\":0.10000,\"time\":\"2026-01-28T00:10:00Z\",\"n\":7}\n");
  EXPECT_EQ(Read("n,tme,price\n", options),
            "t.csv:1: there is no column \"time\"; did you mean \"tme\"?");
  EXPECT_EQ(Read("n,time,price,x\n", options),
            "t.csv:1: column \"x\" is not declared; declare it, or let unknown columns be ignored");
  CsvReadOptions lenient = options;
  lenient.ignore_unknown_columns = lenient.missing_columns_are_null = true;
  EXPECT_EQ(Read("n,x\n7,8\n", lenient),
            "price:decimal(10,5) time:ts n:int16\n{\"price\":null,\"time\":null,\"n\":7}\n");
}

TEST(CsvReaderTest, WithoutHeaderColumnsAreFoundByPosition) {
  EXPECT_EQ(Read("1|x\n2|y\n", {.delimiter = '|', .header = false}),
            "column1:int64 "
            "column2:text\n{\"column1\":1,\"column2\":\"x\"}\n{\"column1\":2,\"column2\":\"y\"}\n");
  EXPECT_EQ(Read("1\n", {.schema = SchemaOf({{"a", "int64"}, {"b", "text"}}), .header = false}),
            "t.csv:1: 1 fields, expected 2; is the line cut short, or a delimiter missing?");
}

TEST(CsvReaderTest, ErrorsNameFileLineColumnAndWhatWasExpected) {
  EXPECT_EQ(Read("a,b,c,d,e\n1,2,3,4,5\n1,2,3\n"),
            "t.csv:3: 3 fields, expected 5; is the line cut short, or a delimiter missing?");
  EXPECT_EQ(Read("a,b\n1,2,3\n"),
            "t.csv:2: 3 fields, expected 2; quote the texts that hold a delimiter");
  const CsvReadOptions options{.schema = SchemaOf({{"name", "text"}, {"price", "float64!"}})};
  EXPECT_EQ(
      Read("name,price\n\"ä\nx\",abc\n", options),
      "t.csv:3:4: column \"price\": expected float64, found \"abc\"; mend the value, or declare "
      "the column as text");
  EXPECT_EQ(Read("name,price\nx,\n", options),
            "t.csv:2:3: column \"price\": expected float64, found nothing; fill it in");
  EXPECT_EQ(Read("name,price\n\"x\"y,1\n", options),
            "t.csv:2:1: expected a delimiter or the line's end after a quoted field; quotes inside "
            "one are doubled");
  EXPECT_EQ(Read("name,price\nx,1\n\"x,1\ny,2\n", options),
            "t.csv:3: a quoted field begins here and never ends; close the quote");
  EXPECT_EQ(Read("id,cost\nx,1\n", options),
            "t.csv:1: there is no column \"name\"; the first line has id, cost");
  EXPECT_EQ(Read("<!DOCTYPE html>\n<p>\n", options),
            "t.csv:1: there is no column \"name\"; this looks like HTML: a login or error page in "
            "place of data?");
  EXPECT_EQ(Read("name,price\n\xff,1\n", options), "t.csv:2: not UTF-8; convert the file first");
  using namespace std::string_literals;
  const std::string nul =
      "a NUL byte, which no text has: is the file damaged, or UTF-16? Write it again as UTF-8";
  EXPECT_EQ(Read("name,price\na,1\nb\0c,2\n"s, options), "t.csv:3:2: " + nul);
  EXPECT_EQ(Read("name,price\n\"a\n\0\",1\n"s, options), "t.csv:3:1: " + nul);
  EXPECT_EQ(Read("na\0me,price\na,1\n"s, options), "t.csv:1:3: " + nul);
  EXPECT_EQ(Read("a,a\n"), "t.csv:1:3: column \"a\" is there twice");
  EXPECT_EQ(Read(""), "t.csv: empty; expected a header");
}

TEST(CsvReaderTest, ValuesOutOfRangeAreNotBent) {
  for (const auto& [type, text] :
       std::vector<std::pair<std::string, std::string>>{{"int8", "128"},
                                                        {"uint8", "-1"},
                                                        {"int64", "9223372036854775808"},
                                                        {"int64", "1.0"},
                                                        {"int64", " 1"},
                                                        {"float64", "1,5"},
                                                        {"float64", "1e999"},
                                                        {"bool", "yes"},
                                                        {"date32", "2026-02-30"},
                                                        {"ts", "2026-01-28T25:00:00Z"},
                                                        {"decimal(4,2)", "100.00"},
                                                        {"decimal(4,2)", "1.005"},
                                                        {"ts", "9999-01-01T00:00:00Z"}}) {
    const auto got =
        ParseCsv("a\n\"" + text + "\"\n", "t.csv", {.schema = SchemaOf({{"a", type}})});
    EXPECT_ERROR(got, Code::kInvalid, "expected " + type);
  }
}

TEST(CsvReaderTest, NullsAreToldFromEmptyTextByQuotes) {
  EXPECT_EQ(Read("a,b\n,\"\"\nNA,\"NA\"\n", {.null_texts = {"", "NA"}}),
            "a:text b:text\n{\"a\":null,\"b\":\"\"}\n{\"a\":null,\"b\":\"NA\"}\n");
  EXPECT_EQ(Read("a\n1\n\n2\n"), "a:int64\n{\"a\":1}\n{\"a\":null}\n{\"a\":2}\n");
  EXPECT_EQ(Read("a,b\n1,2\n\n3,4"), "a:int64 b:int64\n{\"a\":1,\"b\":2}\n{\"a\":3,\"b\":4}\n");
}

TEST(CsvReaderTest, QuotesLineEndsAndAByteOrderMarkAreRead) {
  EXPECT_EQ(Read("\xEF\xBB\xBF\"a\",b\r\n\"x,\r\n\"\"y\"\"\",z\"z\r\n"),
            "a:text b:text\n{\"a\":\"x,\\r\\n\\\"y\\\"\",\"b\":\"z\\\"z\"}\n");
}

TEST(CsvReaderTest, LongRecordsCrossTheBufferAndLimitsHold) {
  const std::string big(3 << 20, 'x');
  const auto read = ParseCsv("a,b\n\"" + big + "\"\"\",1\n2,3\n", "t.csv");
  ASSERT_OK(read);
  EXPECT_EQ(read->num_rows(), 2);
  EXPECT_NE(Rows(*read).find(big + "\\\"\",\"b\":1}"), std::string::npos);
  EXPECT_EQ(Read("a\n\"" + big + "\"\n", {.max_field_bytes = 1 << 20}),
            "t.csv:2:1: a field of over 1048576 bytes");
  EXPECT_EQ(Read("a\n1\n2\n3\n", {.max_rows = 2}), "t.csv: over 2 rows");
  EXPECT_EQ(Read("a,b,c\n", {.max_columns = 2}), "t.csv:1: over 2 fields in one record");
}

TEST(CsvWriterTest, ValuesHaveTheirShortestTextAndQuotesWhereNeeded) {
  const Table rows = TestTable(
      {{"f", "float64", "[0.1, 3, 1e-5, 0.0001, 100000, 1e22, 1234567890123456, NaN, null]"},
       {"s", "text", R"(["a", "b,c", "\"q\"", "l\nm", "", null, "ü", " x", "r\r"])"},
       {"t", "ts", "[0, 1, 1769559000000, null, -1, 0, 0, 0, 0]"}});
  ASSERT_OK_AND_ASSIGN(const std::string text, FormatCsv(rows));
  EXPECT_EQ(text,
            "f,s,t\n0.1,a,1970-01-01T00:00:00Z\n3.0,\"b,c\",1970-01-01T00:00:00.001Z\n"
            "1e-05,\"\"\"q\"\"\",2026-01-28T00:10:00Z\n0.0001,\"l\nm\",\n100000.0,\"\",1969-12-"
            "31T23:59:59.999Z\n"
            "1e+22,,1970-01-01T00:00:00Z\n1234567890123456.0,ü,1970-01-01T00:00:00Z\nNaN, "
            "x,1970-01-01T00:00:00Z\n"
            ",\"r\r\",1970-01-01T00:00:00Z\n");
}

TEST(CsvWriterTest, EqualNeighboursHaveEqualTextAndZeroesKeepTheirSign) {
  const Table rows = TestTable(
      {{"d", "float64", "[0, 0, -0.0, 0.1, null, 0.1, NaN, 0.1, -1.7976931348623157e308]"},
       {"f", "float32", "[0, 0, -0.0, 0.1, null, 0.1, NaN, 0.1, -3.4028235e38]"},
       {"i", "int64", "[0, 0, 1, 1, null, 1, 1, 1, -9223372036854775808]"}});
  ASSERT_OK_AND_ASSIGN(const std::string text, FormatCsv(rows, {.header = false}));
  EXPECT_EQ(text,
            "0.0,0.0,0\n0.0,0.0,0\n-0.0,-0.0,1\n0.1,0.1,1\n,,\n0.1,0.1,1\nNaN,NaN,1\n0.1,0.1,1\n"
            "-1.7976931348623157e+308,-3.4028235e+38,-9223372036854775808\n");
}

TEST(CsvWriterTest, NullTextsMayDifferByColumn) {
  const Table rows = TestTable(
      {{"score", "int64", "[null]"}, {"zone", "text", "[null]"}, {"x", "text", "[\"N/A\"]"}});
  ASSERT_OK_AND_ASSIGN(
      const std::string text,
      FormatCsv(rows, {.header = false, .null_text = "N/A", .null_texts = {{"score", "-1"}}}));
  EXPECT_EQ(text, "-1,N/A,\"N/A\"\n");
  EXPECT_ERROR(FormatCsv(rows, {.null_texts = {{"nix", ""}}}), Code::kInvalid, "\"nix\"");
}

TEST(CsvWriterTest, WhatIsWrittenReadsBackThroughEveryCompression) {
  std::string numbers = "[", texts = "[";
  for (int i = 0; i < 40'000; ++i) {
    numbers += (i ? "," : "") + std::to_string(i * 0.1);
    texts += (i ? "," : "") + (i % 5 == 0 ? "null" : "\"v" + std::to_string(i) + "\"");
  }
  const Table rows = TestTable({{"f", "float64", numbers + "]"}, {"s", "text", texts + "]"}});
  TemporaryFolder folder;
  for (const std::string name : {"t.csv", "t.csv.gz", "t.csv.zst"}) {
    const auto path = folder.path / name;
    ASSERT_OK_AND_ASSIGN(const WrittenText written, WriteCsv(rows, path));
    EXPECT_EQ(written.rows, 40'000);
    ASSERT_OK_AND_ASSIGN(const std::string bytes, ReadFile(path));
    EXPECT_EQ(written.sha256, Sha256Hex(bytes));
    ASSERT_OK_AND_ASSIGN(const Table read, ReadCsv(path));
    EXPECT_EQ(Rows(read), Rows(rows)) << name;
  }
}

TEST(CsvWriterTest, ColumnsMayHaveNoNameOrAStrangeOne) {
  ASSERT_OK_AND_ASSIGN(
      const std::string text,
      FormatCsv(TestTable(
          {{"", "int64", "[1]"}, {"a,\"b", "int64", "[2]"}, {"\xEF\xBB\xBFx", "int64", "[3]"}})));
  EXPECT_EQ(text, ",\"a,\"\"b\",\"\xEF\xBB\xBFx\"\n1,2,3\n");
}

TEST(CsvWriterTest, GzipHasNoNameAndNoTime) {
  TemporaryFolder folder;
  ASSERT_OK(WriteCsv(TestTable({{"a", "int64", "[1]"}}), folder.path / "a.csv.gz"));
  ASSERT_OK_AND_ASSIGN(const std::string bytes, ReadFile(folder.path / "a.csv.gz"));
  EXPECT_EQ(bytes[3], 0) << "flags: no name, no comment";
  EXPECT_EQ(bytes.substr(4, 4), std::string(4, '\0')) << "time";
}

}  // namespace
}  // namespace catchment::columnar
