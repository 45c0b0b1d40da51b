#include "base/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/descriptor.h"
#include "base/ids.h"

namespace catchment {
namespace {

namespace fs = std::filesystem;

Status WriteThrough(const fs::path& path, std::string_view bytes, bool replace) {
  ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Open(path));
  RETURN_IF_ERROR(file.Write(bytes));
  return file.Commit(replace);
}

}  // namespace

Error FileError(int error_number, std::string_view what, const fs::path& path) {
  Code code = Code::kUnavailable;
  std::string_view remedy;
  switch (error_number) {
    case ENOENT:
      code = Code::kNotFound;
      break;
    case ENOTDIR:
      code = Code::kNotFound;
      remedy = "; a part of the path is a file where a folder is needed";
      break;
    case EEXIST:
      code = Code::kExists;
      break;
    case EACCES:
    case EPERM:
      code = Code::kDenied;
      remedy = "; check the permissions";
      break;
    case EROFS:
      code = Code::kDenied;
      remedy = "; the file system is read-only, name another root";
      break;
    case ENOSPC:
    case EDQUOT:
      remedy = "; free some space and run again";
      break;
    case ENAMETOOLONG:
    case ELOOP:
    case EISDIR:
      code = Code::kInvalid;
      break;
    default:
      break;
  }
  return MakeError(code, "{}: cannot {}: {}{}", path.string(), what, std::strerror(error_number),
                   remedy);
}

Result<std::string> ReadFile(const fs::path& path, uint64_t limit) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.open()) return FileError(errno, "open", path);
  struct stat info {};
  if (fstat(file.number(), &info) != 0) return FileError(errno, "read", path);
  if (S_ISDIR(info.st_mode)) return FileError(EISDIR, "read", path);
  std::string bytes;
  bytes.reserve(static_cast<size_t>(info.st_size) + 1);
  char buffer[1 << 16];
  while (true) {
    const ssize_t got = read(file.number(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError(errno, "read", path);
    if (got == 0) return bytes;
    bytes.append(buffer, static_cast<size_t>(got));
    if (bytes.size() > limit)
      return Invalid("{}: larger than the limit of {} bytes", path.string(), limit);
  }
}

Status WriteFileAtomically(const fs::path& path, std::string_view bytes) {
  return WriteThrough(path, bytes, true);
}

Status CreateFileExclusively(const fs::path& path, std::string_view bytes) {
  return WriteThrough(path, bytes, false);
}

Status SyncFolder(const fs::path& path) {
  const Descriptor folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.open()) return FileError(errno, "open", path);
  if (fsync(folder.number()) != 0) return FileError(errno, "sync", path);
  return {};
}

Status MakeFolders(const fs::path& path) {
  struct stat info {};
  if (path.empty()) return {};
  if (stat(path.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return {};
    return FileError(ENOTDIR, "create folder", path);
  }
  const fs::path parent = path.parent_path();
  if (!parent.empty() && parent != path) RETURN_IF_ERROR(MakeFolders(parent));
  if (mkdir(path.c_str(), 0777) != 0 && errno != EEXIST)
    return FileError(errno, "create folder", path);
  return SyncFolder(parent.empty() ? fs::path(".") : parent);
}

Result<AtomicFile> AtomicFile::Open(const fs::path& target) {
  AtomicFile file;
  file.target_ = target;
  const fs::path folder = target.parent_path();
  RETURN_IF_ERROR(MakeFolders(folder));
  // A name of its own beside the target; leftovers of killed processes are recognised by the
  // prefix.
  file.temporary_ = folder / (".tmp-" + NewRunId().text);
  file.file_ =
      Descriptor(open(file.temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!file.file_.open()) return FileError(errno, "create", file.temporary_);
  // Tells who clears away leftovers that the writer lives; without locks only that is lost.
  flock(file.descriptor(), LOCK_SH | LOCK_NB);
  return file;
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : target_(std::move(other.target_)),
      temporary_(std::move(other.temporary_)),
      file_(std::move(other.file_)) {
  other.temporary_.clear();
}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

Status AtomicFile::Write(std::string_view bytes) { return WriteAll(descriptor(), bytes, target_); }

Status AtomicFile::Commit(bool replace) {
  if (fsync(descriptor()) != 0) return FileError(errno, "sync", target_);
  if (close(file_.Release()) != 0) return FileError(errno, "close", target_);
  if (replace) {
    if (rename(temporary_.c_str(), target_.c_str()) != 0)
      return FileError(errno, "rename to", target_);
    temporary_.clear();
  } else if (link(temporary_.c_str(), target_.c_str()) != 0) {
    return FileError(errno, "create", target_);
  }
  const fs::path folder = target_.parent_path();
  return SyncFolder(folder.empty() ? fs::path(".") : folder);
}

}  // namespace catchment
