#include "simulator/file_service_internal.h"

#include <algorithm>
#include <optional>

#include "base/digest.h"
#include "base/file.h"
#include "simulator/responses_internal.h"

namespace catchment::simulator {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxFileBytes = uint64_t{1} << 30;

std::string TypeOf(const fs::path& file) {
  const std::string extension = file.extension().string();
  if (extension == ".json") return "application/json";
  if (extension == ".ndjson" || extension == ".jsonl") return "application/x-ndjson";
  if (extension == ".csv") return "text/csv; charset=utf-8";
  if (extension == ".html") return "text/html; charset=utf-8";
  if (extension == ".txt" || extension == ".tsv") return "text/plain; charset=utf-8";
  if (extension == ".xml") return "application/xml";
  return "application/octet-stream";
}

// The canonical path of a file inside `folder`, or nullopt.
std::optional<fs::path> Resolve(const fs::path& folder, const std::string& path) {
  if (path.find('\0') != std::string::npos) return std::nullopt;
  std::error_code error;
  const fs::path file = fs::canonical(folder / fs::path(path).relative_path(), error);
  if (error || !fs::is_regular_file(file, error)) return std::nullopt;
  const auto [end, rest] = std::mismatch(folder.begin(), folder.end(), file.begin(), file.end());
  if (end != folder.end()) return std::nullopt;
  return file;
}

}  // namespace

Result<std::unique_ptr<FileService>> FileService::Load(const FilesWorld& world) {
  std::error_code error;
  const fs::path folder = fs::canonical(world.folder, error);
  if (error || !fs::is_directory(folder, error)) {
    return NotFound("services.files.folder: {} is no folder", world.folder.string());
  }
  return std::unique_ptr<FileService>(new FileService(folder, world.etag));
}

FaultSubject FileService::Describe(const HttpRequest& request) const {
  return {request.path, request.target, std::nullopt, ""};
}

ServiceAnswer FileService::Answer(const HttpRequest& request, const ActiveFaults&, Time) {
  if (request.method != "GET" && request.method != "HEAD")
    return {PlainText(405, "expected GET"), ""};
  const std::optional<fs::path> file = Resolve(folder_, request.path);
  if (!file) return {PlainText(404, "no such file"), ""};
  Result<std::string> bytes = ReadFile(*file, kMaxFileBytes);
  if (!bytes.ok()) return {PlainText(500, bytes.error().message), ""};
  HttpResponse response;
  response.content_type = TypeOf(*file);
  if (etag_) {
    const std::string tag = fmt::format("\"{}\"", Sha256Hex(*bytes).substr(0, 32));
    response.headers.emplace_back("ETag", tag);
    if (request.Header("if-none-match") == tag) {
      response.status = 304;
      return {std::move(response), ""};
    }
  }
  response.body = std::move(*bytes);
  return {std::move(response), ""};
}

}  // namespace catchment::simulator
