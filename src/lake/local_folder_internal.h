#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "base/result.h"

namespace catchment::lake {

/// A folder and the name of an entry in it.
struct FolderEntry {
  Descriptor folder;
  std::string name;
};

/// A folder below which paths are walked part by part without following symbolic links.
/// Thread-safe.
class RootFolder {
 public:
  static Result<RootFolder> Open(const std::filesystem::path& root, bool create);

  /// The folder of `key`'s last part. With `create` missing folders are made, each durable in its
  /// own parent; else kNotFound. kDenied: a symbolic link on the way.
  Result<FolderEntry> Walk(std::string_view key, bool create) const;

  /// The folder `key` itself; the root for an empty one.
  Result<Descriptor> OpenFolder(std::string_view key) const;

  /// Open the file `key` to read. kNotFound; kDenied: a symbolic link; kInvalid: not a file.
  Result<Descriptor> OpenFile(std::string_view key) const;

  std::filesystem::path Path(std::string_view key) const;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  Descriptor descriptor_;
};

/// A new file `.tmp-…` in an open folder, locked while its owner lives; removed by the destructor
/// unless put in place.
class LocalTemporary {
 public:
  static Result<LocalTemporary> Create(FolderEntry target, std::string where);
  LocalTemporary(LocalTemporary&& other) noexcept;
  LocalTemporary& operator=(LocalTemporary&&) = delete;
  ~LocalTemporary();

  int descriptor() const { return file_.number(); }
  Status Write(std::string_view bytes);
  /// Copy from an open file, from its start.
  Status CopyFrom(int source);
  /// fsync, then rename over the target, or `link` (kExists if it is there). The folder is not made
  /// durable yet.
  /// `durable` false: without fsync, for hints.
  Status Place(bool replace, bool durable = true);
  int folder() const { return target_.folder.number(); }
  /// Hand over the folder, for SyncFolder after Place.
  Descriptor TakeFolder() { return std::move(target_.folder); }

 private:
  LocalTemporary() = default;
  FolderEntry target_;
  Descriptor file_;
  std::string temporary_, where_;
};

Status SyncDescriptor(int descriptor, std::string_view where);

/// Remove the `.tmp-` files of dead owners in an open folder; `removed` gets a path `where/name` of
/// each.
Status RemoveDeadTemporaries(int folder, const std::string& where,
                             std::vector<std::string>& removed);

inline constexpr std::string_view kTemporaryPrefix = ".tmp-";
/// Where a root keeps its staging files.
inline constexpr std::string_view kStagingFolder = ".tmp-staging";

}  // namespace catchment::lake
