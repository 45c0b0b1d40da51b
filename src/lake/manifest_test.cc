#include "lake/manifest.h"

#include <fmt/format.h>

#include "base/test.h"
#include "lake/json_fields_internal.h"
#include "lake/memory_store.h"

namespace catchment::lake {
namespace {

using nlohmann::json;

const std::string kManifestDigest(64, 'a');

Manifest Example() {
  Manifest manifest;
  manifest.number = 42;
  manifest.kind = PublishKind::kRevision;
  manifest.parent = kManifestDigest;
  manifest.dataset = "azure-spot";
  manifest.slot.text = "2026-01-28T00:10:00Z";
  manifest.slot_time = ParseTime("2026-01-28T00:10:00Z").value();
  manifest.run.text = "20260128T001003-7f3a9c2e41d05b68";
  manifest.published = ParseTime("2026-01-28T00:14:07.123456Z").value();
  ManifestTable scores;
  scores.schema = json::array({{{"name", "region"}, {"type", "text"}}});
  scores.fingerprint = kManifestDigest;
  scores.mode = TableMode::kPartition;
  scores.key = {"region"};
  scores.partition = {"date", "zone"};
  scores.touched = {{"2026-01-28", std::nullopt}, {"2026-01-29", "a/b"}};
  FileEntry file{"data/scores/x.parquet",      3,  400, kManifestDigest,
                 {"2026-01-28", std::nullopt}, {}, {}};
  file.bounds["region"] = {{"min", "eastus"}, {"max", "westus"}};
  scores.files = {file};
  manifest.tables["scores"] = scores;
  manifest.state = {{"version", 1}, {"ratio", 0.1}};
  manifest.gaps = {{"price", "failed", 3, "three pages"}};
  SourceReport report;
  report.source = "price";
  report.calls = 12;
  manifest.reports = {report};
  manifest.outbox = {{"warehouse", "timestream", "changes", "k1"}};
  manifest.exports = {
      {"latest", "snapshot", "json", "default", "latest_data/a.json", true},
      {"month", "items", "parquet", "default", "m.parquet", false, {"h/HLSL30_2.0", "h/b"}}};
  manifest.verdicts = {{{"rule", "rows"}, {"failed", 0}}};
  manifest.exchanges = {{"price", kManifestDigest}};
  manifest.reserved = {{"folded", json::array({"r1"})}};
  return manifest;
}

/// Bytes of the example after a change that knows how to seal.
std::string Altered(const std::function<void(json&)>& change) {
  json document = json::parse(SerialiseManifest(Example()).value());
  document.erase("digest");
  change(document);
  return Seal(document.dump());
}

}  // namespace

TEST(ManifestTest, ComesBackAsItWasWrittenAndTheSameBytesAgain) {
  ASSERT_OK_AND_ASSIGN(const std::string bytes, SerialiseManifest(Example()));
  ASSERT_OK_AND_ASSIGN(const Manifest read, ParseManifest(bytes));
  EXPECT_EQ(read.tables, Example().tables);
  EXPECT_EQ(read.outbox, Example().outbox);
  EXPECT_EQ(read.exports, Example().exports);
  EXPECT_EQ(read.state, Example().state);
  EXPECT_EQ(read.published, Example().published);
  EXPECT_EQ(read.kind, PublishKind::kRevision);
  EXPECT_EQ(read.reserved, Example().reserved);
  EXPECT_EQ(SerialiseManifest(read).value(), bytes);
}

TEST(ManifestTest, AnyChangedOrMissingByteIsFound) {
  ASSERT_OK_AND_ASSIGN(const std::string bytes, SerialiseManifest(Example()));
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string flipped = bytes;
    flipped[i] = static_cast<char>(flipped[i] ^ 1);
    ASSERT_FALSE(ParseManifest(flipped).ok()) << "byte " << i;
    ASSERT_FALSE(ParseManifest(bytes.substr(0, i)).ok()) << "cut at " << i;
  }
}

TEST(ManifestTest, ANewerFormatIsToldWithARemedy) {
  const std::string newer = Altered([](json& document) {
    document["format"] = 2;
    document["sections"] = json::object();
  });
  EXPECT_ERROR(ParseManifest(newer), Code::kInvalid,
               "this lake was written by a newer Catchment (format 2)");
  EXPECT_ERROR(ParseManifest(newer), Code::kInvalid, "install the newer version");
}

TEST(ManifestTest, ReservedFieldsStayAndUnknownOnesAreRefused) {
  EXPECT_OK(ParseManifest(Altered([](json& document) { document["accounting"] = {{"data", 1}}; })));
  EXPECT_ERROR(ParseManifest(Altered([](json& document) { document["colour"] = 1; })),
               Code::kCorrupt, "colour: not a field of format 1");
}

TEST(ManifestTest, WhatDoesNotFitTogetherNamesTheField) {
  const std::pair<std::function<void(json&)>, std::string> cases[] = {
      {[](json& d) { d["number"] = -1; }, "number"},
      {[](json& d) { d["kind"] = "guess"; }, "kind"},
      {[](json& d) { d["parent"] = "x"; }, "parent"},
      {[](json& d) { d["dataset"] = "../x"; }, "dataset"},
      {[](json& d) { d["published"] = "yesterday"; }, "published"},
      {[](json& d) { d["tables"]["scores"]["mode"] = "upsert"; }, "tables.scores.mode"},
      {[](json& d) { d["tables"]["scores"]["files"][0]["path"] = "data/../../x"; },
       "files[0].path"},
      {[](json& d) { d["tables"]["scores"]["files"][0]["path"] = "vault/x"; }, "files[0].path"},
      {[](json& d) { d["tables"]["scores"]["files"][0]["rows"] = 1.5; }, "files[0].rows"},
      {[](json& d) { d["tables"]["scores"]["files"][0]["bytes"] = 18446744073709551615u; },
       "bytes"},
      {[](json& d) { d["tables"]["scores"]["files"][0]["partition"] = json::array({"x"}); },
       "partition"},
      {[](json& d) { d["tables"]["scores"]["touched"] = json::array(); }, "touched"},
      {[](json& d) { d["tables"]["scores"]["files"].push_back(d["tables"]["scores"]["files"][0]); },
       "stands twice"},
      {[](json& d) { d["outbox"][0]["sink"] = "a/b"; }, "outbox[0].sink"},
      {[](json& d) { d["state"] = json::array(); }, "state"},
      {[](json& d) { d["gaps"][0]["units"] = "three"; }, "gaps"},
      {[](json& d) { d["exchanges"]["price"] = 5; }, "exchanges.price"},
  };
  for (const auto& [change, field] : cases) {
    EXPECT_ERROR(ParseManifest(Altered(change)), Code::kCorrupt, field);
  }
}

TEST(ManifestTest, DepthIsBounded) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  EXPECT_ERROR(ParseManifest(deep), Code::kCorrupt, "deep");
}

TEST(ManifestTest, TextThatIsNotUtf8CannotBeRecorded) {
  Manifest manifest = Example();
  manifest.gaps[0].detail = "\xff";
  EXPECT_ERROR(SerialiseManifest(manifest), Code::kInvalid, "UTF-8");
}

TEST(ManifestTest, AManifestUnderAnotherNumberOrDatasetIsRefused) {
  MemoryStore store;
  ASSERT_OK_AND_ASSIGN(const std::string bytes, SerialiseManifest(Example()));
  ASSERT_OK(store.Put(ManifestKey("azure-spot", 43), bytes));
  ASSERT_OK(store.Put(ManifestKey("other", 42), bytes));
  EXPECT_ERROR(ReadManifest(store, "azure-spot", 43), Code::kCorrupt, "carries 42");
  EXPECT_ERROR(ReadManifest(store, "other", 42), Code::kCorrupt, "belongs to azure-spot");
  EXPECT_ERROR(ReadManifest(store, "other", 1), Code::kNotFound, "00000000000000000001.json");
}

TEST(ManifestTest, DatasetNamesHaveAtMostOneSlash) {
  EXPECT_OK(CheckDatasetName("hls-stac/HLSL30_2.0"));
  for (const char* name : {"", "a/b/c", "/a", "a/", "..", ".hidden", "a b", "a/../b"}) {
    EXPECT_ERROR(CheckDatasetName(name), Code::kInvalid, "dataset");
  }
}

}  // namespace catchment::lake
