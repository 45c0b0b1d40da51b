#include "sinks/file_sink.h"

#include <cerrno>
#include <cstdio>

#include "base/file.h"
#include "columnar/json_file.h"

namespace catchment::sinks {

Status FileSink::Deliver(const SinkBatch& batch, const OpContext& context) {
  RETURN_IF_ERROR(context.Check());
  const std::string name = fmt::format("{:020}.ndjson", batch.publish);
  const std::filesystem::path path = folder_ / name;
  // Always the same folder, so that the delivery after a kill clears away what the killed one left.
  const std::filesystem::path scratch = folder_ / (".tmp-" + name);
  std::error_code error;
  std::filesystem::remove_all(scratch, error);
  Status status = columnar::WriteJson(batch.rows, scratch / name,
                                      {.shape = columnar::JsonShape::kLines, .skip_nulls = false})
                      .status();
  if (status.ok() && std::rename((scratch / name).c_str(), path.c_str()) != 0) {
    status = FileError(errno, "rename to", path);
  }
  if (status.ok()) status = SyncFolder(folder_);
  std::filesystem::remove_all(scratch, error);
  return std::move(status).WithContext(fmt::format("sink file: {}", path.string()));
}

SinkEntry FileSinkEntry() {
  SinkEntry entry;
  entry.kind = "file";
  entry.help = "One NDJSON file a publish in a folder of this machine";
  entry.keys = {{"path", "text", true, "the folder; made if absent"}};
  entry.make = [](const nlohmann::json& keys,
                  const SinkServices&) -> Result<std::unique_ptr<Sink>> {
    const auto path = keys.find("path");
    if (path == keys.end() || !path->is_string() || path->get_ref<const std::string&>().empty()) {
      return Invalid("sink file: path: expected the folder to write to");
    }
    return std::unique_ptr<Sink>(std::make_unique<FileSink>(path->get<std::string>()));
  };
  return entry;
}

}  // namespace catchment::sinks
