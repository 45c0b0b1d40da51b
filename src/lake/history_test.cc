#include "lake/history.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "lake/lake_fixture.h"

namespace catchment::lake {
namespace {

const std::string kDigest(64, 'b');

Time SlotTime(int slot) {
  return ParseTime("2026-01-01").value() + std::chrono::minutes(10 * slot);
}

/// One publish of the long history: a manifest without data objects.
Manifest Entry(int slot, PublishKind kind, int64_t number) {
  Manifest manifest;
  manifest.kind = kind;
  manifest.slot.text = FormatTime(SlotTime(slot));
  manifest.slot_time = SlotTime(slot);
  manifest.run.text = fmt::format("run-{}", number);
  manifest.published = ParseTime("2026-03-01").value() + std::chrono::minutes(number);
  manifest.state = {{"version", 1}, {"number", number}};
  return manifest;
}

ManifestTable Table(TableMode mode, const std::string& path,
                    const PartitionValues& partition = {}) {
  ManifestTable table;
  table.schema = nlohmann::json::array();
  table.fingerprint = kDigest;
  table.mode = mode;
  if (!partition.empty()) table.partition = {"part"};
  if (mode == TableMode::kPartition) table.touched = {partition};
  if (!path.empty()) table.files = {FileEntry{path, 1, 10, kDigest, partition, {}, {}}};
  return table;
}

/// The live paths of each table, computed from the whole list of manifests in the plainest way.
struct NaiveLake {
  std::vector<Manifest> manifests;

  std::vector<std::string> Live(const std::string& table) const {
    struct Row {
      std::string path, slot;
      PartitionValues partition;
    };
    std::vector<Row> rows;
    for (const Manifest& manifest : manifests) {
      const auto found = manifest.tables.find(table);
      if (found == manifest.tables.end()) continue;
      const ManifestTable& next = found->second;
      std::erase_if(rows, [&](const Row& row) {
        if (next.mode == TableMode::kReplace) return true;
        if (next.mode == TableMode::kAppend) {
          return manifest.kind == PublishKind::kRevision && row.slot == manifest.slot.text;
        }
        return std::find(next.touched.begin(), next.touched.end(), row.partition) !=
               next.touched.end();
      });
      for (const FileEntry& file : next.files) {
        rows.push_back({file.path, manifest.slot.text, file.partition});
      }
    }
    std::vector<std::string> paths;
    for (const Row& row : rows) paths.push_back(row.path);
    return paths;
  }
};

std::vector<std::string> Paths(const View& view, const std::string& table) {
  std::vector<std::string> paths;
  const auto found = view.tables.find(table);
  if (found == view.tables.end()) return paths;
  for (const LiveFile& live : found->second.files) paths.push_back(live.file.path);
  return paths;
}

/// 600 publishes of random kind; returns them as they were committed.
NaiveLake Fill(MemoryStore& store) {
  std::mt19937 random(7);
  NaiveLake lake;
  View head;
  head.dataset = kDataset;
  int newest = -1;
  std::set<int> published;
  for (int64_t number = 1; number <= 600; ++number) {
    const int dice = static_cast<int>(random() % 10);
    int slot = newest + 1 + static_cast<int>(random() % 3);
    PublishKind kind = PublishKind::kPublish;
    if (newest > 0 && dice < 4) {
      slot = dice == 0 ? newest : newest - static_cast<int>(random() % 40);
      slot = std::max(slot, 0);
      kind = published.contains(slot) ? PublishKind::kRevision : PublishKind::kLate;
    }
    Manifest manifest = Entry(slot, kind, number);
    const bool late_rules = slot < newest;
    const std::string part = std::to_string(random() % 5);
    if (!late_rules) {
      manifest.tables["snapshot"] =
          Table(TableMode::kReplace, fmt::format("data/snapshot/{}", number));
    }
    if (dice != 5) {
      manifest.tables["log"] = Table(TableMode::kAppend, fmt::format("data/log/{}", number));
    }
    if (dice % 3 == 0) {
      const std::string path = dice == 6 ? "" : fmt::format("data/month/{}", number);
      manifest.tables["month"] = Table(TableMode::kPartition, path, {part});
    }
    const Result<Manifest> made = CommitManifest(store, head, manifest);
    EXPECT_TRUE(made.ok()) << made.status().ToString();
    EXPECT_OK(Fold(head, *made, ManifestDigest(SerialiseManifest(*made).value())));
    lake.manifests.push_back(*made);
    published.insert(slot);
    newest = std::max(newest, slot);
  }
  return lake;
}

/// One history for all tests of it; making it takes a moment.
class LongHistory : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    store_ = new MemoryStore();
    lake_ = new NaiveLake(Fill(*store_));
  }
  static void TearDownTestSuite() {
    delete store_;
    delete lake_;
  }
  NaiveLake Until(int64_t number) const {
    return {{lake_->manifests.begin(), lake_->manifests.begin() + number}};
  }
  static MemoryStore* store_;
  static NaiveLake* lake_;
};
MemoryStore* LongHistory::store_ = nullptr;
NaiveLake* LongHistory::lake_ = nullptr;

/// Counts what is read.
class CountingStore final : public ReadStore {
 public:
  explicit CountingStore(const ReadStore& inner) : inner_(inner) {}
  Result<std::string> Get(std::string_view key, uint64_t limit) const override {
    ++gets;
    return inner_.Get(key, limit);
  }
  Result<std::string> GetRange(std::string_view key, uint64_t offset,
                               uint64_t length) const override {
    return inner_.GetRange(key, offset, length);
  }
  Result<uint64_t> Size(std::string_view key) const override { return inner_.Size(key); }
  Result<std::vector<std::string>> List(std::string_view prefix,
                                        std::string_view start_after) const override {
    if (!list_fault.ok()) return list_fault;
    return inner_.List(prefix, start_after);
  }
  Result<std::filesystem::path> Fetch(std::string_view key) const override {
    return inner_.Fetch(key);
  }
  std::string Name() const override { return inner_.Name(); }

  mutable int gets = 0;
  Status list_fault;

 private:
  const ReadStore& inner_;
};

}  // namespace

TEST_F(LongHistory, TheFoldIsThatOfTheWholeListAtEveryNumber) {
  for (const int64_t number : {1, 2, 17, 255, 256, 257, 400, 511, 512, 513, 599, 600}) {
    ASSERT_OK_AND_ASSIGN(const View view, LoadView(*store_, kDataset, number));
    for (const char* table : {"snapshot", "log", "month"}) {
      EXPECT_EQ(Paths(view, table), Until(number).Live(table)) << table << " at " << number;
    }
    EXPECT_EQ(view.state["number"], number);
    EXPECT_EQ(view.digest, view.number == 600 ? view.digest : lake_->manifests[number].parent);
  }
}

TEST_F(LongHistory, ACheckpointSavesReadingWhatIsBeforeIt) {
  CountingStore counting(*store_);
  ASSERT_OK(LoadView(counting, kDataset));
  EXPECT_LE(counting.gets, 600 - 512 + 2);
}

TEST_F(LongHistory, ADamagedOrMissingCheckpointOnlyCostsTime) {
  MemoryStore copy;
  for (const auto& [key, bytes] : store_->Snapshot()) ASSERT_OK(copy.Put(key, bytes));
  ASSERT_OK_AND_ASSIGN(std::string damaged, copy.Get(CheckpointKey(kDataset, 512)));
  damaged[damaged.size() / 2] ^= 1;
  ASSERT_OK(copy.Put(CheckpointKey(kDataset, 512), damaged));
  ASSERT_OK(copy.Delete(CheckpointKey(kDataset, 256)));
  ASSERT_OK_AND_ASSIGN(const View view, LoadView(copy, kDataset));
  EXPECT_EQ(Paths(view, "log"), lake_->Live("log"));
  EXPECT_EQ(ListPublishes(copy, kDataset).value(), ListPublishes(*store_, kDataset).value());
}

TEST_F(LongHistory, DamageIsNamedWithWhatToDo) {
  MemoryStore copy;
  for (const auto& [key, bytes] : store_->Snapshot()) ASSERT_OK(copy.Put(key, bytes));
  EXPECT_THAT(FindDamage(copy, kDataset), testing::IsEmpty());
  EXPECT_THAT(FindDamage(copy, "nothing-yet"), testing::IsEmpty());
  ASSERT_OK(copy.Put(CheckpointKey(kDataset, 256), "{}"));  // an old one serves nobody
  EXPECT_THAT(FindDamage(copy, kDataset), testing::IsEmpty());
  ASSERT_OK(copy.Put(CheckpointKey(kDataset, 512), "{}"));
  EXPECT_THAT(FindDamage(copy, kDataset),
              testing::ElementsAre(CheckpointKey(kDataset, 512) +
                                   ": damaged; `catchment recover azure-spot` writes it again"));
  ASSERT_OK(copy.Delete(CheckpointKey(kDataset, 512)));  // a run may just be writing it
  EXPECT_THAT(FindDamage(copy, kDataset), testing::IsEmpty());
  ASSERT_OK(copy.Put(ManifestKey(kDataset, 600), "{}"));
  EXPECT_THAT(FindDamage(copy, kDataset),
              testing::ElementsAre(testing::HasSubstr(ManifestKey(kDataset, 600))));
}

TEST_F(LongHistory, EverySlotKnowsItsPublishes) {
  ASSERT_OK_AND_ASSIGN(const View head, LoadView(*store_, kDataset));
  std::map<std::string, std::vector<int64_t>> of_slot;
  for (const Manifest& manifest : lake_->manifests) {
    of_slot[manifest.slot.text].push_back(manifest.number);
  }
  int nth = 0;
  for (const auto& [slot, numbers] : of_slot) {
    if (nth++ % 9 != 0 && slot != head.newest_slot.text) continue;
    ASSERT_OK_AND_ASSIGN(const ViewForRun seen,
                         LoadForSlot(*store_, kDataset, {slot}, ParseTime(slot).value()));
    EXPECT_EQ(seen.standing.published, numbers) << slot;
    EXPECT_EQ(seen.standing.kind, PublishKind::kRevision);
    EXPECT_EQ(seen.standing.is_newest, slot == head.newest_slot.text);
    EXPECT_EQ(seen.base.number, seen.standing.is_newest ? numbers.front() - 1 : 600);
  }
}

TEST_F(LongHistory, AsOfATimeIsTheHighestNumberPublishedByThen) {
  const Time first = lake_->manifests[0].published;
  EXPECT_EQ(AsOfTime(*store_, kDataset, first).value(), 1);
  EXPECT_EQ(AsOfTime(*store_, kDataset, first + std::chrono::seconds(90)).value(), 2);
  EXPECT_EQ(AsOfTime(*store_, kDataset, first + std::chrono::hours(999)).value(), 600);
  EXPECT_ERROR(AsOfTime(*store_, kDataset, first - std::chrono::seconds(1)), Code::kNotFound,
               "had no publish");
}

TEST_F(LongHistory, AsOfASlotIsTheLastNumberBeforeANewerSlot) {
  for (size_t at : {3, 100, 300, 550}) {
    while (lake_->manifests[at].kind != PublishKind::kPublish) ++at;
    const Time slot = lake_->manifests[at].slot_time;
    int64_t expected = 600;
    for (const Manifest& manifest : lake_->manifests) {
      if (manifest.kind == PublishKind::kPublish && manifest.slot_time > slot) {
        expected = manifest.number - 1;
        break;
      }
    }
    EXPECT_EQ(AsOfSlot(*store_, kDataset, slot).value(), expected);
  }
  EXPECT_ERROR(AsOfSlot(*store_, kDataset, SlotTime(-1)), Code::kNotFound, "as old as");
}

TEST(FindHeadTest, HeadIsOnlyAHint) {
  MemoryStore store;
  EXPECT_EQ(FindHead(store, kDataset).value(), 0);
  View view;
  view.dataset = kDataset;
  for (int64_t number = 1; number <= 3; ++number) {
    ASSERT_OK(CommitManifest(store, view,
                             Entry(static_cast<int>(number), PublishKind::kPublish, number)));
    view = LoadView(store, kDataset).value();
  }
  for (const char* hint : {"1\n", "2\n", "-1\n", "garbage", "", "3", "99"}) {
    ASSERT_OK(store.Put("azure-spot/HEAD", hint));
    EXPECT_EQ(FindHead(store, kDataset).value(), 3) << hint;
  }
  ASSERT_OK(store.Delete("azure-spot/HEAD"));
  EXPECT_EQ(FindHead(store, kDataset).value(), 3);
}

// A25: what was there and cannot be seen is not absent.
TEST(FindHeadTest, azure_A25_ALakeThatLostItsManifestsIsNotEmpty) {
  MemoryStore store;
  ASSERT_OK(store.Put("azure-spot/HEAD", "2\n"));
  EXPECT_ERROR(FindHead(store, kDataset), Code::kCorrupt,
               "HEAD names manifest 2, but no manifest can be seen");
  ASSERT_OK(store.Put("azure-spot/HEAD", "garbage"));
  EXPECT_EQ(FindHead(store, kDataset).value(), 0);
}

// The number of a lost manifest is not given to another.
TEST(FindHeadTest, ALakeThatLostItsNewestManifestDoesNotGoOn) {
  MemoryStore store;
  View view;
  view.dataset = kDataset;
  for (int number = 1; number <= 2; ++number) {
    ASSERT_OK(CommitManifest(store, view, Entry(number, PublishKind::kPublish, number)));
    view = LoadView(store, kDataset).value();
  }
  ASSERT_OK(store.Put("azure-spot/HEAD", "2\n"));
  ASSERT_OK(store.Delete(ManifestKey(kDataset, 2)));
  EXPECT_ERROR(FindHead(store, kDataset), Code::kCorrupt,
               "HEAD names manifest 2, but the newest that can be seen is 1");
  EXPECT_ERROR(LoadView(store, kDataset), Code::kCorrupt, "HEAD names manifest 2");
  ASSERT_OK(store.Delete("azure-spot/HEAD"));
  EXPECT_EQ(FindHead(store, kDataset).value(), 1);
}

TEST(FindHeadTest, AReadErrorIsNeverAbsence) {
  MemoryStore store;
  CountingStore broken(store);
  broken.list_fault = Unavailable("the disk is away");
  EXPECT_ERROR(FindHead(broken, kDataset), Code::kUnavailable, "the disk is away");
  EXPECT_ERROR(LoadForSlot(broken, kDataset, {"2026-01-01T00:00:00Z"}, SlotTime(0)),
               Code::kUnavailable, "the disk is away");
}

TEST(LoadViewTest, AMissingManifestInTheMiddleIsCorruptAndABadNumberIsNotFound) {
  MemoryStore store;
  View view;
  view.dataset = kDataset;
  for (int64_t number = 1; number <= 3; ++number) {
    ASSERT_OK(CommitManifest(store, view,
                             Entry(static_cast<int>(number), PublishKind::kPublish, number)));
    view = LoadView(store, kDataset).value();
  }
  EXPECT_ERROR(LoadView(store, kDataset, 4), Code::kNotFound, "no publish 4");
  EXPECT_EQ(LoadView(store, kDataset, 0)->number, 0);
  ASSERT_OK(store.Delete(ManifestKey(kDataset, 2)));
  EXPECT_ERROR(LoadView(store, kDataset), Code::kCorrupt, "manifest 2 is missing");
}

}  // namespace catchment::lake
