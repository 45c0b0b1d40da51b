#include "columnar/sql.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>
#include <arrow/table.h>

#include <algorithm>

#include "columnar/parquet_file.h"
#include "columnar/test.h"

namespace catchment::columnar {
namespace {

using std::chrono::microseconds;

std::unique_ptr<SqlEngine> Engine(const std::map<std::string, Table>& tables) {
  auto engine = SqlEngine::Open();
  EXPECT_OK(engine);
  for (const auto& [name, table] : tables) EXPECT_OK((*engine)->AddTable("", name, table));
  return std::move(engine).value();
}

Table Prices() {
  return TestTable({{"region", "text", R"(["eastus", "westus", null])"},
                    {"spot_price", "float64", "[0.1, 0.2, null]"},
                    {"time", "ts", "[0, 600000, null]"}});
}

TEST(SqlTest, AllTypesPassThroughUnchanged) {
  const Table all = TestTable(
      {{"i8", "int8", "[1, null, -128]"},
       {"i16", "int16", "[1, null, -3]"},
       {"i32", "int32", "[1, null, -3]"},
       {"i64", "int64", "[9223372036854775807, null, -3]"},
       {"u8", "uint8", "[255, null, 0]"},
       {"u16", "uint16", "[1, null, 3]"},
       {"u32", "uint32", "[4294967295, null, 3]"},
       {"u64", "uint64", "[18446744073709551615, null, 3]"},
       {"f32", "float32", "[0.5, null, 3]"},
       {"f64", "float64", "[0.1, null, 3]"},
       {"b", "bool", "[true, null, false]"},
       {"s", "text", R"(["a", null, "a longer text with ü in it"])"},
       {"day", "date32", "[0, null, 20000]"},
       {"ms", "ts", "[1, null, -1]"},
       {"us", "timestamp[us, UTC]", "[1, null, -1]"},
       {"s_utc", "timestamp[s, UTC]", "[1, null, -1]"},
       {"ns_local", "timestamp[ns]", "[1, null, -1]"},
       {"us_local", "timestamp[us]", "[1, null, -1]"},
       {"ms_local", "timestamp[ms]", "[1, null, -1]"},
       {"small", "decimal(4,2)", R"(["1.50", null, "-0.01"])"},
       {"big", "decimal(38,5)", R"(["123456789012345678901234567890.00001", null, "0.00000"])"},
       {"l", "list<text>", R"([["x", null], null, []])"},
       {"r", "struct<a:int64,b:list<float64>>",
        R"([{"a":1,"b":[1.5]}, null, {"a":null,"b":null}])"},
       {"ll", "list<struct<x:date32>>", R"([[{"x":1}], null, []])"}});
  ASSERT_OK_AND_ASSIGN(const Table got, Engine({{"t", all}})->Query({"SELECT * FROM t", "q.sql"}));
  EXPECT_EQ(Columns(got), Columns(all));
  EXPECT_EQ(Rows(got), Rows(all));
}

TEST(SqlTest, ManyRowsInOddPiecesKeepTheirOrder) {
  std::string numbers = "[", lists = "[";
  for (int i = 0; i < 10'000; ++i) {
    numbers += (i ? "," : "") + std::to_string(i);
    lists +=
        std::string(i ? "," : "") + (i % 3 == 0 ? "null" : "[\"" + std::to_string(i) + "\",null]");
  }
  const Table whole = TestTable({{"n", "int64", numbers + "]"}, {"l", "list<text>", lists + "]"}});
  ASSERT_OK_AND_ASSIGN(const auto rows, whole.Load());
  const Table pieces = Table::FromArrow(*arrow::ConcatenateTables(
      {rows->Slice(0, 1), rows->Slice(1, 4999), rows->Slice(5000, 0), rows->Slice(5000)}));
  ASSERT_OK_AND_ASSIGN(const Table got, Engine({{"t", pieces}})->Query({"SELECT * FROM t", ""}));
  EXPECT_EQ(Rows(got), Rows(whole));
}

TEST(SqlTest, ADictionaryComesBackAsText) {
  const auto type = arrow::dictionary(arrow::int8(), arrow::utf8());
  const auto array = arrow::json::DictArrayFromJSONString(type, "[1, 0, null]", R"(["x", "y"])");
  const Table rows = Table::FromArrow(
      arrow::Table::Make(arrow::schema({arrow::field("d", type)}), arrow::ArrayVector{*array}));
  ASSERT_OK_AND_ASSIGN(const Table got,
                       Engine({{"t", rows}})->Query({"SELECT d FROM t WHERE d = 'y'", ""}));
  EXPECT_EQ(Columns(got), "d:text");
  EXPECT_EQ(Rows(got), "{\"d\":\"y\"}\n");
}

TEST(SqlTest, FilesAndHeadAreTablesToo) {
  TemporaryFolder folder;
  ASSERT_OK(WriteParquet(Prices(), folder.path / "p.parquet"));
  ASSERT_OK_AND_ASSIGN(const Table file, Table::FromParquetFiles({folder.path / "p.parquet"}));
  auto engine = Engine({{"snapshot", Prices()}});
  ASSERT_OK(engine->AddTable("head", "snapshot", file));
  ASSERT_OK_AND_ASSIGN(
      const Table got,
      engine->Query({"SELECT count(*) n FROM snapshot JOIN head.snapshot h USING (region)", ""}));
  EXPECT_EQ(Rows(got), "{\"n\":2}\n");
  EXPECT_ERROR(engine->AddTable("HEAD", "Snapshot", file), Code::kExists, "head.snapshot");
}

TEST(SqlTest, FilesAreReadWhereTheyLieAndNothingBesideThem) {
  const TemporaryFolder folder;
  const std::filesystem::path root = folder.path / "a=1" / "it's [x]";
  std::vector<std::filesystem::path> paths;
  for (const char* const month : {"01", "02"}) {
    const auto in = root / "year=2024" / (std::string("month=") + month);
    std::filesystem::create_directories(in);
    paths.push_back(in / "p.parquet");
    ASSERT_OK(WriteParquet(Prices(), paths.back()));
  }
  ASSERT_OK(WriteParquet(Prices(), root / "other.parquet"));
  ASSERT_OK_AND_ASSIGN(const auto engine, SqlEngine::Open({.readable_files = paths}));
  ASSERT_OK(
      engine->AddParquetFiles("months", "price", {.paths = paths, .partition = {"year", "month"}}));
  ASSERT_OK(engine->AddView("", "price", "SELECT * FROM months.price", {"months.price"}));
  ASSERT_OK_AND_ASSIGN(
      const Table rows,
      engine->Query(
          {"SELECT year, month, count(*) AS n FROM price GROUP BY ALL ORDER BY month", "q"}));
  EXPECT_EQ(rows.num_rows(), 2);
  EXPECT_EQ(rows.schema()->field(1)->type()->id(), arrow::Type::INT64);
  ASSERT_OK_AND_ASSIGN(const Table all, engine->Query({"SELECT * FROM price", "q"}));
  EXPECT_EQ(all.schema()->num_fields(), Prices().schema()->num_fields() + 2);
  ASSERT_OK_AND_ASSIGN(const Table february,
                       engine->Query({"SELECT * FROM months.price WHERE month = 2", "q"}));
  EXPECT_EQ(february.num_rows() * 2, all.num_rows());
  EXPECT_FALSE(engine->Query({"SELECT * FROM '" + std::string("/etc/passwd") + "'", "q"}).ok());
  const std::string beside = (folder.path / "a=1" / "*" / "other.parquet").string();
  EXPECT_FALSE(engine->Query({"SELECT * FROM read_parquet('" + beside + "')", "q"}).ok());
}

TEST(SqlTest, ParametersAreBound) {
  auto engine = Engine({{"price", Prices()}});
  ASSERT_OK_AND_ASSIGN(const Table got,
                       engine->Query({"SELECT region, $slot AS time, $param_x AS x, $param_n AS n "
                                      "FROM price WHERE region = $param_r",
                                      ""},
                                     {{"slot", Time(microseconds(1'000'000))},
                                      {"param_x", true},
                                      {"param_n", std::monostate()},
                                      {"param_r", std::string("eastus")},
                                      {"param_unused", 1.5}}));
  EXPECT_EQ(Rows(got),
            "{\"region\":\"eastus\",\"time\":\"1970-01-01T00:00:01Z\",\"x\":true,\"n\":null}\n");
  EXPECT_EQ(TypeName(*got.schema()->GetFieldByName("time")->type()), "ts")
      << "as the column of that name";
  EXPECT_ERROR(engine->Query({"SELECT\n $param_why", "a.sql"}, {{"param_who", true}}),
               Code::kInvalid,
               "a.sql:2:2: parameter $param_why is not set; did you mean $param_who?");
}

TEST(SqlTest, ErrorsNameFileLineAndColumn) {
  auto engine = Engine({{"price", Prices()}});
  const auto fails = [&](const std::string& text, const std::string& message) {
    const auto got = engine->Query({text, "snapshot.sql"});
    ASSERT_FALSE(got.ok()) << text;
    EXPECT_EQ(got.error().code, Code::kInvalid) << got.error().message;
    EXPECT_EQ(got.error().message.substr(0, message.size()), message);
  };
  fails("SELECT\n  region,\n  sopt_price\nFROM price",
        "snapshot.sql:3:3: column \"sopt_price\" does not exist; did you mean \"spot_price\"?");
  fails("SELECT 'ä', p.sopt_price FROM price p",
        "snapshot.sql:1:13: table \"p\" does not have a column named \"sopt_price\"; did you mean "
        "\"spot_price\"?");
  fails("SELECT *\nFROM prices",
        "snapshot.sql:2:6: table \"prices\" does not exist; did you mean \"price\"?");
  fails("SELECT rond(1.5)",
        "snapshot.sql:1:8: function \"rond\" does not exist; did you mean \"round\"?");
  fails("SELECT 1 +\nFROM price", "snapshot.sql:2:1: syntax error at or near \"FROM\"");
  fails("SELECT * FROM price WHERE", "snapshot.sql:1:26: syntax error at end of input");
  fails("SELECT 1 AS a, 2 AS a", "snapshot.sql: two columns are named \"a\"");
  fails("SELECT INTERVAL 1 DAY AS d",
        "snapshot.sql: column \"d\" has a type that tables cannot hold");
}

TEST(SqlTest, BindingTellsWhatQueryTellsAndItsColumns) {
  const Table nothing = Table::Empty(Prices().schema());
  const SqlParameters parameters = {{"slot", Time{}}, {"param_days", int64_t{7}}};
  for (const char* text :
       {"SELECT regoin FROM price", "SELECT nosuch(region) FROM price", "SELECT 1, region || 1 + 1",
        "SELECT $slot + region FROM price", "SELECT region, region FROM price",
        "SELECT $slot - time", "SELECT time - time AS age FROM price", "SELECT region FORM price",
        "DELETE FROM price", "SELECT $param_dyas", "SELECT sum(region) FROM price",
        "SELECT region FROM price UNION SELECT"}) {
    const auto queried = Engine({{"price", Prices()}})->Query({text, "a.sql"}, parameters);
    const auto bound = Engine({{"price", nothing}})->Bind({text, "a.sql"}, parameters);
    ASSERT_FALSE(queried.ok()) << text;
    ASSERT_FALSE(bound.ok()) << text;
    EXPECT_EQ(bound.error().message, queried.error().message);
    EXPECT_EQ(bound.error().code, queried.error().code) << text;
  }
  for (const char* text :
       {"SELECT *, spot_price * 2 AS double FROM price WHERE time < $slot",
        "SELECT count(*) AS n, max(time) AS time FROM price",
        "WITH p AS (SELECT * FROM price) SELECT struct_pack(a := region, b := [1]) AS s, NULL AS x "
        "FROM p"}) {
    ASSERT_OK_AND_ASSIGN(const Table rows,
                         Engine({{"price", Prices()}})->Query({text, "a.sql"}, parameters));
    ASSERT_OK_AND_ASSIGN(const auto columns,
                         Engine({{"price", nothing}})->Bind({text, "a.sql"}, parameters));
    ASSERT_NE(columns, nullptr) << text;
    EXPECT_TRUE(columns->Equals(*rows.schema(), /*check_metadata=*/false))
        << columns->ToString() << "\n"
        << rows.schema()->ToString();
  }
  // The type of a column is that of a parameter.
  ASSERT_OK_AND_ASSIGN(
      const auto unknown,
      Engine({{"price", nothing}})->Bind({"SELECT $slot AS slot FROM price", "a.sql"}, parameters));
  EXPECT_EQ(unknown, nullptr);
}

TEST(SqlTest, BindingReadsNoRow) {
  auto engine = Engine({});
  ASSERT_OK_AND_ASSIGN(const auto columns,
                       engine->Bind({"SELECT count(*) AS n, CAST(max(a.range) AS int8) AS m FROM "
                                     "range(1000000000) a, range(1000000000) b",
                                     "a.sql"}));
  ASSERT_NE(columns, nullptr);
  EXPECT_EQ(columns->num_fields(), 2);
}

TEST(SqlTest, WhatFailsForItsRowsIsNoMistakeOfTheText) {
  EXPECT_ERROR(Engine({{"price", Prices()}})
                   ->Query({"SELECT CAST(region AS integer) FROM price", "snapshot.sql"}),
               Code::kCorrupt, "snapshot.sql:1:8: could not convert string 'eastus' to INT32");
}

TEST(SqlTest, OnlyOneSelectIsRun) {
  auto engine = Engine({{"price", Prices()}});
  for (const std::string text :
       {"", "-- nothing", "SELECT 1; SELECT 2", "DROP TABLE price", "INSERT INTO price VALUES (1)",
        "COPY price TO '/tmp/x'", "SET threads = 4", "ATTACH 'x.db'", "INSTALL httpfs",
        "PRAGMA database_list", "CREATE TABLE x AS SELECT 1", "EXPLAIN SELECT 1"}) {
    EXPECT_ERROR(engine->Query({text, "q.sql"}), Code::kInvalid,
                 "q.sql: expected exactly one SELECT");
  }
  ASSERT_OK(engine->Query({"WITH a AS (SELECT 1 x) SELECT x FROM a UNION ALL SELECT 2;", ""}));
  ASSERT_OK(engine->Query({"FROM price", ""}));
}

TEST(SqlTest, NothingOutsideIsReachable) {
  auto engine = Engine({{"price", Prices()}});
  for (const std::string text :
       {"SELECT * FROM '/etc/passwd'", "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM glob('/*')", "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM 'http://127.0.0.1/x.parquet'", "SELECT getenv('HOME')",
        "SELECT * FROM sniff_csv('/etc/passwd')"}) {
    EXPECT_ERROR(engine->Query({text, "q.sql"}, {}, {.allow_volatile = true}), Code::kInvalid,
                 "q.sql");
  }
}

TEST(SqlTest, FunctionsWhoseValueChangesAreRefused) {
  auto engine = Engine({{"price", Prices()}});
  EXPECT_ERROR(engine->Query({"SELECT 1,\n random()", "q.sql"}), Code::kInvalid,
               "q.sql:2:2: random() gives another value");
  for (const std::string text :
       {"SELECT now()", "SELECT current_timestamp", "SELECT current_date", "SELECT uuid()",
        "SELECT NOW()", "SELECT (SELECT today())", "SELECT age(time) FROM price",
        "SELECT * FROM price USING SAMPLE 1", "SELECT * FROM price TABLESAMPLE 10%",
        "SELECT * FROM duckdb_settings()", "SELECT localtimestamp",
        "SELECT * FROM price ORDER BY random()", "WITH a AS (SELECT gen_random_uuid() u) FROM a",
        "SELECT list_transform([1], x -> x + random())", "SELECT current_setting('threads')"}) {
    EXPECT_ERROR(engine->Query({text, "q.sql"}), Code::kInvalid, "gives another value each time");
  }
  ASSERT_OK(engine->Query({"SELECT now() AS t, random() AS r", ""}, {}, {.allow_volatile = true}));
  ASSERT_OK(engine->Query({"SELECT age(time, time)::text a FROM price", ""}));
}

TEST(SqlTest, TheListOfVolatileFunctionsIsDuckDbs) {
  auto engine = Engine({});
  ASSERT_OK_AND_ASSIGN(
      const Table names,
      engine->Query({"SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability <> "
                     "'CONSISTENT' AND "
                     "function_name <> 'error' AND function_type = 'scalar' ORDER BY 1",
                     ""},
                    {}, {.allow_volatile = true}));
  ASSERT_GT(names.num_rows(), 10);
  ASSERT_OK_AND_ASSIGN(const auto rows, names.Load());
  for (int64_t row = 0; row < rows->num_rows(); ++row) {
    const std::string name = (*rows->column(0)->GetScalar(row))->ToString();
    EXPECT_ERROR(InspectSql({"SELECT " + name + "()", ""}), Code::kInvalid, name);
  }
}

TEST(SqlTest, LimitsOfRowsTimeAndMemoryHold) {
  ManualClock clock{Time()};
  std::stop_source stop;
  OpContext context{.clock = &clock, .stop = stop.get_token()};
  auto engine = Engine({});
  EXPECT_ERROR(engine->Query({"SELECT * FROM range(100)", "q.sql"}, {}, {.max_rows = 10}),
               Code::kInvalid, "more than 10 rows");
  ASSERT_OK(engine->Query({"SELECT sum(range) s FROM range(1000)", ""}, {}, {.context = &context}));
  context.deadline = OpContext::Steady::now() + std::chrono::milliseconds(50);
  EXPECT_ERROR(engine->Query({"SELECT count(*) FROM range(1000000000) a, range(1000000) b WHERE "
                              "a.range % 7 = b.range % 3",
                              "q.sql"},
                             {}, {.context = &context}),
               Code::kDeadline, "q.sql");
  ASSERT_OK_AND_ASSIGN(auto small, SqlEngine::Open({.memory_bytes = 32 << 20}));
  EXPECT_ERROR(
      small->Query({"SELECT range::text x, count(*) FROM range(20000000) GROUP BY 1", "q.sql"}),
      Code::kExhausted, "q.sql");
}

/// Rows 0, 1, 2, … in pieces of odd sizes.
Table Counted(int64_t rows) {
  std::vector<std::shared_ptr<arrow::RecordBatch>> pieces;
  const auto schema = arrow::schema({arrow::field("n", arrow::int64())});
  for (int64_t begin = 0, size = 1; begin < rows; begin += size, size = size * 3 + 1) {
    arrow::Int64Builder builder;
    for (int64_t n = begin; n < std::min(rows, begin + size); ++n)
      EXPECT_TRUE(builder.Append(n).ok());
    const auto values = builder.Finish().ValueOrDie();
    pieces.push_back(arrow::RecordBatch::Make(schema, values->length(), {values}));
  }
  return Table::FromArrow(arrow::Table::FromRecordBatches(schema, pieces).ValueOrDie());
}

TEST(SqlTest, SeveralThreadsReadATableInItsOrder) {
  for (const int threads : {1, 4}) {
    ASSERT_OK_AND_ASSIGN(auto engine, SqlEngine::Open({.threads = threads}));
    ASSERT_OK(engine->AddTable("", "t", Counted(300'000)));
    const auto rows = [&](const char* text) {
      auto got = engine->Query({text, "q.sql"});
      EXPECT_OK(got);
      return got.ok() ? Rows(*got) : "";
    };
    EXPECT_EQ(rows("SELECT n FROM t LIMIT 2 OFFSET 200000"), "{\"n\":200000}\n{\"n\":200001}\n");
    EXPECT_EQ(rows("SELECT first(n) AS a, last(n) AS z, count(*) AS c FROM t"),
              "{\"a\":0,\"z\":299999,\"c\":300000}\n");
    EXPECT_EQ(
        rows("SELECT count(*) AS wrong FROM (SELECT n, row_number() OVER () - 1 AS place FROM t) "
             "WHERE n <> place"),
        "{\"wrong\":0}\n");
    EXPECT_EQ(rows("SELECT a.n FROM t AS a JOIN t AS b ON a.n = b.n + 299998 LIMIT 9"),
              "{\"n\":299998}\n{\"n\":299999}\n");
    ASSERT_OK_AND_ASSIGN(const Table all, engine->Query({"SELECT n FROM t WHERE n % 3 = 1", ""}));
    EXPECT_EQ(
        Rows(all),
        Rows(*Engine({{"t", Counted(300'000)}})->Query({"SELECT n FROM t WHERE n % 3 = 1", ""})));
  }
}

TEST(SqlTest, WhatFailsAfterManyRowsEndsTheQueryAndNotTheEngine) {
  auto engine = Engine({{"t", Counted(100'000)}});
  EXPECT_ERROR(
      engine->Query({"SELECT CAST(CASE n WHEN 99999 THEN 'x' ELSE '1' END AS INTEGER) AS i "
                     "FROM t",
                     "q.sql"}),
      Code::kCorrupt, "q.sql");
  EXPECT_ERROR(engine->Query({"SELECT n FROM t", "q.sql"}, {}, {.max_rows = 50'000}),
               Code::kInvalid, "more than 50000 rows");
  ASSERT_OK_AND_ASSIGN(const Table got, engine->Query({"SELECT count(*) AS c FROM t", "q.sql"}));
  EXPECT_EQ(Rows(got), "{\"c\":100000}\n");
}

TEST(SqlTest, SumsOfIntegersAreIntegersAndTooLargeOnesAreErrors) {
  auto engine = Engine({{"t", TestTable({{"n", "int64", "[9223372036854775807, 1]"}})}});
  EXPECT_ERROR(engine->Query({"SELECT sum(n) AS s FROM t", "q.sql"}), Code::kInvalid,
               "column \"s\"");
  ASSERT_OK_AND_ASSIGN(const Table got,
                       engine->Query({"SELECT sum(n) AS s FROM t WHERE n = 1", ""}));
  EXPECT_EQ(Columns(got), "s:int64");
}

TEST(SqlTest, InspectionFindsTablesAndParametersButNotNamesOfWith) {
  ASSERT_OK_AND_ASSIGN(
      const SqlUse use,
      InspectSql({"WITH q AS (SELECT * FROM price WHERE t < $slot) SELECT $param_x, * FROM q JOIN "
                  "head.snapshot USING (k) WHERE k IN (SELECT k FROM other)",
                  ""}));
  EXPECT_EQ(use.tables, (std::vector<std::string>{"other", "price", "head.snapshot"}));
  EXPECT_EQ(use.parameters, (std::vector<std::string>{"param_x", "slot"}));
}

TEST(SqlTest, OnlyTheOutermostOrderByMakesTheOrder) {
  const auto ordered = [](const std::string& text) {
    const auto use = InspectSql({text, ""});
    return use.ok() && use->ordered;
  };
  EXPECT_TRUE(ordered("SELECT * FROM a ORDER BY 1"));
  EXPECT_TRUE(ordered("SELECT * FROM a UNION ALL SELECT * FROM b ORDER BY x"));
  EXPECT_FALSE(ordered("SELECT * FROM a"));
  EXPECT_FALSE(ordered("SELECT * FROM (SELECT * FROM a ORDER BY 1)"));
  EXPECT_FALSE(ordered("SELECT row_number() OVER (ORDER BY x) FROM a -- ORDER BY"));
}

TEST(SqlTest, WithMayHideATableItReads) {
  ASSERT_OK_AND_ASSIGN(const Table got, Engine({{"price", Prices()}})
                                            ->Query({"WITH price AS (SELECT region FROM price "
                                                     "WHERE spot_price > 0.15) SELECT * FROM price",
                                                     ""}));
  EXPECT_EQ(Rows(got), "{\"region\":\"westus\"}\n");
}

TEST(SqlTest, ATableIsFetchedOnlyWhenItIsNamed) {
  ASSERT_OK_AND_ASSIGN(auto engine, SqlEngine::Open());
  int loads = 0;
  ASSERT_OK(engine->AddLazyTable("", "a", [&]() -> Result<Table> {
    ++loads;
    return Prices();
  }));
  ASSERT_OK(engine->AddLazyTable("", "broken",
                                 []() -> Result<Table> { return NotFound("no such publish"); }));
  ASSERT_OK(engine->Query({"SELECT 1 x", ""}));
  EXPECT_EQ(loads, 0);
  ASSERT_OK(engine->Query({"SELECT * FROM A", ""}));
  ASSERT_OK(engine->Query({"SELECT a1.region FROM a a1, a a2", ""}));
  EXPECT_EQ(loads, 1);
  EXPECT_ERROR(engine->Query({"SELECT * FROM broken", "q.sql"}), Code::kNotFound,
               "q.sql: table broken: no such publish");
}

}  // namespace
}  // namespace catchment::columnar
