#include "net/folder_blob_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/descriptor.h"
#include "base/file.h"
#include "base/text.h"

namespace catchment::net {

namespace {

Status CheckName(std::string_view name) {
  for (const std::string& part : Split(name, '/')) {
    if (part.empty() || part == "." || part == ".." || part.find('\0') != std::string::npos) {
      return Invalid("'{}' is no name of an object", name);
    }
  }
  return Status();
}

}  // namespace

Status FolderBlobStore::Put(std::string_view name, std::string_view bytes) {
  RETURN_IF_ERROR(CheckName(name));
  Status status = CreateFileExclusively(root_ / name, bytes);
  if (!status.ok() && status.error().code == Code::kExists) return Status();
  return status;
}

Result<std::string> FolderBlobStore::Get(std::string_view name, uint64_t offset,
                                         uint64_t length) const {
  RETURN_IF_ERROR(CheckName(name));
  const std::filesystem::path path = root_ / name;
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat facts;
  if (!file.open() || fstat(file.number(), &facts) != 0) {
    return FileError(errno, "read", path);
  }
  const auto size = static_cast<uint64_t>(facts.st_size);
  if (offset > size || (length != kWhole && length > size - offset)) {
    return Corrupt("{}: has {} bytes, {} from {} are wanted", name, size, length, offset);
  }
  std::string bytes(length == kWhole ? size - offset : length, '\0');
  ASSIGN_OR_RETURN(const size_t got, ReadAt(file.number(), bytes, offset, path));
  if (got < bytes.size()) return Corrupt("{}: became shorter while it was read", name);
  return bytes;
}

Result<bool> FolderBlobStore::Exists(std::string_view name) const {
  RETURN_IF_ERROR(CheckName(name));
  const std::filesystem::path path = root_ / name;
  if (access(path.c_str(), F_OK) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return FileError(errno, "look for", path);
}

}  // namespace catchment::net
