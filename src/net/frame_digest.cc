#include "net/frame_digest.h"

#include <zstd.h>

#include "base/digest.h"

namespace catchment::net {

struct FrameDigest::Members {
  struct FreeContext {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };

  const std::unique_ptr<ZSTD_DCtx, FreeContext> context{ZSTD_createDCtx()};
  std::string out = std::string(ZSTD_DStreamOutSize(), '\0');
  Sha256 digest;
  bool ended = false;
};

FrameDigest::FrameDigest() : members_(std::make_unique<Members>()) {}
FrameDigest::~FrameDigest() = default;

Status FrameDigest::Update(std::string_view piece) {
  Members& m = *members_;
  ZSTD_inBuffer in{piece.data(), piece.size(), 0};
  while (in.pos < in.size) {
    if (m.ended) return Corrupt("damaged: bytes after the end of its zstd frame");
    ZSTD_outBuffer out{m.out.data(), m.out.size(), 0};
    const size_t left = ZSTD_decompressStream(m.context.get(), &out, &in);
    if (ZSTD_isError(left)) return Corrupt("damaged: {}", ZSTD_getErrorName(left));
    m.digest.Update({m.out.data(), out.pos});
    m.ended = left == 0;
  }
  return {};
}

Result<std::string> FrameDigest::Finish() {
  Members& m = *members_;
  // What zstd still holds back comes out with an empty input.
  while (!m.ended) {
    ZSTD_inBuffer in{nullptr, 0, 0};
    ZSTD_outBuffer out{m.out.data(), m.out.size(), 0};
    const size_t left = ZSTD_decompressStream(m.context.get(), &out, &in);
    if (ZSTD_isError(left) || (left != 0 && out.pos == 0)) return Corrupt("it is cut short");
    m.digest.Update({m.out.data(), out.pos});
    m.ended = left == 0;
  }
  return m.digest.Hex();
}

}  // namespace catchment::net
