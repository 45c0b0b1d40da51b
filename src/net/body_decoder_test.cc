#include "net/body_decoder.h"

#include <zstd.h>

#include "base/test.h"
#include "net/test.h"

namespace catchment::net {

namespace {

std::string Zstd(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

/// Decode in pieces of `step` bytes.
Result<std::string> Decode(std::string_view encoding, std::string_view bytes, size_t step,
                           uint64_t max_bytes = 1 << 30) {
  ASSIGN_OR_RETURN(const auto decoder, BodyDecoder::Make(encoding));
  std::string body;
  for (size_t at = 0; at < bytes.size(); at += step) {
    RETURN_IF_ERROR(decoder->Feed(bytes.substr(at, step), body, max_bytes));
  }
  RETURN_IF_ERROR(decoder->Finish());
  return body;
}

const std::string kText = [] {
  std::string text;
  for (int i = 0; i < 30'000; ++i)
    text += fmt::format("{{\"id\":{},\"v\":{}}}\n", i, i * 7919 % 10007);
  return text;
}();

}  // namespace

TEST(BodyDecoderTest, DecodesInPiecesOfAnySize) {
  for (const size_t step : {size_t{1}, size_t{7}, size_t{4096}, size_t{1} << 30}) {
    EXPECT_EQ(*Decode("gzip", Gzip(kText), step), kText);
    EXPECT_EQ(*Decode("zstd", Zstd(kText), step), kText);
    EXPECT_EQ(*Decode("", kText, step), kText);
  }
  EXPECT_EQ(*Decode(" X-GZIP ", Gzip("a") + Gzip("b"), 3), "ab");
  EXPECT_EQ(*Decode("zstd", Zstd("a") + Zstd("b"), 3), "ab");
  EXPECT_EQ(*Decode("gzip", Gzip(""), 3), "");
}

TEST(BodyDecoderTest, NoBytesAreAnEmptyBody) {
  EXPECT_EQ(*Decode("gzip", "", 1), "");
  EXPECT_EQ(*Decode("zstd", "", 1), "");
}

TEST(BodyDecoderTest, AStreamThatIsCutShortIsNotWhole) {
  const std::string gzip = Gzip(kText), zstd = Zstd(kText);
  for (const size_t cut : {size_t{1}, size_t{4}, size_t{8}, size_t{1000}}) {
    EXPECT_ERROR(Decode("gzip", gzip.substr(0, gzip.size() - cut), 4096), Code::kUnavailable,
                 "cut short");
    EXPECT_ERROR(Decode("zstd", zstd.substr(0, zstd.size() - cut), 4096), Code::kUnavailable,
                 "cut short");
  }
}

TEST(BodyDecoderTest, DamageIsSeen) {
  std::string gzip = Gzip(kText);
  gzip[gzip.size() - 6] ^= 1;  // in the checksum
  EXPECT_ERROR(Decode("gzip", gzip, 4096), Code::kCorrupt, "gzip");
  EXPECT_ERROR(Decode("gzip", "not gzip at all", 4096), Code::kCorrupt, "gzip");
  EXPECT_ERROR(Decode("zstd", "not zstd at all", 4096), Code::kCorrupt, "zstd");
  EXPECT_ERROR(Decode("gzip", Gzip("a") + "garbage", 4096), Code::kCorrupt, "gzip");
}

TEST(BodyDecoderTest, TheLimitHoldsExactly) {
  for (const auto& [encoding, bytes] :
       {std::pair{"gzip", Gzip(kText)}, std::pair{"zstd", Zstd(kText)}, std::pair{"", kText}}) {
    EXPECT_OK(Decode(encoding, bytes, 1000, kText.size()));
    EXPECT_ERROR(Decode(encoding, bytes, 1000, kText.size() - 1), Code::kCorrupt, "larger");
  }
}

TEST(BodyDecoderTest, OtherEncodingsAreRefused) {
  for (const char* encoding : {"br", "deflate", "gzip, gzip", "compress"}) {
    EXPECT_ERROR(BodyDecoder::Make(encoding), Code::kCorrupt, "not asked for");
  }
}

}  // namespace catchment::net
