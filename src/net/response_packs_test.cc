#include "net/response_packs.h"

#include <gmock/gmock.h>

#include <fstream>

#include "base/digest.h"
#include "base/file.h"
#include "base/test.h"
#include "net/memory_blob_store.h"
#include "net/vault.h"

namespace catchment::net {
namespace {

/// What items look like: much that is the same, some that is not.
std::string BodyOf(int number) {
  std::string body = fmt::format(R"({{"type":"Feature","id":"item {}","digest":"{}","assets":{{)",
                                 number, Sha256Hex(std::to_string(number)));
  for (int asset = 0; asset < 15; ++asset) {
    body += fmt::format(
        R"({}"B{:02}":{{"href":"https://data.example.org/archive/item-{}/B{:02}.tif","roles":["data"]}})",
        asset == 0 ? "" : ",", asset, number, asset);
  }
  return body + "}}";
}

PackedResponse FactsOf(int number) {
  PackedResponse facts;
  facts.key = fmt::format("item {}", number);
  facts.revision = "7";
  facts.url = fmt::format("https://data.example.org/{}", number);
  facts.received = Time(std::chrono::seconds(1'700'000'000 + number));
  facts.status = 200;
  facts.etag = fmt::format("\"{}\"", number);
  return facts;
}

struct PacksFixture {
  TemporaryFolder folder;
  MemoryBlobStore vault;
  ResponsePacks::Options options{.pack_bytes = 64 << 20,
                                 .pack_responses = 50,
                                 .training_bodies = 20,
                                 .dictionary_bytes = 4 << 10,
                                 .level = 3};

  std::unique_ptr<ResponsePacks> Open(const std::string& run) {
    auto opened = ResponsePacks::Open(folder.path / run, vault, options);
    EXPECT_TRUE(opened.ok());
    return *std::move(opened);
  }
};

TEST(ResponsePacksTest, KeepsBodiesInPacksWithAnIndexOfWhatWasAsked) {
  PacksFixture f;
  const auto packs = f.Open("run");
  std::vector<PackedResponse> kept;
  for (int number = 0; number < 130; ++number) {
    ASSERT_OK_AND_ASSIGN(PackedResponse one, packs->Append(FactsOf(number), BodyOf(number)));
    kept.push_back(one);
  }
  EXPECT_TRUE(packs->names().back().empty());
  ASSERT_OK(packs->Finish());
  const std::vector<std::string> names = packs->names();
  ASSERT_EQ(names.size(), 4u);  // 20 before the dictionary, 50, 50, 10
  PackReader reader(f.vault, 1024);
  for (int number = 0; number < 130; ++number) {
    const PackedResponse& one = kept[static_cast<size_t>(number)];
    const PackPlace place{names[one.pack], one.offset, one.length};
    ASSERT_OK_AND_ASSIGN(const std::string body, reader.Read(place, one.sha256));
    EXPECT_EQ(body, BodyOf(number));
  }
  ASSERT_OK_AND_ASSIGN(const std::string bytes, f.vault.Get(names[1]));
  EXPECT_EQ(PackObject(Sha256Hex(bytes)), names[1]);
  ASSERT_OK_AND_ASSIGN(const PackContents contents, ParsePackContents(bytes));
  ASSERT_EQ(contents.responses.size(), 50u);
  EXPECT_EQ(contents.responses[0].key, "item 20");
  EXPECT_EQ(contents.responses[0].revision, "7");
  EXPECT_EQ(contents.responses[0].etag, "\"20\"");
  EXPECT_EQ(contents.responses[0].url, "https://data.example.org/20");
  EXPECT_EQ(contents.responses[0].received, FactsOf(20).received);
  ASSERT_OK_AND_ASSIGN(const bool there, f.vault.Exists(BodyObject(contents.dictionary_sha256)));
  EXPECT_TRUE(there);
  ASSERT_OK_AND_ASSIGN(const auto entries, ParsePackIndex(bytes));
  EXPECT_EQ(entries.size(), 50u);
  EXPECT_LT(kept[100].length * 2, kept[0].length);  // the dictionary serves
}

TEST(ResponsePacksTest, FramesAreUndoneFarFromTheirPacks) {
  PacksFixture f;
  const auto packs = f.Open("run");
  std::vector<PackedResponse> kept;
  for (int number = 0; number < 60; ++number) {  // 20 without a dictionary, 40 with one
    ASSERT_OK_AND_ASSIGN(PackedResponse one, packs->Append(FactsOf(number), BodyOf(number)));
    kept.push_back(one);
  }
  ASSERT_OK(packs->Finish());
  const std::vector<std::string> names = packs->names();
  PackReader reader(f.vault, 1024);
  FrameDecoder decoder;
  std::vector<std::pair<std::string, uint32_t>> copied;
  for (const PackedResponse& one : kept) {
    ASSERT_OK_AND_ASSIGN(const PackedFrame frame,
                         reader.ReadFrame({names[one.pack], one.offset, one.length}));
    ASSERT_OK_AND_ASSIGN(const uint32_t dictionary, decoder.Add(f.vault, frame.dictionary_sha256));
    copied.emplace_back(frame.bytes, dictionary);
  }
  EXPECT_EQ(copied.front().second, 0u);
  EXPECT_EQ(copied.back().second, 1u);
  std::string body;
  for (int number = 60; number-- > 0;) {
    const auto& [frame, dictionary] = copied[static_cast<size_t>(number)];
    ASSERT_OK(decoder.Decode(frame, dictionary, body));
    EXPECT_EQ(body, BodyOf(number));
  }
  ASSERT_OK(decoder.Decode("", 0, body));
  EXPECT_EQ(body, "");
  std::string torn = copied.back().first;
  torn.resize(torn.size() / 2);
  EXPECT_EQ(decoder.Decode(torn, 1, body).error().code, Code::kCorrupt);
  EXPECT_EQ(decoder.Decode(copied.back().first, 0, body).error().code, Code::kCorrupt);
  EXPECT_EQ(decoder.Add(f.vault, std::string(64, 'a')).error().code, Code::kNotFound);
}

TEST(ResponsePacksTest, EqualBodiesLieInAPackOnce) {
  PacksFixture f;
  const auto packs = f.Open("run");
  ASSERT_OK_AND_ASSIGN(const PackedResponse one, packs->Append(FactsOf(1), "same"));
  ASSERT_OK_AND_ASSIGN(const PackedResponse two, packs->Append(FactsOf(2), "same"));
  ASSERT_OK_AND_ASSIGN(const PackedResponse none, packs->Append(FactsOf(3), ""));
  ASSERT_OK(packs->Finish());
  EXPECT_EQ(one.offset, two.offset);
  PackReader reader(f.vault);
  ASSERT_OK_AND_ASSIGN(const std::string body,
                       reader.Read({packs->names()[two.pack], two.offset, two.length}, two.sha256));
  EXPECT_EQ(body, "same");
  ASSERT_OK_AND_ASSIGN(const std::string empty,
                       reader.Read({packs->names()[none.pack], 0, 0}, none.sha256));
  EXPECT_EQ(empty, "");
  ASSERT_OK_AND_ASSIGN(const std::string bytes, f.vault.Get(packs->names()[0]));
  ASSERT_OK_AND_ASSIGN(const PackContents contents, ParsePackContents(bytes));
  EXPECT_EQ(contents.responses.size(), 3u);
}

TEST(ResponsePacksTest, AKilledRunLosesNothingOfWhatItWasTold) {
  PacksFixture f;
  {
    const auto packs = f.Open("dead");
    for (int number = 0; number < 87; ++number)
      ASSERT_OK(packs->Append(FactsOf(number), BodyOf(number)).status());
  }  // no Finish: 20 and 50 are in packs, 17 in the open file
  EXPECT_TRUE(ResponsePacks::Left(f.folder.path / "dead"));
  // The last record was written in part.
  std::ofstream(f.folder.path / "dead/responses.log", std::ios::app | std::ios::binary) << "torn";

  for (int process = 0; process < 2; ++process) {  // the second finds what the first took over
    const auto packs = f.Open("next");
    std::vector<std::string> problems;
    ASSERT_OK_AND_ASSIGN(const auto adopted,
                         packs->Adopt(f.folder.path / (process == 0 ? "dead" : "next"), problems));
    EXPECT_TRUE(problems.empty());
    ASSERT_EQ(adopted.size(), 87u);
    if (process == 0) continue;
    ASSERT_OK(packs->Finish());
    PackReader reader(f.vault);
    for (const PackedResponse& one : adopted) {
      ASSERT_OK_AND_ASSIGN(
          const std::string body,
          reader.Read({packs->names()[one.pack], one.offset, one.length}, one.sha256));
      EXPECT_NE(body.find(fmt::format("\"{}\"", one.key)), std::string::npos);
    }
  }
}

TEST(ResponsePacksTest, SeveralKilledRunsAreTakenOver) {
  PacksFixture f;
  int number = 0;
  for (const char* run : {"first", "second", "third"}) {  // each leaves packs and an open file
    const auto packs = f.Open(run);
    for (int i = 0; i < 90; ++i, ++number)
      ASSERT_OK(packs->Append(FactsOf(number), BodyOf(number)).status());
  }
  const auto packs = f.Open("last");
  std::vector<std::string> problems;
  std::vector<PackedResponse> adopted;
  for (const char* run : {"last", "first", "second", "third"}) {
    ASSERT_OK_AND_ASSIGN(const auto some, packs->Adopt(f.folder.path / run, problems));
    adopted.insert(adopted.end(), some.begin(), some.end());
  }
  ASSERT_OK_AND_ASSIGN(const PackedResponse own, packs->Append(FactsOf(number), BodyOf(number)));
  adopted.push_back(own);
  ASSERT_OK(packs->Finish());
  EXPECT_TRUE(problems.empty());
  ASSERT_EQ(adopted.size(), 271u);
  for (const char* run : {"first", "second", "third"})
    EXPECT_FALSE(ResponsePacks::Left(f.folder.path / run));
  const std::vector<std::string> names = packs->names();
  PackReader reader(f.vault);
  for (const PackedResponse& one : adopted) {
    const PackPlace place{names[one.pack], one.offset, one.length};
    ASSERT_OK_AND_ASSIGN(const std::string body, reader.Read(place, one.sha256));
    EXPECT_EQ(body, BodyOf(std::stoi(one.key.substr(5))));
  }
}

TEST(ResponsePacksTest, WhatWasTakenOverByARunThatWasKilledTooIsThereOnce) {
  PacksFixture f;
  {
    const auto packs = f.Open("first");
    for (int number = 0; number < 90; ++number)
      ASSERT_OK(packs->Append(FactsOf(number), BodyOf(number)).status());
  }
  const std::filesystem::path copy = f.folder.path / "copy";
  std::filesystem::copy(f.folder.path / "first", copy, std::filesystem::copy_options::recursive);
  std::vector<std::string> problems;
  {
    const auto packs = f.Open("second");
    ASSERT_OK_AND_ASSIGN(const auto adopted, packs->Adopt(f.folder.path / "first", problems));
    EXPECT_EQ(adopted.size(), 90u);
  }
  // Killed before it could forget the first one's.
  const auto packs = f.Open("third");
  size_t all = 0;
  for (const std::filesystem::path& folder : {copy, f.folder.path / "second"}) {
    ASSERT_OK_AND_ASSIGN(const auto adopted, packs->Adopt(folder, problems));
    all += adopted.size();
  }
  EXPECT_EQ(all, 90u);
  EXPECT_TRUE(problems.empty());
}

TEST(ResponsePacksTest, APackThatIsGoneIsNamedAndTheOthersServe) {
  PacksFixture f;
  {
    const auto packs = f.Open("dead");
    for (int number = 0; number < 75; ++number)
      ASSERT_OK(packs->Append(FactsOf(number), BodyOf(number)).status());
    f.vault.Damage(packs->names()[1], "CMPACK02");
  }
  const auto packs = f.Open("next");
  std::vector<std::string> problems;
  ASSERT_OK_AND_ASSIGN(const auto adopted, packs->Adopt(f.folder.path / "dead", problems));
  EXPECT_EQ(adopted.size(), 25u);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_THAT(problems[0], testing::HasSubstr("vault/packs/"));
}

TEST(ResponsePacksTest, DamageIsFoundAtEveryByte) {
  PacksFixture f;
  const auto packs = f.Open("run");
  for (int number = 0; number < 3; ++number)
    ASSERT_OK(packs->Append(FactsOf(number), BodyOf(number)).status());
  ASSERT_OK(packs->Finish());
  const std::string name = packs->names()[0];
  ASSERT_OK_AND_ASSIGN(const std::string bytes, f.vault.Get(name));
  for (size_t cut = 0; cut < bytes.size(); cut += 7)
    EXPECT_FALSE(ParsePackContents(std::string_view(bytes).substr(0, cut)).ok());
  ASSERT_OK_AND_ASSIGN(const PackContents contents, ParsePackContents(bytes));
  const PackedResponse& one = contents.responses[1];
  std::string damaged = bytes;
  damaged[one.offset + one.length / 2] ^= 0x55;
  f.vault.Damage(name, damaged);
  PackReader reader(f.vault);
  EXPECT_ERROR(reader.Read({name, one.offset, one.length}, one.sha256), Code::kCorrupt, name);
}

}  // namespace
}  // namespace catchment::net
