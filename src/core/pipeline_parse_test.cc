#include "core/pipeline_parse.h"

#include "base/test.h"
#include "core/pipeline_schema.h"

namespace catchment::core {
namespace {

Catalogue SmallCatalogue() {
  Catalogue catalogue;
  catalogue.sources = {
      {.name = "azure.retail_prices",
       .keys = {{.name = "ondemand_refresh", .type = "duration", .help = "", .allowed = {}}},
       .outputs = {},
       .help = ""},
      {.name = "azure.placement_scores",
       .keys = {{.name = "zones", .type = "bool", .help = "", .allowed = {}},
                {.name = "counts", .type = "list", .help = "", .allowed = {}}},
       .outputs = {"plan", "scores"},
       .help = ""},
      {.name = "stac.items", .keys = {}, .looks_back = true, .outputs = {}, .help = ""}};
  catalogue.transforms = {
      {.name = "diff",
       .keys = {{.name = "key", .type = "list", .required = true, .help = "columns", .allowed = {}},
                {.name = "t2", .type = "text", .help = "", .allowed = {"at_least", "exactly"}}},
       .outputs = {},
       .help = ""},
      {.name = "stac_month",
       .keys = {{.name = "schema", .type = "text", .help = "", .allowed = {}}},
       .outputs = {"links", "days"},
       .help = ""}};
  catalogue.sinks = {
      {.name = "slack",
       .keys = {{.name = "url", .type = "any", .required = true, .help = "", .allowed = {}}},
       .outputs = {},
       .notifies = true,
       .help = ""},
      {.name = "file", .keys = {}, .outputs = {}, .help = ""}};
  catalogue.export_formats = {"json", "csv.gz", "parquet"};
  return catalogue;
}

PipelineText Read(std::string_view text) {
  PipelineSurroundings around;
  around.file_exists = [](const std::string& name) { return name != "missing.sql"; };
  return ReadPipelineText(text, "p/pipeline.yaml", SmallCatalogue(), around);
}

/// The problems of a text, one a line.
std::string ParseProblems(std::string_view text) {
  PipelineText read = Read(text);
  return read.problems.empty() ? "" : ProblemsError(read.problems).message;
}

constexpr std::string_view kAzure = R"(pipeline: azure-spot
description: prices
schedule: {cron: "*/10 * * * *", timezone: UTC, start: 2026-01-01, missed: last, window: 30m, overlap: skip}
timeout: 9m
parameters:
  zones: {type: bool, default: true, help: ask for scores per availability zone}
tasks:
  price:     {source: azure.retail_prices, refresh: 6h, with: {ondemand_refresh: 24h}}
  placement: {source: azure.placement_scores, needs: [price], required: false, with: {zones: "{param.zones}", counts: [1, 5]}}
  snapshot:  {sql: snapshot.sql, needs: [price, placement.scores]}
  changes:   {transform: diff, needs: [snapshot], with: {key: [a, b], t2: at_least}}
  hello:     {exec: [echo, hi], needs: [snapshot], outputs: [greeting]}
  plan:      {read: other, newest_for: slot_date, optional: true, else: {run: other}}
contract:
  snapshot: {key: [a], rows: {min: 1, drop_at_most: 20%}, columns: {spot_price: {range: [0, ], not_null: true}, score: {range: "(0, 3]"}}}
publish:
  snapshot: {mode: replace}
  scores:   {from: placement.scores, mode: append, partition: [date]}
  coverage: {from: run.coverage, mode: append, partition: [date]}
exports:
  - {table: snapshot, as: json, path: "latest_data/latest_azure.json"}
  - {table: snapshot, as: csv.gz, path: "rawdata/azure/{slot:%Y/%m/%d/%H-%M-%S}.csv.gz", root: default}
sinks:
  - {kind: slack, on: [failed, gap], url: ["ssm:x", "env:y"]}
test_reads: [price]
)";

TEST(PipelineParseTest, ReadsWhatTheDesignShows) {
  const PipelineText read = Read(kAzure);
  ASSERT_TRUE(read.problems.empty()) << read.problems[0].ToString();
  const Pipeline& pipeline = read.pipeline;
  EXPECT_EQ(pipeline.name, "azure-spot");
  EXPECT_EQ(pipeline.dataset, "azure-spot");
  EXPECT_EQ(pipeline.timeout, std::chrono::minutes(9));
  EXPECT_EQ(pipeline.schedule.window, std::chrono::minutes(30));
  ASSERT_EQ(pipeline.tasks.size(), 6u);
  EXPECT_EQ(pipeline.tasks[0].refresh, std::chrono::hours(6));
  EXPECT_FALSE(pipeline.tasks[0].looks_back);
  EXPECT_FALSE(pipeline.tasks[1].required);
  EXPECT_EQ(pipeline.tasks[1].with["counts"], nlohmann::json({1, 5}));
  EXPECT_EQ(pipeline.tasks[4].command, (std::vector<std::string>{"echo", "hi"}));
  EXPECT_EQ(pipeline.tasks[5].otherwise->run, "other");
  ASSERT_EQ(pipeline.contracts.size(), 1u);
  EXPECT_EQ(pipeline.contracts[0].drop_at_most, 0.2);
  EXPECT_EQ(pipeline.contracts[0].columns[0].minimum, 0);
  EXPECT_FALSE(pipeline.contracts[0].columns[0].maximum.has_value());
  EXPECT_TRUE(pipeline.contracts[0].columns[1].minimum_exclusive);
  EXPECT_EQ(pipeline.publish[1].mode, TableMode::kAppend);
  EXPECT_TRUE(pipeline.exports[0].slotless());
  EXPECT_FALSE(pipeline.exports[1].slotless());
  EXPECT_EQ(pipeline.sinks[0].with["url"][1], "env:y");
}

TEST(PipelineParseTest, ReadsPeriodsAndForEach) {
  const PipelineText read = Read(R"(pipeline: hls-stac
dataset: "hls-stac/{collection}"
for_each: {collection: "{param.collections}"}
slot: {period: month, first: {HLSL30_2.0: 2013-04, HLSS30_2.0: 2015-11}, open: "{param.settle}", recheck: {last: 3, every: 7d}}
schedule: {cron: "30 5 * * *", timezone: UTC, missed: last, window: 12h, overlap: allow}
parameters:
  collections: {type: list, default: [HLSL30_2.0, HLSS30_2.0]}
  settle: {type: duration, default: 10d}
  complete: {type: percent, default: 99.9%}
  yearMonth: {alias: slot}
tasks:
  items: {source: stac.items}
  month: {transform: stac_month, needs: [items], with: {schema: "schema/{collection}.json"}}
contract:
  month: {key: [id], rows: {min: 1}, complete: {at_least: "{param.complete}", below: hold}, shrink: false}
publish:
  items: {from: month, mode: partition, partition: [year, month]}
  links: {from: month.links, mode: partition, partition: [year, month]}
exports:
  - {table: items, as: parquet, path: "{layout}"}
)");
  ASSERT_TRUE(read.problems.empty()) << read.problems[0].ToString();
  EXPECT_EQ(read.pipeline.slot.period, Period::kMonth);
  EXPECT_EQ(read.pipeline.slot.first.at("HLSS30_2.0"), "2015-11");
  EXPECT_EQ(read.pipeline.slot.recheck_last, 3);
  EXPECT_EQ(read.pipeline.for_each->variable, "collection");
  EXPECT_EQ(read.pipeline.contracts[0].complete_at_least, "{param.complete}");
  EXPECT_TRUE(read.pipeline.tasks[0].looks_back);
}

TEST(PipelineParseTest, TellsAllProblemsAtOnceWithTheirPlaces) {
  EXPECT_EQ(
      ParseProblems(R"(pipeline: x
shedule: {}
tasks:
  price: {sourse: azure.retail_prices}
  placement: {source: azure.placement_score, needs: [prise]}
  snapshot: {sql: missing.sql, needs: [placement]}
)"),
      "p/pipeline.yaml:2:1: unknown key 'shedule' in the pipeline file; did you mean 'schedule'?\n"
      "p/pipeline.yaml:4:10: task 'price': give one of source, sql, transform, read and exec\n"
      "p/pipeline.yaml:4:11: unknown key 'sourse' in task 'price'; did you mean 'source'?\n"
      "p/pipeline.yaml:5:3: task 'placement' needs: there is no task 'prise'; did you mean "
      "'price'?\n"
      "p/pipeline.yaml:5:23: there is no source 'azure.placement_score'; did you mean "
      "'azure.placement_scores'?\n"
      "p/pipeline.yaml:6:3: sql: there is no file p/missing.sql");
}

// Found by fuzzing: `~` was a valid pipeline without tasks.
TEST(PipelineParseTest, RefusesWhatSaysNothing) {
  for (const char* text : {"~", "null", "--- \n"}) {
    EXPECT_NE(ParseProblems(text).find("the pipeline file: empty"), std::string::npos) << text;
  }
}

TEST(PipelineParseTest, NamesACycle) {
  EXPECT_NE(
      ParseProblems(
          "pipeline: x\ntasks:\n  a: {sql: a.sql, needs: [b]}\n  b: {sql: b.sql, needs: [c]}\n"
          "  c: {sql: c.sql, needs: [a]}\n")
          .find("tasks need each other in a circle: a → b → c → a"),
      std::string::npos);
}

TEST(PipelineParseTest, ChecksTablesOfTasks) {
  const std::string text =
      "pipeline: x\ntasks:\n  p: {source: azure.placement_scores}\n"
      "  s: {sql: a.sql, needs: [p.scoers]}\npublish:\n  t: {from: p.plam}\n";
  EXPECT_NE(ParseProblems(text).find("has no table 'scoers'; did you mean 'scores'?"),
            std::string::npos);
  EXPECT_NE(ParseProblems(text).find("has no table 'plam'; did you mean 'plan'?"),
            std::string::npos);
}

TEST(PipelineParseTest, ChecksWhatComponentsTake) {
  const std::string problems = ParseProblems(
      "pipeline: x\ntasks:\n  p: {source: azure.placement_scores, with: {zone: true, counts: 5}}\n"
      "  d: {transform: diff, needs: [p], with: {t2: sometimes}}\n");
  EXPECT_NE(problems.find("unknown key 'zone' for azure.placement_scores; did you mean 'zones'?"),
            std::string::npos);
  EXPECT_NE(problems.find("counts: expected a list such as [a, b], found 5"), std::string::npos);
  EXPECT_NE(problems.find("diff needs 'key'"), std::string::npos);
  EXPECT_NE(problems.find("t2: 'sometimes' is not one of at_least, exactly"), std::string::npos);
}

TEST(PipelineParseTest, ChecksPlaceholders) {
  const std::string problems = ParseProblems(
      "pipeline: x\nparameters: {zones: {type: bool}}\ntasks:\n"
      "  p: {source: azure.placement_scores, with: {zones: \"{param.zone}\"}}\n"
      "publish: {t: {from: p}}\nexports:\n  - {table: t, as: json, path: "
      "\"{slot:%Q}/{layuot}.json\"}\n");
  EXPECT_NE(problems.find("there is no parameter 'zone'; did you mean 'zones'?"),
            std::string::npos);
  EXPECT_NE(problems.find("'%Q' in a time pattern is not known"), std::string::npos);
  EXPECT_NE(problems.find("there is no name 'layuot'; did you mean 'layout'?"), std::string::npos);
  EXPECT_NE(
      ParseProblems(
          "pipeline: x\ntasks: {p: {source: azure.placement_scores, with: {zones: {param.z}}}}")
          .find("expected true or false"),
      std::string::npos);
}

TEST(PipelineParseTest, RefusesKeysThatStandTwice) {
  EXPECT_NE(ParseProblems("pipeline: x\npipeline: y\ntasks: {a: {sql: a.sql}}\n")
                .find("p/pipeline.yaml:2:1: key 'pipeline' stands here twice"),
            std::string::npos);
}

TEST(PipelineParseTest, RefusesAnchorsAliasesAndTags) {
  EXPECT_NE(ParseProblems("a: &x [1]\nb: *x\n").find("anchors (&name) are not supported"),
            std::string::npos);
  EXPECT_NE(ParseProblems("a: !!binary x\n").find("tags"), std::string::npos);
}

TEST(PipelineParseTest, RefusesWhatIsTooLargeTooDeepOrNoText) {
  EXPECT_NE(ParseProblems(std::string((size_t{1} << 20) + 1, ' ')).find("at most 1 MiB"),
            std::string::npos);
  EXPECT_NE(
      ParseProblems(std::string(40, '[') + std::string(40, ']')).find("deeper than 32 levels"),
      std::string::npos);
  EXPECT_FALSE(ParseProblems(std::string(100'000, '[')).empty());
  std::string many = "a: [";
  for (int i = 0; i < 60'000; ++i) many += "1,";
  EXPECT_NE(ParseProblems(many + "]").find("more than 50,000 values"), std::string::npos);
  EXPECT_NE(ParseProblems("pipeline: \xff\n").find("not UTF-8"), std::string::npos);
  EXPECT_NE(ParseProblems("").find("empty"), std::string::npos);
  EXPECT_NE(ParseProblems("a: [1\n").find("not YAML"), std::string::npos);
  EXPECT_NE(ParseProblems("- 1\n").find("expected a map"), std::string::npos);
}

TEST(PipelineParseTest, PathsDoNotLeaveTheirFolders) {
  const std::string problems = ParseProblems(
      "pipeline: x\ntasks: {a: {sql: ../b.sql}}\npublish: {a: {}}\nexports:\n  - {table: a, as: "
      "json, path: /x}\n"
      "  - {table: a, as: json, path: a/../x}\n");
  EXPECT_NE(problems.find("'../b.sql' must be a file in the pipeline's folder"), std::string::npos);
  EXPECT_NE(problems.find("5:"), std::string::npos);
  EXPECT_NE(problems.find("6:"), std::string::npos);
}

TEST(PipelineParseTest, WordsOfOtherSchedulersAreAnswered) {
  EXPECT_NE(
      ParseProblems("pipeline: x\nschedule: {cron: \"61 * * * *\"}\ntasks: {a: {sql: a.sql}}\n")
          .find("2:18: cron minute: '61' is not within 0-59"),
      std::string::npos);
  EXPECT_NE(ParseProblems(
                "pipeline: x\nschedule: {cron: \"@daily\", every: 6h}\ntasks: {a: {sql: a.sql}}\n")
                .find("give one of cron, every and at"),
            std::string::npos);
}

TEST(PipelineSchemaTest, KnowsEveryKeyThatTheParserKnows) {
  const nlohmann::json schema = PipelineSchema(SmallCatalogue());
  EXPECT_FALSE(schema["additionalProperties"].get<bool>());
  const PipelineText read = Read("pipeline: x\nzzzzzzzzzz: 1\ntasks: {a: {sql: a.sql}}\n");
  for (const char* key :
       {"schedule", "slot", "for_each", "parameters", "tasks", "contract", "publish", "exports",
        "sinks", "test_reads", "timeout", "dataset", "description"}) {
    EXPECT_TRUE(schema["properties"].contains(key)) << key;
    const std::string problem = ParseProblems(std::string(key) + "x: 1\n");
    EXPECT_NE(problem.find("did you mean '" + std::string(key) + "'?"), std::string::npos)
        << problem;
  }
}

TEST(PipelineParseTest, AnExportNamesWhatATaskGaveOrATableOfTheRun) {
  const std::string head =
      "pipeline: x\ntasks: {price: {source: azure.retail_prices}, own: {exec: [sh], outputs: "
      "[rows]}, "
      "derived: {sql: a.sql, needs: [own.rows]}}\nexports:\n";
  const auto problems = [&](const std::string& entry) {
    return ParseProblems(head + "  - {" + entry + ", as: json, path: a}\n");
  };
  EXPECT_EQ(problems("from: run.memory"), "");
  EXPECT_NE(problems("from: run.memroy").find("did you mean 'run.memory'"), std::string::npos);
  EXPECT_NE(problems("from: pricee").find("no task 'pricee'; did you mean 'price'"),
            std::string::npos);
  EXPECT_NE(problems("from: derived").find("task 'own' is a program"), std::string::npos);
  EXPECT_NE(problems("from: price, acl: public").find("public-read"), std::string::npos);
  EXPECT_EQ(problems("from: price, acl: public-read"), "");
}

TEST(PipelineParseTest, ASinkMayMakeItsRowsBySql) {
  const std::string head = "pipeline: x\ntasks: {a: {sql: a.sql}}\npublish: {a: {}}\nsinks:\n  - ";
  PipelineText read = Read(head + "{kind: file, table: a, sql: rows.sql}\n");
  EXPECT_TRUE(read.problems.empty());
  ASSERT_EQ(read.pipeline.sinks.size(), 1u);
  EXPECT_EQ(read.pipeline.sinks[0].sql, "rows.sql");
  EXPECT_NE(ParseProblems(head + "{kind: file, table: a, sql: missing.sql}\n").find("no file"),
            std::string::npos);
  EXPECT_NE(
      ParseProblems(head + "{kind: slack, url: u, on: [gap], sql: a.sql}\n").find("name the table"),
      std::string::npos);
  EXPECT_NE(ParseProblems(head + "{kind: file, on: [gap]}\n").find("sends no messages"),
            std::string::npos);
}

}  // namespace
}  // namespace catchment::core
