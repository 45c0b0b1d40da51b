#include "core/pipeline_schema.h"

#include "core/pipeline.h"
#include "core/value_type_internal.h"

namespace catchment::core {
namespace {

using nlohmann::json;

constexpr const char* kDialect = "https://json-schema.org/draft/2020-12/schema";

json Text(const std::string& help = "") {
  json schema = {{"type", "string"}};
  if (!help.empty()) schema["description"] = help;
  return schema;
}

/// A scalar that is read as a text, whatever YAML makes of it.
json Scalar() { return {{"type", {"string", "number", "boolean", "null"}}}; }
json Flag() { return {{"type", "boolean"}}; }
json Count() { return {{"type", "integer"}, {"minimum", 0}}; }
json Choice(const std::vector<std::string>& values) { return {{"enum", values}}; }
json Texts() { return {{"anyOf", {Scalar(), {{"type", "array"}, {"items", Scalar()}}}}}; }
json Duration() { return {{"type", "string"}, {"description", "90s, 62m, 6h, 7d, 1h30m"}}; }

/// A map with these keys and no others.
json Map(json properties, const std::vector<std::string>& required = {}) {
  json schema = {
      {"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  if (!required.empty()) schema["required"] = required;
  return schema;
}

/// A map of any names to values like `value`.
json Named(json value) { return {{"type", "object"}, {"additionalProperties", std::move(value)}}; }

json OfType(const ComponentKey& key) {
  json schema = json::object();
  // A text with a placeholder passes for every type.
  if (key.type == "bool") schema["type"] = {"boolean", "string", "null"};
  if (key.type == "int" || key.type == "integer") schema["type"] = {"integer", "string", "null"};
  if (key.type == "number") schema["type"] = {"number", "string", "null"};
  if (key.type == "list") schema["type"] = {"array", "string", "null"};
  if (key.type == "map") schema["type"] = {"object", "string", "null"};
  if (key.type == "text") schema["type"] = {"string", "number", "boolean", "null"};
  if (key.type == "duration") schema["type"] = {"string", "null"};
  if (key.type == "percent") schema["type"] = {"string", "number", "null"};
  if (!key.help.empty()) schema["description"] = key.help;
  if (!key.allowed.empty()) schema["examples"] = key.allowed;
  return schema;
}

json KeysOf(const Component& component) {
  json properties = json::object();
  for (const ComponentKey& key : component.keys) properties[key.name] = OfType(key);
  return properties;
}

std::vector<std::string> RequiredOf(const Component& component) {
  std::vector<std::string> required;
  for (const ComponentKey& key : component.keys) {
    if (key.required) required.push_back(key.name);
  }
  return required;
}

/// One branch a component, so that an editor offers its keys; all branches together are the task.
json ComponentTasks(const std::vector<Component>& components, const std::string& kind) {
  json branches = json::array();
  for (const Component& component : components) {
    json with = Map(KeysOf(component), RequiredOf(component));
    json properties = {{kind, {{"const", component.name}, {"description", component.help}}},
                       {"needs", Texts()},
                       {"required", Flag()},
                       {"with", std::move(with)}};
    if (kind == "source") properties["refresh"] = Duration();
    std::vector<std::string> required = {kind};
    if (!RequiredOf(component).empty()) required.emplace_back("with");
    branches.push_back(Map(std::move(properties), required));
  }
  return branches;
}

json Task(const Catalogue& catalogue) {
  json branches = ComponentTasks(catalogue.sources, "source");
  for (json& branch : ComponentTasks(catalogue.transforms, "transform")) {
    branches.push_back(std::move(branch));
  }
  const json with = {{"type", "object"}};
  branches.push_back(Map({{"sql", Text("file beside the pipeline file: one SELECT")},
                          {"needs", Texts()},
                          {"required", Flag()},
                          {"with", with}},
                         {"sql"}));
  branches.push_back(Map({{"read", Text("another dataset")},
                          {"needs", Texts()},
                          {"required", Flag()},
                          {"with", with},
                          {"newest_for", Choice({"slot", "slot_date"})},
                          {"optional", Flag()},
                          {"else", Map({{"run", Text("pipeline whose tasks stand in")}}, {"run"})}},
                         {"read"}));
  const json command = {
      {"anyOf", {Text("a line for the shell"), {{"type", "array"}, {"items", Scalar()}}}}};
  branches.push_back(Map({{"exec", command},
                          {"needs", Texts()},
                          {"required", Flag()},
                          {"with", with},
                          {"outputs", Texts()}},
                         {"exec"}));
  return {{"oneOf", std::move(branches)}};
}

json ScheduleSchema() {
  return Map({{"cron", Text("minute hour day month weekday, or @daily")},
              {"timezone", Text("IANA name")},
              {"every", Duration()},
              {"at", Texts()},
              {"start", Text()},
              {"until", Text()},
              {"missed", Choice({"none", "last", "all"})},
              {"window", Duration()},
              {"overlap", Choice({"skip", "queue", "allow"})}});
}

json SlotSchema() {
  return Map({{"period", Choice({"hour", "day", "month", "year"})},
              {"first", {{"anyOf", {Scalar(), Named(Scalar())}}}},
              {"open", Text("how long after its end a slot stays open")},
              {"recheck", Map({{"last", Count()}, {"every", Duration()}}, {"last", "every"})}},
             {"period"});
}

json RangeSchema() {
  const json end = {{"type", {"number", "null"}}};
  return {{"anyOf",
           {{{"type", "array"}, {"items", end}, {"minItems", 1}, {"maxItems", 2}},
            Text("\"(low, high]\": a round bracket leaves the end out")}}};
}

json ParameterSchema() {
  return Map({{"type", Choice(ValueTypes())},
              {"default", json::object()},
              {"help", Scalar()},
              {"env", Text("environment variable that sets it")},
              {"alias", Choice(ParameterAliases())},
              {"allowed", Texts()},
              {"range", RangeSchema()}});
}

json ContractSchema() {
  const json share = Scalar();
  json foreign_key = Map({{"columns", Texts()}, {"table", Text()}, {"other_columns", Texts()}},
                         {"columns", "table"});
  json column = Map({{"type", Text()},
                     {"not_null", Flag()},
                     {"range", RangeSchema()},
                     {"allowed", Texts()},
                     {"pattern", Text("RE2, whole text")}});
  return Map(
      {{"key", Texts()},
       {"columns", Named(std::move(column))},
       {"types", Named(Text())},
       {"not_null", Texts()},
       {"range", Named(RangeSchema())},
       {"allowed", Named(Texts())},
       {"pattern", Named(Text())},
       {"foreign_key", {{"anyOf", {foreign_key, {{"type", "array"}, {"items", foreign_key}}}}}},
       {"rows", Map({{"min", Count()}, {"max", Count()}, {"drop_at_most", share}})},
       {"complete", Map({{"at_least", share}, {"below", Text("hold or holes")}})},
       {"shrink", Scalar()}});
}

json PublishSchema() {
  return Map({{"from", Text("task, task.table or run.coverage")},
              {"mode", Choice({"replace", "append", "partition"})},
              {"partition", Texts()}});
}

json ExportSchema(const Catalogue& catalogue) {
  return Map({{"table", Text()},
              {"sql", Text("file: one SELECT over the publish's tables and run.…")},
              {"from", Text("task, task.table, run.memory, run.tasks or run.machine")},
              {"as", Choice(catalogue.export_formats)},
              {"path", Text()},
              {"root", Text()},
              {"acl", Choice(ExportAcls())},
              {"only", Text("environment")},
              {"with", {{"type", "object"}}}},
             {"as", "path"});
}

json SinkSchema(const Catalogue& catalogue) {
  json branches = json::array();
  for (const Component& component : catalogue.sinks) {
    json properties = KeysOf(component);
    properties["kind"] = {{"const", component.name}, {"description", component.help}};
    properties["table"] = Text();
    properties["to"] = Text();
    properties["sql"] = Text("file: one SELECT over the publish's tables, publish.… and run.…");
    if (component.notifies) {
      const json events = Choice(SinkEvents());
      properties["on"] = {{"anyOf", {events, {{"type", "array"}, {"items", events}}}}};
    }
    properties["with"] = Map(KeysOf(component));
    branches.push_back(Map(std::move(properties), {"kind"}));
  }
  if (branches.empty()) return json::object();
  return {{"oneOf", std::move(branches)}};
}

}  // namespace

json PipelineSchema(const Catalogue& catalogue) {
  json schema = Map({{"pipeline", Text("its name")},
                     {"description", Scalar()},
                     {"dataset", Text("default: the pipeline's name")},
                     {"schedule", ScheduleSchema()},
                     {"slot", SlotSchema()},
                     {"timeout", Duration()},
                     {"for_each", {{"type", "object"}, {"minProperties", 1}, {"maxProperties", 1}}},
                     {"parameters", Named(ParameterSchema())},
                     {"tasks", Named(Task(catalogue))},
                     {"contract", Named(ContractSchema())},
                     {"publish", Named(PublishSchema())},
                     {"exports", {{"type", "array"}, {"items", ExportSchema(catalogue)}}},
                     {"sinks", {{"type", "array"}, {"items", SinkSchema(catalogue)}}},
                     {"test_reads", Texts()}},
                    {"pipeline", "tasks"});
  schema["$schema"] = kDialect;
  schema["title"] = "Catchment pipeline";
  return schema;
}

json ConfigSchema() {
  json environment = Map({{"lake", Text("root of manifests and data")},
                          {"exports", Named(Text())},
                          {"reads", Text("another environment")},
                          {"suffix", Text()},
                          {"region", Text()},
                          {"vars", Named(Scalar())},
                          {"state", Text("folder; .catchment unless given")},
                          {"budgets", Map({{"share", Text()}, {"use", Text("10%")}})},
                          {"exec", Texts()}},
                         {"lake"});
  const json reference = {{"type", "string"},
                          {"pattern", "^(env|file|ssm|secretsmanager|dynamodb|read):"}};
  const json references = {{"anyOf", {reference, {{"type", "array"}, {"items", reference}}}}};
  json identity = Map({{"from", {{"anyOf", {references, Named(references)}}}},
                       {"format", Text()},
                       {"budget", {{"type", "object"}}}},
                      {"from"});
  json schema = Map({{"environments", Named(std::move(environment))},
                     {"identities", Named(std::move(identity))}});
  schema["$schema"] = kDialect;
  schema["title"] = "Catchment configuration";
  return schema;
}

}  // namespace catchment::core
