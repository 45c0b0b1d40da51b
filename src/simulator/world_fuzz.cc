// World files, as a user may write them, and what a service reads of a request: must be read or
// refused, within bounded memory.
#include <yaml-cpp/yaml.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "simulator/aws_service_internal.h"
#include "simulator/cmr_service_internal.h"
#include "simulator/generated_granules_internal.h"
#include "simulator/http_request_reader_internal.h"
#include "simulator/influx_service_internal.h"
#include "simulator/lpdaac_service_internal.h"
#include "simulator/offers_internal.h"
#include "simulator/retail_service_internal.h"
#include "simulator/world.h"
#include "simulator/world_schema_internal.h"

namespace catchment::simulator {

// A small world is asked for whatever comes: as a query, as a token and as a path.
void FuzzGranules(const std::string& text) {
  static const GeneratedGranules granules(
      CmrWorld{.generate = GeneratedHls{.per_month = {2, 2}, .tiles = 20}}, 1);
  const catchment::Time now = std::chrono::sys_days(std::chrono::year(2014) / 1 / 1);
  HttpRequest request{.method = "GET",
                      .target = "/?" + text,
                      .path = std::string(CmrService::kPath),
                      .query = text,
                      .headers = {{"cmr-search-after", text}, {"host", text}},
                      .body = ""};
  CmrService search(granules);
  (void)search.CountedAs(request);
  (void)search.Answer(request, {}, now);
  LpdaacService items({}, {}, granules);
  request.path = "/" + text;
  (void)items.CountedAs(request);
  (void)items.Answer(request, {}, now);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
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
  FuzzGranules(text);
  HttpRequestReader reader;
  reader.Take(text);
  while (reader.Next()) {
  }
  return 0;
}

}  // namespace catchment::simulator
