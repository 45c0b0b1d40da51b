#include "transforms/diff.h"

#include <algorithm>
#include <map>
#include <random>

#include "transforms/key_columns_internal.h"
#include "transforms/test_tables.h"

namespace catchment::transforms {
namespace {

const Time kDiffSlot = *ParseTime("2026-01-28T00:10:00Z");

arrow::FieldVector Fields(const std::shared_ptr<arrow::DataType>& price = arrow::float64()) {
  return {arrow::field("type", arrow::utf8()),  arrow::field("zone", arrow::utf8()),
          arrow::field("name", arrow::utf8()),  arrow::field("price", price),
          arrow::field("score", arrow::int8()), arrow::field("at", arrow::int64())};
}

const DiffOptions kOptions = {.key = {"type", "zone"},
                              .compare = {"price", "score"},
                              .keep = {"at"},
                              .keep_before = {"name"}};

/// Rows as text, one a line, without slot and date.
std::string DiffRows(const columnar::Table& table) {
  const auto rows = *table.Load();
  std::string text;
  for (int64_t row = 0; row < rows->num_rows(); ++row) {
    for (int column = 2; column < rows->num_columns(); ++column) {
      text += (*rows->column(column)->GetScalar(row))->ToString() +
              (column + 1 < rows->num_columns() ? " " : "\n");
    }
  }
  return text;
}

columnar::Table Before() {
  return TableOf(Fields(), R"([{"type":"a","zone":null,"name":"A","price":1.5,"score":3,"at":1},
                               {"type":"a","zone":"1","name":"A","price":1.5,"score":3,"at":1},
                               {"type":"b","zone":"1","name":"B","price":null,"score":2,"at":1},
                               {"type":"c","zone":"1","name":"C","price":4,"score":null,"at":1}])");
}

TEST(DiffTest, TellsAddedChangedAndRemovedRowsByRisingKey) {
  const auto after =
      TableOf(Fields(), R"([{"type":"a","zone":null,"name":"A","price":1.5,"score":3,"at":2},
                                           {"type":"a","zone":"1","name":"A","price":2.5,"score":3,"at":2},
                                           {"type":"a","zone":"2","name":"A","price":1.5,"score":null,"at":2},
                                           {"type":"c","zone":"1","name":"C","price":4,"score":1,"at":2}])");
  const auto before = Before();
  ASSERT_OK_AND_ASSIGN(const auto changes, Diff(&before, after, kOptions, kDiffSlot));
  EXPECT_EQ(DiffRows(changes),
            "changed a 1 A 2.5 3 1.5 3 2\n"
            "added a 2 A 1.5 null null null 2\n"
            "removed b 1 B null null null 2 1\n"
            "changed c 1 C 4 1 4 null 2\n");
}

TEST(DiffTest, AColumnOfAnotherTypeIsNamedWithTheValueAndWhatToDo) {
  const auto before =
      TableOf(Fields(), R"([{"type":"a","zone":"1","name":"A","price":1.5e300,"score":3,"at":1}])");
  const auto whole = TableOf(Fields(arrow::int64()),
                             R"([{"type":"a","zone":"1","name":"A","price":2,"score":3,"at":2}])");
  EXPECT_EQ(Diff(&before, whole, kOptions, kDiffSlot).status().error().message,
            "diff: column 'price' of the published table: cannot turn float64 into int64: row 1 "
            "holds 1.5e+300; cast it back to float64, or publish under a new table name");
  const auto text = TableOf(Fields(arrow::utf8()),
                            R"([{"type":"a","zone":"1","name":"A","price":"2","score":3,"at":2}])");
  EXPECT_EQ(Diff(&before, text, kOptions, kDiffSlot).status().error().message,
            "diff: column 'price' was float64 and is text: these cannot be compared; cast it back "
            "to float64, or publish under a new table name");
}

TEST(DiffTest, TextsOfEveryLengthCompareBytewise) {
  for (int32_t size = 0; size <= 33; ++size) {
    const std::string text(static_cast<size_t>(size), 'm');
    EXPECT_EQ(CompareBytes(text.data(), text.data(), size), 0) << size;
    for (size_t at = 0; at < text.size(); ++at) {
      for (const char other : {'a', 'z', '\0', '\xFF'}) {
        std::string changed = text;
        changed[at] = other;
        const int expected = std::memcmp(text.data(), changed.data(), text.size()) < 0 ? -1 : 1;
        EXPECT_EQ(CompareBytes(text.data(), changed.data(), size), expected) << size << " " << at;
      }
    }
  }
}

TEST(DiffTest, HasTheColumnsInTheDeclaredOrder) {
  const auto table = Before();
  ASSERT_OK_AND_ASSIGN(const auto changes, Diff(nullptr, table, kOptions, kDiffSlot));
  EXPECT_EQ(changes.schema()->field_names(),
            (std::vector<std::string>{"slot", "date", "kind", "type", "zone", "name", "price",
                                      "score", "previous_price", "previous_score", "at"}));
  EXPECT_EQ(changes.schema()->field(0)->ToString(), "slot: timestamp[ms, tz=UTC] not null");
  EXPECT_EQ(changes.schema()->field(1)->ToString(), "date: date32[day] not null");
  EXPECT_EQ(changes.schema()->field(2)->ToString(), "kind: string not null");
  EXPECT_EQ(changes.schema()->field(9)->type()->ToString(), "int8");
  const auto rows = *changes.Load();
  EXPECT_EQ((*rows->column(0)->GetScalar(0))->ToString(), "2026-01-28 00:10:00.000Z");
  EXPECT_EQ((*rows->column(1)->GetScalar(0))->ToString(), "2026-01-28");
}

TEST(DiffTest, WithoutAPreviousPublishEveryRowIsAdded) {
  const auto table = Before();
  ASSERT_OK_AND_ASSIGN(const auto changes, Diff(nullptr, table, kOptions, kDiffSlot));
  EXPECT_EQ(changes.num_rows(), 4);
  EXPECT_EQ(DiffRows(changes).substr(0, 33), "added a null A 1.5 3 null null 1\n");
}

// A05: time and count in the comparison made every row "changed" in every run.
TEST(DiffTest, azure_A05_WhatIsOnlyCarriedMakesNoChange) {
  const auto before = Before();
  const auto after =
      TableOf(Fields(), R"([{"type":"a","zone":null,"name":"new","price":1.5,"score":3,"at":9},
                               {"type":"a","zone":"1","name":"new","price":1.5,"score":3,"at":9},
                               {"type":"b","zone":"1","name":null,"price":null,"score":2,"at":null},
                               {"type":"c","zone":"1","name":"C","price":4,"score":null,"at":9}])");
  ASSERT_OK_AND_ASSIGN(const auto changes, Diff(&before, after, kOptions, kDiffSlot));
  EXPECT_EQ(changes.num_rows(), 0);
  EXPECT_EQ(changes.schema()->num_fields(), 11);
}

// A06: an integer against a float text (`5`, `5.0`) counted as a change.
TEST(DiffTest, azure_A06_NumbersAreComparedByValueWhateverTheirType) {
  const auto table = [](const std::shared_ptr<arrow::DataType>& type, const std::string& price) {
    return TableOf(Fields(type), R"([{"type":"a","price":)" + price + "}]");
  };
  const auto whole = table(arrow::int64(), "5"), real = table(arrow::float64(), "5.0");
  ASSERT_OK_AND_ASSIGN(const auto same, Diff(&whole, real, kOptions, kDiffSlot));
  EXPECT_EQ(same.num_rows(), 0);
  ASSERT_OK_AND_ASSIGN(const auto back, Diff(&real, whole, kOptions, kDiffSlot));
  EXPECT_EQ(back.num_rows(), 0);
  const auto near = table(arrow::float64(), "5.000000000000001");
  ASSERT_OK_AND_ASSIGN(const auto other, Diff(&whole, near, kOptions, kDiffSlot));
  EXPECT_EQ(other.num_rows(), 1);
  // 2^53 + 1 is no double: the nearest one must not pass for it.
  const auto large = table(arrow::int64(), "9007199254740993"),
             rounded = table(arrow::float64(), "9007199254740992");
  ASSERT_OK_AND_ASSIGN(
      const auto large_change,
      Diff(&large, table(arrow::int64(), "9007199254740992"), kOptions, kDiffSlot));
  EXPECT_EQ(large_change.num_rows(), 1);
  EXPECT_EQ(rounded.num_rows(), 1);
}

// A07: workloads that went away were never reported.
TEST(DiffTest, azure_A07_RowsThatWentAwayAreReportedWithTheirLastValues) {
  const auto before = Before();
  const auto after = columnar::Table::Empty(arrow::schema(Fields()));
  ASSERT_OK_AND_ASSIGN(const auto changes, Diff(&before, after, kOptions, kDiffSlot));
  EXPECT_EQ(DiffRows(changes),
            "removed a null A null null 1.5 3 1\n"
            "removed a 1 A null null 1.5 3 1\n"
            "removed b 1 B null null null 2 1\n"
            "removed c 1 C null null 4 null 1\n");
}

TEST(DiffTest, BecomingUnknownAndBecomingKnownAreChanges) {
  const auto known = TableOf(Fields(), R"([{"type":"a","price":0,"score":0}])");
  const auto unknown = TableOf(Fields(), R"([{"type":"a","price":null,"score":0}])");
  ASSERT_OK_AND_ASSIGN(const auto lost, Diff(&known, unknown, kOptions, kDiffSlot));
  EXPECT_EQ(lost.num_rows(), 1);
  ASSERT_OK_AND_ASSIGN(const auto found, Diff(&unknown, known, kOptions, kDiffSlot));
  EXPECT_EQ(found.num_rows(), 1);
}

TEST(DiffTest, NotANumberEqualsItselfAndZeroItsNegative) {
  const auto a = TableOf(Fields(), R"([{"type":"a","price":NaN},{"type":"b","price":0.0}])");
  const auto b = TableOf(Fields(), R"([{"type":"a","price":NaN},{"type":"b","price":-0.0}])");
  ASSERT_OK_AND_ASSIGN(const auto changes, Diff(&a, b, kOptions, kDiffSlot));
  EXPECT_EQ(changes.num_rows(), 0);
}

TEST(DiffTest, AKeyThatOccursTwiceIsNamed) {
  const auto table = TableOf(
      Fields(), R"([{"type":"b","zone":"1"},{"type":"a","zone":null},{"type":"a","zone":null}])");
  EXPECT_ERROR(Diff(nullptr, table, kOptions, kDiffSlot), Code::kInvalid, "type=a, zone=null");
  const auto good = Before();
  EXPECT_ERROR(Diff(&table, good, kOptions, kDiffSlot), Code::kInvalid, "published");
}

TEST(DiffTest, MissingColumnsAreNamedAndNewOnesCountAsNull) {
  const auto before = Before();
  DiffOptions options = kOptions;
  options.compare.push_back("t2");
  EXPECT_ERROR(Diff(&before, before, options, kDiffSlot), Code::kInvalid, "t2");
  auto fields = Fields();
  fields.push_back(arrow::field("t2", arrow::int16()));
  const auto after = TableOf(fields, R"([{"type":"a","zone":"1","price":1.5,"score":3,"t2":null},
                                         {"type":"b","zone":"1","price":null,"score":2,"t2":5}])");
  ASSERT_OK_AND_ASSIGN(const auto changes, Diff(&before, after, options, kDiffSlot));
  EXPECT_EQ(DiffRows(changes),
            "removed a null A null null null 1.5 3 null 1\n"
            "changed b 1 null null 2 5 null 2 null null\n"
            "removed c 1 C null null null 4 null null 1\n");
  EXPECT_ERROR(Diff(nullptr, before, {}, kDiffSlot), Code::kInvalid, "key");
}

TEST(DiffTest, TextColumnsAreKeptBeforeTheComparedOnes) {
  DiffOptions options = {
      .key = {"type"}, .compare = {"price"}, .keep = {"name", "at", "score", "zone"}};
  ASSERT_OK_AND_ASSIGN(options, PlaceKeptColumns(options, Before()));
  EXPECT_EQ(options.keep_before, (std::vector<std::string>{"name", "zone"}));
  EXPECT_EQ(options.keep, (std::vector<std::string>{"at", "score"}));
}

/// The same rows in any order, and in any division into pieces, give the same table; and replaying
/// the changes on the table before gives the table after.
TEST(DiffTest, OrderAndPiecesDoNotMatterAndReplayingGivesTheTableAfter) {
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    const auto make = [&] {
      std::vector<std::string> rows;
      for (int type = 0; type < 12; ++type) {
        for (int zone = 0; zone < 3; ++zone) {
          if (random() % 4 == 0) continue;
          rows.push_back(fmt::format(R"({{"type":"t{:02}","zone":{},"price":{},"score":{}}})", type,
                                     zone == 0 ? "null" : fmt::format("\"{}\"", zone),
                                     random() % 3 == 0 ? "null" : std::to_string(random() % 3),
                                     random() % 2));
        }
      }
      return rows;
    };
    auto old_rows = make(), new_rows = make();
    const auto table = [](const std::vector<std::string>& rows) {
      return TableOf(Fields(), fmt::format("[{}]", fmt::join(rows, ",")));
    };
    const auto before = table(old_rows), after = table(new_rows);
    ASSERT_OK_AND_ASSIGN(const auto changes, Diff(&before, after, kOptions, kDiffSlot));
    std::shuffle(old_rows.begin(), old_rows.end(), random);
    std::shuffle(new_rows.begin(), new_rows.end(), random);
    const size_t half = new_rows.size() / 2;
    const auto pieces = columnar::Table::FromArrow(*arrow::ConcatenateTables(
        {*table({new_rows.begin(), new_rows.begin() + static_cast<ptrdiff_t>(half)}).Load(),
         *table({new_rows.begin() + static_cast<ptrdiff_t>(half), new_rows.end()}).Load()}));
    const auto shuffled = table(old_rows);
    ASSERT_OK_AND_ASSIGN(const auto again, Diff(&shuffled, pieces, kOptions, kDiffSlot));
    EXPECT_EQ(DiffRows(changes), DiffRows(again));

    std::map<std::string, std::string> state;
    const auto load = [](const columnar::Table& from, std::map<std::string, std::string>* into) {
      const auto rows = *from.Load({"type", "zone", "price", "score"});
      for (int64_t row = 0; row < rows->num_rows(); ++row) {
        const auto text = [&](int column) {
          return (*rows->column(column)->GetScalar(row))->ToString();
        };
        (*into)[text(0) + "/" + text(1)] = text(2) + "/" + text(3);
      }
    };
    load(before, &state);
    const auto rows = *changes.Load({"kind", "type", "zone", "price", "score"});
    for (int64_t row = 0; row < rows->num_rows(); ++row) {
      const auto text = [&](int column) {
        return (*rows->column(column)->GetScalar(row))->ToString();
      };
      if (text(0) == "removed") {
        state.erase(text(1) + "/" + text(2));
      } else {
        state[text(1) + "/" + text(2)] = text(3) + "/" + text(4);
      }
    }
    std::map<std::string, std::string> wanted;
    load(after, &wanted);
    EXPECT_EQ(state, wanted);
  }
}

/// Long tables in key order are compared many rows at a time: the changes must be those that the
/// same rows give in any other order, wherever in a block they lie.
TEST(DiffTest, LongTablesWithFewChangesGiveTheChangesOfTheSameRowsShuffled) {
  std::mt19937 random(11);
  const char* const zones[] = {"null", R"("1")", R"("10")"};
  for (int round = 0; round < 40; ++round) {
    const auto make = [&](bool edited) {
      std::vector<std::string> rows;
      for (int row = 0; row < 900; ++row) {
        const bool edit = edited && random() % 150 == 0;
        if (edit && random() % 2 == 0) continue;  // a key that went away
        rows.push_back(fmt::format(R"({{"type":"t{:03}{}","zone":{},"price":{},"score":{}}})",
                                   row / 3, edit && random() % 3 == 0 ? "x" : "", zones[row % 3],
                                   edit ? 9 : row % 7, row % 4 == 0 ? "null" : "2"));
      }
      return rows;
    };
    auto old_rows = make(false), new_rows = make(true);
    const auto table = [](const std::vector<std::string>& rows) {
      return TableOf(Fields(), fmt::format("[{}]", fmt::join(rows, ",")));
    };
    const auto before = table(old_rows), after = table(new_rows);
    ASSERT_OK_AND_ASSIGN(const auto changes, Diff(&before, after, kOptions, kDiffSlot));
    std::shuffle(old_rows.begin(), old_rows.end(), random);
    std::shuffle(new_rows.begin(), new_rows.end(), random);
    const auto shuffled = table(old_rows);
    ASSERT_OK_AND_ASSIGN(const auto expected,
                         Diff(&shuffled, table(new_rows), kOptions, kDiffSlot));
    EXPECT_EQ(DiffRows(changes), DiffRows(expected));
    EXPECT_LT(changes.num_rows(), 60);
  }
}

}  // namespace
}  // namespace catchment::transforms
