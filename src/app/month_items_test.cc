#include "app/month_items.h"

#include <arrow/api.h>

#include "app/month_tables.h"
#include "base/digest.h"
#include "base/test.h"

namespace catchment::app {
namespace {

using sources::cmr::Granule;
using sources::cmr::LinkRows;
using sources::cmr::LinkState;
using sources::cmr::StoredBody;

Granule GranuleOf(const std::string& id) {
  Granule granule;
  granule.id = id;
  granule.concept_id = "G-" + id;
  granule.href = "https://h/" + id;
  return granule;
}

StoredBody BodyOf(const std::string& text, LinkState state) {
  StoredBody body;
  body.state = state;
  body.has_body = true;
  body.sha256 = sources::cmr::DigestBytesOf(Sha256Hex(text));
  body.bytes = body.length = static_cast<uint32_t>(text.size());
  return body;
}

/// One row an item: id, text of its body, state, pack.
struct LinkOf {
  std::string id, text;
  LinkState state = LinkState::kStored;
  std::string pack = "new";
};

columnar::Table Links(const std::vector<LinkOf>& links) {
  LinkRows rows;
  for (const LinkOf& link : links)
    EXPECT_OK(rows.Add(GranuleOf(link.id), BodyOf(link.text, link.state), link.pack));
  const auto batch = rows.Take();
  EXPECT_OK(batch.status());
  return columnar::Table::FromArrow(*arrow::Table::FromRecordBatches({*batch}));
}

stac::Quarantined Misfit(const std::string& detail) {
  return {stac::QuarantineReason::kMisfit, "/properties/x", detail};
}

/// A column of texts, nulls as "".
std::vector<std::string> Texts(const columnar::Table& table, const std::string& column) {
  std::vector<std::string> texts;
  const auto rows = table.Load().value();
  for (const auto& chunk : rows->GetColumnByName(column)->chunks()) {
    const auto& cells = static_cast<const arrow::StringArray&>(*chunk);
    for (int64_t row = 0; row < cells.length(); ++row) texts.push_back(cells.GetString(row));
  }
  return texts;
}

using Names = std::vector<std::string>;

TEST(MonthItemsTest, OnlyItemsWithAUsableBodyAreRead) {
  ASSERT_OK_AND_ASSIGN(const MonthItems items,
                       ReadMonthItems(Links({{"a", "1"},
                                             {"b", "2", LinkState::kQuarantined},
                                             {"c", "3", LinkState::kStale, "other"}})));
  EXPECT_EQ(items.ids, (Names{"a", "c"}));
  EXPECT_EQ(items.rows, (std::vector<uint32_t>{0, 2}));
  EXPECT_EQ(items.packs[items.bodies[1].pack], "other");
}

TEST(MonthItemsTest, ARefusedRevisionGivesWayToThePublishedBody) {
  const columnar::Table links = Links({{"a", "1"}, {"b", "new"}, {"c", "new too"}});
  ASSERT_OK_AND_ASSIGN(MonthItems items, ReadMonthItems(links));
  MonthVerdict verdict;
  verdict.refused = {{1, Misfit("of b")}, {2, Misfit("of c")}};
  // That of c was of no use either.
  ASSERT_OK(TakeEarlierBodies(Links({{"b", "old", LinkState::kStored, "before"},
                                     {"c", "old", LinkState::kQuarantined, "before"}}),
                              items, verdict));
  EXPECT_EQ(verdict.refused.size(), 1u);
  ASSERT_TRUE(verdict.kept_earlier.contains(1));
  EXPECT_EQ(items.packs[items.bodies[1].pack], "before");

  const TemporaryFolder folder;
  ASSERT_OK_AND_ASSIGN(const MonthTables tables,
                       FinishMonthTables({&links}, items, verdict, folder.path / "links.parquet"));
  EXPECT_EQ(Texts(tables.links, "state"), (Names{"stored", "stale", "quarantined"}));
  EXPECT_EQ(Texts(tables.links, "pack"), (Names{"new", "before", "new"}));
  EXPECT_EQ(Texts(tables.links, "body_sha256")[1], Sha256Hex("old"));
  EXPECT_EQ(Texts(tables.missing, "id"), (Names{"b"}));
  EXPECT_EQ(Texts(tables.missing, "reason"), (Names{"stale_revision"}));
  EXPECT_EQ(Texts(tables.quarantine, "id"), (Names{"b", "c"}));
  EXPECT_EQ(Texts(tables.quarantine, "body_sha256"),
            (Names{Sha256Hex("new"), Sha256Hex("new too")}));
  EXPECT_EQ(Texts(tables.quarantine, "pack"), (Names{"new", "new"}));
}

TEST(MonthItemsTest, TheSameBodyIsNotTriedAgain) {
  ASSERT_OK_AND_ASSIGN(MonthItems items, ReadMonthItems(Links({{"a", "1"}})));
  MonthVerdict verdict;
  verdict.refused = {{0, Misfit("")}};
  ASSERT_OK(TakeEarlierBodies(Links({{"a", "1"}}), items, verdict));
  EXPECT_TRUE(verdict.kept_earlier.empty());
  EXPECT_EQ(verdict.refused.size(), 1u);
}

TEST(MonthItemsTest, WhereNeitherFitsTheNewOneIsRefused) {
  ASSERT_OK_AND_ASSIGN(MonthItems items, ReadMonthItems(Links({{"a", "new"}})));
  MonthVerdict verdict;
  verdict.refused = {{0, Misfit("the new")}};
  ASSERT_OK(TakeEarlierBodies(Links({{"a", "old"}}), items, verdict));
  verdict.refused = {{0, Misfit("the old")}};  // as the second try finds
  GiveUpRefusedAgain(items, verdict);
  EXPECT_TRUE(verdict.kept_earlier.empty());
  EXPECT_EQ(verdict.refused.at(0).detail, "the new");
  EXPECT_EQ(items.bodies[0].sha256, sources::cmr::DigestBytesOf(Sha256Hex("new")));
}

}  // namespace
}  // namespace catchment::app
