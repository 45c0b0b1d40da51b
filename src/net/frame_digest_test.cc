#include "net/frame_digest.h"

#include "base/digest.h"
#include "base/test.h"
#include "net/vault_internal.h"

namespace catchment::net {
namespace {

Result<std::string> DigestInPieces(std::string_view frame, size_t piece) {
  FrameDigest digest;
  for (size_t at = 0; at < frame.size(); at += piece)
    RETURN_IF_ERROR(digest.Update(frame.substr(at, piece)));
  return digest.Finish();
}

/// Compresses to about half.
std::string LongText() {
  std::string text;
  uint32_t seed = 1;
  while (text.size() < 700'000) {
    seed = seed * 1664525 + 1013904223;
    text += fmt::format("{:x} ", seed >> 8);
  }
  return text;
}

}  // namespace

TEST(FrameDigestTest, IsThatOfTheBodyHoweverItsFrameComes) {
  for (const std::string& body : {std::string("x"), std::string(3'000'000, 'z'), LongText()}) {
    const std::string frame = Compress(body);
    for (const size_t piece : {size_t{1}, size_t{977}, frame.size()}) {
      if (piece == 1 && frame.size() > 10'000) continue;
      ASSERT_OK_AND_ASSIGN(const std::string digest, DigestInPieces(frame, piece));
      EXPECT_EQ(digest, Sha256Hex(body)) << piece;
    }
  }
}

TEST(FrameDigestTest, AFrameThatIsCutShortDamagedOrFollowedByMoreIsCorrupt) {
  const std::string frame = Compress(LongText());
  EXPECT_ERROR(DigestInPieces(frame.substr(0, frame.size() - 1), 4096), Code::kCorrupt,
               "cut short");
  EXPECT_ERROR(DigestInPieces(frame.substr(0, 20), 4096), Code::kCorrupt, "cut short");
  EXPECT_ERROR(DigestInPieces("", 4096), Code::kCorrupt, "cut short");
  EXPECT_ERROR(DigestInPieces("no zstd at all", 4096), Code::kCorrupt, "damaged");
  EXPECT_ERROR(DigestInPieces(frame + frame, 4096), Code::kCorrupt, "after the end");
}

}  // namespace catchment::net
