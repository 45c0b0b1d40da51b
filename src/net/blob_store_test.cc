#include "net/blob_store.h"

#include "net/blob_store_contract.h"
#include "net/folder_blob_store.h"
#include "net/memory_blob_store.h"

namespace catchment::net {

namespace {

class TemporaryBlobStore final : public BlobStore {
 public:
  Status Put(std::string_view name, std::string_view bytes) override {
    return store_.Put(name, bytes);
  }
  Result<std::string> Get(std::string_view name, uint64_t offset, uint64_t length) const override {
    return store_.Get(name, offset, length);
  }
  Result<bool> Exists(std::string_view name) const override { return store_.Exists(name); }

 private:
  TemporaryFolder folder_;
  FolderBlobStore store_{folder_.path / "lake"};
};

}  // namespace

INSTANTIATE_TEST_SUITE_P(Memory, BlobStoreContract, testing::Values([] {
                           return std::unique_ptr<BlobStore>(std::make_unique<MemoryBlobStore>());
                         }));
INSTANTIATE_TEST_SUITE_P(Folder, BlobStoreContract, testing::Values([] {
                           return std::unique_ptr<BlobStore>(
                               std::make_unique<TemporaryBlobStore>());
                         }));

TEST(FolderBlobStoreTest, NamesCannotLeaveTheFolder) {
  TemporaryFolder folder;
  FolderBlobStore store(folder.path / "lake");
  for (const char* name : {"../x", "a/../../x", "/x", "", "a//b", "."}) {
    EXPECT_ERROR(store.Put(name, "bytes"), Code::kInvalid, "no name");
    EXPECT_ERROR(store.Get(name), Code::kInvalid, "no name");
  }
}

}  // namespace catchment::net
