#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/file.h"
#include "base/result.h"

namespace catchment::columnar {

/// Where a writer's bytes go: counted and digested on the way. Not thread-safe.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  Status Write(std::string_view bytes);
  int64_t bytes() const { return bytes_; }
  /// The digest of all bytes. Ends the sink.
  std::string Sha256Hex() { return digest_.Hex(); }

 protected:
  virtual Status Put(std::string_view bytes) = 0;

 private:
  Sha256 digest_;
  int64_t bytes_ = 0;
};

/// A file that appears at its name whole or not at all.
class FileSink final : public ByteSink {
 public:
  struct Options {
    bool durable = true;
    bool replace = true;
  };
  static Result<std::unique_ptr<FileSink>> Open(const std::filesystem::path& path,
                                                const Options& options);
  /// Put the file in place. Write no more.
  Status Commit();

 protected:
  Status Put(std::string_view bytes) override;

 private:
  FileSink(AtomicFile file, std::filesystem::path path, const Options& options);
  Status Flush();

  const std::filesystem::path path_;
  const Options options_;
  AtomicFile file_;
  std::string buffer_;
};

/// Bytes kept in memory.
class MemorySink final : public ByteSink {
 public:
  std::string Take() { return std::move(text_); }

 protected:
  Status Put(std::string_view bytes) override {
    text_ += bytes;
    return {};
  }

 private:
  std::string text_;
};

}  // namespace catchment::columnar
