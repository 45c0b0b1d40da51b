#include "lake/local_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <map>

#include "base/file.h"
#include "lake/local_folder_internal.h"

namespace catchment::lake {
namespace {

namespace fs = std::filesystem;
constexpr int kDeepestFolder = 64;

struct Entry {
  std::string name;
  bool folder = false;
};

/// The files and folders in an open folder, without links, special files and unfinished writes, in
/// order of names.
Result<std::vector<Entry>> ReadFolder(int folder, const fs::path& where) {
  const int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return FileError(errno, "list", where);
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(fdopendir(copy), closedir);
  if (!listing) {
    close(copy);
    return FileError(errno, "list", where);
  }
  std::vector<Entry> entries;
  while (true) {
    errno = 0;
    const dirent* entry = readdir(listing.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name == "." || name == ".." || name.starts_with(kTemporaryPrefix)) continue;
    unsigned char type = entry->d_type;
    if (type == DT_UNKNOWN) {
      struct stat info {};
      if (fstatat(folder, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) continue;  // deleted meanwhile
        return FileError(errno, "list", where / entry->d_name);
      }
      type = S_ISDIR(info.st_mode) ? DT_DIR : S_ISREG(info.st_mode) ? DT_REG : DT_UNKNOWN;
    }
    if (type == DT_DIR || type == DT_REG) entries.push_back({std::string(name), type == DT_DIR});
  }
  if (errno != 0) return FileError(errno, "list", where);
  return entries;
}

/// Objects as files below a root, to read and to write.
class FolderStore final : public WriteStore {
 public:
  explicit FolderStore(RootFolder root) : root_(std::move(root)) {}

  Result<std::string> Get(std::string_view key, uint64_t limit) const override {
    ASSIGN_OR_RETURN(const Descriptor file, root_.OpenFile(key));
    ASSIGN_OR_RETURN(const uint64_t size, SizeOf(file, key));
    if (size > limit) {
      return Corrupt("{}: {} bytes, more than the limit of {}", root_.Path(key).string(), size,
                     limit);
    }
    return ReadPart(file, key, 0, size);
  }

  Result<std::string> GetRange(std::string_view key, uint64_t offset,
                               uint64_t length) const override {
    ASSIGN_OR_RETURN(const Descriptor file, root_.OpenFile(key));
    ASSIGN_OR_RETURN(const uint64_t size, SizeOf(file, key));
    if (offset > size || length > size - offset) {
      return Corrupt("{}: {} bytes, but {} from {} on were expected; run `catchment verify`",
                     root_.Path(key).string(), size, length, offset);
    }
    return ReadPart(file, key, offset, length);
  }

  Result<uint64_t> Size(std::string_view key) const override {
    ASSIGN_OR_RETURN(const Descriptor file, root_.OpenFile(key));
    return SizeOf(file, key);
  }

  Result<std::vector<std::string>> List(std::string_view prefix,
                                        std::string_view start_after) const override {
    // Begin in the deepest folder that the prefix names; the rest of it filters.
    const size_t slash = prefix.rfind('/');
    const std::string base(slash == std::string_view::npos ? "" : prefix.substr(0, slash));
    std::vector<std::string> keys;
    const Status walked = ListFolder(base, prefix, start_after, 0, keys);
    if (!walked.ok() && walked.error().code != Code::kNotFound) return walked;
    std::sort(keys.begin(), keys.end());
    return keys;
  }

  Result<fs::path> Fetch(std::string_view key) const override {
    ASSIGN_OR_RETURN(const Descriptor file, root_.OpenFile(key));
    return root_.Path(key);
  }

  std::string Name() const override { return root_.path().string(); }

  Status Put(std::string_view key, std::string_view bytes) override {
    return PutBytes(key, bytes, true);
  }

  Status PutIfAbsent(std::string_view key, std::string_view bytes) override {
    return PutBytes(key, bytes, false);
  }

  Status PutFile(std::string_view key, const fs::path& file) override {
    const std::pair<std::string, fs::path> one[] = {{std::string(key), file}};
    return PutFiles(one);
  }

  Status PutFiles(std::span<const std::pair<std::string, fs::path>> keys_and_files) override {
    std::map<std::string, Descriptor> folders;  // path → open folder, to be made durable once
    for (const auto& [key, file] : keys_and_files) {
      ASSIGN_OR_RETURN(Descriptor folder, PlaceFile(key, file));
      folders.try_emplace(root_.Path(key).parent_path().string(), std::move(folder));
    }
    for (const auto& [path, folder] : folders) {
      RETURN_IF_ERROR(SyncDescriptor(folder.number(), path));
    }
    return {};
  }

  Status PutHint(std::string_view key, std::string_view bytes) override {
    ASSIGN_OR_RETURN(FolderEntry target, root_.Walk(key, true));
    ASSIGN_OR_RETURN(LocalTemporary file,
                     LocalTemporary::Create(std::move(target), root_.Path(key).string()));
    RETURN_IF_ERROR(file.Write(bytes));
    return file.Place(true, false);
  }

  Status Delete(std::string_view key) override {
    const Result<FolderEntry> entry = root_.Walk(key, false);
    if (!entry.ok()) {
      return entry.error().code == Code::kNotFound ? Status() : entry.status();
    }
    if (unlinkat(entry->folder.number(), entry->name.c_str(), 0) == 0 || errno == ENOENT) return {};
    return FileError(errno, "delete", root_.Path(key));
  }

  Result<StagingFile> NewStagingFile() override {
    return StagingFile::Create(root_.path() / kStagingFolder);
  }

  Result<std::vector<std::string>> RemoveLeftovers(std::string_view prefix) override {
    std::vector<std::string> removed;
    const size_t slash = prefix.rfind('/');
    const std::string base(slash == std::string_view::npos ? "" : prefix.substr(0, slash));
    const Status walked = CleanFolder(base, 0, removed);
    if (!walked.ok() && walked.error().code != Code::kNotFound) return walked;
    const Descriptor staging(open((root_.path() / kStagingFolder).c_str(),
                                  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (staging.open()) {
      RETURN_IF_ERROR(
          RemoveDeadTemporaries(staging.number(), std::string(kStagingFolder), removed));
    }
    return removed;
  }

 private:
  Result<uint64_t> SizeOf(const Descriptor& file, std::string_view key) const {
    struct stat info {};
    if (fstat(file.number(), &info) != 0) return FileError(errno, "read", root_.Path(key));
    return static_cast<uint64_t>(info.st_size);
  }

  Result<std::string> ReadPart(const Descriptor& file, std::string_view key, uint64_t offset,
                               uint64_t length) const {
    std::string bytes(length, '\0');
    ASSIGN_OR_RETURN(const size_t got, ReadAt(file.number(), bytes, offset, root_.Path(key)));
    if (got == length) return bytes;
    return Unavailable("{}: became shorter while it was read; try again", root_.Path(key).string());
  }

  Status ListFolder(const std::string& folder, std::string_view prefix,
                    std::string_view start_after, int depth, std::vector<std::string>& keys) const {
    if (depth > kDeepestFolder)
      return Invalid("{}: folders are too deep", root_.Path(folder).string());
    ASSIGN_OR_RETURN(const Descriptor open, root_.OpenFolder(folder));
    ASSIGN_OR_RETURN(const std::vector<Entry> entries,
                     ReadFolder(open.number(), root_.Path(folder)));
    for (const Entry& entry : entries) {
      const std::string key = folder.empty() ? entry.name : folder + "/" + entry.name;
      if (!entry.folder) {
        if (key.starts_with(prefix) && key > start_after) keys.push_back(key);
        continue;
      }
      const std::string below = key + "/";
      if (!below.starts_with(prefix) && !prefix.starts_with(below)) continue;
      if (below < start_after && !start_after.starts_with(below)) continue;
      const Status walked = ListFolder(key, prefix, start_after, depth + 1, keys);
      if (!walked.ok() && walked.error().code != Code::kNotFound) return walked;
    }
    return {};
  }

  Status CleanFolder(const std::string& folder, int depth, std::vector<std::string>& removed) {
    if (depth > kDeepestFolder)
      return Invalid("{}: folders are too deep", root_.Path(folder).string());
    ASSIGN_OR_RETURN(const Descriptor open, root_.OpenFolder(folder));
    RETURN_IF_ERROR(RemoveDeadTemporaries(open.number(), folder, removed));
    ASSIGN_OR_RETURN(const std::vector<Entry> entries,
                     ReadFolder(open.number(), root_.Path(folder)));
    for (const Entry& entry : entries) {
      if (!entry.folder) continue;
      const std::string key = folder.empty() ? entry.name : folder + "/" + entry.name;
      const Status cleaned = CleanFolder(key, depth + 1, removed);
      if (!cleaned.ok() && cleaned.error().code != Code::kNotFound) return cleaned;
    }
    return {};
  }

  Status PutBytes(std::string_view key, std::string_view bytes, bool replace) {
    ASSIGN_OR_RETURN(FolderEntry target, root_.Walk(key, true));
    const std::string where = root_.Path(key).string();
    if (!replace) {
      // Found already: make sure that it lasts before anyone builds on it.
      struct stat info {};
      if (fstatat(target.folder.number(), target.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
        RETURN_IF_ERROR(SyncDescriptor(target.folder.number(), where));
        return MakeError(Code::kExists, "{}: is there already", where);
      }
    }
    ASSIGN_OR_RETURN(LocalTemporary file, LocalTemporary::Create(std::move(target), where));
    RETURN_IF_ERROR(file.Write(bytes));
    const Status placed = file.Place(replace);
    if (!placed.ok() && placed.error().code != Code::kExists) return placed;
    RETURN_IF_ERROR(SyncDescriptor(file.folder(), where));
    return placed;
  }

  /// fsync a file and give it the name `key`: by a link where the file system allows, else as a
  /// copy.
  Result<Descriptor> PlaceFile(std::string_view key, const fs::path& file) {
    const Descriptor source(open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!source.open()) return FileError(errno, "open", file);
    ASSIGN_OR_RETURN(FolderEntry target, root_.Walk(key, true));
    const std::string where = root_.Path(key).string();
    RETURN_IF_ERROR(SyncDescriptor(source.number(), file.string()));
    if (linkat(AT_FDCWD, file.c_str(), target.folder.number(), target.name.c_str(),
               AT_SYMLINK_FOLLOW) == 0) {
      return std::move(target.folder);
    }
    // Another file system, no links there, or an object of that name.
    ASSIGN_OR_RETURN(LocalTemporary copy, LocalTemporary::Create(std::move(target), where));
    RETURN_IF_ERROR(copy.CopyFrom(source.number()));
    RETURN_IF_ERROR(copy.Place(true));
    return copy.TakeFolder();
  }

  // Constant after construction.
  const RootFolder root_;
};

}  // namespace

Result<std::unique_ptr<ReadStore>> LocalStore::OpenRead(const fs::path& root) {
  ASSIGN_OR_RETURN(RootFolder folder, RootFolder::Open(root, false));
  return std::unique_ptr<ReadStore>(std::make_unique<FolderStore>(std::move(folder)));
}

Result<std::unique_ptr<WriteStore>> LocalStore::OpenWrite(const fs::path& root) {
  ASSIGN_OR_RETURN(RootFolder folder, RootFolder::Open(root, true));
  if (access(folder.path().c_str(), W_OK) != 0) {
    return FileError(errno, "write", folder.path());
  }
  return std::unique_ptr<WriteStore>(std::make_unique<FolderStore>(std::move(folder)));
}

}  // namespace catchment::lake
