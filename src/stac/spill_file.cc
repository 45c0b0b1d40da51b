#include "stac/spill_file.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"

namespace catchment::stac {
namespace {

namespace fs = std::filesystem;

constexpr size_t kSpillBufferBytes = 4u << 20;

uint64_t FreeBytes(const fs::path& folder) {
  struct statvfs info {};
  if (statvfs(folder.c_str(), &info) != 0) return UINT64_MAX;
  return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
}

Error NoSpace(const fs::path& folder, uint64_t need) {
  constexpr uint64_t kMiB = uint64_t{1} << 20;
  const uint64_t have = FreeBytes(folder);
  if (need < 100 * kMiB) {
    return Unavailable("no space in {}: need about {} MiB, have {} MiB", folder.string(),
                       (need + kMiB - 1) / kMiB, have / kMiB);
  }
  const auto gib = [](uint64_t bytes) { return static_cast<double>(bytes >> 10) / kMiB; };
  return Unavailable("no space in {}: need about {:.1f} GiB, have {:.1f} GiB", folder.string(),
                     gib(need), gib(have));
}

}  // namespace

Status CheckSpace(const fs::path& folder, uint64_t bytes) {
  return FreeBytes(folder) < bytes ? Status(NoSpace(folder, bytes)) : Status();
}

SpillFile::SpillFile(fs::path folder, Descriptor file)
    : folder_(std::move(folder)), file_(std::move(file)) {}

Result<std::unique_ptr<SpillFile>> SpillFile::Open(const fs::path& folder) {
  RETURN_IF_ERROR(MakeFolders(folder));
  std::string pattern = (folder / "catchment-items-XXXXXX").string();
  Descriptor file(mkostemp(pattern.data(), O_CLOEXEC));
  if (!file.open()) return FileError(errno, "create a temporary file", folder);
  unlink(pattern.c_str());
  return std::unique_ptr<SpillFile>(new SpillFile(folder, std::move(file)));
}

Status SpillFile::Append(std::string_view bytes) {
  buffer_ += bytes;
  return buffer_.size() >= kSpillBufferBytes ? Flush() : Status();
}

Status SpillFile::Flush() {
  size_t done = 0;
  while (done < buffer_.size()) {
    const ssize_t got = write(file_.number(), buffer_.data() + done, buffer_.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == ENOSPC || errno == EDQUOT)) return NoSpace(folder_, 2 * bytes());
    if (got < 0) return FileError(errno, "write", folder_);
    done += static_cast<size_t>(got);
  }
  written_ += done;
  buffer_.clear();
  return {};
}

Status SpillFile::Read(uint64_t offset, std::span<char> buffer) const {
  ASSIGN_OR_RETURN(const size_t got, ReadAt(file_.number(), buffer, offset, folder_),
                   "a temporary file");
  if (got == buffer.size()) return {};
  return Internal("a temporary file in {} is too short", folder_.string());
}

}  // namespace catchment::stac
