#include "simulator/world_schema_internal.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/text.h"
#include "base/time.h"
#include "simulator/world.h"

namespace catchment::simulator {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr int kMaxDepth = 32;
constexpr int64_t kMaxValues = 1'000'000;

constexpr const char* kSchema = R"json({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "Catchment world",
  "description": "What `catchment simulate` plays.",
  "type": "object",
  "additionalProperties": false,
  "required": ["services"],
  "properties": {
    "description": {"type": "string"},
    "clock": {"type": "string", "format": "clock", "description": "real, slot (a run's clock stands at its slot) or an RFC 3339 time"},
    "seed": {"type": "integer", "minimum": 0},
    "identity": {"type": "object", "additionalProperties": false, "description": "the credentials the world accepts and hands to COMMAND", "properties": {
      "tenant_id": {"type": "string"}, "client_id": {"type": "string"}, "client_secret": {"type": "string"},
      "subscriptions": {"type": "array", "items": {"type": "string"}},
      "aws": {"type": "object", "additionalProperties": false, "properties": {
        "access_key_id": {"type": "string"}, "secret_access_key": {"type": "string"}, "region": {"type": "string"}}}}},
    "offers": {"type": "object", "additionalProperties": false, "description": "which sizes placement and resource_skus know, where, for whom; globs without case", "properties": {
      "invalid_regions": {"type": "array", "items": {"type": "string"}, "description": "globs: regions that placement refuses"},
      "invalid_regions_file": {"type": "string", "description": "JSON with a list invalid_locations of further ones"},
      "invalid_skus": {"type": "array", "items": {"type": "string"}},
      "zoneless_regions": {"type": "array", "items": {"type": "string"}},
      "restricted": {"type": "number", "minimum": 0, "maximum": 1, "description": "share of (subscription, series, region) that may not be used"},
      "restrictions": {"type": "array", "items": {"type": "object", "additionalProperties": false, "properties": {
        "subscription": {"type": "string"}, "region": {"type": "string"}, "sku": {"type": "string"}}}}}},
    "services": {"type": "object", "additionalProperties": false, "properties": {
      "prices": {"type": "object", "additionalProperties": false, "required": ["data"], "description": "Azure retail prices", "properties": {
        "data": {"type": "object", "additionalProperties": false, "minProperties": 1, "maxProperties": 1, "properties": {
          "pages": {"type": "string", "description": "folder of recorded pages, *.json, joined by name"},
          "items": {"type": "string", "description": "one item a line, .ndjson or .ndjson.zst"},
          "generate": {"type": "object", "additionalProperties": false, "properties": {
            "pages": {"type": "integer", "minimum": 1, "maximum": 400},
            "regions": {"type": "integer", "minimum": 1, "maximum": 51},
            "skus": {"type": "integer", "minimum": 1, "maximum": 2000},
            "coverage": {"type": "number", "minimum": 0.01, "maximum": 1, "description": "share of (region, SKU) pairs that exist"},
            "at": {"type": "string", "format": "date-time", "description": "current periods began before it"}}}}},
        "page_size": {"type": "integer", "minimum": 1, "maximum": 10000},
        "past_end": {"type": "string", "enum": ["refuse", "empty"]},
        "latency": {"type": "string", "format": "duration"},
        "changes": {"type": "array", "items": {"$ref": "#/$defs/change"}},
        "faults": {"type": "array", "items": {"$ref": "#/$defs/prices_fault"}}}},
      "resource_graph": {"type": "object", "additionalProperties": false, "required": ["data"], "description": "Azure Resource Graph: eviction rates", "properties": {
        "data": {"type": "object", "additionalProperties": false, "minProperties": 1, "properties": {
          "rows": {"type": "string", "description": "one {location, skuName, evictionRate} a line, .ndjson or .ndjson.zst"},
          "derive": {"type": "string", "enum": ["prices"], "description": "made up for the world's Linux spot pairs"},
          "coverage": {"type": "number", "minimum": 0, "maximum": 1}}},
        "page_size": {"type": "integer", "minimum": 1, "maximum": 1000},
        "limits": {"type": "object", "additionalProperties": false, "properties": {
          "queries": {"type": "integer", "minimum": 1},
          "window": {"type": "string", "format": "duration"}}},
        "latency": {"type": "string", "format": "duration"},
        "changes": {"type": "array", "items": {"$ref": "#/$defs/change"}},
        "faults": {"type": "array", "items": {"$ref": "#/$defs/resource_graph_fault"}}}},
      "placement": {"type": "object", "additionalProperties": false, "description": "Azure spot placement scores", "properties": {
        "limits": {"type": "object", "additionalProperties": false, "properties": {
          "calls": {"type": "integer", "minimum": 0, "description": "per window and (subscription, location)"},
          "window": {"type": "string", "format": "duration"},
          "tells_seconds": {"type": "boolean"}}},
        "foreign_use": {"type": "array", "items": {"type": "object", "additionalProperties": false, "required": ["calls"], "description": "calls of others in a bucket", "properties": {
          "subscription": {"type": "string"}, "location": {"type": "string"},
          "calls": {"type": "integer", "minimum": 0},
          "since": {"type": "string", "format": "date-time"},
          "until": {"type": "string", "format": "date-time"}}}},
        "locations": {"type": "array", "items": {"type": "string"}, "description": "of the URL; absent: the valid regions of the price list"},
        "drift": {"type": "number", "minimum": 0, "maximum": 10000, "description": "changes of one (region, SKU, zone) a day"},
        "unknown": {"type": "number", "minimum": 0, "maximum": 1, "description": "share of cells without data"},
        "omitted": {"type": "number", "minimum": 0, "maximum": 1, "description": "share of pairs that are not answered"},
        "max_count": {"type": "integer", "minimum": 1},
        "latency": {"type": "string", "format": "duration"},
        "faults": {"type": "array", "items": {"$ref": "#/$defs/placement_fault"}}}},
      "resource_skus": {"type": "object", "additionalProperties": false, "description": "Azure resource SKUs", "properties": {
        "page_size": {"type": "integer", "minimum": 1, "maximum": 100000},
        "latency": {"type": "string", "format": "duration"},
        "faults": {"type": "array", "items": {"$ref": "#/$defs/resource_skus_fault"}}}},
      "login": {"type": "object", "additionalProperties": false, "description": "OAuth token endpoint", "properties": {
        "expires_in": {"type": "string", "format": "duration"},
        "latency": {"type": "string", "format": "duration"},
        "faults": {"type": "array", "items": {"$ref": "#/$defs/login_fault"}}}},
      "files": {"type": "object", "additionalProperties": false, "required": ["folder"], "description": "plain HTTP file host", "properties": {
        "folder": {"type": "string"},
        "etag": {"type": "boolean"},
        "latency": {"type": "string", "format": "duration"},
        "faults": {"type": "array", "items": {"$ref": "#/$defs/files_fault"}}}},
      "dynamodb": {"type": "object", "additionalProperties": false, "description": "one item, the identity", "properties": {
        "table": {"type": "string"},
        "id": {"type": "string"},
        "latency": {"type": "string", "format": "duration"},
        "faults": {"type": "array", "items": {"$ref": "#/$defs/dynamodb_fault"}}}},
      "ssm": {"type": "object", "additionalProperties": false, "description": "AWS parameters", "properties": {
        "parameters": {"type": "object", "additionalProperties": {"type": "string"}},
        "latency": {"type": "string", "format": "duration"},
        "faults": {"type": "array", "items": {"$ref": "#/$defs/ssm_fault"}}}},
      "timestream": {"type": "object", "additionalProperties": false, "description": "Amazon Timestream, writing", "properties": {
        "tables": {"type": "array", "items": {"type": "string"}, "description": "database/table; absent: every one is there"},
        "latency": {"type": "string", "format": "duration"},
        "faults": {"type": "array", "items": {"$ref": "#/$defs/timestream_fault"}}}},
      "logs": {"type": "object", "additionalProperties": false, "description": "CloudWatch Logs", "properties": {
        "groups": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}, "description": "log groups with their streams"},
        "latency": {"type": "string", "format": "duration"},
        "faults": {"type": "array", "items": {"$ref": "#/$defs/logs_fault"}}}},
      "influx": {"type": "object", "additionalProperties": false, "description": "line protocol", "properties": {
        "org": {"type": "string"},
        "bucket": {"type": "string"},
        "token": {"type": "string"},
        "latency": {"type": "string", "format": "duration"},
        "faults": {"type": "array", "items": {"$ref": "#/$defs/influx_fault"}}}},
      "slack": {"type": "object", "additionalProperties": false, "description": "a webhook", "properties": {
        "path": {"type": "string"},
        "latency": {"type": "string", "format": "duration"},
        "faults": {"type": "array", "items": {"$ref": "#/$defs/slack_fault"}}}},
      "cmr": {"type": "object", "additionalProperties": false, "required": ["data"], "description": "NASA CMR: search of HLS granules", "properties": {
        "data": {"type": "object", "additionalProperties": false, "minProperties": 1, "maxProperties": 1, "properties": {
          "generate": {"type": "object", "additionalProperties": false, "properties": {
            "first": {"type": "string", "format": "date-time", "description": "first day with granules"},
            "last": {"type": "string", "format": "date-time", "description": "last day with granules"},
            "per_month": {"type": "object", "additionalProperties": false, "description": "granules a calendar month", "properties": {
              "HLSL30_2.0": {"type": "integer", "minimum": 0, "maximum": 1000000},
              "HLSS30_2.0": {"type": "integer", "minimum": 0, "maximum": 1000000}}},
            "tiles": {"type": "integer", "minimum": 1, "maximum": 18000}}},
          "recorded": {"type": "object", "additionalProperties": false, "properties": {
            "responses": {"type": "string", "description": "recorded answers with their requests, one a line, .ndjson or .ndjson.zst"},
            "items": {"type": "array", "items": {"type": "string"}, "description": "STAC items, one a line or one a file"}}}}},
        "scale": {"type": "number", "minimum": 0, "maximum": 4, "description": "of the generated granules"},
        "visible": {"type": "object", "additionalProperties": false, "description": "how long after its beginning a granule appears", "properties": {
          "from": {"type": "string", "format": "duration"},
          "to": {"type": "string", "format": "duration"}}},
        "late": {"type": "number", "minimum": 0, "maximum": 1, "description": "share that appears 8 to 40 days later than that"},
        "revised": {"type": "number", "minimum": 0, "maximum": 1, "description": "share with a second revision"},
        "deleted": {"type": "number", "minimum": 0, "maximum": 1, "description": "share that goes again"},
        "drift": {"type": "object", "additionalProperties": false, "description": "shares of items that differ", "properties": {
          "whole_cloud_cover": {"type": "number", "minimum": 0, "maximum": 1},
          "wrong_epsg": {"type": "number", "minimum": 0, "maximum": 1},
          "software": {"type": "number", "minimum": 0, "maximum": 1},
          "no_thumbnail": {"type": "number", "minimum": 0, "maximum": 1},
          "new_property": {"type": "number", "minimum": 0, "maximum": 1},
          "new_asset": {"type": "number", "minimum": 0, "maximum": 1}}},
        "latency": {"type": "string", "format": "duration"},
        "latency_to": {"type": "string", "format": "duration"},
        "faults": {"type": "array", "items": {"$ref": "#/$defs/cmr_fault"}}}},
      "lpdaac": {"type": "object", "additionalProperties": false, "description": "hosts of the STAC items", "properties": {
        "token": {"type": "string", "description": "bearer token for s3credentials"},
        "credentials_for": {"type": "string", "format": "duration"},
        "latency": {"type": "string", "format": "duration"},
        "latency_to": {"type": "string", "format": "duration"},
        "faults": {"type": "array", "items": {"$ref": "#/$defs/lpdaac_fault"}}}}}}},
  "$defs": {
    "change": {"type": "object", "additionalProperties": false, "properties": {
      "at": {"type": "string", "format": "date-time", "description": "in force from this time; absent: from the beginning"},
      "match": {"type": "object", "additionalProperties": {"type": "string"}, "description": "field: glob on its text"},
      "set": {"type": "object", "additionalProperties": {}, "minProperties": 1},
      "add": {"type": "object", "additionalProperties": {}, "minProperties": 1, "description": "a copy of each match with these fields; without match a whole record"},
      "remove": {"type": "boolean"}}},
    "fault": {"type": "object", "additionalProperties": false, "required": ["answer"], "properties": {
      "answer": {"type": "string"},
      "match": {"type": "object", "additionalProperties": false, "properties": {
        "path": {"type": "string", "description": "glob on the decoded path"},
        "skip": {"type": "integer", "minimum": 0, "description": "prices: the request's $skip; resource_graph: the row it starts at"},
        "filter": {"type": "string", "enum": ["all", "spot"]},
        "body": {"type": "string", "description": "glob on the request's body"},
        "since": {"type": "string", "format": "date-time"},
        "until": {"type": "string", "format": "date-time"}}},
      "nth": {"type": ["array", "integer"], "items": {"type": "integer", "minimum": 1}, "minimum": 1, "description": "numbers of the matching requests, from 1"},
      "from": {"type": "integer", "minimum": 1},
      "to": {"type": "integer", "minimum": 1},
      "rate": {"type": "number", "minimum": 0, "maximum": 1, "description": "seeded share"},
      "share": {"type": "number", "minimum": 0, "maximum": 1, "description": "seeded share of the targets, the same each time"},
      "times": {"type": "integer", "minimum": 1, "description": "at most so often"},
      "status": {"type": "integer", "minimum": 200, "maximum": 999},
      "retry_after": {"type": "string", "description": "seconds or an HTTP date"},
      "body": {"type": "string"},
      "content_type": {"type": "string"},
      "latency": {"type": "string", "format": "duration"},
      "count": {"type": "integer", "minimum": 1, "maximum": 100000},
      "at": {"type": "integer", "minimum": 0},
      "distance": {"type": "integer", "minimum": 0},
      "size": {"type": "integer", "minimum": 0, "maximum": 4294967296},
      "field": {"type": "string"}}}}
})json";

// What any service can answer, and what only one can.
constexpr const char* kGenericAnswers[] = {"status", "reset",  "close",     "truncate",
                                           "html",   "slow",   "gzip_bomb", "empty_body",
                                           "hang",   "trickle"};
struct ServiceAnswers {
  const char* service;
  std::vector<const char*> answers;
};
const std::vector<ServiceAnswers>& AnswersOfServices() {
  static const std::vector<ServiceAnswers> kAnswers = {
      {"prices",
       {"link_null", "page_size", "insert_items", "remove_items", "repeat_items", "empty_page",
        "field_type", "wrong_count", "refuse_contains", "round_skip"}},
      {"resource_graph",
       {"repeat_rows", "contradict_rows", "unknown_band", "no_token", "token_loop", "empty_page",
        "no_data", "quota_used_up"}},
      {"placement",
       {"bucket_full", "throttled", "bad_gateway", "unauthorized", "forbidden", "invalid_region",
        "invalid_sku", "changed_case", "escaped_quotes", "plain_text", "omit_pairs", "no_scores",
        "unknown_score", "null_zone", "changed_score_case", "writes_used_up"}},
      {"resource_skus", {"empty_page", "link_loop", "no_value", "repeat_entries"}},
      {"login", {"invalid_client", "short_token"}},
      {"files", {}},
      {"dynamodb", {"access_denied", "throttled", "no_table", "no_item", "missing_field"}},
      {"ssm", {"access_denied", "throttled", "no_parameter"}},
      {"timestream",
       {"access_denied", "throttled", "reject_records", "no_table", "wrong_endpoint"}},
      {"logs", {"access_denied", "throttled", "no_stream", "too_old"}},
      {"influx", {"unauthorized", "partial"}},
      {"slack", {"no_service"}},
      {"cmr",
       {"time_out", "wrong_hits", "no_hits", "repeat_token", "no_token", "broken_gzip",
        "repeat_entries", "omit_entries", "no_link", "other_link", "bad_json"}},
      {"lpdaac",
       {"not_found", "access_denied", "slow_down", "redirect", "cut_json", "wrong_type",
        "null_geometry", "other_id", "new_property", "new_asset", "login_refused"}}};
  return kAnswers;
}

class Reader {
 public:
  Reader(const json& schema, const YamlSource& source) : root_(schema), source_(source) {}

  Result<ordered_json> Read(const YAML::Node& node, const json& schema, const std::string& path,
                            int depth) {
    if (depth > kMaxDepth || ++values_ > kMaxValues) {
      return Fail(node, path, "the file is nested or repeated beyond reason");
    }
    if (schema.contains("$ref")) {
      const auto name = schema["$ref"].get_ref<const std::string&>().substr(8);  // "#/$defs/"
      return Read(node, root_["$defs"][name], path, depth + 1);
    }
    const std::string type = TypeOf(schema);
    if (type == "object") return ReadObject(node, schema, path, depth);
    if (type == "array") return ReadArray(node, schema, path, depth);
    if (type.empty()) return ReadAny(node, path, depth);
    if (!node.IsScalar()) return Fail(node, path, fmt::format("expected {}", Expected(schema)));
    return ReadScalar(node, schema, type, path);
  }

  Error Fail(const YAML::Node& node, const std::string& path, std::string_view problem) const {
    const std::string key = path.empty() ? "the document" : path;
    for (const std::string& set : source_.overridden) {
      // Below what was set, or above it where the file has nothing.
      const bool made = node.Mark().is_null() && set.starts_with(path + ".");
      if (path == set || path.starts_with(set + ".") || made) {
        return Invalid("--set {}: {}: {}", set, key, problem);
      }
    }
    const YAML::Mark mark = node.Mark();
    if (mark.is_null()) return Invalid("{}: {}: {}", source_.file, key, problem);
    return Invalid("{}:{}:{}: {}: {}", source_.file, mark.line + 1, mark.column + 1, key, problem);
  }

 private:
  // The first, where there are several: a list, for which one plain value may stand.
  static std::string TypeOf(const json& schema) {
    if (!schema.contains("type")) return "";
    const json& type = schema["type"];
    return type.is_array() ? type.front().get<std::string>() : type.get<std::string>();
  }

  static std::string Join(const std::string& path, const std::string& key) {
    return path.empty() ? key : path + "." + key;
  }

  static std::string Expected(const json& schema) {
    if (schema.contains("enum")) {
      std::string list;
      for (const auto& value : schema["enum"]) {
        list += (list.empty() ? "" : ", ") + value.get<std::string>();
      }
      return "one of " + list;
    }
    const std::string format = schema.value("format", "");
    if (format == "duration") return "a duration such as 50ms, 5s or 1h";
    if (format == "date-time") return "an RFC 3339 time such as 2026-08-02T06:00:00Z";
    if (format == "clock") return "real, slot or an RFC 3339 time such as 2026-08-02T06:00:00Z";
    const std::string type = TypeOf(schema);
    std::string text = type == "string"    ? "text"
                       : type == "integer" ? "a whole number"
                       : type == "number"  ? "a number"
                       : type == "boolean" ? "true or false"
                       : type == "array"   ? "a list"
                                           : "a map";
    if (schema.contains("minimum")) text += " of at least " + schema["minimum"].dump();
    if (schema.contains("maximum")) text += ", at most " + schema["maximum"].dump();
    return text;
  }

  Result<ordered_json> ReadObject(const YAML::Node& node, const json& schema,
                                  const std::string& path, int depth) {
    if (!node.IsMap()) return Fail(node, path, "expected a map");
    const json properties = schema.value("properties", json::object());
    const json others = schema.value("additionalProperties", json(true));
    ordered_json object = ordered_json::object();
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) return Fail(entry.first, path, "a key must be text");
      const std::string key = entry.first.Scalar();
      if (object.contains(key)) return Fail(entry.first, Join(path, key), "given twice");
      if (!properties.contains(key) && others == json(false)) {
        return UnknownKey(entry.first, properties, path, key);
      }
      const json& part = properties.contains(key) ? properties[key] : others;
      ASSIGN_OR_RETURN(object[key], Read(entry.second, part, Join(path, key), depth + 1));
    }
    for (const auto& required : schema.value("required", json::array())) {
      const auto& name = required.get_ref<const std::string&>();
      if (!object.contains(name)) return Fail(node, path, fmt::format("lacks the key '{}'", name));
    }
    const size_t least = schema.value("minProperties", size_t{0});
    const size_t most = schema.value("maxProperties", size_t{1'000'000});
    if (object.size() < least || object.size() > most) {
      return Fail(
          node, path,
          fmt::format("expected {} of {}", most == 1 ? "one" : "some", KeyList(properties)));
    }
    return object;
  }

  static std::string KeyList(const json& properties) {
    std::string list;
    for (const auto& [key, value] : properties.items()) list += (list.empty() ? "" : ", ") + key;
    return list.empty() ? "fields" : list;
  }

  Error UnknownKey(const YAML::Node& where, const json& properties, const std::string& path,
                   const std::string& key) const {
    std::vector<std::string> known;
    for (const auto& [name, value] : properties.items()) known.push_back(name);
    const std::string nearest = Nearest(key, known);
    return Fail(where, Join(path, key),
                nearest.empty() ? "unknown key; known here: " + KeyList(properties)
                                : fmt::format("unknown key; did you mean '{}'?", nearest));
  }

  Result<ordered_json> ReadArray(const YAML::Node& node, const json& schema,
                                 const std::string& path, int depth) {
    ordered_json list = ordered_json::array();
    if (node.IsScalar() && schema["type"].is_array()) {  // one value stands for a list of one
      ASSIGN_OR_RETURN(ordered_json only, Read(node, schema["items"], path, depth + 1));
      list.push_back(std::move(only));
      return list;
    }
    if (!node.IsSequence()) return Fail(node, path, "expected a list");
    for (size_t i = 0; i < node.size(); ++i) {
      ASSIGN_OR_RETURN(ordered_json value,
                       Read(node[i], schema["items"], Join(path, std::to_string(i)), depth + 1));
      list.push_back(std::move(value));
    }
    return list;
  }

  // A value of a foreign record: quoted scalars are text, others what JSON would make of them.
  Result<ordered_json> ReadAny(const YAML::Node& node, const std::string& path, int depth) {
    if (node.IsNull()) return ordered_json(nullptr);
    if (node.IsScalar()) {
      const std::string& text = node.Scalar();
      if (node.Tag() == "!") return ordered_json(text);
      if (text == "null" || text == "~") return ordered_json(nullptr);
      if (text == "true" || text == "false") return ordered_json(text == "true");
      const ordered_json number = ordered_json::parse(text, nullptr, false);
      return number.is_number() ? number : ordered_json(text);
    }
    ordered_json value = node.IsSequence() ? ordered_json::array() : ordered_json::object();
    for (size_t i = 0; node.IsSequence() && i < node.size(); ++i) {
      ASSIGN_OR_RETURN(ordered_json part, Read(node[i], json::object(), path, depth + 1));
      value.push_back(std::move(part));
    }
    if (node.IsMap()) {
      for (const auto& entry : node) {
        if (!entry.first.IsScalar()) return Fail(entry.first, path, "a key must be text");
        ASSIGN_OR_RETURN(
            value[entry.first.Scalar()],
            Read(entry.second, json::object(), Join(path, entry.first.Scalar()), depth + 1));
      }
    }
    return value;
  }

  Result<ordered_json> ReadScalar(const YAML::Node& node, const json& schema,
                                  const std::string& type, const std::string& path) const {
    const std::string& text = node.Scalar();
    const Error wrong =
        Fail(node, path, fmt::format("is '{}'; expected {}", text, Expected(schema)));
    if (type == "boolean") {
      if (text != "true" && text != "false") return wrong;
      return ordered_json(text == "true");
    }
    if (type == "integer") {
      int64_t value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error != std::errc() || end != text.data() + text.size()) return wrong;
      if (value < schema.value("minimum", INT64_MIN)) return wrong;
      if (value > schema.value("maximum", INT64_MAX)) return wrong;
      return ordered_json(value);
    }
    if (type == "number") {
      double value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error != std::errc() || end != text.data() + text.size()) return wrong;
      if (!std::isfinite(value) || value < schema.value("minimum", -HUGE_VAL)) return wrong;
      if (value > schema.value("maximum", HUGE_VAL)) return wrong;
      return ordered_json(value);
    }
    if (schema.contains("enum") &&
        std::find(schema["enum"].begin(), schema["enum"].end(), text) == schema["enum"].end()) {
      return wrong;
    }
    const std::string format = schema.value("format", "");
    if (format == "duration" && !ParseDuration(text).ok()) return wrong;
    if (format == "date-time" && !ParseTime(text).ok()) return wrong;
    if (format == "clock" && text != "real" && text != "slot" && !ParseTime(text).ok()) {
      return wrong;
    }
    return ordered_json(text);
  }

  const json& root_;
  const YamlSource& source_;
  int64_t values_ = 0;
};

}  // namespace

json WorldSchema() {
  json schema = json::parse(kSchema);
  json& definitions = schema["$defs"];
  const json fault = definitions["fault"];
  definitions.erase("fault");
  for (const ServiceAnswers& service : AnswersOfServices()) {
    json own = fault;
    json& answers = own["properties"]["answer"]["enum"];
    for (const char* answer : kGenericAnswers) answers.push_back(answer);
    for (const char* answer : service.answers) answers.push_back(answer);
    definitions[std::string(service.service) + "_fault"] = std::move(own);
  }
  return schema;
}

Result<ordered_json> ReadBySchema(const YAML::Node& node, const json& schema,
                                  const YamlSource& source) {
  try {
    return Reader(schema, source).Read(node, schema, "", 0);
  } catch (const std::exception& problem) {  // yaml-cpp throws on broken aliases and the like
    return Invalid("{}: {}", source.file, problem.what());
  }
}

}  // namespace catchment::simulator
