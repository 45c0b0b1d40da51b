#include "base/file.h"

#include "base/test.h"

namespace catchment {
namespace fs = std::filesystem;

TEST(FileTest, AnExclusiveFileIsCreatedOnce) {
  const TemporaryFolder folder;
  const fs::path path = folder.path / "a" / "b";
  ASSERT_OK(CreateFileExclusively(path, "first"));
  EXPECT_ERROR(CreateFileExclusively(path, "second"), Code::kExists, "b");
  EXPECT_EQ(ReadFile(path).value(), "first");
}

TEST(FileTest, NothingIsLeftBehindBesideTheFile) {
  const TemporaryFolder folder;
  ASSERT_OK(WriteFileAtomically(folder.path / "x", "1"));
  ASSERT_OK(WriteFileAtomically(folder.path / "x", "2"));
  { ASSERT_OK_AND_ASSIGN(AtomicFile unfinished, AtomicFile::Open(folder.path / "y")); }
  int files = 0;
  for (const auto& entry : fs::directory_iterator(folder.path)) {
    EXPECT_EQ(entry.path().filename(), "x");
    ++files;
  }
  EXPECT_EQ(files, 1);
}

TEST(FileTest, AMissingFileAndAFolderAreNamed) {
  const TemporaryFolder folder;
  EXPECT_ERROR(ReadFile(folder.path / "none"), Code::kNotFound, "none");
  EXPECT_ERROR(ReadFile(folder.path), Code::kInvalid, "read");
}

}  // namespace catchment
