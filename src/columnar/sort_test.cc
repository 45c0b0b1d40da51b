#include "columnar/sort.h"

#include <arrow/builder.h>
#include <arrow/table.h>
#include <fmt/format.h>

#include <utility>

#include "columnar/test.h"

namespace catchment::columnar {
namespace {

std::string Sorted(const std::vector<TestColumn>& columns, const std::vector<std::string>& keys) {
  const auto sorted = SortRows(*TestTable(columns).Load(), keys);
  EXPECT_OK(sorted);
  return sorted.ok() ? Rows(*sorted) : "";
}

TEST(SortTest, NullsGoFirstAndTextIsComparedBytewise) {
  EXPECT_EQ(Sorted({{"k", "text", R"(["b", null, "a", "ab", "A", "ä", "", "a\u0000"])"}}, {"k"}),
            "{\"k\":null}\n{\"k\":\"\"}\n{\"k\":\"A\"}\n{\"k\":\"a\"}\n{\"k\":\"a\\u0000\"}\n{"
            "\"k\":\"ab\"}\n"
            "{\"k\":\"b\"}\n{\"k\":\"ä\"}\n");
}

TEST(SortTest, NumbersOfEachKindAreInOrder) {
  EXPECT_EQ(Sorted({{"k", "int8", "[5, -128, 127, 0, -1]"}}, {"k"}),
            "{\"k\":-128}\n{\"k\":-1}\n{\"k\":0}\n{\"k\":5}\n{\"k\":127}\n");
  EXPECT_EQ(Sorted({{"k", "float64", "[1.5, -2.5, 0, NaN, -Inf, 1e300]"}}, {"k"}),
            "{\"k\":null}\n{\"k\":-2.5}\n{\"k\":0.0}\n{\"k\":1.5}\n{\"k\":1e+300}\n{\"k\":null}\n");
  EXPECT_EQ(Sorted({{"k", "decimal(10,2)", R"(["1.50", "-3.25", "0.01"])"}}, {"k"}),
            "{\"k\":-3.25}\n{\"k\":0.01}\n{\"k\":1.50}\n");
  EXPECT_EQ(Sorted({{"k", "bool", "[true, false, null]"}}, {"k"}),
            "{\"k\":null}\n{\"k\":false}\n{\"k\":true}\n");
}

TEST(SortTest, RowsOfEqualKeyKeepTheirOrder) {
  EXPECT_EQ(Sorted({{"a", "text", R"(["x","w","x","w"])"}, {"b", "int64", "[4,3,2,1]"}}, {"a"}),
            "{\"a\":\"w\",\"b\":3}\n{\"a\":\"w\",\"b\":1}\n{\"a\":\"x\",\"b\":4}\n{\"a\":\"x\","
            "\"b\":2}\n");
}

TEST(SortTest, ManyRowsAreSortedAsFewAre) {
  constexpr int64_t kRows = 70'000, kKeys = 300;
  arrow::StringBuilder names;
  arrow::Int64Builder numbers;
  for (int64_t row = 0; row < kRows; ++row) {
    ASSERT_TRUE(names.Append(fmt::format("region-{:03}", row * 7919 % kKeys)).ok());
    ASSERT_TRUE(numbers.Append(row).ok());
  }
  const auto rows = arrow::Table::Make(
      arrow::schema({arrow::field("name", arrow::utf8()), arrow::field("number", arrow::int64())}),
      {names.Finish().ValueOrDie(), numbers.Finish().ValueOrDie()});
  ASSERT_OK_AND_ASSIGN(const auto sorted, SortRows(rows, {"name"}));
  ASSERT_EQ(sorted->num_rows(), kRows);
  const auto& name = static_cast<const arrow::StringArray&>(*sorted->column(0)->chunk(0));
  const auto& number = static_cast<const arrow::Int64Array&>(*sorted->column(1)->chunk(0));
  for (int64_t row = 1; row < kRows; ++row) {
    const auto one = std::pair(name.GetView(row - 1), number.Value(row - 1));
    ASSERT_LT(one, std::pair(name.GetView(row), number.Value(row))) << row;
  }
}

TEST(SortTest, FirstDuplicateIsNamedAndNullsAreEqual) {
  const Table rows = TestTable(
      {{"region", "text", R"(["a","b","a","b"])"}, {"zone", "text", R"([null,"1",null,"2"])"}});
  ASSERT_OK_AND_ASSIGN(const auto duplicate, FirstDuplicate(*rows.Load(), {"region", "zone"}));
  EXPECT_EQ(duplicate, "region=a, zone=null");
  ASSERT_OK_AND_ASSIGN(const auto none,
                       FirstDuplicate(*TestTable({{"k", "int64", "[1,2]"}}).Load(), {"k"}));
  EXPECT_EQ(none, std::nullopt);
}

TEST(SortTest, RefusesKeysThatAreNotThereOrHaveNoOrder) {
  EXPECT_ERROR(SortRows(*TestTable({{"a", "int64", "[1]"}}).Load(), {"b"}), Code::kInvalid,
               "\"b\" does not exist");
  EXPECT_ERROR(SortRows(*TestTable({{"a", "list<int64>", "[[1]]"}}).Load(), {"a"}), Code::kInvalid,
               "has no order");
}

}  // namespace
}  // namespace catchment::columnar
