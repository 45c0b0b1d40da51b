#include "net/body_decoder.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>

#include "base/text.h"

namespace catchment::net {

namespace {

Error TooLarge(uint64_t max_bytes) {
  return Corrupt("the body is larger than the {} bytes that are allowed", max_bytes);
}

/// Make room for up to `step` more bytes at the end of `body` within the limit; the old size.
size_t Grow(std::string& body, uint64_t max_bytes, size_t step) {
  const size_t old_size = body.size();
  // One byte more than allowed, so that reaching the limit exactly differs from passing it.
  body.resize(std::min<uint64_t>(old_size + step, max_bytes + 1));
  return old_size;
}

constexpr size_t kStep = 64 << 10;

class IdentityDecoder final : public BodyDecoder {
 public:
  Status Feed(std::string_view piece, std::string& body, uint64_t max_bytes) override {
    if (piece.size() > max_bytes - body.size()) return TooLarge(max_bytes);
    body.append(piece);
    return Status();
  }
  Status Finish() override { return Status(); }
};

class GzipDecoder final : public BodyDecoder {
 public:
  GzipDecoder() { ok_ = inflateInit2(&stream_, 16 + MAX_WBITS) == Z_OK; }
  ~GzipDecoder() override { inflateEnd(&stream_); }

  Status Feed(std::string_view piece, std::string& body, uint64_t max_bytes) override {
    if (!ok_) return Corrupt("the gzip stream cannot be decoded");
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
    stream_.avail_in = static_cast<uInt>(piece.size());
    bool full = false;
    while (stream_.avail_in > 0 || full) {
      if (member_done_) {  // a further member follows
        if (stream_.avail_in == 0) break;
        inflateReset(&stream_);
        member_done_ = false;
      }
      started_ = true;
      const size_t old_size = Grow(body, max_bytes, kStep);
      const size_t room = body.size() - old_size;
      stream_.next_out = reinterpret_cast<Bytef*>(body.data() + old_size);
      stream_.avail_out = static_cast<uInt>(room);
      const int code = inflate(&stream_, Z_NO_FLUSH);
      full = stream_.avail_out == 0;
      body.resize(old_size + room - stream_.avail_out);
      if (body.size() > max_bytes) return TooLarge(max_bytes);
      if (code == Z_STREAM_END) {
        member_done_ = true;
        full = false;
      } else if (code != Z_OK && code != Z_BUF_ERROR) {
        ok_ = false;
        return Corrupt("the body is no gzip stream{}{}", stream_.msg != nullptr ? ": " : "",
                       stream_.msg != nullptr ? stream_.msg : "");
      }
    }
    return Status();
  }
  Status Finish() override {
    if (!started_ || member_done_) return Status();
    return Unavailable("the gzip stream of the body is cut short");
  }

 private:
  z_stream stream_ = {};
  bool ok_ = false;
  bool started_ = false;
  bool member_done_ = false;
};

class ZstdDecoder final : public BodyDecoder {
 public:
  ZstdDecoder() : stream_(ZSTD_createDStream()) {
    // RFC 9659: a window of at most 8 MiB in Content-Encoding.
    ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax, 23);
  }
  ~ZstdDecoder() override { ZSTD_freeDStream(stream_); }

  Status Feed(std::string_view piece, std::string& body, uint64_t max_bytes) override {
    ZSTD_inBuffer in{piece.data(), piece.size(), 0};
    bool full = false;
    while (in.pos < in.size || full) {
      const size_t old_size = Grow(body, max_bytes, kStep);
      ZSTD_outBuffer out{body.data() + old_size, body.size() - old_size, 0};
      left_ = ZSTD_decompressStream(stream_, &out, &in);
      full = out.pos == out.size;
      body.resize(old_size + out.pos);
      if (ZSTD_isError(left_)) {
        return Corrupt("the body is no zstd stream: {}", ZSTD_getErrorName(left_));
      }
      if (body.size() > max_bytes) return TooLarge(max_bytes);
      if (left_ == 0) full = false;
    }
    return Status();
  }
  Status Finish() override {
    if (left_ == 0) return Status();
    return Unavailable("the zstd stream of the body is cut short");
  }

 private:
  ZSTD_DStream* stream_;
  size_t left_ = 0;  // 0: at the end of a frame, or before the first
};

}  // namespace

Result<std::unique_ptr<BodyDecoder>> BodyDecoder::Make(std::string_view encoding) {
  const std::string name = ToLower(Trim(encoding));
  std::unique_ptr<BodyDecoder> decoder;
  if (name.empty() || name == "identity") {
    decoder = std::make_unique<IdentityDecoder>();
  } else if (name == "gzip" || name == "x-gzip") {
    decoder = std::make_unique<GzipDecoder>();
  } else if (name == "zstd") {
    decoder = std::make_unique<ZstdDecoder>();
  } else {
    return Corrupt("Content-Encoding '{}' was not asked for", name.substr(0, 60));
  }
  return decoder;
}

}  // namespace catchment::net
