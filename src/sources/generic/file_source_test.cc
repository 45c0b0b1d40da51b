#include "sources/generic/file_source.h"

#include <arrow/api.h>

#include "base/file.h"
#include "base/test.h"
#include "columnar/compress.h"
#include "columnar/csv_file.h"
#include "columnar/parquet_file.h"
#include "net/fake_transport.h"
#include "sources/generic/file_transport.h"

namespace catchment::sources::generic {
namespace {

class FileSourceTest : public testing::Test {
 protected:
  FileSourceTest() {
    context_.clock = &clock_;
    input_.task = "rows";
    input_.slot = clock_.Now();
    input_.transport = &files_;
    input_.base_folder = folder_.path;
    input_.work_folder = folder_.path / "work";
  }

  void Write(const std::string& name, std::string_view text) {
    ASSERT_OK(WriteFileAtomically(folder_.path / name, text));
  }

  SourceResult Collect(nlohmann::json parameters) {
    input_.parameters = std::move(parameters);
    Result<SourceResult> result = FileSource().make()->Collect(input_, context_);
    EXPECT_OK(result);
    return *std::move(result);
  }

  static std::string Csv(const SourceResult& result) {
    const auto found = result.tables.find("");
    return found == result.tables.end() ? "none: " + result.report.reason
                                        : *columnar::FormatCsv(found->second);
  }

  TemporaryFolder folder_;
  ManualClock clock_{*ParseTime("2026-01-28T00:00:00Z")};
  OpContext context_;
  net::FakeTransport nowhere_{[](const net::Request& request) -> Result<net::Response> {
    return Unavailable("{} was asked of the network", request.url);
  }};
  FileTransport files_{nowhere_};
  SourceInput input_;
};

TEST_F(FileSourceTest, ReadsEveryFormatByItsName) {
  Write("a.csv", "name,price\nx,1.5\ny,\n");
  Write("a.json", R"([{"name":"x","price":1.5},{"name":"y","price":null}])");
  Write("a.ndjson", "{\"name\":\"x\",\"price\":1.5}\n{\"name\":\"y\",\"price\":null}\n");
  Write("b.csv.gz", columnar::GzipDeterministic("name,price\nx,1.5\ny,\n"));
  ASSERT_OK(columnar::WriteParquet(*columnar::ReadCsv(folder_.path / "a.csv"),
                                   folder_.path / "a.parquet"));
  for (const std::string name : {"a.csv", "a.json", "a.ndjson", "b.csv.gz", "a.parquet"}) {
    const SourceResult result = Collect({{"path", name}});
    EXPECT_EQ(Csv(result), "name,price\nx,1.5\ny,\n") << name;
    EXPECT_EQ(result.report.state, SourceState::kLive);
  }
}

TEST_F(FileSourceTest, DeclaredColumnsHaveTheirTypesAndOrder) {
  Write("a.txt", "x;1\nNA;2\n");
  const SourceResult result =
      Collect({{"path", "a.txt"},
               {"format", "csv"},
               {"header", false},
               {"delimiter", ";"},
               {"nulls", {"NA"}},
               {"columns", {{{"name", "name"}}, {{"name", "n"}, {"type", "int16"}}}}});
  EXPECT_EQ(Csv(result), "name,n\nx,1\n,2\n");
  EXPECT_EQ(result.tables.at("").schema()->field(1)->type()->ToString(), "int16");
}

TEST_F(FileSourceTest, AllFilesOfAPatternAreReadInOrderOfTheirNames) {
  Write("d/2/b.csv", "n\n3\n");
  Write("d/1/b.csv", "n\n2\n");
  Write("d/1/a.csv", "n\n1\n");
  Write("d/1/.hidden.csv", "n\n9\n");
  Write("d/1/a.txt", "n\n9\n");
  const SourceResult result = Collect({{"path", "d/*/?.csv"}});
  EXPECT_EQ(Csv(result), "n\n1\n2\n3\n");
  ASSERT_EQ(result.report.coverage.size(), 1u);
  EXPECT_EQ(result.report.coverage[0].unit, "file");
  EXPECT_EQ(result.report.coverage[0].expected, 3);
  EXPECT_EQ(result.report.coverage[0].answered, 3);
}

TEST_F(FileSourceTest, AMissingFileIsUnavailableAndNamesThePattern) {
  for (const std::string path : {"none.csv", "none*.csv", "no/*/x.csv"}) {
    const SourceResult result = Collect({{"path", path}});
    EXPECT_EQ(result.report.state, SourceState::kUnavailable);
    EXPECT_EQ(result.report.error_code, "not_found");
    EXPECT_NE(result.report.reason.find(path), std::string::npos) << result.report.reason;
    EXPECT_EQ(result.report.gaps.size(), 1u);
    EXPECT_TRUE(result.tables.empty());
  }
}

TEST_F(FileSourceTest, ABadRowNamesFileLineColumnAndWhatWasExpected) {
  Write("a.csv", "name,price\nx,1.5\ny,abc\n");
  const SourceResult result =
      Collect({{"path", "a.csv"}, {"columns", {{"name", "text"}, {"price", "float64"}}}});
  EXPECT_EQ(result.report.state, SourceState::kUnavailable);
  EXPECT_EQ(result.report.error_code, "invalid");
  for (const std::string part : {"a.csv:3", "price", "float64", "abc"}) {
    EXPECT_NE(result.report.reason.find(part), std::string::npos) << result.report.reason;
  }
}

TEST_F(FileSourceTest, FilesWithOtherColumnsAreRefused) {
  Write("a.csv", "n\n1\n");
  Write("b.csv", "m\n1\n");
  const SourceResult result = Collect({{"path", "*.csv"}});
  EXPECT_EQ(result.report.state, SourceState::kUnavailable);
  EXPECT_NE(result.report.reason.find("b.csv"), std::string::npos) << result.report.reason;
}

TEST_F(FileSourceTest, WrongParametersAreRefused) {
  const std::pair<nlohmann::json, std::string> wrong[] = {
      {nlohmann::json::object(), "path"},
      {{{"path", "a"}, {"format", "xls"}}, "format"},
      {{{"path", "a"}, {"delimiter", ""}}, "delimiter"},
      {{{"path", "a"}, {"header", false}}, "columns"},
      {{{"path", "a"}, {"columns", {{"n", "flaot64"}}}}, "flaot64"},
      {{{"path", "a"}, {"collumns", 1}}, "did you mean 'columns'"}};
  for (const auto& [parameters, message] : wrong) {
    input_.parameters = parameters;
    EXPECT_ERROR(FileSource().make()->Collect(input_, context_), Code::kInvalid, message);
  }
}

TEST_F(FileSourceTest, NoPathWithDeclaredColumnsIsATableWithoutRows) {
  const SourceResult result = Collect({{"path", ""}, {"columns", {{"name", "text"}}}});
  EXPECT_EQ(Csv(result), "name\n");
  EXPECT_EQ(result.report.state, SourceState::kLive);
  EXPECT_TRUE(result.report.coverage.empty());
}

TEST_F(FileSourceTest, OtherRequestsGoToTheNetwork) {
  net::Request request;
  request.url = "https://example.org/a";
  EXPECT_ERROR(files_.Send(request, context_), Code::kUnavailable, "network");
}

}  // namespace
}  // namespace catchment::sources::generic
