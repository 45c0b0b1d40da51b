#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/blob_store.h"

namespace catchment::net {

/// Where a body lies in the vault.
struct PackPlace {
  std::string pack;     ///< `vault/packs/ab/….pack`
  uint64_t offset = 0;  ///< of the zstd frame
  uint64_t length = 0;  ///< of the zstd frame
};

/// A response kept in a pack.
struct PackedResponse {
  std::string key;       ///< what its owner calls the thing asked for: an item's id
  std::string revision;  ///< which state of it was asked for, in the owner's words
  std::string url;
  Time received{};
  int status = 0;
  std::string etag;    ///< as sent; empty if there was none
  std::string sha256;  ///< of the body
  uint64_t bytes = 0;  ///< of the body
  uint32_t pack = 0;   ///< number of its pack, see ResponsePacks::names()
  uint64_t offset = 0, length = 0;
};

/// Keeps many small responses: each is written to an open file in the run's work folder as it comes
/// (a killed process loses none), and in the vault in packs of up to 16,384 responses or 64 MiB.
/// Bodies are compressed one by one with a dictionary that is made of the first of them and kept in
/// the vault too. Bytes: docs/formats/vault.md. Thread-safe.
///
///   ASSIGN_OR_RETURN(auto packs, ResponsePacks::Open(folder, vault));
///   ASSIGN_OR_RETURN(const PackedResponse kept, packs->Append(facts, body));
///   RETURN_IF_ERROR(packs->Finish());
///   packs->names()[kept.pack];  // where the body is
class ResponsePacks {
 public:
  struct Options {
    uint64_t pack_bytes = uint64_t{64} << 20;
    size_t pack_responses = 16'384;
    size_t training_bodies = 256;  ///< from how many the dictionary is made
    size_t dictionary_bytes = 48 << 10;
    int level = 3;
  };

  /// Use `folder`, made if absent; what an earlier process left there stays for Adopt. `vault`
  /// outlives this.
  static Result<std::unique_ptr<ResponsePacks>> Open(std::filesystem::path folder, BlobStore& vault,
                                                     Options options);
  static Result<std::unique_ptr<ResponsePacks>> Open(std::filesystem::path folder,
                                                     BlobStore& vault) {
    return Open(std::move(folder), vault, Options());
  }
  ~ResponsePacks();

  /// Whether a folder has packs or an open file.
  static bool Left(const std::filesystem::path& folder);

  /// Take over what another process wrote to `folder` (it may be this one's): its packs as they
  /// are, the responses of its open file once more; then nothing stays there. What cannot be read
  /// any more is left out and named in `problems`. Other folders may follow, one's own must be the
  /// first, all before Append.
  Result<std::vector<PackedResponse>> Adopt(const std::filesystem::path& folder,
                                            std::vector<std::string>& problems);

  /// Keep a response; fills sha256, bytes and place. The body may be empty.
  Result<PackedResponse> Append(PackedResponse facts, std::string_view body);

  /// Put what is open in the vault. Append may follow.
  Status Finish();

  /// Packs by number; empty for one that is not yet in the vault.
  std::vector<std::string> names() const;

 private:
  struct Members;
  explicit ResponsePacks(std::unique_ptr<Members> members);
  std::unique_ptr<Members> members_;
};

/// What a pack says of itself, besides its index (ParsePackIndex).
struct PackContents {
  std::string dictionary_sha256;  ///< empty: none
  std::vector<PackedResponse> responses;
};
/// kCorrupt: no pack of responses, or damaged.
Result<PackContents> ParsePackContents(std::string_view pack);

/// How many bytes of a pack DictionaryOfPack looks at.
inline constexpr uint64_t kPackDictionaryBytes = 40;
/// The digest of the dictionary that a pack's first bytes name; empty: none, as of packs of the
/// other format.
std::string DictionaryOfPack(std::string_view head);

/// A body as it lies in its pack.
struct PackedFrame {
  std::string_view bytes;              ///< a zstd frame; valid until the reader is asked again
  std::string_view dictionary_sha256;  ///< that it needs; empty: none. Valid as long as the reader
};

/// Reads bodies of packs of either format. Keeps a window of the last pack read, so bodies in order
/// of their places cost one read a few MiB. Not thread-safe; several may be used at once.
class PackReader {
 public:
  explicit PackReader(const BlobStore& vault, uint64_t window_bytes = 4 << 20);
  ~PackReader();
  /// A body; `sha256` is compared. kNotFound, kCorrupt: name the pack.
  Result<std::string> Read(const PackPlace& place, std::string_view sha256);
  /// The same, still compressed and unchecked: for who copies bodies elsewhere.
  Result<PackedFrame> ReadFrame(const PackPlace& place);

 private:
  struct Members;
  std::unique_ptr<Members> members_;
};

/// Undoes frames of packs that were copied elsewhere. Add is for one thread, before others Decode;
/// Decode is thread-safe.
class FrameDecoder {
 public:
  FrameDecoder();
  ~FrameDecoder();
  /// The number by which Decode knows a dictionary of the vault; "": none. kNotFound, kCorrupt.
  Result<uint32_t> Add(const BlobStore& vault, std::string_view dictionary_sha256);
  /// Replace `body` by what `frame` holds. kCorrupt: damaged.
  Status Decode(std::string_view frame, uint32_t dictionary, std::string& body) const;

 private:
  struct Members;
  std::unique_ptr<Members> members_;
};

}  // namespace catchment::net
