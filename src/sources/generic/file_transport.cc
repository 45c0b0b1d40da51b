#include "sources/generic/file_transport.h"

#include <algorithm>
#include <vector>

#include "base/file.h"
#include "base/text.h"
#include "net/url.h"

namespace catchment::sources::generic {
namespace {

constexpr std::string_view kHost = "https://file.invalid";

bool HasWildcard(std::string_view text) {
  return text.find_first_of("*?") != std::string_view::npos;
}

/// Find the files below `folder` whose path matches `parts` from `at` on. Folders that cannot be
/// read are an error.
Status Find(const std::filesystem::path& folder, const std::vector<std::string>& parts, size_t at,
            std::vector<std::string>* found) {
  const bool last = at + 1 == parts.size();
  std::error_code error;
  if (!HasWildcard(parts[at])) {
    const std::filesystem::path next = folder / parts[at];
    if (!last)
      return std::filesystem::is_directory(next, error) ? Find(next, parts, at + 1, found)
                                                        : Status();
    if (std::filesystem::is_regular_file(next, error)) found->push_back(next.string());
    return {};
  }
  std::vector<std::filesystem::path> entries;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    // As in a shell, a wildcard does not meet the dot of a hidden name.
    if (name.starts_with('.') && !parts[at].starts_with('.')) continue;
    if (GlobMatch(parts[at], name)) entries.push_back(entry->path());
  }
  if (error) return FileError(error.value(), "list", folder);
  for (const std::filesystem::path& entry : entries) {
    if (found->size() > kMaxListedFiles)
      return Invalid("more than {} files match", FormatCount(kMaxListedFiles));
    if (last && std::filesystem::is_regular_file(entry, error)) found->push_back(entry.string());
    if (!last && std::filesystem::is_directory(entry, error))
      RETURN_IF_ERROR(Find(entry, parts, at + 1, found));
  }
  return {};
}

Result<std::string> ListFiles(const std::string& pattern) {
  std::vector<std::string> parts = Split(pattern, '/'), found;
  std::erase(parts, "");
  if (parts.empty()) return NotFound("no file name");
  RETURN_IF_ERROR(Find("/", parts, 0, &found));
  if (found.empty()) return NotFound("no file matches {}", pattern);
  std::sort(found.begin(), found.end());
  return fmt::format("{}\n", fmt::join(found, "\n"));
}

/// A pipe or a device could keep the reader for ever.
Result<std::string> ReadRegularFile(const std::string& path, uint64_t limit) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  const bool other = std::filesystem::exists(status) && !std::filesystem::is_regular_file(status);
  if (other) return Invalid("{}: not a file", path);
  return ReadFile(path, limit);
}

net::Response Answer(int status, std::string body, const OpContext& context) {
  net::Response response;
  response.status = status;
  response.body = std::move(body);
  response.received = context.clock->Now();
  return response;
}

Result<net::Response> Serve(const net::Request& request, const OpContext& context) {
  RETURN_IF_ERROR(context.Check());
  ASSIGN_OR_RETURN(const net::Url url, net::ParseUrl(request.url));
  ASSIGN_OR_RETURN(const std::string path, net::PercentDecode(url.path));
  Result<std::string> body =
      url.query == "list" ? ListFiles(path) : ReadRegularFile(path, request.max_bytes);
  if (body.ok()) return Answer(200, *std::move(body), context);
  switch (body.error().code) {
    case Code::kNotFound:
      return Answer(404, body.error().message, context);
    case Code::kDenied:
      return Answer(403, body.error().message, context);
    case Code::kInvalid:
      return Corrupt("{}", body.error().message);
    default:
      return body.error();
  }
}

}  // namespace

std::string FileUrl(const std::filesystem::path& path) {
  return fmt::format("{}{}", kHost, net::PercentEncode(path.string(), "/"));
}

std::string FileListUrl(const std::filesystem::path& pattern) { return FileUrl(pattern) + "?list"; }

Result<net::Response> FileTransport::Send(const net::Request& request, const OpContext& context) {
  return request.url.starts_with(kHost) ? Serve(request, context) : inner_.Send(request, context);
}

void FileTransport::Start(net::Request request, const OpContext& context, Done done) {
  if (!request.url.starts_with(kHost))
    return inner_.Start(std::move(request), context, std::move(done));
  done(Serve(request, context));
}

}  // namespace catchment::sources::generic
