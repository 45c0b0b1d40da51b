#include "sinks/file_sink.h"

#include "columnar/json_file.h"

namespace catchment::sinks {

Status FileSink::Deliver(const SinkBatch& batch, const OpContext& context) {
  RETURN_IF_ERROR(context.Check());
  const std::filesystem::path path = folder_ / fmt::format("{:020}.ndjson", batch.publish);
  return columnar::WriteJson(batch.rows, path,
                             {.shape = columnar::JsonShape::kLines, .skip_nulls = false})
      .WithContext(fmt::format("sink file: {}", path.string()))
      .status();
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
