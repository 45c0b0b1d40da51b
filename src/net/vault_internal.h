#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/vault.h"

namespace catchment::net {

/// The zstd frame of `bytes`; its size is in the frame.
std::string Compress(std::string_view bytes);

/// Undo Compress. `bytes`: the size it must have; kAnySize: what the frame says. kCorrupt: damaged,
/// another size, more than `limit`, or a claim no honest frame of this length makes.
Result<std::string> Decompress(std::string_view frame, uint64_t bytes,
                               uint64_t limit = uint64_t{4} << 30);
constexpr uint64_t kAnySize = ~uint64_t{0};

/// A pack being filled.
class PackWriter {
 public:
  /// Append a frame; its offset.
  uint64_t Add(std::string_view sha256, std::string_view frame, uint64_t bytes);
  uint64_t size() const { return bytes_.size(); }
  size_t count() const { return entries_.size(); }
  /// The pack with its index; the writer is empty again.
  std::string Finish();

 private:
  std::string bytes_;
  std::vector<PackEntry> entries_;
};

/// Append `entries`, sorted by digest, as a pack's index has them.
void AppendPackEntries(std::string& pack, std::vector<PackEntry>& entries);

/// Numbers and digests as packs hold them.
void AppendNumber(std::string& out, uint64_t number);
uint64_t ReadNumber(std::string_view bytes, size_t at);
std::string FromHex(std::string_view hex);
std::string ToHex(std::string_view bytes);

/// What a record of `exchanges.log` and `responses.log` begins with: the bytes of its facts and of
/// its frame, and their CRC-32, each of 32 bits (docs/formats/vault.md).
struct RecordHeader {
  uint32_t facts = 0, frame = 0, checksum = 0;
};
constexpr size_t kRecordHeaderBytes = 12;
std::string FormatRecordHeader(std::string_view facts, std::string_view frame);
/// `bytes`: kRecordHeaderBytes at least.
RecordHeader ReadRecordHeader(std::string_view bytes);
uint32_t RecordChecksum(std::string_view facts, std::string_view frame);

/// What a pack of responses begins and ends with.
inline constexpr std::string_view kResponsePackMagic = "CMPACK02";

/// The URL with the values of parameters that hold secrets (`sig`, `X-Amz-Signature`, `api_key`, …)
/// as `***`.
std::string HideSecretParameters(const std::string& url);

}  // namespace catchment::net
