#include "simulator/responses_internal.h"
#include "simulator/slack_service_internal.h"

namespace catchment::simulator {
namespace {}  // namespace

FaultSubject SlackService::Describe(const HttpRequest& request) const {
  return {.path = request.path,
          .target = request.target + request.body,
          .skip = std::nullopt,
          .filter = ""};
}

ServiceAnswer SlackService::Answer(const HttpRequest& request, const ActiveFaults& active,
                                   Time now) {
  if (request.path != path_ || active.Find("no_service") != nullptr) {
    return {PlainText(404, "no_service"), ""};
  }
  if (request.method != "POST") return {PlainText(400, "invalid_http_method"), ""};
  const auto document = nlohmann::ordered_json::parse(request.body, nullptr, false);
  if (!document.is_object()) return {PlainText(400, "invalid_payload"), ""};
  const auto text = document.value("text", nlohmann::ordered_json());
  if (!text.is_string() || text.get_ref<const std::string&>().empty()) {
    return {PlainText(400, "no_text"), ""};
  }
  deliveries_.Add(now, name(), {{"text", text}});
  return {PlainText(200, "ok"), ""};
}

}  // namespace catchment::simulator
