// World files, as a user may write them, and what a service reads of a request: must be read or
// refused, within bounded memory.
#include <yaml-cpp/yaml.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "simulator/aws_service_internal.h"
#include "simulator/influx_service_internal.h"
#include "simulator/offers_internal.h"
#include "simulator/retail_service_internal.h"
#include "simulator/world.h"
#include "simulator/world_schema_internal.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace catchment::simulator;
  const std::string text(reinterpret_cast<const char*>(data), size);
  static const nlohmann::json schema = WorldSchema();
  try {
    const auto document = ReadBySchema(YAML::Load(text), schema, {"input", {}});
    if (document.ok()) (void)RenderRecord(*document);
  } catch (const YAML::Exception&) {  // refused
  }
  if (const auto filter = ParseRetailFilter(text); filter.ok()) {
    (void)filter->Accepts(R"({"meterName":"D2 Spot","type":"Consumption"})");
  }
  (void)ProblemOfLine(text);
  (void)FactsOf(text);
  const HttpRequest request{.method = "POST",
                            .target = "/?" + text,
                            .path = "/",
                            .query = text,
                            .headers = {{"authorization", text}, {"x-amz-date", text}},
                            .body = text};
  (void)CheckSignature(request, {}, "logs", catchment::Time());
  return 0;
}
