// Whatever the bytes, parsing ends with a pipeline or with problems, and never with both missing.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/config.h"
#include "core/pipeline_parse.h"

namespace catchment::core {

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Catalogue* const catalogue = [] {
    static Catalogue known;
    known.sources = {{.name = "azure.retail_prices", .keys = {}, .outputs = {}, .help = ""}};
    known.transforms = {{.name = "diff", .keys = {}, .outputs = {}, .help = ""}};
    known.sinks = {{.name = "slack", .keys = {}, .outputs = {}, .notifies = true, .help = ""}};
    known.export_formats = {"json"};
    return &known;
  }();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const PipelineText pipeline = ReadPipelineText(text, "pipeline.yaml", *catalogue);
  if (pipeline.problems.empty() && pipeline.pipeline.tasks.empty()) abort();
  for (const FileProblem& problem : pipeline.problems) {
    if (problem.message.empty()) abort();
  }
  const ConfigText config = ReadConfigText(text, "catchment.yaml");
  if (config.problems.empty() && config.config.environments.empty()) abort();
  return 0;
}

}  // namespace catchment::core
