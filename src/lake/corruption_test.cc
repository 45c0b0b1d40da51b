#include <arrow/api.h>

#include "base/digest.h"
#include "lake/lake_fixture.h"
#include "lake/table_read.h"
#include "lake/vault_blob_store.h"
#include "lake/verify.h"
#include "net/response_packs.h"
#include "net/vault.h"

// Bytes that changed after they were written.
namespace catchment::lake {
namespace {

std::string SnapshotKey(const ReadStore& store, int64_t number) {
  return "azure-spot/" +
         ReadManifest(store, kDataset, number)->tables.at("snapshot").files.at(0).path;
}

/// Publish a run that was told `body`; its list of exchanges.
std::string PublishAnswered(MemoryStore& store, const char* slot, const char* run,
                            const std::string& body, VaultBlobStore& vault) {
  TemporaryFolder folder;
  const auto log = net::ExchangeLog::Open(folder.path);
  EXPECT_OK(log);
  net::Exchange exchange;
  exchange.key = {"price", "GET", "https://h/" + std::string(run), "", "", 0};
  exchange.status = 200;
  EXPECT_OK((*log)->Append(exchange, body));
  const auto sealed = (*log)->Seal(vault);
  EXPECT_OK(sealed);
  PublishInput input = RunOf(store, slot, run, {{"a", 1}});
  input.exchanges = {{"price", sealed->list_sha256}};
  EXPECT_OK(Publish(store, input, TestContext()));
  return sealed->list_sha256;
}

std::vector<std::string> WhatIsFound(const ReadStore& store, const VerifyOptions& options = {}) {
  std::vector<std::string> texts;
  const auto report = Verify(store, kDataset, options, TestContext());
  EXPECT_OK(report);
  if (!report.ok()) return texts;
  for (const Finding& finding : report->findings)
    texts.push_back(finding.object + ": " + finding.what);
  return texts;
}

}  // namespace

TEST(CorruptionTest, AFlippedByteOfAManifestStopsReadersAndIsNamed) {
  MemoryStore store;
  PublishRun(store, kSlot1, "r1", {{"a", 1}});
  PublishRun(store, kSlot2, "r2", {{"b", 2}});
  for (const int64_t number : {1, 2}) {
    const std::string key = ManifestKey(kDataset, number);
    const std::string good = store.Get(key).value();
    std::string bad = good;
    bad[bad.size() / 2] ^= 4;
    ASSERT_OK(store.Put(key, bad));
    EXPECT_ERROR(LoadView(store, kDataset), Code::kCorrupt, key);
    ASSERT_OK_AND_ASSIGN(const VerifyReport report, Verify(store, kDataset, {}, TestContext()));
    ASSERT_FALSE(report.findings.empty());
    EXPECT_EQ(report.findings[0].object, key);
    ASSERT_OK(store.Put(key, good.substr(0, good.size() / 2)));
    EXPECT_ERROR(LoadView(store, kDataset), Code::kCorrupt, key);
    ASSERT_OK(store.Put(key, good));
  }
}

TEST(CorruptionTest, AForeignManifestInTheChainIsFound) {
  MemoryStore store, other;
  PublishRun(store, kSlot1, "r1", {{"a", 1}});
  PublishRun(store, kSlot2, "r2", {{"b", 2}});
  PublishRun(other, kSlot1, "x1", {{"a", 1}});
  ASSERT_OK(store.Put(ManifestKey(kDataset, 1), other.Get(ManifestKey(kDataset, 1)).value()));
  EXPECT_ERROR(LoadView(store, kDataset), Code::kCorrupt, "parent");
}

TEST(CorruptionTest, AMissingShortOrChangedDataObjectIsCorruptWithARemedy) {
  MemoryStore store;
  PublishRun(store, kSlot1, "r1", {{"a", 1}, {"b", 2}});
  const std::string key = SnapshotKey(store, 1);
  const std::string good = store.Get(key).value();
  ASSERT_OK_AND_ASSIGN(const View view, LoadView(store, kDataset));

  ASSERT_OK(store.Delete(key));
  EXPECT_ERROR(ReadTable(store, view, "snapshot"), Code::kCorrupt,
               "the object is missing; restore");
  ASSERT_OK(store.Put(key, good.substr(0, good.size() - 1)));
  EXPECT_ERROR(ReadTable(store, view, "snapshot"), Code::kCorrupt, "bytes, but its manifest says");
  int found = 0;
  for (size_t i = 0; i < good.size(); i += 29) {
    std::string bad = good;
    bad[i] ^= 1;
    ASSERT_OK(store.Put(key, bad));
    EXPECT_ERROR(ReadTable(store, view, "snapshot", {.where = {}, .verify_sha256 = true}),
                 Code::kCorrupt, "SHA-256");
    ASSERT_OK_AND_ASSIGN(const VerifyReport report, Verify(store, kDataset, {}, TestContext()));
    found += report.findings.size() == 1 && report.findings[0].object == key ? 1 : 0;
  }
  EXPECT_EQ(found, static_cast<int>((good.size() + 28) / 29));
}

TEST(CorruptionTest, AnOldVersionsObjectIsLookedAtWhenAllVersionsAre) {
  MemoryStore store;
  PublishRun(store, kSlot1, "r1", {{"a", 1}});
  const std::string old = SnapshotKey(store, 1);
  PublishRun(store, kSlot2, "r2", {{"b", 2}});
  ASSERT_OK(store.Delete(old));
  EXPECT_TRUE(Verify(store, kDataset, {}, TestContext())->findings.empty());
  ASSERT_OK_AND_ASSIGN(const VerifyReport all,
                       Verify(store, kDataset, {.all_versions = true}, TestContext()));
  ASSERT_EQ(all.findings.size(), 1u);
  EXPECT_EQ(all.findings[0].object, old);
}

TEST(CorruptionTest, WhatARunWasToldIsLookedAtWithWhatItsLossMeans) {
  MemoryStore store;
  VaultBlobStore vault(store, kDataset);
  const std::string large(3 << 20, 'x');  // stands alone; both runs were told it
  const std::string list1 = PublishAnswered(store, kSlot1, "r1", large, vault);
  PublishAnswered(store, kSlot2, "r2", large, vault);
  ASSERT_OK_AND_ASSIGN(const VerifyReport good, Verify(store, kDataset, {}, TestContext()));
  EXPECT_TRUE(good.findings.empty());
  EXPECT_EQ(good.runs, 2);
  EXPECT_EQ(good.vault_objects, 3);  // two lists and the body

  const std::string body = std::string(kDataset) + "/" + net::BodyObject(Sha256Hex(large));
  const std::string bytes = store.Get(body).value();
  const std::string both =
      "; run r1 of slot 2026-01-28T00:00:00Z, run r2 of slot 2026-01-28T00:10:00Z cannot be "
      "replayed any more; what is published is not touched";
  ASSERT_OK(store.Put(body, bytes.substr(0, bytes.size() - 1)));
  EXPECT_EQ(WhatIsFound(store), std::vector{body + ": it is cut short" + both});
  EXPECT_EQ(WhatIsFound(store, {.digests = false, .parquet = false}),
            std::vector{fmt::format("{}: it has {} bytes, and {} are relied on{}", body,
                                    bytes.size() - 1, bytes.size(), both)});
  EXPECT_TRUE(WhatIsFound(store, {.vault = false}).empty());
  ASSERT_OK(store.Delete(body));
  EXPECT_EQ(WhatIsFound(store), std::vector{body + ": it is missing" + both});
  ASSERT_OK(store.Put(body, bytes));

  const std::string list = std::string(kDataset) + "/" + net::BodyObject(list1);
  ASSERT_OK(store.Put(list, store.Get(body).value()));
  EXPECT_EQ(WhatIsFound(store),
            std::vector{fmt::format("{}: SHA-256 is {}, its name says {}; run r1 of slot "
                                    "2026-01-28T00:00:00Z cannot be replayed any more; what is "
                                    "published is not touched",
                                    list, Sha256Hex(large), list1)});
}

TEST(CorruptionTest, PacksThatRowsNameAreLookedAtWithTheirDictionary) {
  MemoryStore store;
  VaultBlobStore vault(store, kDataset);
  TemporaryFolder folder;
  ASSERT_OK_AND_ASSIGN(
      const auto packs,
      net::ResponsePacks::Open(folder.path, vault, {.training_bodies = 20, .level = 3}));
  net::PackedResponse facts;
  facts.status = 200;
  for (int item = 0; item < 60; ++item) {
    facts.key = fmt::format("item-{}", item);
    std::string body;
    for (int part = 0; part < 40; ++part) body += fmt::format("\"part{}\":{}, ", part, part * item);
    ASSERT_OK(packs->Append(facts, body).status());
  }
  ASSERT_OK(packs->Finish());
  const std::vector<std::string> names = packs->names();
  PublishRun(store, kSlot1, "r1", {{"a", 1}});
  VerifyOptions options;
  options.packs_of = [&](const std::filesystem::path& path) -> Result<std::set<std::string>> {
    EXPECT_TRUE(std::filesystem::exists(path));
    return std::set<std::string>(names.begin(), names.end());
  };
  EXPECT_TRUE(WhatIsFound(store, options).empty());

  const std::string pack = std::string(kDataset) + "/" + names.back();
  const std::string good = store.Get(pack).value();
  const std::string dictionary = net::DictionaryOfPack(good);
  ASSERT_FALSE(dictionary.empty());
  std::string bad = good;
  bad[bad.size() / 2] ^= 1;
  ASSERT_OK(store.Put(pack, bad));
  EXPECT_EQ(WhatIsFound(store, options),
            std::vector{fmt::format("{}: SHA-256 is {}, its name says {}; bodies that table "
                                    "'changes', 'scores', 'snapshot' names cannot be read again; "
                                    "what is published is not touched",
                                    pack, Sha256Hex(bad), Sha256Hex(good))});
  ASSERT_OK(store.Put(pack, good));
  const std::string lost = std::string(kDataset) + "/" + net::BodyObject(dictionary);
  ASSERT_OK(store.Delete(lost));
  const std::vector<std::string> found = WhatIsFound(store, options);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0].starts_with(lost + ": it is missing; bodies that table")) << found[0];
}

}  // namespace catchment::lake
