#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "columnar/output_file.h"

namespace catchment::columnar {
namespace {
constexpr size_t kBufferBytes = 1 << 20;
}

Status ByteSink::Write(std::string_view bytes) {
  digest_.Update(bytes);
  bytes_ += static_cast<int64_t>(bytes.size());
  return Put(bytes);
}

FileSink::FileSink(AtomicFile file, std::filesystem::path path, const Options& options)
    : path_(std::move(path)), options_(options), file_(std::move(file)) {}

Result<std::unique_ptr<FileSink>> FileSink::Open(const std::filesystem::path& path,
                                                 const Options& options) {
  ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Open(path));
  return std::unique_ptr<FileSink>(new FileSink(std::move(file), path, options));
}

Status FileSink::Put(std::string_view bytes) {
  if (buffer_.empty() && bytes.size() >= kBufferBytes) return file_.Write(bytes);
  buffer_ += bytes;
  return buffer_.size() >= kBufferBytes ? Flush() : Status();
}

Status FileSink::Flush() {
  RETURN_IF_ERROR(file_.Write(buffer_));
  buffer_.clear();
  return {};
}

Status FileSink::Commit() {
  RETURN_IF_ERROR(Flush());
  if (options_.durable) return file_.Commit(options_.replace);
  // The temporary name is left to AtomicFile, which removes it if it is still there.
  const int failed = options_.replace ? rename(file_.temporary().c_str(), path_.c_str())
                                      : link(file_.temporary().c_str(), path_.c_str());
  if (failed != 0) return FileError(errno, "create", path_);
  return {};
}

}  // namespace catchment::columnar
