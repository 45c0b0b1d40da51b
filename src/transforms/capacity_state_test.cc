#include "transforms/capacity_state.h"

#include <arrow/api.h>

#include <algorithm>
#include <map>
#include <random>

#include "columnar/test.h"

namespace catchment::transforms {
namespace {

using columnar::TestTable;

const std::vector<int64_t> kCounts = {1, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50};
const Time kSlot = *ParseTime("2026-01-28T00:10:00Z");
constexpr int64_t kSlotMs = 1769559000000;

CapacityOptions Options(T2Rule rule = T2Rule::kAtLeast) {
  return {.key = {"type", "zone"}, .t2 = rule, .counts = kCounts};
}

struct Answer {
  std::string type, zone;
  int count;
  std::optional<int> score;
  int call = 0;
  bool wanted = true;
  int64_t asked_at = kSlotMs + 5000;
};

std::string Quoted(const std::string& text) { return text.empty() ? "null" : '"' + text + '"'; }

columnar::Table AnswersOf(const std::vector<Answer>& answers) {
  std::map<std::string, std::string> values;
  const auto add = [&](const std::string& column, const std::string& value) {
    std::string& list = values[column];
    list += (list.empty() ? "" : ",") + value;
  };
  for (const Answer& answer : answers) {
    add("type", Quoted(answer.type));
    add("zone", Quoted(answer.zone));
    add("count", std::to_string(answer.count));
    add("score", answer.score ? std::to_string(*answer.score) : "null");
    add("text", answer.score ? Quoted("S" + std::to_string(*answer.score)) : "\"Stale\"");
    add("call", std::to_string(answer.call));
    add("wanted", answer.wanted ? "true" : "false");
    add("at", std::to_string(answer.asked_at));
  }
  const auto list = [&](const char* column) { return "[" + values[column] + "]"; };
  return TestTable({{"type", "text!", list("type")},
                    {"zone", "text", list("zone")},
                    {"desired_count", "int16!", list("count")},
                    {"score_text", "text", list("text")},
                    {"score", "int8", list("score")},
                    {"wanted", "bool!", list("wanted")},
                    {"call", "int32!", list("call")},
                    {"asked_at", "timestamp[ms, UTC]!", list("at")}});
}

/// type zone | score t2 t3 | last_score last_count, one row a line; `-` is null.
std::string States(const columnar::Table& table) {
  const auto rows = *table.Load();
  const auto value = [&](const char* name, int64_t row) {
    const auto scalar = *rows->GetColumnByName(name)->GetScalar(row);
    return scalar->is_valid ? scalar->ToString() : std::string("-");
  };
  std::string text;
  for (int64_t row = 0; row < rows->num_rows(); ++row) {
    text += value("type", row) + " " + value("zone", row) + " | " + value("score", row) + " " +
            value("t2", row) + " " + value("t3", row) + " | " + value("last_score", row) + " " +
            value("last_count", row) + "\n";
  }
  return text;
}

columnar::Table MustState(const std::vector<Answer>& answers, const columnar::Table* before,
                          const CapacityOptions& options = Options(), Time slot = kSlot) {
  auto state = CapacityState(AnswersOf(answers), before, options, slot);
  EXPECT_OK(state);
  return state.ok() ? *state : columnar::Table();
}

/// A state of the row (a, 1); `null` where a value is absent.
columnar::Table Before(const std::string& score, const std::string& t2, const std::string& t3) {
  return TestTable({{"type", "text!", R"(["a"])"},
                    {"zone", "text", R"(["1"])"},
                    {"score", "int8", "[" + score + "]"},
                    {"t2", "int16", "[" + t2 + "]"},
                    {"t3", "int16", "[" + t3 + "]"}});
}

TEST(CapacityStateTest, TellsEveryRowOfTheTableInTheSpecification) {
  EXPECT_EQ(States(MustState({{"a", "1", 1, 3}}, nullptr)), "a 1 | 3 1 1 | 3 1\n");
  const auto after = [](int count, std::optional<int> score, const columnar::Table& before) {
    return States(MustState({{"a", "1", count, score}}, &before));
  };
  EXPECT_EQ(after(5, 3, Before("3", "1", "1")), "a 1 | 3 5 5 | 3 5\n");
  EXPECT_EQ(after(10, 2, Before("3", "5", "5")), "a 1 | 3 10 5 | 2 10\n");
  EXPECT_EQ(after(15, 1, Before("3", "10", "5")), "a 1 | 3 10 5 | 1 15\n");
  EXPECT_EQ(after(5, 1, Before("3", "10", "5")), "a 1 | 3 1 1 | 1 5\n");
  EXPECT_EQ(after(1, 2, Before("3", "10", "5")), "a 1 | 2 10 0 | 2 1\n");
  EXPECT_EQ(after(1, 1, Before("3", "10", "5")), "a 1 | 1 0 0 | 1 1\n");
  EXPECT_EQ(States(MustState({{"a", "1", 50, 2}}, nullptr)), "a 1 | 2 50 0 | 2 50\n");
  EXPECT_EQ(after(5, std::nullopt, Before("2", "5", "0")), "a 1 | 2 5 0 | - -\n");
}

// A service that spelled a name otherwise made its state begin anew.
TEST(CapacityStateTest, NamesMeetInLowerCaseWhereThatIsAskedFor) {
  const columnar::Table before = Before("3", "10", "5");
  CapacityOptions options = Options();
  EXPECT_EQ(States(MustState({{"A", "1", 15, 1}}, &before, options)),
            "A 1 | 1 0 0 | 1 15\na 1 | 3 10 5 | - -\n");
  options.fold_case = true;
  EXPECT_EQ(States(MustState({{"A", "1", 15, 1}}, &before, options)), "a 1 | 3 10 5 | 1 15\n");
  EXPECT_EQ(States(MustState({{"A", "2", 1, 1}, {"a", "2", 1, 3, 1}}, &before, options)),
            "a 1 | 3 10 5 | - -\nA 2 | 1 0 0 | 1 1\n");
}

// The examples of aws-spot, which shares the transform: there T2 may count a score of 2 alone.
TEST(CapacityStateTest, T2MayMeanExactlyTwo) {
  const auto after = [](int count, int score, const columnar::Table* before) {
    return States(MustState({{"a", "1", count, score}}, before, Options(T2Rule::kExactly)));
  };
  EXPECT_EQ(after(50, 3, nullptr), "a 1 | 3 0 50 | 3 50\n");
  const auto first = Before("3", "0", "50"), second = Before("3", "10", "50"),
             third = Before("3", "10", "15");
  EXPECT_EQ(after(10, 2, &first), "a 1 | 3 10 5 | 2 10\n");
  EXPECT_EQ(after(1, 1, &second), "a 1 | 1 0 0 | 1 1\n");
  EXPECT_EQ(after(20, 1, &second), "a 1 | 3 10 15 | 1 20\n");
  EXPECT_EQ(after(30, 9, &third), "a 1 | 9 10 30 | 9 30\n");
}

/// The rules once more, told per figure: which counts the figure may be, largest first.
std::string Restated(int count, int score, std::optional<int> p, int q2, int q3, bool exactly) {
  int base = score;
  if (count > 1 && p && *p > score) base = *p;
  int smaller = 0;
  for (const int64_t one : kCounts) {
    if (std::find(kCounts.begin(), kCounts.end(), count) == kCounts.end()) break;
    if (one < count) smaller = static_cast<int>(one);
  }
  const auto figure = [&](int level, int held, bool raises) {
    if (base < level) return 0;                                 // not even one is believed
    if (score < level) return held < smaller ? held : smaller;  // contradicted at this count
    return raises && count > held ? count : held;               // confirmed
  };
  const int t3 = figure(3, q3, true);
  const int t2 = figure(2, q2, !exactly || score == 2);
  return fmt::format("a 1 | {} {} {} | {} {}\n", base, t2, t3, score, count);
}

// A01, A02: state is carried across counts, and a worse answer shows in last_score.
TEST(CapacityStateTest, EveryCombinationIsAsAnIndependentRestatementSays) {
  std::vector<int> counts(kCounts.begin(), kCounts.end());
  counts.push_back(7);  // not of the list
  std::vector<int> held = {0, 1, 5, 10, 45, 50};
  for (const bool exactly : {false, true}) {
    // All previous states as rows of one table, so that one call checks them all.
    struct Case {
      std::optional<int> p;
      int q2, q3;
    };
    std::vector<Case> cases = {{std::nullopt, 0, 0}};
    for (int p = 1; p <= 3; ++p) {
      for (const int q2 : held) {
        for (const int q3 : held) {
          if (exactly || q3 <= q2) cases.push_back({p, q2, q3});
        }
      }
    }
    std::string types, zones, scores, t2s, t3s;
    for (size_t at = 0; at < cases.size(); ++at) {
      const std::string comma = at == 0 ? "" : ",";
      types += comma + fmt::format("\"t{:04}\"", at);
      zones += comma + "\"1\"";
      scores += comma + (cases[at].p ? std::to_string(*cases[at].p) : "null");
      t2s += comma + (cases[at].p ? std::to_string(cases[at].q2) : "null");
      t3s += comma + (cases[at].p ? std::to_string(cases[at].q3) : "null");
    }
    const auto before = TestTable({{"type", "text!", "[" + types + "]"},
                                   {"zone", "text", "[" + zones + "]"},
                                   {"score", "int8", "[" + scores + "]"},
                                   {"t2", "int16", "[" + t2s + "]"},
                                   {"t3", "int16", "[" + t3s + "]"}});
    for (const int count : counts) {
      for (int score = 1; score <= 3; ++score) {
        std::vector<Answer> answers;
        std::string expected;
        for (size_t at = 0; at < cases.size(); ++at) {
          answers.push_back({fmt::format("t{:04}", at), "1", count, score});
          expected +=
              fmt::format("t{:04}", at) +
              Restated(count, score, cases[at].p, cases[at].q2, cases[at].q3, exactly).substr(1);
        }
        const auto rule = exactly ? T2Rule::kExactly : T2Rule::kAtLeast;
        EXPECT_EQ(States(MustState(answers, &before, Options(rule))), expected)
            << "count " << count << ", score " << score;
      }
    }
  }
}

// A01: the count was part of the key, so nothing was ever carried over.
TEST(CapacityStateTest, A01_StateIsCarriedThroughAWholeRotation) {
  columnar::Table state = MustState({{"a", "1", 1, 3}}, nullptr);
  for (const int count : {5, 10, 15, 20}) state = MustState({{"a", "1", count, 3}}, &state);
  for (const int count : {25, 30}) state = MustState({{"a", "1", count, 2}}, &state);
  for (const int count : {35, 40, 45, 50}) state = MustState({{"a", "1", count, 1}}, &state);
  EXPECT_EQ(States(state), "a 1 | 3 30 20 | 1 50\n");
}

// A02: a worse answer was never visible.
TEST(CapacityStateTest, A02_AWorseAnswerShowsAsTheLastOne) {
  const columnar::Table before = MustState({{"a", "1", 5, 3}}, nullptr);
  EXPECT_EQ(States(MustState({{"a", "1", 10, 1}}, &before)), "a 1 | 3 5 5 | 1 10\n");
}

TEST(CapacityStateTest, AnAnswerWithoutScoreChangesOnlyTextAndTime) {
  const columnar::Table first = MustState({{"a", "1", 5, 2}}, nullptr);
  const columnar::Table second = MustState(
      {{.type = "a", .zone = "1", .count = 10, .score = {}, .asked_at = kSlotMs + 600000}}, &first);
  EXPECT_EQ(columnar::Rows(second),
            R"({"type":"a","zone":"1","score":2,"t2":5,"t3":0,"last_score":2,"last_count":5,)"
            R"("scored_at":"2026-01-28T00:10:05Z","answer_text":"Stale",)"
            R"("answered_at":"2026-01-28T00:20:00Z"})"
            "\n");
  EXPECT_EQ(columnar::Columns(second),
            "type:text zone:text score:int8 t2:int16 t3:int16 last_score:int8 last_count:int16 "
            "scored_at:ts answer_text:text answered_at:ts");
}

TEST(CapacityStateTest, KeysThatWereNotAskedKeepEverything) {
  const columnar::Table before =
      MustState({{"a", "1", 5, 2}, {"a", "2", 5, {}}, {"b", "regional", 5, 1}}, nullptr);
  EXPECT_EQ(columnar::Rows(MustState({}, &before)), columnar::Rows(before));
  ASSERT_OK_AND_ASSIGN(const auto without,
                       CapacityState(columnar::Table(), &before, Options(), kSlot));
  EXPECT_EQ(columnar::Rows(without), columnar::Rows(before));
}

TEST(CapacityStateTest, NoAnswersAndNoHeadGiveNoRows) {
  ASSERT_OK_AND_ASSIGN(const auto state,
                       CapacityState(columnar::Table(), nullptr, Options(), kSlot));
  EXPECT_EQ(state.num_rows(), 0);
  EXPECT_EQ(state.schema()->num_fields(), 10);
}

TEST(CapacityStateTest, OfTwoAnswersTheLowerCallWinsWhateverTheOrder) {
  std::vector<Answer> answers = {{"a", "1", 5, 1, 7}, {"a", "1", 5, 3, 2}, {"a", "1", 5, 2, 9},
                                 {"b", "1", 5, 3, 4}, {"b", "1", 5, 1, 4}, {"c", "1", 5, {}, 1},
                                 {"c", "1", 5, 3, 2}};
  const std::string expected =
      "a 1 | 3 5 5 | 3 5\n"
      "b 1 | 1 0 0 | 1 5\n"
      "c 1 | - - - | - -\n";
  std::mt19937 random(1);
  for (int round = 0; round < 20; ++round) {
    EXPECT_EQ(States(MustState(answers, nullptr)), expected);
    std::shuffle(answers.begin(), answers.end(), random);
  }
}

TEST(CapacityStateTest, CellsThatNobodyWantedDoNotEnter) {
  const columnar::Table before = Before("2", "5", "0");
  EXPECT_EQ(
      States(MustState(
          {{"a", "1", 10, 3, 0, false}, {"b", "1", 10, 3, 0, false}, {"a", "2", 10, 3, 1, true}},
          &before)),
      "a 1 | 2 5 0 | - -\na 2 | 3 10 10 | 3 10\n");
}

TEST(CapacityStateTest, RowsWithoutZoneGoWhenTheirPairGotOneOrTellNothing) {
  const auto before = TestTable({{"type", "text!", R"(["a","b","c"])"},
                                 {"zone", "text", "[null,null,null]"},
                                 {"score", "int8", "[null,2,null]"},
                                 {"answer_text", "text", R"([null,null,"Stale"])"}});
  EXPECT_EQ(States(MustState({{"a", "regional", 1, 2}, {"b", "1", 1, 2}}, &before)),
            "a regional | 2 1 0 | 2 1\nb 1 | 2 1 0 | 2 1\nc - | - - - | - -\n");
}

TEST(CapacityStateTest, AZoneNoLongerMentionedGoesAfterItsTimeOnly) {
  const columnar::Table before =
      MustState({{"a", "1", 1, 2}, {"a", "2", 1, 2}, {"b", "1", 1, 2}, {"b", "2", 1, 2}}, nullptr);
  const auto slot = [](std::chrono::seconds later) { return kSlot + later; };
  using std::chrono::days;
  using std::chrono::seconds;
  const std::vector<Answer> only_a1 = {
      {.type = "a", .zone = "1", .count = 1, .score = 3, .asked_at = kSlotMs + 900000000}};
  const auto kept = MustState(only_a1, &before, Options(), slot(days(7) + seconds(5)));
  EXPECT_EQ(States(kept),
            "a 1 | 3 1 1 | 3 1\na 2 | 2 1 0 | 2 1\nb 1 | 2 1 0 | 2 1\nb 2 | 2 1 0 | 2 1\n");
  const auto gone = MustState(only_a1, &before, Options(), slot(days(7) + seconds(6)));
  EXPECT_EQ(States(gone), "a 1 | 3 1 1 | 3 1\nb 1 | 2 1 0 | 2 1\nb 2 | 2 1 0 | 2 1\n");
  // A don't-care cell is no answer to the pair.
  std::vector<Answer> unwanted = only_a1;
  unwanted[0].wanted = false;
  EXPECT_EQ(MustState(unwanted, &before, Options(), slot(days(30))).num_rows(), 4);
}

TEST(CapacityStateTest, TypesOfHeadMayBeWider) {
  const auto before = TestTable({{"type", "text!", R"(["b","a"])"},
                                 {"zone", "text", R"(["1","1"])"},
                                 {"score", "int32", "[3,2]"},
                                 {"t2", "int64", "[10,5]"},
                                 {"t3", "int64", "[5,0]"},
                                 {"answered_at", "timestamp[us, UTC]", "[1000001,null]"}});
  EXPECT_EQ(States(MustState({}, &before)), "a 1 | 2 5 0 | - -\nb 1 | 3 10 5 | - -\n");
}

TEST(CapacityStateTest, RefusesWhatItCannotRead) {
  const auto answers = AnswersOf({{"a", "1", 1, 2}});
  CapacityOptions options = Options();
  options.counts = {5, 1};
  EXPECT_ERROR(CapacityState(answers, nullptr, options, kSlot), Code::kInvalid, "counts must rise");
  options = Options();
  options.key = {"zone", "type"};
  EXPECT_ERROR(CapacityState(answers, nullptr, options, kSlot), Code::kInvalid, "last key column");
  options = Options();
  options.score_column = "sps";
  EXPECT_ERROR(CapacityState(answers, nullptr, options, kSlot), Code::kInvalid,
               "the answers has no column 'sps'");
  EXPECT_ERROR(CapacityState(AnswersOf({{"a", "1", 1, 0}}), nullptr, Options(), kSlot),
               Code::kInvalid, "type=a, zone=1 is no answer: score 0");
  EXPECT_ERROR(CapacityState(AnswersOf({{"a", "1", 0, 2}}), nullptr, Options(), kSlot),
               Code::kInvalid, "count 0");
  const auto twice =
      TestTable({{"type", "text!", R"(["a","a"])"}, {"zone", "text", "[null,null]"}});
  EXPECT_ERROR(CapacityState(answers, &twice, Options(), kSlot), Code::kInvalid,
               "type=a, zone=null more than once");
  const auto text = TestTable(
      {{"type", "text!", R"(["a"])"}, {"zone", "text", R"(["1"])"}, {"t2", "text", R"(["5"])"}});
  EXPECT_ERROR(CapacityState(answers, &text, Options(), kSlot), Code::kInvalid,
               "column 't2' of head must hold whole numbers, not text");
}

}  // namespace
}  // namespace catchment::transforms
