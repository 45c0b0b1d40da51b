#pragma once

#include <filesystem>
#include <string>

#include "net/transport.h"

namespace catchment::sources::generic {

/// Answers requests for this machine's files, so that what is read from them is recorded and
/// replayed like any other answer; passes all other requests on. It stands below the recording
/// transport.
///
/// A file is `https://file.invalid/ABSOLUTE/PATH`, its name percent-encoded: `.invalid` is a domain
/// that no one can have (RFC 2606), and the vault knows http URLs only. With the query `list`, `*`
/// and `?` in the path are wildcards of one path component, and the answer is the matching files'
/// paths, sorted, one a line. 404: there is none; 403: it may not be read. kCorrupt: larger than
/// the request's max_bytes. Thread-safe.
class FileTransport final : public net::Transport {
 public:
  /// `inner` outlives this.
  explicit FileTransport(net::Transport& inner) : inner_(inner) {}
  Result<net::Response> Send(const net::Request& request, const OpContext& context) override;
  void Start(net::Request request, const OpContext& context, Done done) override;

 private:
  net::Transport& inner_;
};

/// The URL of a file, or of the list of the files that match a pattern. `path` is absolute.
std::string FileUrl(const std::filesystem::path& path);
std::string FileListUrl(const std::filesystem::path& pattern);

/// At most so many files may match a pattern; more are kInvalid.
inline constexpr size_t kMaxListedFiles = 100'000;

}  // namespace catchment::sources::generic
