#include "simulator/secret_services_internal.h"

#include "base/text.h"

namespace catchment::simulator {

using nlohmann::ordered_json;

DynamodbService::DynamodbService(const DynamodbWorld& world, const IdentityWorld& identity)
    : AwsService({.name = "dynamodb",
                  .target = "DynamoDB_20120810",
                  .type_prefix = "com.amazonaws.dynamodb.v20120810#",
                  .json_version = "1.0"},
                 identity.aws),
      table_(world.table),
      id_(world.id),
      identity_(identity) {}

HttpResponse DynamodbService::Perform(std::string_view operation, const ordered_json& arguments,
                                      const ActiveFaults& active, Time /*now*/) {
  if (operation != "GetItem") return NoOperation(operation);
  const std::string table = TextOf(arguments, "TableName");
  if (table != table_ || active.Find("no_table") != nullptr) {
    return Fail(400, "ResourceNotFoundException", "Requested resource not found");
  }
  const ordered_json key = arguments.value("Key", ordered_json::object());
  const bool has_id = key.is_object() && key.size() == 1 && key.contains("id");
  const std::string id = has_id ? TextOf(key["id"], "S") : "";
  if (id.empty()) {
    return Fail(400, "ValidationException", "The provided key element does not match the schema");
  }
  if (id != id_ || active.Find("no_item") != nullptr) return Ok(ordered_json::object());
  const Fault* missing = active.Find("missing_field");
  const std::string left_out = missing == nullptr       ? ""
                               : missing->field.empty() ? "client_secret"
                                                        : missing->field;
  ordered_json fields;
  for (const auto& [name, value] : std::initializer_list<std::pair<std::string, std::string>>{
           {"tenant_id", identity_.tenant_id},
           {"client_id", identity_.client_id},
           {"client_secret", identity_.client_secret},
           {"subscriptions", fmt::format("{}", fmt::join(identity_.subscriptions, ", "))}}) {
    if (name != left_out) fields[name]["S"] = value;
  }
  ordered_json body;
  body["Item"]["id"]["S"] = id;
  body["Item"]["data"]["M"] = fields;
  return Ok(body);
}

SsmService::SsmService(const SsmWorld& world, const AwsWorld& aws)
    : AwsService({.name = "ssm", .target = "AmazonSSM", .type_prefix = "", .json_version = "1.1"},
                 aws),
      parameters_(world.parameters.begin(), world.parameters.end()) {}

HttpResponse SsmService::Perform(std::string_view operation, const ordered_json& arguments,
                                 const ActiveFaults& active, Time /*now*/) {
  if (operation != "GetParameter") return NoOperation(operation);
  const std::string name = TextOf(arguments, "Name");
  const auto found = parameters_.find(name);
  if (found == parameters_.end() || active.Find("no_parameter") != nullptr) {
    return Fail(400, "ParameterNotFound", "");
  }
  ordered_json body;
  body["Parameter"] = {{"Name", name},
                       {"Type", "SecureString"},
                       {"Value", found->second},
                       {"Version", 1},
                       {"DataType", "text"}};
  return Ok(body);
}

}  // namespace catchment::simulator
