// What of core/pipeline_parse.h looks at files; the parser itself does not.
#include <filesystem>

#include "base/file.h"
#include "core/pipeline_parse.h"

namespace catchment::core {

Result<Pipeline> ParsePipeline(std::string_view text, const std::filesystem::path& file,
                               const Catalogue& catalogue) {
  PipelineSurroundings around;
  around.file_exists = [&](const std::string& name) {
    std::error_code ignored;
    return std::filesystem::is_regular_file(file.parent_path() / name, ignored);
  };
  PipelineText read = ReadPipelineText(text, file, catalogue, around);
  if (!read.problems.empty()) return ProblemsError(read.problems);
  return std::move(read.pipeline);
}

Result<Pipeline> LoadPipeline(const std::filesystem::path& file, const Catalogue& catalogue) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(file, uint64_t{2} << 20), "{}", file.string());
  return ParsePipeline(text, file, catalogue);
}

}  // namespace catchment::core
