#pragma once

// What every BlobStore promises. Only tests include this.

#include <functional>
#include <memory>
#include <string>

#include "base/test.h"
#include "net/blob_store.h"

namespace catchment::net {

class BlobStoreContract
    : public testing::TestWithParam<std::function<std::unique_ptr<BlobStore>()>> {
 protected:
  void SetUp() override { store_ = GetParam()(); }
  std::unique_ptr<BlobStore> store_;
};

TEST_P(BlobStoreContract, GivesBackWhatWasPut) {
  const std::string bytes("a\0b\xff", 4);
  ASSERT_OK(store_->Put("vault/ab/abcd.zst", bytes));
  ASSERT_OK_AND_ASSIGN(const std::string whole, store_->Get("vault/ab/abcd.zst"));
  EXPECT_EQ(whole, bytes);
  ASSERT_OK_AND_ASSIGN(const std::string part, store_->Get("vault/ab/abcd.zst", 1, 2));
  EXPECT_EQ(part, bytes.substr(1, 2));
  ASSERT_OK_AND_ASSIGN(const std::string rest, store_->Get("vault/ab/abcd.zst", 4));
  EXPECT_EQ(rest, "");
}

TEST_P(BlobStoreContract, PuttingANameTwiceKeepsTheFirst) {
  ASSERT_OK(store_->Put("x/y", "first"));
  ASSERT_OK(store_->Put("x/y", "first"));
  ASSERT_OK_AND_ASSIGN(const std::string bytes, store_->Get("x/y"));
  EXPECT_EQ(bytes, "first");
}

TEST_P(BlobStoreContract, KnowsWhatIsMissing) {
  EXPECT_ERROR(store_->Get("x/none"), Code::kNotFound, "x/none");
  ASSERT_OK_AND_ASSIGN(const bool before, store_->Exists("x/none"));
  EXPECT_FALSE(before);
  ASSERT_OK(store_->Put("x/none", ""));
  ASSERT_OK_AND_ASSIGN(const bool after, store_->Exists("x/none"));
  EXPECT_TRUE(after);
}

TEST_P(BlobStoreContract, ReadingBeyondTheEndIsCorrupt) {
  ASSERT_OK(store_->Put("short", "abc"));
  EXPECT_ERROR(store_->Get("short", 0, 4), Code::kCorrupt, "short");
  EXPECT_ERROR(store_->Get("short", 4), Code::kCorrupt, "short");
  EXPECT_ERROR(store_->Get("short", 2, ~uint64_t{0} - 1), Code::kCorrupt, "short");
}

}  // namespace catchment::net
