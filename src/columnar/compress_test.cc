#include "columnar/compress.h"

#include "base/file.h"
#include "base/test.h"

namespace catchment::columnar {
namespace {

std::string Unpacked(std::string_view bytes, const DecompressLimits& limits = {}) {
  const auto text = Decompress(bytes, CompressionOfBytes(bytes), "x", limits);
  return text.ok() ? *text : text.error().message;
}

TEST(CompressTest, MembersAndFramesOneAfterTheOtherAreOneText) {
  EXPECT_EQ(Unpacked(GzipDeterministic("one") + GzipDeterministic("") + GzipDeterministic("two")),
            "onetwo");
  EXPECT_EQ(Unpacked(ZstdCompress("one") + ZstdCompress("") + ZstdCompress("two")), "onetwo");
  EXPECT_EQ(GzipDeterministic("same"), GzipDeterministic("same"));
}

TEST(CompressTest, DamageAndMissingBytesAreCorrupt) {
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += std::to_string(i * 7919);
  for (const auto& [bytes, kind] : {std::pair(GzipDeterministic(text), Compression::kGzip),
                                    std::pair(ZstdCompress(text), Compression::kZstd)}) {
    EXPECT_ERROR(Decompress(bytes.substr(0, bytes.size() / 2), kind, "x.bin"), Code::kCorrupt,
                 "x.bin");
    EXPECT_ERROR(Decompress(bytes.substr(0, bytes.size() - 1), kind, "x.bin"), Code::kCorrupt,
                 "x.bin");
    std::string damaged = bytes;
    damaged[bytes.size() / 2] = static_cast<char>(damaged[bytes.size() / 2] ^ 0xFF);
    EXPECT_ERROR(Decompress(damaged, kind, "x.bin"), Code::kCorrupt, "x.bin");
    EXPECT_ERROR(Decompress(bytes + "tail", kind, "x.bin"), Code::kCorrupt, "x.bin");
  }
}

TEST(CompressTest, BombsAreRefused) {
  const std::string zeros(8 << 20, '\0');
  for (const std::string& bomb : {GzipDeterministic(zeros, 12), ZstdCompress(zeros, 19)}) {
    EXPECT_EQ(Unpacked(bomb, {.max_bytes = 1 << 20}),
              "x: unpacks to more than the limit of 1048576 bytes");
    EXPECT_EQ(Unpacked(bomb, {.max_ratio = 100, .ratio_from = 1 << 20}),
              "x: unpacks to more than 100 times its size, as a compression bomb does; if it is "
              "right, keep it unpacked");
    EXPECT_EQ(Unpacked(bomb).size(), zeros.size()) << "small ones may shrink as they like";
  }
}

TEST(CompressTest, FilesAreToldByTheirFirstBytesNotTheirNames) {
  TemporaryFolder folder;
  ASSERT_OK(WriteFileAtomically(folder.path / "plain.gz", "plain"));
  ASSERT_OK_AND_ASSIGN(auto reader, OpenBytes(folder.path / "plain.gz"));
  char buffer[16];
  ASSERT_OK_AND_ASSIGN(size_t got, reader->Read(buffer));
  std::string text(buffer, got);
  while (got > 0) {
    ASSERT_OK_AND_ASSIGN(got, reader->Read(buffer));
    text.append(buffer, got);
  }
  EXPECT_EQ(text, "plain");
  EXPECT_ERROR(OpenBytes(folder.path / "none"), Code::kNotFound, "none");
}

}  // namespace
}  // namespace catchment::columnar
