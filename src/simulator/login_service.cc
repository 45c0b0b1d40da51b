#include <map>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "simulator/login_service_internal.h"

namespace catchment::simulator {
namespace {

ServiceAnswer RefuseLogin(int status, const char* error, std::string_view description) {
  nlohmann::ordered_json body;
  body["error"] = error;
  body["error_description"] = description;
  HttpResponse response;
  response.status = status;
  response.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return {std::move(response), ""};
}

}  // namespace

FaultSubject LoginService::Describe(const HttpRequest& request) const {
  return {request.path, request.target, std::nullopt, ""};
}

ServiceAnswer LoginService::Answer(const HttpRequest& request, const ActiveFaults& active,
                                   Time now) {
  const std::vector<std::string> parts = Split(request.path, '/');  // "", tenant, "oauth2", …
  if (parts.size() != 5 || parts[2] != "oauth2" || parts[3] != "v2.0" || parts[4] != "token") {
    return RefuseLogin(404, "not_found", "there is only /{tenant}/oauth2/v2.0/token");
  }
  if (request.method != "POST") return RefuseLogin(405, "invalid_request", "expected POST");
  std::map<std::string, std::string> form;
  for (auto& [name, value] : ParseQuery(request.body)) form[name] = value;
  if (parts[1] != identity_.tenant_id) {
    return RefuseLogin(400, "invalid_request", "AADSTS90002: Tenant not found.");
  }
  if (form["grant_type"] != "client_credentials") {
    return RefuseLogin(400, "unsupported_grant_type", "AADSTS70003: expected client_credentials.");
  }
  if (active.Find("invalid_client") != nullptr || form["client_id"] != identity_.client_id ||
      form["client_secret"] != identity_.client_secret) {
    return RefuseLogin(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.");
  }
  if (form["scope"] != "https://management.azure.com/.default") {
    return RefuseLogin(400, "invalid_scope",
                       "AADSTS70011: The provided value for 'scope' is not valid.");
  }
  std::chrono::seconds life = expires_in_;
  if (const Fault* fault = active.Find("short_token")) {
    life = std::chrono::seconds(fault->size.value_or(1));
  }
  nlohmann::ordered_json body;
  body["token_type"] = "Bearer";
  body["expires_in"] = life.count();
  body["ext_expires_in"] = life.count();
  body["access_token"] = tokens_.Issue(form["client_id"], life, now);
  HttpResponse response;
  response.body = body.dump();
  response.headers.emplace_back("Cache-Control", "no-store, no-cache");
  return {std::move(response), ""};
}

}  // namespace catchment::simulator
