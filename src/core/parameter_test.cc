#include "base/test.h"
#include "core/run_spec.h"

namespace catchment::core {
namespace {

Pipeline WithParameters() {
  Pipeline pipeline;
  pipeline.name = "p";
  Parameter counts;
  counts.name = "counts";
  counts.type = "list";
  counts.fallback = {1, 5};
  Parameter threads;
  threads.name = "threads";
  threads.type = "int";
  threads.env = "THREADS";
  threads.fallback = 3;
  Parameter month;
  month.name = "yearMonth";
  month.alias = "slot";
  pipeline.parameters = {counts, threads, month};
  return pipeline;
}

std::optional<std::string> NoVariables(const std::string&) { return std::nullopt; }

TEST(ParameterTest, CommandLineGoesBeforeEnvironmentBeforeFile) {
  const auto variables = [](const std::string& name) {
    return name == "THREADS" ? std::optional<std::string>("9") : std::nullopt;
  };
  EXPECT_EQ((*ResolveParameters(WithParameters(), {}, NoVariables))["threads"], 3);
  EXPECT_EQ((*ResolveParameters(WithParameters(), {}, variables))["threads"], 9);
  EXPECT_EQ((*ResolveParameters(WithParameters(), {{"threads", "7"}}, variables))["threads"], 7);
}

TEST(ParameterTest, EmptyAndUnreplacedTextsAreNotGiven) {
  for (const char* text : {"", "Ref::threads"}) {
    EXPECT_EQ((*ResolveParameters(WithParameters(), {{"threads", text}}, NoVariables))["threads"],
              3);
  }
}

TEST(ParameterTest, TextsBecomeValues) {
  EXPECT_EQ((*ResolveParameters(WithParameters(), {{"counts", "1,5, 10"}}, NoVariables))["counts"],
            nlohmann::json({1, 5, 10}));
  EXPECT_EQ((*ResolveParameters(WithParameters(), {{"slot", "202401"}}, NoVariables))["yearMonth"],
            "202401");
}

TEST(ParameterTest, TellsAllProblems) {
  const auto refused =
      ResolveParameters(WithParameters(), {{"thread", 1}, {"threads", "many"}}, NoVariables);
  EXPECT_ERROR(refused, Code::kInvalid, "p has no parameter 'thread'; did you mean 'threads'?");
  EXPECT_ERROR(refused, Code::kInvalid, "threads: expected a whole number, found 'many'");
}

TEST(PlaceholderTest, ExpandsKnownNamesAndLeavesOtherBracesAlone) {
  PlaceholderValues values;
  values.parameters = {{"zones", true}, {"counts", {1, 5}}};
  values.variables = {{"database", "example"}};
  values.slot = ParseTime("2026-01-28T00:10:00Z").value();
  values.names = {{"layout", "a/b"}};
  EXPECT_EQ(*ExpandPlaceholders("{env.database}/azure {param.counts} {slot:%Y/%m} {layout} {slot}",
                                values),
            "example/azure 1,5 2026/01 a/b 2026-01-28T00:10:00Z");
  EXPECT_EQ(*ExpandPlaceholders("\\d{4} {\"a\": {}} {{layout}} {", values),
            "\\d{4} {\"a\": {}} {layout} {");
  EXPECT_ERROR(ExpandPlaceholders("{param.x}", values), Code::kInvalid, "{param.x}");
  EXPECT_EQ((*ExpandDocument({{"zones", "{param.zones}"}, {"n", 1}}, values))["zones"], true);
}

TEST(PlaceholderTest, ValuesAreNotLookedIntoAgain) {
  PlaceholderValues values;
  values.parameters = {{"a", "{param.b}"}, {"b", "secret"}};
  EXPECT_EQ(*ExpandPlaceholders("{param.a}", values), "{param.b}");
}

}  // namespace
}  // namespace catchment::core
