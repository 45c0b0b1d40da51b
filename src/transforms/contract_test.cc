#include "transforms/contract.h"

#include "transforms/test_tables.h"

namespace catchment::transforms {
namespace {

columnar::Table Prices() {
  return TableOf({arrow::field("sku", arrow::utf8()), arrow::field("zone", arrow::utf8()),
                  arrow::field("price", arrow::float64()), arrow::field("score", arrow::int8())},
                 R"([{"sku":"a","zone":null,"price":1.5,"score":3},
                     {"sku":"b","zone":"1","price":0,"score":5},
                     {"sku":"b","zone":"1","price":null,"score":null},
                     {"sku":"C","zone":"2","price":-1,"score":1}])");
}

std::string Outcome(const TableContract& contract, std::optional<int64_t> previous = std::nullopt,
                    const columnar::Table* other = nullptr) {
  const auto verdicts =
      CheckContract(Prices(), contract, previous, [&](const std::string&) { return other; });
  if (!verdicts.ok()) return verdicts.error().message;
  std::string text;
  for (const Verdict& verdict : *verdicts) {
    text += fmt::format("{}={}{}\n", verdict.check,
                        verdict.passed ? "ok" : std::to_string(verdict.offending),
                        verdict.first_row.empty() ? "" : " " + verdict.first_row);
  }
  return text;
}

TEST(ContractTest, AKeyMustBeUniqueAndNullIsAValue) {
  EXPECT_EQ(Outcome({.key = {"sku", "zone"}}), "key=1 sku=b, zone=1\n");
  EXPECT_EQ(Outcome({.key = {"sku", "zone", "price"}}), "key=ok\n");
}

TEST(ContractTest, ColumnsAreCheckedForTypeNullRangeValuesAndPattern) {
  EXPECT_EQ(Outcome({.columns = {{.column = "price", .type = "float64"},
                                 {.column = "score", .type = "int16"}}}),
            "price: type=ok\nscore: type=4\n");
  EXPECT_EQ(Outcome({.columns = {{.column = "price", .not_null = true},
                                 {.column = "sku", .not_null = true}}}),
            "price: not_null=1 price=null\nsku: not_null=ok\n");
  EXPECT_EQ(Outcome({.columns = {{.column = "price", .minimum = 0}}}),
            "price: range [0, ]=1 price=-1\n");
  EXPECT_EQ(Outcome({.columns = {{.column = "price", .minimum = 0, .minimum_exclusive = true}}}),
            "price: range (0, ]=2 price=0\n");
  EXPECT_EQ(Outcome({.columns = {{.column = "score", .minimum = 1, .maximum = 3}}}),
            "score: range [1, 3]=1 score=5\n");
  EXPECT_EQ(Outcome({.columns = {{.column = "score", .allowed = {"1", "3.0", "5"}},
                                 {.column = "sku", .allowed = {"a"}}}}),
            "score: allowed=ok\nsku: allowed=3 sku=b\n");
  EXPECT_EQ(Outcome({.columns = {{.column = "sku", .pattern = "[a-z]+"}}}),
            "sku: pattern=1 sku=C\n");
}

// A22: an empty dataset was published when the prices were missing.
TEST(ContractTest, azure_A22_TooFewRowsAreHeldBack) {
  EXPECT_EQ(Outcome({.rows_minimum = 5, .rows_maximum = 3}), "rows: min=0\nrows: max=0\n");
  EXPECT_EQ(Outcome({.drop_at_most = 0.2}, 5), "rows: drop_at_most=ok\n");
  EXPECT_EQ(Outcome({.drop_at_most = 0.2}, 6), "rows: drop_at_most=0\n");
  EXPECT_EQ(Outcome({.drop_at_most = 0.2}), "");
  const auto verdicts =
      CheckContract(Prices(), {.rows_minimum = 1, .drop_at_most = 0.2}, 100, nullptr);
  ASSERT_OK(verdicts);
  EXPECT_TRUE((*verdicts)[0].passed);
  EXPECT_EQ((*verdicts)[1].explanation,
            "rows: drop_at_most: expected a loss of at most 20% of the 100 rows published before, "
            "found 4 rows");
}

TEST(ContractTest, ForeignKeysAreLookedUpAndNullsPass) {
  const auto zones =
      TableOf({arrow::field("name", arrow::utf8()), arrow::field("rank", arrow::int64())},
              R"([{"name":"1","rank":5},{"name":"3","rank":3}])");
  const TableContract contract = {.key = {"sku"}, .foreign_keys = {{{"zone"}, "zones", {"name"}}}};
  EXPECT_EQ(Outcome(contract, std::nullopt, &zones),
            "key=1 sku=b\nzone in zones=1 sku=C, zone=2\n");
  EXPECT_EQ(Outcome({.foreign_keys = {{{"score"}, "zones", {"rank"}}}}, std::nullopt, &zones),
            "score in zones=1 score=1\n");
  EXPECT_NE(Outcome(contract).find("there is no table 'zones'"), std::string::npos);
}

TEST(ContractTest, AnExplanationSaysWhatWasExpectedAndShowsTheFirstRow) {
  const auto verdicts =
      CheckContract(Prices(), {.key = {"sku"}, .columns = {{.column = "price", .minimum = 0}}},
                    std::nullopt, nullptr);
  ASSERT_OK(verdicts);
  EXPECT_EQ(
      (*verdicts)[1].explanation,
      "price: range [0, ]: expected a value in [0, ]; 1 of 4 rows break it, first sku=C, price=-1");
}

TEST(ContractTest, AContractThatCannotBeCheckedIsRefused) {
  EXPECT_EQ(Outcome({.key = {"skew"}}), "contract: there is no column 'skew'");
  EXPECT_NE(Outcome({.columns = {{.column = "sku", .minimum = 1}}}).find("no numbers"),
            std::string::npos);
  EXPECT_NE(Outcome({.columns = {{.column = "sku", .pattern = "("}}}).find("pattern"),
            std::string::npos);
  EXPECT_NE(Outcome({.columns = {{.column = "price", .allowed = {"x"}}}}).find("'x'"),
            std::string::npos);
  EXPECT_NE(Outcome({.columns = {{.column = "price", .type = "flaot64"}}}).find("flaot64"),
            std::string::npos);
}

TEST(ContractTest, AnEmptyTablePassesWhatConcernsRows) {
  const auto empty = columnar::Table::Empty(Prices().schema());
  const auto verdicts = CheckContract(
      empty,
      {.key = {"sku"}, .columns = {{.column = "price", .not_null = true}}, .rows_minimum = 1},
      std::nullopt, nullptr);
  ASSERT_OK(verdicts);
  EXPECT_TRUE((*verdicts)[0].passed);
  EXPECT_FALSE((*verdicts)[1].passed);
}

}  // namespace
}  // namespace catchment::transforms
