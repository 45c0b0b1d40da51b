#pragma once

// What every WriteStore promises. Only tests include this.

#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/test.h"
#include "lake/store.h"

namespace catchment::lake {

class StoreContract : public testing::TestWithParam<std::function<std::unique_ptr<WriteStore>()>> {
 protected:
  void SetUp() override { store_ = GetParam()(); }
  std::unique_ptr<WriteStore> store_;
};

TEST_P(StoreContract, GivesBackWhatWasPut) {
  const std::string bytes("a\0b\xff", 4);
  ASSERT_OK(store_->Put("d/x.bin", bytes));
  EXPECT_EQ(store_->Get("d/x.bin").value(), bytes);
  EXPECT_EQ(store_->GetRange("d/x.bin", 1, 2).value(), bytes.substr(1, 2));
  EXPECT_EQ(store_->Size("d/x.bin").value(), 4u);
  ASSERT_OK_AND_ASSIGN(const std::filesystem::path path, store_->Fetch("d/x.bin"));
  EXPECT_EQ(ReadFile(path).value(), bytes);
}

TEST_P(StoreContract, AnAbsentObjectIsNotFoundAndNothingElseIs) {
  EXPECT_ERROR(store_->Get("d/none"), Code::kNotFound, "none");
  EXPECT_ERROR(store_->Size("d/none"), Code::kNotFound, "none");
  EXPECT_ERROR(store_->Fetch("d/none"), Code::kNotFound, "none");
  EXPECT_FALSE(store_->Exists("d/none").value());
  ASSERT_OK(store_->Put("d/x", "1"));
  EXPECT_TRUE(store_->Exists("d/x").value());
  EXPECT_FALSE(store_->Exists("d").value());
  EXPECT_FALSE(store_->Exists("d/x/below").value());
}

TEST_P(StoreContract, ALimitAndARangeBeyondTheEndAreCorrupt) {
  ASSERT_OK(store_->Put("x", "12345"));
  EXPECT_ERROR(store_->Get("x", 4), Code::kCorrupt, "limit");
  EXPECT_EQ(store_->Get("x", 5).value(), "12345");
  EXPECT_ERROR(store_->GetRange("x", 4, 2), Code::kCorrupt, "5 bytes");
  EXPECT_ERROR(store_->GetRange("x", ~uint64_t{0}, 2), Code::kCorrupt, "5 bytes");
}

TEST_P(StoreContract, PutReplacesAndPutIfAbsentDoesNot) {
  ASSERT_OK(store_->Put("m/1", "first"));
  ASSERT_OK(store_->Put("m/1", "second"));
  EXPECT_ERROR(store_->PutIfAbsent("m/1", "third"), Code::kExists, "m/1");
  EXPECT_EQ(store_->Get("m/1").value(), "second");
  ASSERT_OK(store_->PutIfAbsent("m/2", "new"));
  EXPECT_EQ(store_->Get("m/2").value(), "new");
}

TEST_P(StoreContract, AHintIsAnObjectLikeOthers) {
  ASSERT_OK(store_->PutHint("d/HEAD", "1"));
  ASSERT_OK(store_->PutHint("d/HEAD", "2"));
  EXPECT_EQ(store_->Get("d/HEAD").value(), "2");
  EXPECT_EQ(store_->List("").value(), std::vector<std::string>{"d/HEAD"});
}

TEST_P(StoreContract, ListsSortedByBytesBelowAPrefix) {
  for (const char* key : {"a/b/2", "a/b/10", "a/b", "a-x", "a/c/1", "b"}) {
    if (std::string(key) != "a/b") ASSERT_OK(store_->Put(key, "x"));
  }
  using Keys = std::vector<std::string>;
  EXPECT_EQ(store_->List("").value(), (Keys{"a-x", "a/b/10", "a/b/2", "a/c/1", "b"}));
  EXPECT_EQ(store_->List("a/").value(), (Keys{"a/b/10", "a/b/2", "a/c/1"}));
  EXPECT_EQ(store_->List("a/b/1").value(), (Keys{"a/b/10"}));
  EXPECT_EQ(store_->List("a").value(), (Keys{"a-x", "a/b/10", "a/b/2", "a/c/1"}));
  EXPECT_EQ(store_->List("a/", "a/b/10").value(), (Keys{"a/b/2", "a/c/1"}));
  EXPECT_EQ(store_->List("none/").value(), Keys{});
}

TEST_P(StoreContract, DeletingTwiceIsNoError) {
  ASSERT_OK(store_->Put("d/x", "1"));
  ASSERT_OK(store_->Delete("d/x"));
  ASSERT_OK(store_->Delete("d/x"));
  ASSERT_OK(store_->Delete("none/x"));
  EXPECT_FALSE(store_->Exists("d/x").value());
}

TEST_P(StoreContract, TakesFilesFromStagingAndElsewhere) {
  const TemporaryFolder elsewhere;
  ASSERT_OK(WriteFileAtomically(elsewhere.path / "f", "from elsewhere"));
  {
    ASSERT_OK_AND_ASSIGN(const StagingFile staging, store_->NewStagingFile());
    ASSERT_OK(WriteFileAtomically(staging.path(), "staged"));
    const std::pair<std::string, std::filesystem::path> puts[] = {{"data/a", staging.path()},
                                                                  {"data/b", elsewhere.path / "f"}};
    ASSERT_OK(store_->PutFiles(puts));
  }
  EXPECT_EQ(store_->Get("data/a").value(), "staged");
  EXPECT_EQ(store_->Get("data/b").value(), "from elsewhere");
  ASSERT_OK(store_->PutFile("data/a", elsewhere.path / "f"));
  EXPECT_EQ(store_->Get("data/a").value(), "from elsewhere");
  EXPECT_EQ(store_->List("").value(), (std::vector<std::string>{"data/a", "data/b"}));
}

TEST_P(StoreContract, RefusesKeysThatCouldLeadOut) {
  const std::string long_part(251, 'x');
  for (const std::string& key :
       {std::string(), std::string("/etc/passwd"), std::string("../x"), std::string("a/../../x"),
        std::string("a//b"), std::string("a/"), std::string("./a"), std::string("a\nb"),
        std::string("a\\b"), std::string("a\0b", 3), std::string("\xff"), long_part,
        std::string(".tmp-x"), std::string("\xed\xa0\x80"), std::string("\xc0\xaf")}) {
    EXPECT_ERROR(store_->Put(key, "x"), Code::kInvalid, "object");
    EXPECT_ERROR(store_->Get(key), Code::kInvalid, "object");
  }
}

}  // namespace catchment::lake
