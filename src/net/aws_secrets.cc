#include "net/aws_secrets.h"

#include "base/text.h"
#include "net/aws_client.h"
#include "net/url.h"

namespace catchment::net {
namespace {

/// `NAME?region=us-west-2` taken apart.
struct AwsReference {
  std::string name;
  std::string region;
};

Result<AwsReference> ParseAwsReference(std::string_view reference, std::string_view name) {
  const size_t question = name.find('?');
  AwsReference parsed{std::string(name.substr(0, question)), {}};
  if (question == std::string_view::npos) return parsed;
  constexpr std::string_view kRegion = "region=";
  const std::string_view query = name.substr(question + 1);
  if (!query.starts_with(kRegion) || query.size() == kRegion.size()) {
    return Invalid("{}: after ? only region=NAME is understood", reference);
  }
  parsed.region = query.substr(kRegion.size());
  return parsed;
}

/// A value of DynamoDB as text: S, N, or a set or list of texts joined by commas.
std::optional<std::string> TextOfAttribute(const nlohmann::json& attribute) {
  if (!attribute.is_object() || attribute.size() != 1) return std::nullopt;
  const std::string type = attribute.begin().key();
  const nlohmann::json& value = attribute.begin().value();
  if ((type == "S" || type == "N") && value.is_string()) return value.get<std::string>();
  if ((type != "SS" && type != "L") || !value.is_array()) return std::nullopt;
  std::string joined;
  for (const nlohmann::json& element : value) {
    std::optional<std::string> text;
    if (element.is_string() && type == "SS") text = element.get<std::string>();
    if (element.is_object() && type == "L" && element.contains("S"))
      text = TextOfAttribute(element);
    if (!text) return std::nullopt;
    joined += (joined.empty() ? "" : ",") + *text;
  }
  return joined;
}

const nlohmann::json* Member(const nlohmann::json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

Result<SecretFields> FieldsOfItem(std::string_view reference, const nlohmann::json& answer) {
  const nlohmann::json* item = Member(answer, "Item");
  if (item == nullptr || item->empty()) return NotFound("{}: there is no such item", reference);
  const nlohmann::json* data = Member(*item, "data");
  const nlohmann::json* map = data == nullptr ? nullptr : Member(*data, "M");
  if (map == nullptr || !map->is_object()) {
    return Invalid("{}: the item has no map 'data'", reference);
  }
  SecretFields fields{std::string(reference)};
  for (const auto& [name, attribute] : map->items()) {
    std::optional<std::string> text = TextOfAttribute(attribute);
    if (text) {
      RETURN_IF_ERROR(fields.Add(name, Secret(std::move(*text))));
    }
  }
  return fields;
}

AwsJsonService DynamoDb(std::string region) {
  AwsJsonService service;
  service.service = service.signing_name = service.host = "dynamodb";
  service.target = "DynamoDB_20120810";
  service.configured_region = std::move(region);
  service.timeout = std::chrono::seconds(15);
  return service;
}

AwsJsonService Ssm(std::string region) {
  AwsJsonService service = DynamoDb(std::move(region));
  service.service = service.signing_name = service.host = "ssm";
  service.target = "AmazonSSM";
  service.json_version = "1.1";
  return service;
}

}  // namespace

Result<Secret> AwsSecretStore::Get(std::string_view reference, const OpContext& context) {
  ASSIGN_OR_RETURN(const SecretReference parsed, ParseSecretReference(reference));
  if (parsed.kind == "dynamodb") {
    return Denied("{}: holds several fields, and one secret is wanted here", reference);
  }
  if (parsed.kind != "ssm") return local_.Get(reference, context);
  ASSIGN_OR_RETURN(const AwsReference wanted, ParseAwsReference(reference, parsed.name));
  const AwsClient client(transport_, local_, Ssm(wanted.region));
  ASSIGN_OR_RETURN(const nlohmann::json answer,
                   client.CallUntil(retry_, "GetParameter",
                                    {{"Name", wanted.name}, {"WithDecryption", true}}, context),
                   "{}", reference);
  const nlohmann::json* parameter = Member(answer, "Parameter");
  const nlohmann::json* value = parameter == nullptr ? nullptr : Member(*parameter, "Value");
  if (value == nullptr || !value->is_string()) {
    return Invalid("{}: the answer has no value", reference);
  }
  if (value->get_ref<const std::string&>().empty()) return NotFound("{}: it is empty", reference);
  return Secret(value->get<std::string>());
}

Result<SecretFields> AwsSecretStore::GetFields(std::string_view reference,
                                               const OpContext& context) {
  ASSIGN_OR_RETURN(const SecretReference parsed, ParseSecretReference(reference));
  if (parsed.kind != "dynamodb") return local_.GetFields(reference, context);
  ASSIGN_OR_RETURN(const AwsReference wanted, ParseAwsReference(reference, parsed.name));
  const size_t slash = wanted.name.find('/');
  if (slash == 0 || slash == std::string::npos || slash + 1 == wanted.name.size()) {
    return Invalid("{}: expected dynamodb:TABLE/ID", reference);
  }
  const AwsClient client(transport_, local_, DynamoDb(wanted.region));
  const nlohmann::json request = {{"TableName", wanted.name.substr(0, slash)},
                                  {"Key", {{"id", {{"S", wanted.name.substr(slash + 1)}}}}}};
  ASSIGN_OR_RETURN(const nlohmann::json answer,
                   client.CallUntil(retry_, "GetItem", request, context), "{}", reference);
  return FieldsOfItem(reference, answer);
}

}  // namespace catchment::net
