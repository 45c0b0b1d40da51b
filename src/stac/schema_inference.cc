#include "stac/schema_inference.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "stac/geometry_internal.h"
#include "stac/item_columns.h"
#include "stac/json_tokens_internal.h"

namespace catchment::stac {
namespace {

constexpr size_t kMaxKeys = 1000;
constexpr int kMaxColumnDepth = 16;
constexpr int64_t kMaxSeenFields = 200'000;
constexpr std::array<std::string_view, 8> kTimesInOrder = {
    "datetime", "start_datetime", "end_datetime", "created",
    "updated",  "expires",        "published",    "unpublished"};

/// All that was seen of one field.
struct SeenField {
  std::string name;
  bool bools = false, texts = false, doubles = false, objects = false, arrays = false;
  bool integers = false;   // within int64
  bool inexact = false;    // some beyond 2^53
  bool huge = false;       // some beyond int64
  bool text_only = false;  // only JSON text can hold it
  bool geometries = true;  // every object was a GeoJSON geometry and nothing else
  std::vector<std::unique_ptr<SeenField>> members;
  MemberTable table;  // of the members
  std::unique_ptr<SeenField> element;

  SeenField* Member(std::string_view key, uint32_t& last, int64_t& fields) {
    const uint32_t found = table.Find(key, last);
    if (found != MemberTable::kNone) {
      last = found;
      return members[found].get();
    }
    if (members.size() > kMaxKeys || fields >= kMaxSeenFields) return nullptr;
    ++fields;
    members.push_back(std::make_unique<SeenField>());
    members.back()->name = key;
    last = static_cast<uint32_t>(members.size() - 1);
    table.Add(members.back()->name, nullptr);
    return members.back().get();
  }
  SeenField& Element() {
    if (element == nullptr) element = std::make_unique<SeenField>();
    return *element;
  }
};

void UniteFields(SeenField& into, const SeenField& from, int64_t& fields) {
  into.bools |= from.bools;
  into.texts |= from.texts;
  into.doubles |= from.doubles;
  into.objects |= from.objects;
  into.arrays |= from.arrays;
  into.integers |= from.integers;
  into.inexact |= from.inexact;
  into.huge |= from.huge;
  into.text_only |= from.text_only;
  into.geometries &= from.geometries;
  uint32_t last = MemberTable::kNone;
  for (const auto& member : from.members) {
    if (SeenField* ours = into.Member(member->name, last, fields); ours != nullptr) {
      UniteFields(*ours, *member, fields);
    }
  }
  if (from.element != nullptr) UniteFields(into.Element(), *from.element, fields);
}

ItemNode Leaf(std::string name, ColumnKind kind) {
  ItemNode node;
  node.name = std::move(name);
  node.kind = kind;
  return node;
}

ItemNode ListOf(std::string name, ItemNode element) {
  ItemNode node = Leaf(std::move(name), ColumnKind::kList);
  element.name = "element";
  node.children.push_back(std::move(element));
  return node;
}

/// The column of a field; none: only nulls were seen.
std::optional<ItemNode> ColumnOf(const SeenField& seen, int depth);

std::vector<ItemNode> ColumnsOf(const SeenField& seen, int depth) {
  std::vector<ItemNode> nodes;
  for (const auto& member : seen.members) {
    if (auto node = ColumnOf(*member, depth)) nodes.push_back(std::move(*node));
  }
  std::sort(nodes.begin(), nodes.end(),
            [](const ItemNode& a, const ItemNode& b) { return a.name < b.name; });
  return nodes;
}

ItemNode NumberColumn(const SeenField& seen) {
  if (seen.huge || (seen.doubles && seen.inexact)) return Leaf(seen.name, ColumnKind::kJson);
  return Leaf(seen.name, seen.doubles ? ColumnKind::kDouble : ColumnKind::kInt64);
}

std::optional<ItemNode> ColumnOf(const SeenField& seen, int depth) {
  const bool numbers = seen.integers || seen.doubles || seen.huge;
  const int kinds =
      int{seen.bools} + int{seen.texts} + int{numbers} + int{seen.objects} + int{seen.arrays};
  if (kinds == 0) return std::nullopt;
  if (kinds > 1 || seen.text_only) return Leaf(seen.name, ColumnKind::kJson);
  if (seen.bools) return Leaf(seen.name, ColumnKind::kBool);
  if (seen.texts) return Leaf(seen.name, ColumnKind::kText);
  if (numbers) return NumberColumn(seen);
  if (depth > kMaxColumnDepth) return Leaf(seen.name, ColumnKind::kJson);
  if (seen.arrays) {
    std::optional<ItemNode> element;
    if (seen.element != nullptr) element = ColumnOf(*seen.element, depth + 1);
    return ListOf(seen.name, element ? *std::move(element) : Leaf("", ColumnKind::kText));
  }
  ItemNode node = Leaf(seen.name, ColumnKind::kStruct);
  if (seen.members.size() <= kMaxKeys) node.children = ColumnsOf(seen, depth + 1);
  if (node.children.empty()) return Leaf(seen.name, ColumnKind::kJson);
  return node;
}

int64_t LeavesOfNode(const ItemNode& node) {
  if (node.children.empty()) return 1;
  int64_t leaves = 0;
  for (const ItemNode& child : node.children) leaves += LeavesOfNode(child);
  return leaves;
}

void GiveIds(std::vector<ItemNode>& nodes, int32_t& next_id) {
  for (ItemNode& node : nodes) {
    node.id = next_id++;
    GiveIds(node.children, next_id);
  }
}

ItemNode BoxColumn(bool with_z) {
  ItemNode box = Leaf("bbox", ColumnKind::kBox);
  const std::vector<std::string> names =
      with_z ? std::vector<std::string>{"xmin", "ymin", "zmin", "xmax", "ymax", "zmax"}
             : std::vector<std::string>{"xmin", "ymin", "xmax", "ymax"};
  for (const std::string& name : names) {
    box.children.push_back(Leaf(name, ColumnKind::kDouble));
    box.children.back().required = true;
  }
  return box;
}

/// The columns that say whether an item is one at all.
ItemSchema ProbeSchema() {
  ItemSchema schema;
  schema.columns = {Leaf("id", ColumnKind::kText), Leaf("geometry", ColumnKind::kGeometry),
                    BoxColumn(false)};
  for (const std::string_view name : kTimesInOrder) {
    schema.columns.push_back(Leaf(std::string(name), ColumnKind::kTime));
  }
  GiveIds(schema.columns, schema.next_id);
  return schema;
}

Error TooManyColumns(const ItemSchema& schema, int64_t max_columns) {
  std::vector<std::pair<int64_t, std::string>> widths;
  for (const ItemNode& node : schema.columns) {
    widths.emplace_back(-LeavesOfNode(node), node.name);
  }
  std::sort(widths.begin(), widths.end());
  std::string widest;
  for (size_t i = 0; i < std::min<size_t>(3, widths.size()); ++i) {
    widest += fmt::format("{}{} {}", i == 0 ? "" : ", ", widths[i].second, -widths[i].first);
  }
  return Invalid(
      "the items have {} columns, more than {} (widest: {}); use --split-by collection, a schema, "
      "or a greater --max-columns",
      schema.leaves(), max_columns, widest);
}

}  // namespace

struct SchemaInference::State {
  State() : probe(ProbeSchema(), {.discard_extra = true}) {}

  void LearnItem();
  void LearnBox(uint32_t token);
  bool HasStacShape(std::string_view member, uint32_t token);
  void Learn(SeenField& seen, uint32_t& token, int depth);
  void LearnObject(SeenField& seen, uint32_t& token, int depth);
  bool IsGeometry(uint32_t token);
  template <typename Visit>
  void ForEachMember(uint32_t& token, Visit visit);
  std::optional<ItemNode> ItemColumn(std::string_view name) const;
  void AddFirstColumns(ItemSchema& schema, const std::string& collection) const;
  void AddLinksAndAssets(ItemSchema& schema) const;

  ItemColumns probe;
  JsonTokens tokens;
  GrowingBytes wkb;
  int64_t items = 0, fields = 0;
  int64_t solid_boxes = 0, other_boxes = 0;  // of items with a geometry
  SeenField item, properties;
};

template <typename Visit>
void SchemaInference::State::ForEachMember(uint32_t& token, Visit visit) {
  if (tokens[++token] == '}') {
    ++token;
    return;
  }
  bool ok = true;
  do {
    std::string_view key;
    std::string scratch;
    if (!tokens.Key(token, key, scratch)) return;
    token += 2;
    visit(key);
  } while (tokens.More(token, '}', ok));
}

void SchemaInference::State::LearnItem() {
  uint32_t token = 0, last = MemberTable::kNone;
  bool has_geometry = false;
  uint32_t box = 0;
  ForEachMember(token, [&](std::string_view key) {
    if (key == "properties") {
      LearnObject(properties, token, 0);
    } else if (key == "bbox") {
      box = token;
      tokens.Skip(token);
    } else if (key == "geometry") {
      has_geometry = tokens[token] != 'n';
      tokens.Skip(token);
    } else if (IsTopLevel(key) && HasStacShape(key, token)) {
      SeenField* member = item.Member(key, last, fields);
      member == nullptr ? tokens.Skip(token) : Learn(*member, token, 1);
    } else {
      tokens.Skip(token);  // for `extra`
    }
  });
  if (has_geometry) LearnBox(box);
}

/// Readers rely on the types of these members. An item that has another gets no say in the schema
/// and is refused when it is converted.
bool SchemaInference::State::HasStacShape(std::string_view member, uint32_t token) {
  if (tokens[token] == 'n') return true;
  if (member == "stac_version" || member == "collection") return tokens[token] == '"';
  if (member == "assets") return tokens[token] == '{';
  if (member != "links" && member != "stac_extensions") return true;
  if (tokens[token] != '[') return false;
  const char element = member == "links" ? '{' : '"';
  bool ok = true;
  if (tokens[++token] == ']') return true;
  do {
    if (tokens[token] != element && tokens[token] != 'n') return false;
    tokens.Skip(token);
  } while (tokens.More(token, ']', ok));
  return true;
}

void SchemaInference::State::LearnBox(uint32_t token) {
  uint32_t end = token;
  if (token != 0) tokens.Skip(end);
  // [ number , number , … ]
  ++(end - token == 13 ? solid_boxes : other_boxes);
}

void SchemaInference::State::Learn(SeenField& seen, uint32_t& token, int depth) {
  switch (tokens[token]) {
    case '"':
      seen.texts = true;
      break;
    case 't':
    case 'f':
      seen.bools = true;
      break;
    case 'n':
      break;
    case '[': {
      seen.arrays = true;
      if (depth > kMaxColumnDepth) return tokens.Skip(token);
      if (tokens[++token] == ']') break;
      bool ok = true;
      do {
        Learn(seen.Element(), token, depth + 1);
      } while (tokens.More(token, ']', ok));
      return;
    }
    case '{':
      if (seen.geometries) seen.geometries = depth == 1 && IsGeometry(token);
      return LearnObject(seen, token, depth);
    default: {
      int64_t whole = 0;
      double value = 0;
      switch (tokens.Number(token, whole, value)) {
        case JsonNumber::kInt64:
          seen.integers = true;
          seen.inexact |= whole > int64_t{1} << 53 || whole < -(int64_t{1} << 53);
          break;
        case JsonNumber::kBigInteger:
          seen.huge = true;
          break;
        default:
          seen.doubles = true;
      }
    }
  }
  ++token;
}

void SchemaInference::State::LearnObject(SeenField& seen, uint32_t& token, int depth) {
  seen.objects = true;
  if (depth > kMaxColumnDepth) return tokens.Skip(token);
  uint32_t last = MemberTable::kNone;
  ForEachMember(token, [&](std::string_view key) {
    if (key.empty()) seen.text_only = true;
    SeenField* member = seen.Member(key, last, fields);
    if (member == nullptr) {
      tokens.Skip(token);  // too many anyway
    } else {
      Learn(*member, token, depth + 1);
    }
  });
}

bool SchemaInference::State::IsGeometry(uint32_t token) {
  GeometryRead read;
  wkb.Truncate(0);
  return AppendGeometry(tokens, token, 1, wkb, read) && !read.unknown_members &&
         !read.coordinates_cut;
}

SchemaInference::SchemaInference() : state_(std::make_unique<State>()) {}
SchemaInference::~SchemaInference() = default;
SchemaInference::SchemaInference(SchemaInference&&) noexcept = default;
SchemaInference& SchemaInference::operator=(SchemaInference&&) noexcept = default;

std::optional<Quarantined> SchemaInference::Add(std::string_view body) {
  State& state = *state_;
  ItemFacts facts;
  if (auto bad = state.probe.Append(body, {}, facts)) return bad;
  if (state.probe.full()) state.probe.Finish();
  if (!state.tokens.Index(body)) return state.tokens.fault;
  state.LearnItem();
  ++state.items;
  return std::nullopt;
}

void SchemaInference::Unite(const SchemaInference& other) {
  State& state = *state_;
  state.items += other.state_->items;
  state.solid_boxes += other.state_->solid_boxes;
  state.other_boxes += other.state_->other_boxes;
  UniteFields(state.item, other.state_->item, state.fields);
  UniteFields(state.properties, other.state_->properties, state.fields);
}

int64_t SchemaInference::items() const { return state_->items; }

/// The column of a member of the item; none: no item has it.
std::optional<ItemNode> SchemaInference::State::ItemColumn(std::string_view name) const {
  const auto found = std::find_if(item.members.begin(), item.members.end(),
                                  [&](const auto& member) { return member->name == name; });
  return found == item.members.end() ? std::nullopt : ColumnOf(**found, 1);
}

void SchemaInference::State::AddFirstColumns(ItemSchema& schema,
                                             const std::string& collection) const {
  const auto add = [&](std::string_view name, ItemNode otherwise) {
    auto node = ItemColumn(name);
    schema.columns.push_back(node ? *std::move(node) : std::move(otherwise));
  };
  schema.columns.push_back(Leaf("id", ColumnKind::kText));
  schema.columns.back().required = true;
  schema.columns.push_back(Leaf("type", ColumnKind::kText));
  add("stac_version", Leaf("stac_version", ColumnKind::kText));
  add("stac_extensions", ListOf("stac_extensions", Leaf("", ColumnKind::kText)));
  if (!collection.empty() && !ItemColumn("collection")) {
    schema.added["collection"] = AddedFrom::kCollection;
  }
  add("collection", Leaf("collection", ColumnKind::kText));
}

void SchemaInference::State::AddLinksAndAssets(ItemSchema& schema) const {
  auto links = ItemColumn("links");
  const auto seen = std::find_if(item.members.begin(), item.members.end(),
                                 [](const auto& member) { return member->name == "links"; });
  const bool typed = links && (links->kind != ColumnKind::kList || (*seen)->element != nullptr);
  if (!typed) {
    // Readers expect the type, even if all lists are empty.
    ItemNode link = Leaf("", ColumnKind::kStruct);
    for (const char* name : {"href", "rel", "type", "title"}) {
      link.children.push_back(Leaf(name, ColumnKind::kText));
    }
    links = ListOf("links", std::move(link));
  }
  schema.columns.push_back(*std::move(links));
  auto assets = ItemColumn("assets");
  schema.columns.push_back(assets ? *std::move(assets) : Leaf("assets", ColumnKind::kJson));
}

Result<ItemSchema> SchemaInference::Finish(const Options& options) const {
  const State& state = *state_;
  if (state.fields >= kMaxSeenFields) {
    return Invalid("the items have over {} different fields; use a schema", kMaxSeenFields);
  }
  ItemSchema schema;
  state.AddFirstColumns(schema, options.collection);
  std::vector<ItemNode> properties = ColumnsOf(state.properties, 1);
  const auto property = [&](std::string_view name) {
    return std::find_if(properties.begin(), properties.end(),
                        [&](const ItemNode& node) { return node.name == name; });
  };
  for (const std::string_view name : kTimesInOrder) {
    if (name != "datetime" && property(name) == properties.end()) continue;
    schema.columns.push_back(Leaf(std::string(name), ColumnKind::kTime));
  }
  for (ItemNode& node : properties) {
    // What collides with a column of the item stays in `extra`; so does a name that is empty, and
    // one that readers take for the properties themselves.
    if (node.name.empty() || node.name == "extra" || node.name == "properties" ||
        IsTopLevel(node.name) || IsTimeName(node.name)) {
      continue;
    }
    const auto& seen =
        *std::find_if(state.properties.members.begin(), state.properties.members.end(),
                      [&](const auto& one) { return one->name == node.name; });
    if (node.kind == ColumnKind::kStruct && seen->geometries) {
      node = Leaf(node.name, ColumnKind::kGeometry);
    }
    schema.columns.push_back(std::move(node));
  }
  schema.columns.push_back(Leaf("geometry", ColumnKind::kGeometry));
  schema.columns.push_back(BoxColumn(state.solid_boxes > 0 && state.other_boxes == 0));
  state.AddLinksAndAssets(schema);
  schema.columns.push_back(Leaf("extra", ColumnKind::kJson));
  GiveIds(schema.columns, schema.next_id);
  if (schema.leaves() > options.max_columns) return TooManyColumns(schema, options.max_columns);
  return schema;
}

}  // namespace catchment::stac
