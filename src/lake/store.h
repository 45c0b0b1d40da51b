#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "base/result.h"

namespace catchment::lake {

/// Check a key: relative, parts joined by `/`, at most 1,000 bytes and 250 a part; no empty part,
/// `.`, `..`, backslash or control character, valid UTF-8, no part that starts with `.tmp-` (the
/// stores' own unfinished writes). kInvalid: says which rule.
Status CheckKey(std::string_view key);

/// Objects by name, to read. No call of it can write: an environment that only reads another's lake
/// holds one of these. Every call may block on disk or network. Thread-safe. Implementations pass
/// lake/store_contract.h.
///
/// kNotFound always means that the object is not there; a failure to find out is another code.
class ReadStore {
 public:
  virtual ~ReadStore() = default;

  /// Read a whole object. kCorrupt: larger than `limit` bytes.
  virtual Result<std::string> Get(std::string_view key, uint64_t limit = kNoLimit) const = 0;

  /// Read `length` bytes from `offset`. kCorrupt: the object is shorter.
  virtual Result<std::string> GetRange(std::string_view key, uint64_t offset,
                                       uint64_t length) const = 0;

  /// The object's length in bytes. kNotFound: no such object.
  virtual Result<uint64_t> Size(std::string_view key) const = 0;

  /// List the keys that start with `prefix` (any text, e.g. `azure-spot/manifests/`; empty: all),
  /// sorted bytewise, only those after `start_after`. None is no error. Unfinished writes are not
  /// shown.
  virtual Result<std::vector<std::string>> List(std::string_view prefix,
                                                std::string_view start_after = {}) const = 0;

  /// A file of this machine that holds the object, to be read only. It stays while the store and
  /// the object live.
  virtual Result<std::filesystem::path> Fetch(std::string_view key) const = 0;

  /// What people know the store by, e.g. its folder; for messages.
  virtual std::string Name() const = 0;

  /// Whether the object is there. An error is never "absent".
  Result<bool> Exists(std::string_view key) const;

  static constexpr uint64_t kNoLimit = ~uint64_t{0};
};

/// A path to write an object's bytes to before PutFile, in a folder of its own that the destructor
/// removes. The folder is locked while its owner lives, so that leftovers of dead processes are
/// told from work in flight.
class StagingFile {
 public:
  /// Make the folder `.tmp-…` in `folder`.
  static Result<StagingFile> Create(const std::filesystem::path& folder);
  StagingFile(StagingFile&& other) noexcept;
  StagingFile& operator=(StagingFile&& other) noexcept;
  ~StagingFile();
  /// No file is there yet.
  const std::filesystem::path& path() const { return path_; }

 private:
  StagingFile() = default;
  std::filesystem::path path_;
  Descriptor lock_;
};

/// Adds writing. Only an environment's own roots yield one.
///
/// Every write is durable on return, and seen whole or not at all. A failed write (kUnavailable)
/// may have been done: the caller reads back.
class WriteStore : public ReadStore {
 public:
  /// Write an object, replacing one of the same key.
  virtual Status Put(std::string_view key, std::string_view bytes) = 0;

  /// Write an object with the bytes of `file`, which stays and must not be changed afterwards (a
  /// local store links it where it can). Replaces one of the same key.
  virtual Status PutFile(std::string_view key, const std::filesystem::path& file) = 0;

  /// PutFile of several, at a lower price: folders are made durable once. Some may be done if it
  /// fails.
  virtual Status PutFiles(
      std::span<const std::pair<std::string, std::filesystem::path>> keys_and_files);

  /// Create an object. kExists: there is one of that key, untouched and durable.
  virtual Status PutIfAbsent(std::string_view key, std::string_view bytes) = 0;

  /// Write an object that only saves work: seen whole or not at all, but it may be gone after a
  /// power cut.
  virtual Status PutHint(std::string_view key, std::string_view bytes) { return Put(key, bytes); }

  /// Delete an object. An absent one is no error. It may be back after a power cut: who must know
  /// deletes again.
  virtual Status Delete(std::string_view key) = 0;

  /// A path from which PutFile is cheap.
  virtual Result<StagingFile> NewStagingFile() = 0;

  /// Remove what unfinished writes of dead processes left below `prefix` (and staging files of dead
  /// processes). Returns what was removed.
  virtual Result<std::vector<std::string>> RemoveLeftovers(std::string_view prefix) = 0;
};

}  // namespace catchment::lake
