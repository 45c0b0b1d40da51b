#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <vector>

#include "base/file.h"
#include "base/ids.h"
#include "base/text.h"
#include "lake/local_folder_internal.h"
#include "lake/store.h"

namespace catchment::lake {
namespace {

constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

/// Open one part of a path. A link is refused by name, since following it could lead out of the
/// root.
Result<Descriptor> OpenPart(int folder, const std::string& part, int flags,
                            const std::filesystem::path& where) {
  const int number = openat(folder, part.c_str(), flags);
  if (number >= 0) return Descriptor(number);
  const int error = errno;
  struct stat info {};
  if (fstatat(folder, part.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(info.st_mode)) {
    return Denied("{}: '{}' is a symbolic link, which is not followed; name its target as the root",
                  where.string(), part);
  }
  return FileError(error, "open", where);
}

Result<std::vector<std::string>> NamesIn(int folder, const std::string& where) {
  const int copy = openat(folder, ".", kFolderFlags);
  if (copy < 0) return FileError(errno, "open", where);
  DIR* listing = fdopendir(copy);
  if (listing == nullptr) {
    close(copy);
    return FileError(errno, "list", where);
  }
  std::vector<std::string> names;
  while (const dirent* entry = readdir(listing)) names.emplace_back(entry->d_name);
  closedir(listing);
  return names;
}

/// Whether `name` is one that we give unfinished writes: the prefix and a run id. Other programs'
/// files may lie in an export root.
bool IsTemporaryName(std::string_view name) {
  constexpr std::string_view kForm = "dddddddd?dddddd-dddddd-xxxxxxxxxxxxxxxx";
  name.remove_prefix(kTemporaryPrefix.size());
  if (name.size() != kForm.size()) return false;
  for (size_t i = 0; i < kForm.size(); ++i) {
    const char c = name[i];
    const bool digit = c >= '0' && c <= '9';
    if (kForm[i] == 'd' && !digit) return false;
    if (kForm[i] == 'x' && !digit && (c < 'a' || c > 'f')) return false;
    if (kForm[i] == '-' && c != '-') return false;
  }
  return true;
}

/// Empty a staging folder; it holds files only.
void RemoveFiles(int folder) {
  const Result<std::vector<std::string>> names = NamesIn(folder, "");
  if (!names.ok()) return;
  for (const std::string& name : *names) unlinkat(folder, name.c_str(), 0);
}

}  // namespace

Status SyncDescriptor(int descriptor, std::string_view where) {
  if (fsync(descriptor) != 0) return FileError(errno, "sync", where);
  return {};
}

Result<RootFolder> RootFolder::Open(const std::filesystem::path& root, bool create) {
  RootFolder folder;
  std::error_code failed;
  folder.path_ = std::filesystem::absolute(root, failed).lexically_normal();
  if (failed) return Invalid("{}: not a path", root.string());
  if (create) RETURN_IF_ERROR(MakeFolders(folder.path_));
  folder.descriptor_ = Descriptor(open(folder.path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.descriptor_.open()) {
    if (errno == ENOTDIR) return Invalid("{}: not a folder", folder.path_.string());
    return FileError(errno, "open", folder.path_);
  }
  return folder;
}

Result<FolderEntry> RootFolder::Walk(std::string_view key, bool create) const {
  RETURN_IF_ERROR(CheckKey(key));
  std::vector<std::string> parts = Split(key, '/');
  FolderEntry entry;
  entry.name = std::move(parts.back());
  parts.pop_back();
  int current = descriptor_.number();
  for (const std::string& part : parts) {
    Result<Descriptor> next = OpenPart(current, part, kFolderFlags, Path(key));
    if (!next.ok() && next.error().code == Code::kNotFound && create) {
      if (mkdirat(current, part.c_str(), 0777) != 0 && errno != EEXIST) {
        return FileError(errno, "create folder", Path(key));
      }
      RETURN_IF_ERROR(SyncDescriptor(current, Path(key).string()));
      next = OpenPart(current, part, kFolderFlags, Path(key));
      if (!next.ok() && next.error().code == Code::kNotFound) {
        return Invalid("{}: an object stands where a folder is needed", Path(key).string());
      }
    }
    if (!next.ok()) return next.status();
    entry.folder = std::move(next).value();
    current = entry.folder.number();
  }
  if (!entry.folder.open()) {
    entry.folder = Descriptor(fcntl(descriptor_.number(), F_DUPFD_CLOEXEC, 0));
    if (!entry.folder.open()) return FileError(errno, "open", path_);
  }
  return entry;
}

Result<Descriptor> RootFolder::OpenFolder(std::string_view key) const {
  if (key.empty()) {
    Descriptor copy(openat(descriptor_.number(), ".", kFolderFlags));
    if (!copy.open()) return FileError(errno, "open", path_);
    return copy;
  }
  ASSIGN_OR_RETURN(const FolderEntry entry, Walk(key, false));
  return OpenPart(entry.folder.number(), entry.name, kFolderFlags, Path(key));
}

Result<Descriptor> RootFolder::OpenFile(std::string_view key) const {
  ASSIGN_OR_RETURN(const FolderEntry entry, Walk(key, false));
  ASSIGN_OR_RETURN(Descriptor file,
                   OpenPart(entry.folder.number(), entry.name,
                            O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, Path(key)));
  struct stat info {};
  if (fstat(file.number(), &info) != 0) return FileError(errno, "read", Path(key));
  if (S_ISDIR(info.st_mode)) return NotFound("{}: a folder, no object", Path(key).string());
  if (!S_ISREG(info.st_mode)) return Invalid("{}: not a regular file", Path(key).string());
  return file;
}

std::filesystem::path RootFolder::Path(std::string_view key) const { return path_ / key; }

Result<LocalTemporary> LocalTemporary::Create(FolderEntry target, std::string where) {
  LocalTemporary made;
  made.target_ = std::move(target);
  made.where_ = std::move(where);
  made.temporary_ = std::string(kTemporaryPrefix) + NewRunId().text;
  made.file_ = Descriptor(openat(made.folder(), made.temporary_.c_str(),
                                 O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666));
  if (!made.file_.open()) {
    const int error = errno;
    made.temporary_.clear();
    return FileError(error, "create", made.where_);
  }
  // Tells `recover` that the writer lives. A file system without locks only loses that protection.
  flock(made.descriptor(), LOCK_SH | LOCK_NB);
  return made;
}

LocalTemporary::LocalTemporary(LocalTemporary&& other) noexcept
    : target_(std::move(other.target_)),
      file_(std::move(other.file_)),
      temporary_(std::exchange(other.temporary_, {})),
      where_(std::move(other.where_)) {}

LocalTemporary::~LocalTemporary() {
  if (!temporary_.empty() && target_.folder.open()) unlinkat(folder(), temporary_.c_str(), 0);
}

Status LocalTemporary::Write(std::string_view bytes) {
  return WriteAll(descriptor(), bytes, where_);
}

Status LocalTemporary::CopyFrom(int source) {
  std::vector<char> buffer(1 << 20);
  uint64_t offset = 0;
  while (true) {
    ASSIGN_OR_RETURN(const size_t got, ReadAt(source, buffer, offset, where_), "copied from");
    if (got == 0) return {};
    RETURN_IF_ERROR(Write({buffer.data(), got}));
    offset += got;
  }
}

Status LocalTemporary::Place(bool replace, bool durable) {
  if (durable) RETURN_IF_ERROR(SyncDescriptor(descriptor(), where_));
  const char* name = target_.name.c_str();
  if (!replace) {
    if (linkat(folder(), temporary_.c_str(), folder(), name, 0) != 0) {
      return FileError(errno, "create", where_);
    }
    unlinkat(folder(), temporary_.c_str(), 0);
  } else if (renameat(folder(), temporary_.c_str(), folder(), name) != 0) {
    const int error = errno;
    return FileError(error, "rename to", where_);
  }
  temporary_.clear();
  return {};
}

Status RemoveDeadTemporaries(int folder, const std::string& where,
                             std::vector<std::string>& removed) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(folder, where));
  for (const std::string& name : names) {
    if (!name.starts_with(kTemporaryPrefix)) continue;
    if (name != kStagingFolder && !IsTemporaryName(name)) continue;
    const Descriptor file(
        openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    struct stat info {};
    if (!file.open() || fstat(file.number(), &info) != 0) continue;
    if (name == kStagingFolder) {
      RETURN_IF_ERROR(RemoveDeadTemporaries(file.number(), where + "/" + name, removed));
      continue;
    }
    if (flock(file.number(), LOCK_EX | LOCK_NB) != 0) continue;  // its owner lives
    if (S_ISDIR(info.st_mode)) RemoveFiles(file.number());
    const int flags = S_ISDIR(info.st_mode) ? AT_REMOVEDIR : 0;
    if (unlinkat(folder, name.c_str(), flags) == 0) removed.push_back(where + "/" + name);
  }
  return {};
}

}  // namespace catchment::lake
