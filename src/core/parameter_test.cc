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

Pipeline OfMonths() {
  Pipeline pipeline = WithParameters();
  pipeline.slot.period = Period::kMonth;
  pipeline.parameters[1].minimum = 1;
  pipeline.parameters[1].maximum = 31;
  Parameter layout;
  layout.name = "layout";
  layout.allowed = {"auto", "collection", "seed"};
  layout.fallback = "auto";
  Parameter collections;
  collections.name = "collections";
  collections.type = "list";
  collections.allowed = {"HLSL30_2.0", "HLSS30_2.0"};
  Parameter box;
  box.name = "boundingBox";
  box.type = "box";
  for (Parameter* more : {&layout, &collections, &box}) pipeline.parameters.push_back(*more);
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
  EXPECT_EQ((*ResolveParameters(OfMonths(), {{"slot", "202401"}}, NoVariables))["yearMonth"],
            "202401");
}

TEST(ParameterTest, TellsAllProblems) {
  const auto refused =
      ResolveParameters(WithParameters(), {{"thread", 1}, {"threads", "many"}}, NoVariables);
  EXPECT_ERROR(refused, Code::kInvalid, "p has no parameter 'thread'; did you mean 'threads'?");
  EXPECT_ERROR(refused, Code::kInvalid, "threads: expected a whole number, found 'many'");
}

// H19 argument_formats: `2025-01` was refused although documented.
TEST(ParameterTest, AMonthHasTwoFormsAndNoOther) {
  for (const char* text : {"202401", "2024-01"})
    EXPECT_OK(ResolveParameters(OfMonths(), {{"yearMonth", text}}, NoVariables));
  for (const char* text : {"2024-1", "202413", "2024", "24-01", "2024-01-17", "january", "20240"}) {
    const auto refused = ResolveParameters(OfMonths(), {{"yearMonth", text}}, NoVariables);
    ASSERT_FALSE(refused.ok()) << text;
    EXPECT_EQ(refused.error().message, "yearMonth: expected YYYYMM, e.g. 202401");
    EXPECT_EQ(refused.error().code,
              Code::kInvalid);  // H20 bad_argument_retried: exit 2, so that nobody tries again
  }
  EXPECT_TRUE(
      (*ResolveParameters(OfMonths(), {{"yearMonth", "Ref::yearMonth"}}, NoVariables))["yearMonth"]
          .is_null());
}

TEST(ParameterTest, ValuesStayInTheirRangeAndAmongTheAllowedOnes) {
  const auto refused = [](const char* name, const char* text) {
    const auto values = ResolveParameters(OfMonths(), {{name, text}}, NoVariables);
    return values.ok() ? std::string() : values.error().message;
  };
  EXPECT_EQ(refused("threads", "31"), "");
  EXPECT_EQ(refused("threads", "32"), "threads: expected 1 to 31, found 32");
  EXPECT_EQ(refused("threads", "0"), "threads: expected 1 to 31, found 0");
  EXPECT_EQ(refused("layout", "seeds"),
            "layout: expected auto, collection, seed, found 'seeds'; did you mean 'seed'?");
  EXPECT_EQ(refused("collections", "HLSL30_2.0"), "");
  EXPECT_EQ(refused("collections", "HLSL30_2.0,HLSX30"),
            "collections: expected some of HLSL30_2.0, HLSS30_2.0, found 'HLSX30'");
  EXPECT_EQ(refused("collections", ","),
            "collections: expected some of HLSL30_2.0, HLSS30_2.0, found none");
}

// H17 box_ignored: boundingBox was accepted and ignored; every documented form now gives the same
// text.
TEST(ParameterTest, ABoxBecomesItsShortestText) {
  for (const char* text : {"-124.7,32.5,-114.1,42.0", "-124.7/32.5/-114.1/42.0"}) {
    const auto values = ResolveParameters(OfMonths(), {{"boundingBox", text}}, NoVariables);
    ASSERT_OK(values);
    EXPECT_EQ((*values)["boundingBox"], "-124.7,32.5,-114.1,42");
  }
  EXPECT_ERROR(ResolveParameters(OfMonths(), {{"boundingBox", "1,2,3"}}, NoVariables),
               Code::kInvalid, "boundingBox: expected W,S,E,N");
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
