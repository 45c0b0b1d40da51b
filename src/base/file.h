#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/descriptor.h"
#include "base/result.h"

namespace catchment {

/// Turn errno of a failed file operation into ours: ENOENT kNotFound, EEXIST kExists, EACCES/EROFS
/// kDenied, ENOSPC/EDQUOT/EIO and others kUnavailable. The message says what was tried, on which
/// path, and the remedy.
Error FileError(int error_number, std::string_view what, const std::filesystem::path& path);

/// Read a whole file. kInvalid: larger than `limit` bytes.
Result<std::string> ReadFile(const std::filesystem::path& path, uint64_t limit = uint64_t{1} << 32);

/// Write a file so that it is there whole or not at all, even across a power cut: a temporary name
/// in the same folder, fsync, rename, fsync of the folder. Replaces an existing file. Creates
/// missing folders.
Status WriteFileAtomically(const std::filesystem::path& path, std::string_view bytes);

/// The same, but never replaces: `link` instead of rename. kExists: the file is there already.
Status CreateFileExclusively(const std::filesystem::path& path, std::string_view bytes);

/// Create a folder with its parents, each made durable in its own parent. An existing one is no
/// error.
Status MakeFolders(const std::filesystem::path& path);

/// fsync a folder, so that names created or removed in it last.
Status SyncFolder(const std::filesystem::path& path);

/// A temporary file in `target`'s folder, to be written by `descriptor()` and put in place by
/// Commit(); removed by the destructor if it was not.
class AtomicFile {
 public:
  static Result<AtomicFile> Open(const std::filesystem::path& target);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  Status Write(std::string_view bytes);
  int descriptor() const { return file_.number(); }
  const std::filesystem::path& temporary() const { return temporary_; }
  /// fsync, rename over the target (or `link`: kExists if it is there), fsync the folder.
  Status Commit(bool replace);

 private:
  AtomicFile() = default;
  std::filesystem::path target_, temporary_;
  Descriptor file_;
};

}  // namespace catchment
