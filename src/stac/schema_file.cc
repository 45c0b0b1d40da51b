#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/text.h"
#include "stac/item_schema.h"

namespace catchment::stac {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr int kSchemaFormat = 1;
constexpr int kMaxNesting = 32;
constexpr size_t kMaxSchemaBytes = 16u << 20;
constexpr std::array<ColumnKind, 10> kKinds = {
    ColumnKind::kBool,   ColumnKind::kInt64, ColumnKind::kDouble,   ColumnKind::kText,
    ColumnKind::kJson,   ColumnKind::kTime,  ColumnKind::kGeometry, ColumnKind::kBox,
    ColumnKind::kStruct, ColumnKind::kList};
constexpr std::string_view kFromCollection = "collection", kFromId = "utm_of_id";

std::string_view AddedName(AddedFrom from) {
  return from == AddedFrom::kCollection ? kFromCollection : kFromId;
}

/// Reads one schema document, checking as it goes.
class SchemaReader {
 public:
  explicit SchemaReader(const LoadSchemaOptions& options) : options_(options) {}

  Result<ItemSchema> Read(const nlohmann::json& json) {
    if (!json.is_object()) return Invalid("stac schema: expected an object");
    RETURN_IF_ERROR(CheckKeys(json, "", {"stac_schema", "next_id", "columns", "collections"}));
    if (json.value("stac_schema", nlohmann::json()) != kSchemaFormat) {
      return Invalid("stac schema: expected \"stac_schema\": {}", kSchemaFormat);
    }
    const nlohmann::json columns = json.value("columns", nlohmann::json());
    if (!columns.is_array()) return Invalid("stac schema: expected an array \"columns\"");
    for (const auto& column : columns) RETURN_IF_ERROR(AddColumn(column));
    RETURN_IF_ERROR(CheckColumns());
    ASSIGN_OR_RETURN(schema_.next_id, Id(json, "next_id", ""));
    if (!ids_.empty() && *ids_.rbegin() >= schema_.next_id) {
      return Invalid("stac schema: next_id {} is not above id {}; ids are never reused",
                     schema_.next_id, *ids_.rbegin());
    }
    const nlohmann::json collections = json.value("collections", nlohmann::json::object());
    if (!collections.is_object()) return Invalid("stac schema: expected an object \"collections\"");
    for (const auto& [id, document] : collections.items()) {
      if (!document.is_object()) return Invalid("stac schema: collection {} is no object", id);
      schema_.collections[id] = document.dump();
    }
    return std::move(schema_);
  }

 private:
  static Status CheckKeys(const nlohmann::json& json, const std::string& where,
                          const std::vector<std::string>& known) {
    for (const auto& [key, value] : json.items()) {
      if (std::find(known.begin(), known.end(), key) == known.end()) {
        return Invalid("stac schema{}: unknown member \"{}\"", where, key);
      }
    }
    return {};
  }

  static Result<int32_t> Id(const nlohmann::json& json, const char* key, const std::string& where) {
    const auto found = json.find(key);
    if (found == json.end() || !found->is_number_integer() || found->get<int64_t>() < 1 ||
        found->get<int64_t>() > INT32_MAX) {
      return Invalid("stac schema{}: expected a number above 0 as \"{}\"", where, key);
    }
    return found->get<int32_t>();
  }

  Status AddColumn(const nlohmann::json& json) {
    const std::string name = json.is_object() ? Text(json, "name") : "";
    const std::string where = fmt::format(" column \"{}\"", name);
    if (!json.is_object() || name.empty()) {
      return Invalid("stac schema: a column without a name");
    }
    ASSIGN_OR_RETURN(ItemNode node, Node(json, where, 1));
    const std::string only = Text(json, "only"), from = Text(json, "added");
    if (json.contains("only") && only != "fixEpsg") {
      return Invalid("stac schema{}: \"only\" is \"fixEpsg\" or absent", where);
    }
    if (only == "fixEpsg" && !options_.fix_epsg) return {};
    if (json.contains("added")) {
      if (from != kFromCollection && from != kFromId) {
        return Invalid("stac schema{}: \"added\" is \"{}\" or \"{}\"", where, kFromCollection,
                       kFromId);
      }
      const bool is_id = from == kFromId;
      if (node.kind != (is_id ? ColumnKind::kInt64 : ColumnKind::kText)) {
        return Invalid("stac schema{}: added from {} it is {}", where, from,
                       is_id ? "int64" : "text");
      }
      schema_.added[name] = is_id ? AddedFrom::kUtmOfId : AddedFrom::kCollection;
    }
    if (schema_.Find(name) != nullptr) return Invalid("stac schema{}: stands twice", where);
    schema_.columns.push_back(std::move(node));
    return {};
  }

  static std::string Text(const nlohmann::json& json, const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : "";
  }

  Result<ItemNode> Node(const nlohmann::json& json, const std::string& where, int nesting) {
    if (nesting > kMaxNesting) return Invalid("stac schema{}: nested too deep", where);
    RETURN_IF_ERROR(CheckKeys(
        json, where, {"id", "name", "type", "required", "added", "only", "members", "element"}));
    ItemNode node;
    node.name = Text(json, "name");
    ASSIGN_OR_RETURN(node.id, Id(json, "id", where));
    if (!ids_.insert(node.id).second) {
      return Invalid("stac schema{}: id {} stands twice", where, node.id);
    }
    const std::string type = Text(json, "type");
    const auto kind = std::find_if(kKinds.begin(), kKinds.end(),
                                   [&](ColumnKind one) { return ColumnKindName(one) == type; });
    if (kind == kKinds.end()) return Invalid("stac schema{}: unknown type \"{}\"", where, type);
    node.kind = *kind;
    const auto required = json.find("required");
    if (required != json.end() && (!required->is_boolean() || nesting > 1)) {
      return Invalid("stac schema{}: \"required\" is true or false, and for columns only", where);
    }
    node.required = required != json.end() && required->get<bool>();
    RETURN_IF_ERROR(AddChildren(json, where, nesting, node));
    return node;
  }

  Status AddChildren(const nlohmann::json& json, const std::string& where, int nesting,
                     ItemNode& node) {
    const bool members = node.kind == ColumnKind::kStruct || node.kind == ColumnKind::kBox;
    const bool element = node.kind == ColumnKind::kList;
    if (json.contains("members") != members || json.contains("element") != element) {
      return Invalid("stac schema{}: {} has {}", where, ColumnKindName(node.kind),
                     members   ? "\"members\""
                     : element ? "an \"element\""
                               : "neither \"members\" nor \"element\"");
    }
    if (element) {
      if (!json["element"].is_object()) return Invalid("stac schema{}: no element", where);
      ASSIGN_OR_RETURN(ItemNode child, Node(json["element"], where + "/element", nesting + 1));
      child.name = "element";
      node.children.push_back(std::move(child));
    }
    if (!members) return {};
    if (!json["members"].is_array() || json["members"].empty()) {
      return Invalid("stac schema{}: a struct has members", where);
    }
    std::set<std::string> names;
    for (const auto& member : json["members"]) {
      const std::string name = member.is_object() ? Text(member, "name") : "";
      if (name.empty() || !names.insert(name).second) {
        return Invalid("stac schema{}: a member \"{}\" without a name, or twice", where, name);
      }
      ASSIGN_OR_RETURN(ItemNode child, Node(member, where + "/" + name, nesting + 1));
      child.required = node.kind == ColumnKind::kBox;
      node.children.push_back(std::move(child));
    }
    return node.kind == ColumnKind::kBox ? CheckBox(node, where) : Status();
  }

  static Status CheckBox(const ItemNode& node, const std::string& where) {
    static constexpr std::array<std::string_view, 4> kFlat = {"xmin", "ymin", "xmax", "ymax"};
    static constexpr std::array<std::string_view, 6> kSolid = {"xmin", "ymin", "zmin",
                                                               "xmax", "ymax", "zmax"};
    const auto is = [&](const auto& names) {
      return std::equal(node.children.begin(), node.children.end(), names.begin(), names.end(),
                        [](const ItemNode& child, std::string_view name) {
                          return child.name == name && child.kind == ColumnKind::kDouble;
                        });
    };
    if (is(kFlat) || is(kSolid)) return {};
    return Invalid("stac schema{}: a box is xmin, ymin, xmax, ymax, or with zmin and zmax", where);
  }

  Status CheckColumns() const {
    static constexpr std::array<std::pair<std::string_view, ColumnKind>, 3> kNeeded = {
        {{"id", ColumnKind::kText},
         {"geometry", ColumnKind::kGeometry},
         {"bbox", ColumnKind::kBox}}};
    for (const auto& [name, kind] : kNeeded) {
      const ItemNode* node = schema_.Find(name);
      if (node == nullptr || node->kind != kind) {
        return Invalid("stac schema: expected a column \"{}\" of type {}", name,
                       ColumnKindName(kind));
      }
    }
    for (const ItemNode& node : schema_.columns) {
      if (node.kind == ColumnKind::kBox && node.name != "bbox") {
        return Invalid("stac schema column \"{}\": only bbox is a box", node.name);
      }
      if (node.name == "extra" && node.kind != ColumnKind::kJson) {
        return Invalid("stac schema column \"extra\": expected type json");
      }
      if (node.name == "geometry" && node.required) {
        return Invalid("stac schema column \"geometry\": cannot be required");
      }
      if (node.name == "bbox" && node.required) {
        return Invalid("stac schema column \"bbox\": cannot be required");
      }
    }
    return {};
  }

  const LoadSchemaOptions options_;
  ItemSchema schema_;
  std::set<int32_t> ids_;
};

OrderedJson NodeHead(const ItemNode& node, bool is_element) {
  OrderedJson head;
  head["id"] = node.id;
  if (!is_element) head["name"] = node.name;
  head["type"] = ColumnKindName(node.kind);
  return head;
}

/// Leaves, and what holds only leaves, on one line.
void FormatNode(const ItemNode& node, const OrderedJson& head, const std::string& indent,
                std::string& out) {
  if (node.children.empty()) {
    out += head.dump();
    return;
  }
  std::string text = head.dump();
  text.pop_back();  // }
  out += text;
  if (node.kind == ColumnKind::kList) {
    out += ",\"element\":";
    FormatNode(node.children.front(), NodeHead(node.children.front(), true), indent, out);
    out += '}';
    return;
  }
  out += ",\"members\":[";
  for (size_t i = 0; i < node.children.size(); ++i) {
    out += i == 0 ? "\n" : ",\n";
    out += indent + "  ";
    FormatNode(node.children[i], NodeHead(node.children[i], false), indent + "  ", out);
  }
  out += "]}";
}

}  // namespace

Result<ItemSchema> LoadItemSchema(std::string_view json, const LoadSchemaOptions& options) {
  if (json.size() > kMaxSchemaBytes) return Invalid("stac schema: over 16 MiB");
  const auto parsed = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) return Invalid("stac schema: not JSON");
  return SchemaReader(options).Read(parsed);
}

std::string FormatItemSchema(const ItemSchema& schema) {
  std::string out = fmt::format("{{\n\"stac_schema\": {},\n\"next_id\": {},\n\"columns\": [",
                                kSchemaFormat, schema.next_id);
  for (size_t i = 0; i < schema.columns.size(); ++i) {
    const ItemNode& node = schema.columns[i];
    OrderedJson head = NodeHead(node, false);
    if (node.required) head["required"] = true;
    if (const auto from = schema.added.find(node.name); from != schema.added.end()) {
      head["added"] = AddedName(from->second);
      if (from->second == AddedFrom::kUtmOfId) head["only"] = "fixEpsg";
    }
    out += i == 0 ? "\n  " : ",\n  ";
    FormatNode(node, head, "  ", out);
  }
  out += "\n]";
  if (!schema.collections.empty()) {
    out += ",\n\"collections\": {";
    bool first = true;
    for (const auto& [id, document] : schema.collections) {
      out += fmt::format("{}\n  {}: {}", first ? "" : ",", nlohmann::json(id).dump(), document);
      first = false;
    }
    out += "\n}";
  }
  return out + "\n}\n";
}

}  // namespace catchment::stac
