#include "columnar/parquet_file.h"

#include <arrow/record_batch.h>

#include <fstream>

#include "base/digest.h"
#include "base/file.h"
#include "columnar/test.h"

namespace catchment::columnar {
namespace {

Table Everything() {
  return TestTable({{"text", "text!", R"(["a", "ü", ""])"},
                    {"i8", "int8", "[1, null, -3]"},
                    {"u64", "uint64", "[18446744073709551615, 0, null]"},
                    {"f", "float64", "[0.1, null, 3]"},
                    {"b", "bool", "[true, null, false]"},
                    {"day", "date32", "[0, 20000, null]"},
                    {"ms", "ts", "[1, null, -1]"},
                    {"us", "timestamp[us, UTC]", "[1, null, -1]"},
                    {"local", "timestamp[ns]", "[1, null, -1]"},
                    {"price", "decimal(18,5)", R"(["1.50000", null, "-0.00001"])"},
                    {"list", "list<text>", R"([["x", null], [], null])"},
                    {"record", "struct<a:int64,b:list<float64>>",
                     R"([{"a":1,"b":[1.5]}, null, {"a":null,"b":null}])"}});
}

TEST(ParquetFileTest, AllTypesComeBackAsTheyWere) {
  TemporaryFolder folder;
  const auto path = folder.path / "all.parquet";
  ASSERT_OK_AND_ASSIGN(const WrittenFile written, WriteParquet(Everything(), path));
  EXPECT_EQ(written.rows, 3);
  ASSERT_OK_AND_ASSIGN(const std::string bytes, ReadFile(path));
  EXPECT_EQ(written.bytes, static_cast<int64_t>(bytes.size()));
  EXPECT_EQ(written.sha256, Sha256Hex(bytes));
  ASSERT_OK_AND_ASSIGN(const Table read, Table::FromParquetFiles({path}));
  EXPECT_EQ(Columns(read), Columns(Everything()));
  EXPECT_EQ(Rows(read), Rows(Everything()));
  EXPECT_EQ(read.num_rows(), 3);
}

TEST(ParquetFileTest, BytesDoNotDependOnHowRowsArrive) {
  std::string numbers = "[";
  for (int i = 0; i < 5000; ++i) numbers += (i ? "," : "") + std::to_string(i * 7919 % 1000);
  const Table whole = TestTable({{"n", "int64", numbers + "]"}});
  ASSERT_OK_AND_ASSIGN(const auto rows, whole.Load());
  ASSERT_OK_AND_ASSIGN(const auto pieces,
                       Result<Table>(Table::FromArrow(*arrow::ConcatenateTables(
                           {rows->Slice(0, 3), rows->Slice(3, 1700), rows->Slice(1703)}))));
  const ParquetOptions options{.row_group_rows = 1000};
  ASSERT_OK_AND_ASSIGN(const auto one, WriteParquetToBuffer(whole, options));
  ASSERT_OK_AND_ASSIGN(const auto other, WriteParquetToBuffer(pieces, options));
  EXPECT_EQ(one.second.sha256, other.second.sha256);

  TemporaryFolder folder;
  ASSERT_OK_AND_ASSIGN(auto writer,
                       ParquetWriter::Open(folder.path / "s.parquet", whole.schema(), options));
  ASSERT_OK_AND_ASSIGN(auto reader, pieces.Read());
  while (true) {
    ASSERT_OK_AND_ASSIGN(const auto batch, reader->Next());
    if (batch == nullptr) break;
    ASSERT_OK(writer->Write(batch));
  }
  ASSERT_OK_AND_ASSIGN(const WrittenFile streamed, writer->Finish());
  EXPECT_EQ(streamed.sha256, one.second.sha256);
  ASSERT_OK_AND_ASSIGN(const ParquetInfo info, InspectParquet(folder.path / "s.parquet"));
  EXPECT_EQ(info.row_groups, 5);
}

TEST(ParquetFileTest, RangesOfKeyColumnsAreReported) {
  const Table rows = TestTable({{"k", "text", R"(["b", null, "a"])"},
                                {"t", "ts", "[86400000, 0, null]"},
                                {"f", "float64", "[null, null, null]"}});
  ASSERT_OK_AND_ASSIGN(
      const auto written,
      WriteParquetToBuffer(rows, {.row_group_rows = 2, .key_columns = {"k", "t", "f"}}));
  EXPECT_EQ(written.second.ranges.at("k").min, "a");
  EXPECT_EQ(written.second.ranges.at("k").max, "b");
  EXPECT_EQ(written.second.ranges.at("k").nulls, 1);
  EXPECT_EQ(written.second.ranges.at("t").max, "1970-01-02T00:00:00Z");
  EXPECT_TRUE(written.second.ranges.at("f").min.is_null());
  EXPECT_ERROR(WriteParquetToBuffer(rows, {.key_columns = {"x"}}), Code::kInvalid,
               "key column \"x\"");
}

TEST(ParquetFileTest, OnlyAskedColumnsAreReadInTheAskedOrder) {
  TemporaryFolder folder;
  const auto path = folder.path / "all.parquet";
  ASSERT_OK(WriteParquet(Everything(), path));
  ASSERT_OK_AND_ASSIGN(const auto rows, ReadParquet(path, {.columns = {"record", "text"}}));
  EXPECT_EQ(Columns(Table::FromArrow(rows)), "record:struct<a:int64,b:list<float64>> text:text!");
  EXPECT_ERROR(ReadParquet(path, {.columns = {"txt"}}), Code::kNotFound, "did you mean \"text\"?");
}

TEST(ParquetFileTest, DamagedFilesAreCorruptAndNamed) {
  TemporaryFolder folder;
  ASSERT_OK_AND_ASSIGN(const auto good, WriteParquetToBuffer(Everything()));
  const auto path = folder.path / "bad.parquet";
  const std::string& bytes = good.first;
  for (const std::string& bad :
       {std::string(), std::string("PAR1"), bytes.substr(0, bytes.size() / 2),
        std::string(100, 'x'), bytes.substr(0, bytes.size() - 8) + "\xff\xff\xff\x7fPAR1"}) {
    ASSERT_OK(WriteFileAtomically(path, bad));
    EXPECT_ERROR(ReadParquet(path), Code::kCorrupt, "bad.parquet");
    EXPECT_ERROR(Table::FromParquetFiles({path}), Code::kCorrupt, "bad.parquet");
  }
  EXPECT_ERROR(ReadParquet(folder.path / "none.parquet"), Code::kNotFound, "none.parquet");
}

TEST(ParquetFileTest, NoFlippedByteCrashesOrPassesAPageUnnoticed) {
  ASSERT_OK_AND_ASSIGN(const auto good, WriteParquetToBuffer(Everything()));
  const std::string rows = Rows(Everything());
  for (size_t at = 0; at < good.first.size(); ++at) {
    std::string bytes = good.first;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x55);
    const auto read = ReadParquetBytes(bytes, "flipped");
    if (!read.ok()) {
      EXPECT_NE(read.error().message.find("flipped"), std::string::npos) << read.error().message;
    }
  }
}

TEST(ParquetFileTest, NothingAppearsWithoutFinishAndATakenNameIsKept) {
  TemporaryFolder folder;
  const auto path = folder.path / "t.parquet";
  { ASSERT_OK_AND_ASSIGN(auto writer, ParquetWriter::Open(path, Everything().schema())); }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path));
  ASSERT_OK(WriteParquet(Everything(), path, {.durable = false}));
  EXPECT_ERROR(WriteParquet(Everything(), path, {.replace = false}), Code::kExists, "t.parquet");
  EXPECT_ERROR(WriteParquet(Everything(), path, {.durable = false, .replace = false}),
               Code::kExists, "t.parquet");
}

TEST(ParquetFileTest, FilesOfOneTableHaveOneSchema) {
  TemporaryFolder folder;
  ASSERT_OK(WriteParquet(TestTable({{"a", "int64", "[1]"}}), folder.path / "1.parquet"));
  ASSERT_OK(WriteParquet(TestTable({{"a", "int64", "[2]"}}), folder.path / "2.parquet"));
  ASSERT_OK(WriteParquet(TestTable({{"a", "text", "[\"3\"]"}}), folder.path / "3.parquet"));
  ASSERT_OK_AND_ASSIGN(const Table two, Table::FromParquetFiles({folder.path / "1.parquet",
                                                                 folder.path / "2.parquet"}));
  EXPECT_EQ(Rows(two), "{\"a\":1}\n{\"a\":2}\n");
  EXPECT_ERROR(Table::FromParquetFiles({folder.path / "1.parquet", folder.path / "3.parquet"}),
               Code::kInvalid, "column \"a\" is text, not int64");
}

TEST(ParquetFileTest, DictionariesAreWrittenAsTheirValues) {
  const auto type = arrow::dictionary(arrow::int32(), arrow::utf8());
  const auto array = arrow::json::DictArrayFromJSONString(type, "[1, 0, null]", R"(["x", "y"])");
  ASSERT_TRUE(array.ok()) << array.status().message();
  const Table rows = Table::FromArrow(
      arrow::Table::Make(arrow::schema({arrow::field("d", type)}), arrow::ArrayVector{*array}));
  ASSERT_OK_AND_ASSIGN(const auto written, WriteParquetToBuffer(rows));
  ASSERT_OK_AND_ASSIGN(const auto read, ReadParquetBytes(written.first, "d"));
  EXPECT_EQ(read->schema()->field(0)->type()->id(), arrow::Type::STRING);
  EXPECT_EQ(Rows(read), "{\"d\":\"y\"}\n{\"d\":\"x\"}\n{\"d\":null}\n");
}

}  // namespace
}  // namespace catchment::columnar
