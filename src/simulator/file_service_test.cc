#include "simulator/file_service_internal.h"

#include <gmock/gmock.h>

#include "base/file.h"
#include "base/test.h"

namespace catchment::simulator {
namespace {

namespace fs = std::filesystem;

class FileServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(WriteFileAtomically(folder_.path / "outside.txt", "secret"));
    ASSERT_OK(WriteFileAtomically(folder_.path / "served/a/table.csv", "x\n1\n"));
    world_.folder = folder_.path / "served";
  }

  HttpResponse Get(const std::string& path, std::string_view etag = "") {
    auto service = FileService::Load(world_);
    EXPECT_OK(service);
    HttpRequest request;
    request.method = "GET";
    request.path = path;
    if (!etag.empty()) request.headers = {{"if-none-match", std::string(etag)}};
    return (*service)->Answer(request, {}, Time()).response;
  }

  TemporaryFolder folder_;
  FilesWorld world_;
};

TEST_F(FileServiceTest, ServesFilesWithTheirType) {
  const HttpResponse response = Get("/a/table.csv");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "x\n1\n");
  EXPECT_EQ(response.content_type, "text/csv; charset=utf-8");
}

TEST_F(FileServiceTest, NothingOutsideTheFolderIsServed) {
  fs::create_symlink(folder_.path / "outside.txt", folder_.path / "served/link.txt");
  ASSERT_OK(WriteFileAtomically(folder_.path / "served-too/b.txt", "secret"));
  for (const char* path : {"/../outside.txt", "/a/../../outside.txt", "/link.txt",
                           "//../outside.txt", "/../served-too/b.txt", "/", "/a", "/none"}) {
    EXPECT_EQ(Get(path).status, 404) << path;
  }
  EXPECT_EQ(Get(std::string("/a/table.csv\0.txt", 17)).status, 404);
}

TEST_F(FileServiceTest, AnUnchangedFileIs304) {
  const HttpResponse first = Get("/a/table.csv");
  ASSERT_EQ(first.headers.at(0).first, "ETag");
  EXPECT_EQ(Get("/a/table.csv", first.headers[0].second).status, 304);
  EXPECT_EQ(Get("/a/table.csv", "\"other\"").status, 200);
  world_.etag = false;
  EXPECT_THAT(Get("/a/table.csv").headers, testing::IsEmpty());
}

TEST_F(FileServiceTest, AMissingFolderIsNamed) {
  world_.folder = folder_.path / "nowhere";
  EXPECT_ERROR(FileService::Load(world_), Code::kNotFound, "nowhere is no folder");
}

}  // namespace
}  // namespace catchment::simulator
