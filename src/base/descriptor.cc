#include "base/descriptor.h"

#include <unistd.h>

#include <cerrno>

#include "base/file.h"

namespace catchment {

void Descriptor::Close() {
  if (number_ >= 0) close(number_);
  number_ = -1;
}

Status WriteAll(int descriptor, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return FileError(errno, "write", path);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

Result<size_t> ReadAt(int descriptor, std::span<char> buffer, uint64_t offset,
                      const std::filesystem::path& path) {
  size_t done = 0;
  while (done < buffer.size()) {
    const ssize_t got = pread(descriptor, buffer.data() + done, buffer.size() - done,
                              static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError(errno, "read", path);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

}  // namespace catchment
