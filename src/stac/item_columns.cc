#include "stac/item_columns.h"

#include <arrow/array/data.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "stac/column_node_internal.h"
#include "stac/datetime_internal.h"
#include "stac/geometry_internal.h"
#include "stac/item_extra_internal.h"
#include "stac/json_tokens_internal.h"

namespace catchment::stac {
namespace {

/// 32600 + the two digits behind `.T` of a granule's id; 0: no such id.
int64_t UtmOfGranule(std::string_view id) {
  constexpr size_t kZone = sizeof("HLS.S30.T") - 1;
  if (!id.starts_with("HLS.") || id.size() < kZone + 2 || id.substr(kZone - 2, 2) != ".T") return 0;
  const int tens = id[kZone] - '0', ones = id[kZone + 1] - '0', zone = tens * 10 + ones;
  const bool digits = tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9;
  return digits && zone >= 1 && zone <= 60 ? 32600 + zone : 0;
}

/// The text of a row, the last one.
std::string_view TextAt(ColumnNode& node, int64_t row) {
  int32_t begin = 0;
  std::memcpy(&begin, node.offsets.data() + row * int64_t{sizeof begin}, sizeof begin);
  return {reinterpret_cast<const char*>(node.values.data()) + begin,
          static_cast<size_t>(node.values.size() - begin)};
}

}  // namespace

/// The columns and the walk that fills them. One pass over the tokens; what was appended of an item
/// that turns out bad is cut off again, so nothing needs checking ahead.
struct ItemColumns::State {
  State(const ItemSchema& item_schema, const ItemColumnsOptions& column_options)
      : schema(item_schema), options(column_options), arrow_schema(ArrowSchema(item_schema)) {
    tokens.max_depth = options.max_depth;
    for (size_t i = 0; i < schema.columns.size(); ++i) {
      const ItemNode& node = schema.columns[i];
      columns.push_back(
          std::make_unique<ColumnNode>(node, arrow_schema->field(static_cast<int>(i))->type()));
      AddColumn(node.name, columns.back().get());
    }
    // Absent members take room in the end, so wide schemas get small batches.
    constexpr int64_t kPaddingBytes = 32 << 20, kBytesPerNull = 10;
    batch_rows = std::clamp<int64_t>(kPaddingBytes / (schema.leaves() * kBytesPerNull + 1), 64,
                                     std::max<int64_t>(options.batch_rows, 64));
    batch_rows = std::min(batch_rows, options.batch_rows);
  }

  void AddColumn(std::string_view name, ColumnNode* node) {
    if (const auto found = schema.added.find(std::string(name)); found != schema.added.end()) {
      added.emplace_back(node, found->second);
    } else if (name == "extra") {
      extra = node;
    } else if (IsTopLevel(name)) {
      tables.item.Add(name, node);
    } else {
      tables.properties.Add(name, node);
    }
    if (name == "id") id = node;
    if (name == "collection") collection = node;
    if (name == "datetime") datetime = node;
    if (name == "updated") updated = node;
    if (name == "geometry") geometry = node;
    if (name == "bbox") box = node;
    if (node->schema.required) required.push_back(node);
  }

  bool AppendItem(std::string_view body, const ItemSource& source);
  bool FillItem();
  bool FillItemMember(std::string_view key, uint32_t& token, uint32_t& last);
  bool FillProperties(uint32_t& token);
  bool FillMember(MemberTable& members, std::string_view key, uint32_t& token, int64_t row,
                  int depth, uint32_t& last);
  bool FillUnknown(std::string_view key, uint32_t& token, int depth);
  bool CheckUnknownKeys(size_t first);
  bool FillValue(ColumnNode& node, uint32_t& token, int depth);
  bool FillObject(ColumnNode& node, uint32_t& token, int depth);
  bool FillArray(ColumnNode& node, uint32_t& token, int depth);
  bool FillNumber(ColumnNode& node, uint32_t& token);
  bool FillText(ColumnNode& node, uint32_t& token);
  bool FillTime(ColumnNode& node, uint32_t& token);
  bool FillJson(ColumnNode& node, uint32_t& token, int depth);
  bool FillGeometry(ColumnNode& node, uint32_t& token, int depth);
  bool ReadBox(uint32_t& token);
  bool FinishBox();
  bool FillAdded(const ItemSource& source);
  bool CheckItem(const ItemSource& source);
  bool FillExtra();
  void Collect(ItemFacts& facts, std::string_view body);
  void Remember(const std::string& pointer);

  // Constant after construction.
  const ItemSchema schema;
  const ItemColumnsOptions options;
  const std::shared_ptr<arrow::Schema> arrow_schema;
  int64_t batch_rows = 0;

  std::vector<std::unique_ptr<ColumnNode>> columns;
  ItemTables tables;
  std::vector<std::pair<ColumnNode*, AddedFrom>> added;
  std::vector<ColumnNode*> required;
  ColumnNode *id = nullptr, *collection = nullptr, *datetime = nullptr, *updated = nullptr,
             *geometry = nullptr, *box = nullptr, *extra = nullptr;
  int64_t rows = 0, body_bytes = 0;
  std::map<std::string, UnknownMember> unknown_members;

  // Of the item being appended.
  JsonTokens tokens;
  std::string scratch, compact, digest;
  std::vector<std::string_view> unknown_keys;  // of the objects the walk is in
  std::vector<std::unique_ptr<std::string>> unescaped_keys;
  bool needs_extra = false;
  bool is_feature = false, has_properties = false, has_box = false, box_exact = true;
  std::string_view item_id;
  GeometryRead geometry_read;
  size_t box_numbers = 0;
  std::array<double, 6> source_box{};
  Box column_box;
  ExtraFacts extra_facts;
};

bool ItemColumns::State::AppendItem(std::string_view body, const ItemSource& source) {
  if (body.size() > options.max_item_bytes) {
    tokens.fault = {};
    return tokens.Fail(QuarantineReason::kTooLarge,
                       fmt::format("{} bytes, more than {}", body.size(), options.max_item_bytes));
  }
  if (!tokens.Index(body)) return false;
  unknown_keys.clear();
  unescaped_keys.clear();
  needs_extra = is_feature = has_properties = has_box = false;
  item_id = {};
  geometry_read = {};
  extra_facts = {};
  return FillItem() && CheckItem(source) && FinishBox() && FillAdded(source) && FillExtra();
}

bool ItemColumns::State::FillItem() {
  uint32_t token = 0;
  if (tokens[0] != '{') {
    // What is no JSON at all is named so.
    if (!tokens.Check(token, 1)) return false;
    return tokens.Fail(QuarantineReason::kNotAnItem,
                       "expected an object, found " + DescribeValue(tokens, 0));
  }
  ++token;
  bool ok = true;
  if (tokens[token] == '}') {
    ++token;
  } else {
    uint32_t last = MemberTable::kNone;
    do {
      std::string_view key;
      if (!tokens.Key(token, key, scratch)) return false;
      token += 2;
      if (!FillItemMember(key, token, last)) return false;
    } while (tokens.More(token, '}', ok));
    if (!ok || !CheckUnknownKeys(0)) return false;
  }
  return token == tokens.size() || tokens.Unexpected(token, "the end of the item");
}

bool ItemColumns::State::FillItemMember(std::string_view key, uint32_t& token, uint32_t& last) {
  if (key == "properties") {
    if (has_properties) {
      tokens.Fail(QuarantineReason::kDuplicateKey, "a member stands twice");
      return tokens.Under(key);
    }
    if (tokens[token] != '{') {
      uint32_t end = token;
      if (!tokens.Check(end, 2)) return tokens.Under(key);
      tokens.Fail(QuarantineReason::kNotAnItem,
                  "expected an object, found " + DescribeValue(tokens, token));
      return tokens.Under("properties");
    }
    has_properties = true;
    return FillProperties(token) || tokens.Under("properties");
  }
  if (key == "bbox") {
    if (has_box) {
      tokens.Fail(QuarantineReason::kDuplicateKey, "a member stands twice");
      return tokens.Under(key);
    }
    has_box = true;
    return ReadBox(token) || tokens.Under("bbox");
  }
  if (key == "type") {
    std::string_view type;
    std::string type_scratch;
    uint32_t end = token;
    if (!tokens.Check(end, 2)) return tokens.Under("type");
    is_feature =
        tokens[token] == '"' && tokens.Text(token, type, type_scratch) && type == "Feature";
    if (!is_feature) {
      tokens.Fail(QuarantineReason::kNotAnItem,
                  "expected \"Feature\", found " + DescribeValue(tokens, token));
      return tokens.Under("type");
    }
  } else if (key == "id" && tokens[token] == '"') {
    if (!tokens.Text(token, item_id, scratch)) return tokens.Under("id");
  } else if (key == "id") {
    uint32_t end = token;
    if (!tokens.Check(end, 2)) return tokens.Under("id");
    tokens.Fail(QuarantineReason::kIdMissing,
                "expected text, found " + DescribeValue(tokens, token));
    return tokens.Under("id");
  }
  return FillMember(tables.item, key, token, rows, 1, last);
}

bool ItemColumns::State::FillProperties(uint32_t& token) {
  bool ok = true;
  if (tokens[++token] == '}') {
    ++token;
    return true;
  }
  const size_t first = unknown_keys.size();
  uint32_t last = MemberTable::kNone;
  do {
    std::string_view key;
    if (!tokens.Key(token, key, scratch)) return false;
    token += 2;
    if (!FillMember(tables.properties, key, token, rows, 2, last)) return false;
  } while (tokens.More(token, '}', ok));
  return ok && CheckUnknownKeys(first);
}

/// A member of an object that is row `row` of its table's parent.
inline bool ItemColumns::State::FillMember(MemberTable& members, std::string_view key,
                                           uint32_t& token, int64_t row, int depth,
                                           uint32_t& last) {
  const uint32_t member = members.Find(key, last);
  if (member == MemberTable::kNone) return FillUnknown(key, token, depth);
  last = member;
  ColumnNode& child = *members.node(member);
  if (child.length > row) {
    tokens.Fail(QuarantineReason::kDuplicateKey, "a member stands twice");
    return tokens.Under(members.name(member));
  }
  child.PadTo(row);
  return FillValue(child, token, depth + 1) || tokens.Under(members.name(member));
}

bool ItemColumns::State::FillUnknown(std::string_view key, uint32_t& token, int depth) {
  if (key.data() == scratch.data()) {
    unescaped_keys.push_back(std::make_unique<std::string>(key));
    key = *unescaped_keys.back();
  }
  unknown_keys.push_back(key);
  if (tokens[token] != 'n') needs_extra = true;
  return tokens.Check(token, depth + 1) || tokens.Under(key);
}

bool ItemColumns::State::CheckUnknownKeys(size_t first) {
  if (unknown_keys.size() == first) return true;
  std::string_view twice;
  if (HasDuplicate(unknown_keys, first, twice)) {
    tokens.Fail(QuarantineReason::kDuplicateKey, "a member stands twice");
    return tokens.Under(twice);
  }
  unknown_keys.resize(first);
  return true;
}

bool ItemColumns::State::FillValue(ColumnNode& node, uint32_t& token, int depth) {
  if (tokens[token] == 'n') {
    if (!tokens.IsLiteral(token, "null")) return tokens.Unexpected(token, "a value");
    ++token;
    node.AppendNull();
    return true;
  }
  switch (node.kind) {
    case ColumnKind::kText:
      return FillText(node, token);
    case ColumnKind::kDouble:
    case ColumnKind::kInt64:
      return FillNumber(node, token);
    case ColumnKind::kStruct:
      return FillObject(node, token, depth);
    case ColumnKind::kList:
      return FillArray(node, token, depth);
    case ColumnKind::kTime:
      return FillTime(node, token);
    case ColumnKind::kGeometry:
      return FillGeometry(node, token, depth);
    case ColumnKind::kJson:
      return FillJson(node, token, depth);
    case ColumnKind::kBool: {
      const bool value = tokens.IsLiteral(token, "true");
      if (!value && !tokens.IsLiteral(token, "false")) return tokens.Misfit(token, "bool");
      node.AppendBool(value);
      ++token;
      return true;
    }
    case ColumnKind::kBox:
      break;
  }
  return tokens.Misfit(token, "a value of this column");
}

bool ItemColumns::State::FillObject(ColumnNode& node, uint32_t& token, int depth) {
  if (tokens[token] != '{') return tokens.Misfit(token, "an object");
  if (depth > options.max_depth) return tokens.Fail(QuarantineReason::kTooDeep, "nested too deep");
  const int64_t row = node.length;
  node.AppendStruct();
  if (tokens[++token] == '}') {
    ++token;
    return true;
  }
  const size_t first = unknown_keys.size();
  uint32_t last = MemberTable::kNone;
  bool ok = true;
  do {
    std::string_view key;
    if (!tokens.Key(token, key, scratch)) return false;
    token += 2;
    if (!FillMember(node.members, key, token, row, depth, last)) return false;
  } while (tokens.More(token, '}', ok));
  return ok && CheckUnknownKeys(first);
}

bool ItemColumns::State::FillArray(ColumnNode& node, uint32_t& token, int depth) {
  if (tokens[token] != '[') return tokens.Misfit(token, "an array");
  if (depth > options.max_depth) return tokens.Fail(QuarantineReason::kTooDeep, "nested too deep");
  ColumnNode& element = *node.children.front();
  if (tokens[++token] == ']') {
    ++token;
    node.EndList();
    return true;
  }
  const int64_t first = node.elements;
  bool ok = true;
  do {
    element.PadTo(node.elements);
    if (!FillValue(element, token, depth + 1)) return tokens.Under(node.elements - first);
    ++node.elements;
  } while (tokens.More(token, ']', ok));
  if (!ok) return false;
  node.EndList();
  return true;
}

inline bool ItemColumns::State::FillNumber(ColumnNode& node, uint32_t& token) {
  int64_t whole = 0;
  double value = 0;
  const bool is_int64 = node.kind == ColumnKind::kInt64;
  const std::string_view expected = is_int64 ? "int64" : "double";
  switch (token < tokens.size() ? tokens.Number(token, whole, value) : JsonNumber::kBad) {
    case JsonNumber::kBad:
      return tokens.Misfit(token, expected);
    case JsonNumber::kInt64:
      if (!is_int64 && !IsExact(whole)) needs_extra = true;
      break;
    case JsonNumber::kBigInteger:
      if (is_int64) return tokens.Misfit(token, expected);
      break;
    case JsonNumber::kDouble:
      if (!is_int64) break;
      // 32613.0 is an integer too.
      if (!(value >= -9223372036854775808.0 && value < 9223372036854775808.0)) {
        return tokens.Misfit(token, expected);
      }
      whole = static_cast<int64_t>(value);
      if (static_cast<double>(whole) != value) return tokens.Misfit(token, expected);
      break;
  }
  ++token;
  if (is_int64) {
    node.AppendInt64(whole);
  } else {
    node.AppendDouble(value);
  }
  return true;
}

inline bool ItemColumns::State::FillText(ColumnNode& node, uint32_t& token) {
  if (tokens[token] != '"') return tokens.Misfit(token, "text");
  std::string_view text;
  if (!tokens.Text(token, text, compact)) return false;
  ++token;
  node.AppendBytes(text);
  return true;
}

bool ItemColumns::State::FillTime(ColumnNode& node, uint32_t& token) {
  if (tokens[token] != '"') return tokens.Misfit(token, "a time");
  std::string_view text;
  if (!tokens.Text(token, text, compact)) return false;
  int64_t microseconds = 0;
  bool long_fraction = false;
  if (!ParseDatetime(text, microseconds, long_fraction)) {
    return tokens.Fail(QuarantineReason::kBadDatetime,
                       "expected RFC 3339, found " + DescribeValue(tokens, token));
  }
  if (long_fraction) needs_extra = true;
  ++token;
  node.AppendInt64(microseconds);
  return true;
}

bool ItemColumns::State::FillJson(ColumnNode& node, uint32_t& token, int depth) {
  uint32_t end = token;
  if (!tokens.Check(end, depth)) return false;
  compact.clear();
  tokens.AppendCompact(token, compact);
  node.AppendBytes(compact);
  return true;
}

bool ItemColumns::State::FillGeometry(ColumnNode& node, uint32_t& token, int depth) {
  GeometryRead other;
  GeometryRead& read = &node == geometry ? geometry_read : other;
  if (!AppendGeometry(tokens, token, depth, node.values, read)) return false;
  if (read.unknown_members || read.coordinates_cut) needs_extra = true;
  node.EndBytes();
  return true;
}

bool ItemColumns::State::ReadBox(uint32_t& token) {
  box_numbers = 0;
  box_exact = true;
  if (tokens[token] == 'n' && tokens.IsLiteral(token, "null")) {
    ++token;
    has_box = false;
    return true;
  }
  if (tokens[token] != '[') return tokens.Misfit(token, "an array of 4 or 6 numbers");
  const uint32_t first = token;
  bool ok = true;
  if (tokens[++token] != ']') {
    do {
      int64_t whole = 0;
      double value = 0;
      const JsonNumber number =
          token < tokens.size() ? tokens.Number(token, whole, value) : JsonNumber::kBad;
      if (number == JsonNumber::kInt64 && !IsExact(whole)) box_exact = false;
      if (number == JsonNumber::kBad) {
        tokens.Misfit(token, "a number");
        return tokens.Under(static_cast<int64_t>(box_numbers));
      }
      if (box_numbers < source_box.size()) source_box[box_numbers] = value;
      ++box_numbers;
      ++token;
    } while (tokens.More(token, ']', ok));
    if (!ok) return false;
  }
  return box_numbers == 4 || box_numbers == 6 ||
         tokens.Misfit(first, fmt::format("4 or 6 numbers, not {},", box_numbers));
}

/// The column has a box exactly where it has a geometry, and it contains the geometry.
bool ItemColumns::State::FinishBox() {
  // Missing ones are told apart from null ones.
  if (geometry->length <= rows) needs_extra = true;
  box->PadTo(rows);
  const bool has_geometry = geometry->IsValid(rows);
  const bool with_z = box->children.size() == 6;
  if (!has_geometry) {
    box->AppendNull();
    extra_facts.box_differs = has_box;
    needs_extra |= has_box;
    return true;
  }
  if (geometry_read.facts.box.empty()) {
    tokens.Fail(QuarantineReason::kBadGeometry, "no position in it");
    return tokens.Under("geometry");
  }
  column_box = geometry_read.facts.box;
  bool same = has_box && box_exact && box_numbers == box->children.size();
  if (has_box) {
    const bool flat = box_numbers == 4;
    Box source;
    source.xmin = source_box[0];
    source.ymin = source_box[1];
    source.xmax = source_box[flat ? 2 : 3];
    source.ymax = source_box[flat ? 3 : 4];
    if (!flat) {
      source.zmin = source_box[2];
      source.zmax = source_box[5];
    }
    // One across the antimeridian has its west east of its east: no box that readers could use.
    const bool in_order = source.xmin <= source.xmax && source.ymin <= source.ymax &&
                          (flat || source.zmin <= source.zmax);
    const bool z_contains = !with_z || flat ||
                            geometry_read.facts.box.zmin > geometry_read.facts.box.zmax ||
                            (source.zmin <= geometry_read.facts.box.zmin &&
                             source.zmax >= geometry_read.facts.box.zmax);
    same &= in_order && source.Contains(column_box) && z_contains;
    if (source.xmin > source.xmax) std::swap(source.xmin, source.xmax);
    if (source.ymin > source.ymax) std::swap(source.ymin, source.ymax);
    if (source.zmin > source.zmax && !flat) std::swap(source.zmin, source.zmax);
    column_box.Add(source);
  }
  if (with_z && column_box.zmin > column_box.zmax) {
    tokens.Fail(QuarantineReason::kMisfit, "expected 6 numbers: neither box nor geometry has z");
    return tokens.Under("bbox");
  }
  if (!same) {
    extra_facts.box_differs = true;
    needs_extra = true;
  }
  box->AppendStruct();
  const std::array<double, 6> numbers =
      with_z ? std::array<double, 6>{column_box.xmin, column_box.ymin, column_box.zmin,
                                     column_box.xmax, column_box.ymax, column_box.zmax}
             : std::array<double, 6>{column_box.xmin, column_box.ymin, column_box.xmax,
                                     column_box.ymax};
  for (size_t i = 0; i < box->children.size(); ++i) {
    ColumnNode& child = *box->children[i];
    child.PadTo(rows);
    child.AppendDouble(numbers[i]);
  }
  return true;
}

bool ItemColumns::State::CheckItem(const ItemSource& source) {
  if (!is_feature) {
    tokens.Fail(QuarantineReason::kNotAnItem, "no \"type\"");
    return tokens.Under("type");
  }
  if (!has_properties) {
    tokens.Fail(QuarantineReason::kNotAnItem, "no \"properties\"");
    return tokens.Under("properties");
  }
  if (item_id.empty()) {
    tokens.Fail(QuarantineReason::kIdMissing, "no id, or an empty one");
    return tokens.Under("id");
  }
  if (!source.expected_id.empty()) {
    // An unescaped id may have been overwritten since; the column has it.
    const std::string_view text = TextAt(*id, rows);
    if (text != source.expected_id) {
      tokens.Fail(QuarantineReason::kIdMismatch,
                  fmt::format("expected {}, found {}", source.expected_id, text));
      return tokens.Under("id");
    }
  }
  if (datetime == nullptr || datetime->length <= rows) needs_extra = true;
  return true;
}

bool ItemColumns::State::FillAdded(const ItemSource& source) {
  for (const auto& [node, from] : added) {
    node->PadTo(rows);
    if (from == AddedFrom::kCollection && !source.collection.empty()) {
      node->AppendBytes(source.collection);
    } else if (from == AddedFrom::kUtmOfId && UtmOfGranule(TextAt(*id, rows)) != 0) {
      node->AppendInt64(UtmOfGranule(TextAt(*id, rows)));
    }
  }
  for (ColumnNode* node : required) {
    if (node->IsValid(rows)) continue;
    tokens.Fail(QuarantineReason::kMisfit, "required, but missing or null");
    return tokens.Under(node->schema.name);
  }
  return true;
}

bool ItemColumns::State::FillExtra() {
  if (!needs_extra || options.discard_extra) return true;
  compact.clear();
  AppendExtra(
      tokens, tables, extra_facts, [this](const std::string& pointer) { Remember(pointer); },
      compact);
  if (compact.empty()) return true;
  if (extra == nullptr) {
    return tokens.Fail(QuarantineReason::kMisfit,
                       "the schema has no column \"extra\" for " + compact.substr(0, 200));
  }
  extra->PadTo(rows);
  extra->AppendBytes(compact);
  return true;
}

void ItemColumns::State::Remember(const std::string& pointer) {
  const auto found = unknown_members.find(pointer);
  if (found != unknown_members.end()) {
    ++found->second.count;
  } else if (unknown_members.size() < options.max_unknown_members) {
    unknown_members.emplace(pointer, UnknownMember{1, std::string(TextAt(*id, rows))});
  }
}

void ItemColumns::State::Collect(ItemFacts& facts, std::string_view body) {
  const auto time = [this](ColumnNode* node) -> std::optional<int64_t> {
    if (node == nullptr || node->kind != ColumnKind::kTime || !node->IsValid(rows)) return {};
    int64_t value = 0;
    std::memcpy(&value, node->values.data() + rows * 8, sizeof value);
    return value;
  };
  facts.id = TextAt(*id, rows);
  facts.collection =
      collection != nullptr && collection->kind == ColumnKind::kText && collection->IsValid(rows)
          ? TextAt(*collection, rows)
          : std::string_view();
  facts.datetime_us = time(datetime);
  facts.updated_us = time(updated);
  facts.has_geometry = geometry->IsValid(rows);
  facts.geometry_type = facts.has_geometry ? geometry_read.facts.type : 0;
  facts.box = {};
  if (facts.has_geometry) {
    facts.box = {column_box.xmin, column_box.ymin, column_box.xmax, column_box.ymax};
  }
  if (options.digest) digest = Sha256Hex(body);
  facts.body_sha256 = digest;
}

ItemColumns::ItemColumns(const ItemSchema& schema, const ItemColumnsOptions& options)
    : state_(std::make_unique<State>(schema, options)) {}
ItemColumns::~ItemColumns() = default;
ItemColumns::ItemColumns(ItemColumns&&) noexcept = default;
ItemColumns& ItemColumns::operator=(ItemColumns&&) noexcept = default;

std::optional<Quarantined> ItemColumns::Append(std::string_view body, const ItemSource& source,
                                               ItemFacts& facts) {
  State& state = *state_;
  if (!state.AppendItem(body, source)) {
    for (const auto& column : state.columns) column->Truncate(state.rows);
    return std::move(state.tokens.fault);
  }
  state.Collect(facts, body);
  ++state.rows;
  state.body_bytes += static_cast<int64_t>(body.size());
  return std::nullopt;
}

int64_t ItemColumns::rows() const { return state_->rows; }
int64_t ItemColumns::bytes() const { return state_->body_bytes; }
bool ItemColumns::full() const {
  return state_->rows >= state_->batch_rows || state_->body_bytes >= state_->options.batch_bytes;
}

std::shared_ptr<arrow::RecordBatch> ItemColumns::Finish() {
  std::vector<std::shared_ptr<arrow::ArrayData>> arrays;
  for (const auto& column : state_->columns) arrays.push_back(column->Finish(state_->rows));
  auto batch = arrow::RecordBatch::Make(state_->arrow_schema, state_->rows, std::move(arrays));
  state_->rows = state_->body_bytes = 0;
  return batch;
}

const std::map<std::string, UnknownMember>& ItemColumns::unknown_members() const {
  return state_->unknown_members;
}

}  // namespace catchment::stac
