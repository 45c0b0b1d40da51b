#include "app/layout.h"

namespace catchment::app {
namespace {

std::string LayoutText(const nlohmann::json& parameters, const char* name) {
  const auto value = parameters.find(name);
  return value != parameters.end() && value->is_string() ? value->get<std::string>()
                                                         : std::string();
}

}  // namespace

bool OneFileForAll(const nlohmann::json& parameters, const std::vector<std::string>& each_values) {
  return LayoutText(parameters, "layout") == "seed" && each_values.size() > 1;
}

void AddLayout(const core::Pipeline& pipeline, const std::vector<std::string>& each_values,
               const std::string& each, core::PlaceholderValues& placeholders) {
  if (pipeline.FindParameter("layout") == nullptr || !placeholders.slot) return;
  const std::string layout = LayoutText(placeholders.parameters, "layout");
  const std::string prefix = LayoutText(placeholders.parameters, "s3Prefix");
  std::string path = prefix.empty() ? "" : prefix + "/";
  const bool apart = layout == "collection" || (layout == "auto" && each_values.size() > 1);
  if (apart && pipeline.for_each) path += fmt::format("{}={}/", pipeline.for_each->variable, each);
  path += FormatTime(*placeholders.slot, "year=%Y/month=%m/data.parquet").value();
  placeholders.names["layout"] = std::move(path);
}

}  // namespace catchment::app
