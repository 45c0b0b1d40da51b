#include "lake/store.h"

#include <unistd.h>

#include "base/ids.h"
#include "lake/faulty_store.h"
#include "lake/local_store.h"
#include "lake/memory_store.h"
#include "lake/store_contract.h"
#include "lake/vault_blob_store.h"
#include "net/blob_store_contract.h"

namespace catchment::lake {
namespace {

namespace fs = std::filesystem;

/// A store that owns what it stands on.
template <typename Ground>
class Owning final : public WriteStore {
 public:
  Owning(std::unique_ptr<Ground> ground, std::unique_ptr<WriteStore> store)
      : ground_(std::move(ground)), store_(std::move(store)) {}
  Result<std::string> Get(std::string_view key, uint64_t limit) const override {
    return store_->Get(key, limit);
  }
  Result<std::string> GetRange(std::string_view key, uint64_t offset,
                               uint64_t length) const override {
    return store_->GetRange(key, offset, length);
  }
  Result<uint64_t> Size(std::string_view key) const override { return store_->Size(key); }
  Result<std::vector<std::string>> List(std::string_view prefix,
                                        std::string_view start_after) const override {
    return store_->List(prefix, start_after);
  }
  Result<fs::path> Fetch(std::string_view key) const override { return store_->Fetch(key); }
  std::string Name() const override { return store_->Name(); }
  Status Put(std::string_view key, std::string_view bytes) override {
    return store_->Put(key, bytes);
  }
  Status PutFile(std::string_view key, const fs::path& file) override {
    return store_->PutFile(key, file);
  }
  Status PutFiles(std::span<const std::pair<std::string, fs::path>> files) override {
    return store_->PutFiles(files);
  }
  Status PutIfAbsent(std::string_view key, std::string_view bytes) override {
    return store_->PutIfAbsent(key, bytes);
  }
  Status PutHint(std::string_view key, std::string_view bytes) override {
    return store_->PutHint(key, bytes);
  }
  Status Delete(std::string_view key) override { return store_->Delete(key); }
  Result<StagingFile> NewStagingFile() override { return store_->NewStagingFile(); }
  Result<std::vector<std::string>> RemoveLeftovers(std::string_view prefix) override {
    return store_->RemoveLeftovers(prefix);
  }

 private:
  std::unique_ptr<Ground> ground_;
  std::unique_ptr<WriteStore> store_;
};

std::unique_ptr<WriteStore> MakeMemory() { return std::make_unique<MemoryStore>(); }
std::unique_ptr<WriteStore> MakeLocal() {
  auto folder = std::make_unique<TemporaryFolder>();
  auto store = LocalStore::OpenWrite(folder->path / "lake").value();
  return std::make_unique<Owning<TemporaryFolder>>(std::move(folder), std::move(store));
}
std::unique_ptr<WriteStore> MakeFaulty() {
  auto memory = std::make_unique<MemoryStore>();
  auto faulty = std::make_unique<FaultyStore>(*memory, 0, FaultyStore::Fault::kBefore);
  return std::make_unique<Owning<MemoryStore>>(std::move(memory), std::move(faulty));
}

/// The vault of a dataset in a store of its own.
struct OwnVault final : net::BlobStore {
  Status Put(std::string_view name, std::string_view bytes) override {
    return vault.Put(name, bytes);
  }
  Result<std::string> Get(std::string_view name, uint64_t offset, uint64_t length) const override {
    return vault.Get(name, offset, length);
  }
  Result<bool> Exists(std::string_view name) const override { return vault.Exists(name); }
  MemoryStore store;
  VaultBlobStore vault{static_cast<WriteStore&>(store), "azure-spot"};
};
std::unique_ptr<net::BlobStore> MakeVault() { return std::make_unique<OwnVault>(); }

}  // namespace

INSTANTIATE_TEST_SUITE_P(Memory, StoreContract, testing::Values(MakeMemory));
INSTANTIATE_TEST_SUITE_P(Local, StoreContract, testing::Values(MakeLocal));
INSTANTIATE_TEST_SUITE_P(Faulty, StoreContract, testing::Values(MakeFaulty));

TEST(LocalStoreTest, ALinkInsideTheRootIsNeverFollowed) {
  const TemporaryFolder folder, outside;
  ASSERT_OK(WriteFileAtomically(outside.path / "secret", "s"));
  ASSERT_OK_AND_ASSIGN(const auto store, LocalStore::OpenWrite(folder.path));
  fs::create_directory_symlink(outside.path, folder.path / "d");
  fs::create_symlink(outside.path / "secret", folder.path / "f");
  EXPECT_ERROR(store->Get("d/secret"), Code::kDenied, "symbolic link");
  EXPECT_ERROR(store->Get("f"), Code::kDenied, "symbolic link");
  EXPECT_ERROR(store->Put("d/new", "x"), Code::kDenied, "symbolic link");
  EXPECT_ERROR(store->Fetch("d/secret"), Code::kDenied, "symbolic link");
  ASSERT_OK(store->Put("f", "replaced the link, not its target"));
  EXPECT_EQ(ReadFile(outside.path / "secret").value(), "s");
  EXPECT_FALSE(fs::exists(outside.path / "new"));
  EXPECT_EQ(store->List("").value(), std::vector<std::string>{"f"});
}

TEST(LocalStoreTest, OnlyLeftoversOfDeadOwnersAreRemoved) {
  const TemporaryFolder folder;
  const std::string dead = ".tmp-" + NewRunId().text, gone = ".tmp-" + NewRunId().text;
  ASSERT_OK_AND_ASSIGN(const auto store, LocalStore::OpenWrite(folder.path));
  ASSERT_OK(store->Put("a/data/x", "1"));
  ASSERT_OK_AND_ASSIGN(const StagingFile alive, store->NewStagingFile());
  ASSERT_OK(WriteFileAtomically(alive.path(), "in flight"));
  ASSERT_OK(WriteFileAtomically(folder.path / "a" / "data" / dead, "half"));
  ASSERT_OK(WriteFileAtomically(folder.path / ".tmp-staging" / gone / "file", "half"));
  ASSERT_OK(WriteFileAtomically(folder.path / "a" / ".tmp-of-another-program", "half"));
  EXPECT_EQ(store->List("").value(), std::vector<std::string>{"a/data/x"});

  ASSERT_OK_AND_ASSIGN(const std::vector<std::string> removed, store->RemoveLeftovers("a/"));

  EXPECT_EQ(removed.size(), 2u);
  EXPECT_TRUE(fs::exists(alive.path()));
  EXPECT_FALSE(fs::exists(folder.path / "a" / "data" / dead));
  EXPECT_FALSE(fs::exists(folder.path / ".tmp-staging" / gone));
  EXPECT_TRUE(fs::exists(folder.path / "a" / ".tmp-of-another-program"));
}

TEST(LocalStoreTest, ARootThatIsAbsentOrAFileIsNamed) {
  const TemporaryFolder folder;
  EXPECT_ERROR(LocalStore::OpenRead(folder.path / "none"), Code::kNotFound, "none");
  ASSERT_OK(WriteFileAtomically(folder.path / "file", "x"));
  EXPECT_ERROR(LocalStore::OpenRead(folder.path / "file"), Code::kInvalid, "not a folder");
}

TEST(VaultBlobStoreTest, AVaultOpenToReadTakesNothing) {
  MemoryStore store;
  VaultBlobStore vault(static_cast<const ReadStore&>(store), "a");
  EXPECT_ERROR(vault.Put("vault/ab/x.zst", "1"), Code::kDenied, "read only");
  EXPECT_TRUE(store.Snapshot().empty());
}

}  // namespace catchment::lake

namespace catchment::net {
INSTANTIATE_TEST_SUITE_P(LakeVault, BlobStoreContract, testing::Values(lake::MakeVault));
}  // namespace catchment::net
