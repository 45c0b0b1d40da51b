#include "columnar/compress.h"

#include <fcntl.h>
#include <libdeflate.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/descriptor.h"
#include "base/file.h"

namespace catchment::columnar {
namespace {

constexpr size_t kPackedBytes = 256 << 10;

class DescriptorReader final : public ByteReader {
 public:
  DescriptorReader(Descriptor file, std::filesystem::path path)
      : file_(std::move(file)), path_(std::move(path)), name_(path_.string()) {}

  Result<size_t> Read(std::span<char> buffer) override {
    while (true) {
      const ssize_t got = read(file_.number(), buffer.data(), buffer.size());
      if (got >= 0) return static_cast<size_t>(got);
      if (errno != EINTR) return FileError(errno, "read", path_);
    }
  }
  const std::string& name() const override { return name_; }

 private:
  const Descriptor file_;
  const std::filesystem::path path_;
  const std::string name_;
};

class MemoryBytes final : public ByteReader {
 public:
  MemoryBytes(std::string_view bytes, std::string name) : rest_(bytes), name_(std::move(name)) {}
  Result<size_t> Read(std::span<char> buffer) override {
    const size_t take = std::min(buffer.size(), rest_.size());
    std::memcpy(buffer.data(), rest_.data(), take);
    rest_.remove_prefix(take);
    return take;
  }
  const std::string& name() const override { return name_; }

 private:
  std::string_view rest_;
  const std::string name_;
};

/// Gives back the bytes that were read to look at them.
class PeekedReader final : public ByteReader {
 public:
  PeekedReader(std::string first, std::unique_ptr<ByteReader> rest)
      : first_(std::move(first)), rest_(std::move(rest)) {}
  Result<size_t> Read(std::span<char> buffer) override {
    if (at_ == first_.size()) return rest_->Read(buffer);
    const size_t take = std::min(buffer.size(), first_.size() - at_);
    std::memcpy(buffer.data(), first_.data() + at_, take);
    at_ += take;
    return take;
  }
  const std::string& name() const override { return rest_->name(); }

 private:
  const std::string first_;
  size_t at_ = 0;
  const std::unique_ptr<ByteReader> rest_;
};

/// Counts packed and unpacked bytes and refuses bombs.
class Meter {
 public:
  explicit Meter(const DecompressLimits& limits) : limits_(limits) {}
  void AddPacked(size_t bytes) { packed_ += bytes; }
  Status AddUnpacked(size_t bytes, const std::string& name) {
    unpacked_ += bytes;
    if (unpacked_ > limits_.max_bytes) {
      return Invalid("{}: unpacks to more than the limit of {} bytes", name, limits_.max_bytes);
    }
    const double ratio =
        static_cast<double>(unpacked_) / static_cast<double>(std::max<uint64_t>(packed_, 1));
    if (unpacked_ > limits_.ratio_from && ratio > limits_.max_ratio) {
      return Invalid(
          "{}: unpacks to more than {} times its size, as a compression bomb does; if it is right, "
          "keep it unpacked",
          name, limits_.max_ratio);
    }
    return {};
  }

 private:
  const DecompressLimits limits_;
  uint64_t packed_ = 0, unpacked_ = 0;
};

class GzipReader final : public ByteReader {
 public:
  GzipReader(std::unique_ptr<ByteReader> packed, const DecompressLimits& limits)
      : packed_(std::move(packed)), meter_(limits), input_(kPackedBytes) {
    inflateInit2(&stream_, 15 + 16);
  }
  ~GzipReader() override { inflateEnd(&stream_); }
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;

  Result<size_t> Read(std::span<char> buffer) override {
    stream_.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream_.avail_out = static_cast<uInt>(std::min<size_t>(buffer.size(), 1u << 30));
    const uInt room = stream_.avail_out;
    while (stream_.avail_out == room) {
      if (stream_.avail_in == 0) {
        ASSIGN_OR_RETURN(const size_t got, packed_->Read(input_));
        if (got == 0) {
          if (between_members_) return size_t{0};
          return Corrupt("{}: the gzip data is cut short; fetch or write it again", name());
        }
        meter_.AddPacked(got);
        stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
        stream_.avail_in = static_cast<uInt>(got);
      }
      RETURN_IF_ERROR(Inflate());
    }
    const size_t made = room - stream_.avail_out;
    RETURN_IF_ERROR(meter_.AddUnpacked(made, name()));
    return made;
  }
  const std::string& name() const override { return packed_->name(); }

 private:
  Status Inflate() {
    if (between_members_) inflateReset(&stream_);
    between_members_ = false;
    const int code = inflate(&stream_, Z_NO_FLUSH);
    if (code == Z_STREAM_END) {
      between_members_ = true;
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
      return Corrupt("{}: damaged gzip data ({}); fetch or write it again", name(),
                     stream_.msg == nullptr ? "?" : stream_.msg);
    }
    return {};
  }

  const std::unique_ptr<ByteReader> packed_;
  Meter meter_;
  std::vector<char> input_;
  z_stream stream_{};
  bool between_members_ = false;
};

class ZstdReader final : public ByteReader {
 public:
  ZstdReader(std::unique_ptr<ByteReader> packed, const DecompressLimits& limits)
      : packed_(std::move(packed)),
        meter_(limits),
        input_(kPackedBytes),
        stream_(ZSTD_createDStream()) {
    // 128 MiB, the most that zstd's own program accepts unasked.
    ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax, 27);
  }

  Result<size_t> Read(std::span<char> buffer) override {
    ZSTD_outBuffer out{buffer.data(), buffer.size(), 0};
    while (out.pos == 0) {
      if (in_.pos == in_.size && !more_to_flush_) {
        ASSIGN_OR_RETURN(const size_t got, packed_->Read(input_));
        if (got == 0) {
          if (between_frames_) return size_t{0};
          return Corrupt("{}: the zstd data is cut short; fetch or write it again", name());
        }
        meter_.AddPacked(got);
        in_ = {input_.data(), got, 0};
      }
      const size_t code = ZSTD_decompressStream(stream_.get(), &out, &in_);
      if (ZSTD_isError(code))
        return Corrupt("{}: damaged zstd data ({}); fetch or write it again", name(),
                       ZSTD_getErrorName(code));
      between_frames_ = code == 0;
      more_to_flush_ = out.pos == out.size && code != 0;
    }
    RETURN_IF_ERROR(meter_.AddUnpacked(out.pos, name()));
    return out.pos;
  }
  const std::string& name() const override { return packed_->name(); }

 private:
  struct Free {
    void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
  };
  const std::unique_ptr<ByteReader> packed_;
  Meter meter_;
  std::vector<char> input_;
  ZSTD_inBuffer in_{nullptr, 0, 0};
  const std::unique_ptr<ZSTD_DStream, Free> stream_;
  bool between_frames_ = false;
  bool more_to_flush_ = false;
};

/// Plain bytes under the same size limit.
class LimitedReader final : public ByteReader {
 public:
  LimitedReader(std::unique_ptr<ByteReader> bytes, const DecompressLimits& limits)
      : bytes_(std::move(bytes)), meter_(limits) {}
  Result<size_t> Read(std::span<char> buffer) override {
    ASSIGN_OR_RETURN(const size_t got, bytes_->Read(buffer));
    meter_.AddPacked(got);
    RETURN_IF_ERROR(meter_.AddUnpacked(got, name()));
    return got;
  }
  const std::string& name() const override { return bytes_->name(); }

 private:
  const std::unique_ptr<ByteReader> bytes_;
  Meter meter_;
};

std::unique_ptr<ByteReader> Unpacking(std::unique_ptr<ByteReader> packed, Compression compression,
                                      const DecompressLimits& limits) {
  switch (compression) {
    case Compression::kGzip:
      return std::make_unique<GzipReader>(std::move(packed), limits);
    case Compression::kZstd:
      return std::make_unique<ZstdReader>(std::move(packed), limits);
    case Compression::kNone:
      break;
  }
  return std::make_unique<LimitedReader>(std::move(packed), limits);
}

Result<std::unique_ptr<ByteReader>> Sniffed(std::unique_ptr<ByteReader> bytes,
                                            const DecompressLimits& limits) {
  std::string first(4, '\0');
  size_t got = 0;
  while (got < first.size()) {
    ASSIGN_OR_RETURN(const size_t more, bytes->Read(std::span(first).subspan(got)));
    if (more == 0) break;
    got += more;
  }
  first.resize(got);
  const Compression compression = CompressionOfBytes(first);
  return Unpacking(std::make_unique<PeekedReader>(std::move(first), std::move(bytes)), compression,
                   limits);
}

}  // namespace

Compression CompressionOfName(const std::filesystem::path& path) {
  const std::filesystem::path extension = path.extension();
  if (extension == ".gz") return Compression::kGzip;
  if (extension == ".zst") return Compression::kZstd;
  return Compression::kNone;
}

Compression CompressionOfBytes(std::string_view first_bytes) {
  if (first_bytes.starts_with("\x1f\x8b")) return Compression::kGzip;
  if (first_bytes.starts_with("\x28\xb5\x2f\xfd")) return Compression::kZstd;
  return Compression::kNone;
}

Result<std::unique_ptr<ByteReader>> OpenBytes(const std::filesystem::path& path,
                                              const DecompressLimits& limits) {
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.open()) return FileError(errno, "open", path);
  return Sniffed(std::make_unique<DescriptorReader>(std::move(file), path), limits);
}

Result<std::unique_ptr<ByteReader>> OpenBytesInMemory(std::string_view bytes, std::string name,
                                                      const DecompressLimits& limits) {
  return Sniffed(std::make_unique<MemoryBytes>(bytes, std::move(name)), limits);
}

Result<std::string> Decompress(std::string_view bytes, Compression compression,
                               std::string_view name, const DecompressLimits& limits) {
  const auto reader =
      Unpacking(std::make_unique<MemoryBytes>(bytes, std::string(name)), compression, limits);
  std::string text;
  while (true) {
    const size_t done = text.size();
    text.resize(done + std::max<size_t>(64 << 10, done / 2));
    ASSIGN_OR_RETURN(const size_t got, reader->Read(std::span(text).subspan(done)));
    text.resize(done + got);
    if (got == 0) return text;
  }
}

std::string GzipDeterministic(std::string_view bytes, int level) {
  const std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)> compressor(
      libdeflate_alloc_compressor(std::clamp(level, 1, 12)), &libdeflate_free_compressor);
  std::string packed(libdeflate_gzip_compress_bound(compressor.get(), bytes.size()), '\0');
  const size_t size = libdeflate_gzip_compress(compressor.get(), bytes.data(), bytes.size(),
                                               packed.data(), packed.size());
  packed.resize(size);
  return packed;
}

std::string ZstdCompress(std::string_view bytes, int level) {
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };
  const std::unique_ptr<ZSTD_CCtx, Free> context(ZSTD_createCCtx());
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  std::string packed(ZSTD_compressBound(bytes.size()), '\0');
  const size_t size =
      ZSTD_compress2(context.get(), packed.data(), packed.size(), bytes.data(), bytes.size());
  // The only failure is too little room, which the bound excludes.
  packed.resize(ZSTD_isError(size) ? 0 : size);
  return packed;
}

}  // namespace catchment::columnar
