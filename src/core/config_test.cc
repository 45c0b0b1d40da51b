#include "core/config.h"

#include <fstream>

#include "base/test.h"

namespace catchment::core {
namespace {

std::string Problems(std::string_view text) {
  ConfigText read = ReadConfigText(text, "catchment.yaml");
  return read.problems.empty() ? "" : ProblemsError(read.problems).message;
}

constexpr std::string_view kDesign = R"(environments:
  local: {lake: ./lake}
  prod:  {lake: "s3://EXAMPLE/_catchment", exports: {default: "s3://EXAMPLE/", archive: "s3://EXAMPLE-SHARE/"}, region: us-west-2,
          vars: {timestream_database: example}}
  test:  {lake: "s3://EXAMPLE-test/_catchment", exports: {default: "s3://EXAMPLE-test/"}, reads: prod, suffix: -test, budgets: {share: prod, use: 10%},
          vars: {timestream_database: example}, exec: [mine]}
  batch: {lake: "s3://{param.s3Bucket}/_catchment"}
identities:
  aws-scores:
    from: ["secretsmanager:/spotlake/aws-scores", "file:x.csv"]
    format: csv
    budget: {configurations: 50, window: 24h, rate: 5/s, burst: 10}
)";

TEST(ConfigTest, ReadsWhatTheDesignShows) {
  const ConfigText read = ReadConfigText(kDesign, "folder/catchment.yaml");
  ASSERT_TRUE(read.problems.empty()) << read.problems[0].ToString();
  const Config& config = read.config;
  EXPECT_EQ(config.folder, "folder");
  ASSERT_OK_AND_ASSIGN(const Environment test, config.FindEnvironment("test"));
  EXPECT_EQ(test.reads, "prod");
  EXPECT_EQ(test.suffix, "-test");
  EXPECT_EQ(test.budget_percent, 10);
  EXPECT_EQ(test.exec, std::vector<std::string>{"mine"});
  EXPECT_EQ(config.environments.at("prod").exports.at("archive"), "s3://EXAMPLE-SHARE/");
  EXPECT_EQ(config.identities.at("aws-scores").budget["configurations"], 50);
  EXPECT_TRUE(config.identities.contains("azure"));  // the default stays
}

TEST(ConfigTest, WithoutAFileThereIsALocalEnvironment) {
  TemporaryFolder folder;
  ASSERT_OK_AND_ASSIGN(const Config config, FindConfig(folder.path));
  EXPECT_TRUE(config.file.empty());
  ASSERT_OK_AND_ASSIGN(const Environment local, config.FindEnvironment("local"));
  EXPECT_EQ(local.lake, "./lake");
  EXPECT_EQ(local.state, ".catchment");
  EXPECT_EQ(config.identities.at("azure").from["tenant_id"], "env:AZURE_TENANT_ID");
  EXPECT_ERROR(config.FindEnvironment("locall"), Code::kInvalid, "did you mean 'local'?");
}

TEST(ConfigTest, IsFoundUpwards) {
  TemporaryFolder folder;
  std::filesystem::create_directories(folder.path / "a" / "b");
  std::ofstream(folder.path / "catchment.yaml") << kDesign;
  ASSERT_OK_AND_ASSIGN(const Config config, FindConfig(folder.path / "a" / "b"));
  EXPECT_EQ(config.folder, folder.path);
  EXPECT_TRUE(config.environments.contains("prod"));
}

// H29 secrets_in_template: a text where a reference belongs is refused, and not repeated.
TEST(ConfigTest, TellsAllProblems) {
  const std::string problems = Problems(
      "environments:\n  prod: {lak: x}\n  test: {lake: y, reads: prd, budgets: {use: 0%}}\n"
      "  bad: {lake: \"{env.x}\"}\nidentities:\n  a: {from: hunter2}\n");
  EXPECT_NE(problems.find("2:10: unknown key 'lak' in environment 'prod'; did you mean 'lake'?"),
            std::string::npos)
      << problems;
  EXPECT_NE(problems.find("there is no environment 'prd'; did you mean 'prod'?"),
            std::string::npos);
  EXPECT_NE(problems.find("'0%' is not a share"), std::string::npos);
  EXPECT_NE(problems.find("only {param.NAME} may stand in it"), std::string::npos);
  EXPECT_NE(problems.find("expected a reference such as env:NAME"), std::string::npos);
  EXPECT_EQ(problems.find("hunter2"), std::string::npos);  // it may be a secret
}

}  // namespace
}  // namespace catchment::core
