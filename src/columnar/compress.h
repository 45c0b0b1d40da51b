#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace catchment::columnar {

enum class Compression { kNone, kGzip, kZstd };

/// By the last extension: `.gz`, `.zst`; else kNone.
Compression CompressionOfName(const std::filesystem::path& path);
/// By the first bytes.
Compression CompressionOfBytes(std::string_view first_bytes);

/// What unpacking may cost. Foreign bytes can grow a thousandfold.
struct DecompressLimits {
  uint64_t max_bytes = uint64_t{16} << 30;  ///< after unpacking
  double max_ratio = 400;  ///< unpacked : packed, looked at past `ratio_from` bytes
  uint64_t ratio_from = 64u << 20;
};

/// Bytes in pieces. Not thread-safe.
class ByteReader {
 public:
  virtual ~ByteReader() = default;
  /// Fill the front of `buffer`; 0 at the end. kCorrupt: damaged or cut short. kInvalid: over a
  /// limit.
  virtual Result<size_t> Read(std::span<char> buffer) = 0;
  /// What messages call it.
  virtual const std::string& name() const = 0;
};

/// Open a file; gzip (members may follow one another) and zstd (frames likewise) are told by their
/// first bytes and unpacked.
Result<std::unique_ptr<ByteReader>> OpenBytes(const std::filesystem::path& path,
                                              const DecompressLimits& limits = {});
/// The same over memory, which must outlive the reader.
Result<std::unique_ptr<ByteReader>> OpenBytesInMemory(std::string_view bytes, std::string name,
                                                      const DecompressLimits& limits = {});

/// Unpack whole bytes of a known kind.
Result<std::string> Decompress(std::string_view bytes, Compression compression,
                               std::string_view name, const DecompressLimits& limits = {});

/// One gzip member without name, time 0: equal input, equal bytes. `level` 1…12 (libdeflate's).
std::string GzipDeterministic(std::string_view bytes, int level = 4);
/// One zstd frame with content size and checksum.
std::string ZstdCompress(std::string_view bytes, int level = 3);

}  // namespace catchment::columnar
