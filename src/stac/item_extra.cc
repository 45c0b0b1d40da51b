#include "stac/datetime_internal.h"
#include "stac/geometry_internal.h"
#include "stac/item_extra_internal.h"

namespace catchment::stac {
namespace {

/// Writes the patch of one item. Seldom needed, so simple: what the columns do not hold is found
/// again by walking over the item with the schema.
class ExtraWriter {
 public:
  ExtraWriter(JsonTokens& tokens, const std::function<void(const std::string&)>& unknown,
              std::string& out)
      : tokens_(tokens), unknown_(unknown), out_(out) {}

  void Item(const ItemTables& tables, const ExtraFacts& facts) {
    bool has_box = false, has_geometry = false;
    Open();
    ForEach(0, [&](std::string_view key, uint32_t value) {
      const bool null = tokens_[value] == 'n';
      has_box |= key == "bbox" && !null;
      has_geometry |= key == "geometry";
      if (key == "properties") {
        Member(key, [&] { return Properties(tables.properties, value); });
      } else if (key == "bbox") {
        if (facts.box_differs && !null) Member(key, [&] { return Raw(value); });
      } else {
        ObjectMember(tables.item.Look(key), key, value);
      }
    });
    if (facts.box_differs && !has_box) Member("bbox", [&] { return Null(); });
    if (!has_geometry) Member("geometry", [&] { return Null(); });
    Close();
  }

 private:
  /// Call `visit(key, value token)` for each member of the object at `token`.
  template <typename Visit>
  void ForEach(uint32_t token, Visit visit) {
    if (tokens_[++token] == '}') return;
    bool ok = true;
    do {
      std::string_view key;
      std::string scratch;
      if (!tokens_.Key(token, key, scratch)) return;
      token += 2;
      const uint32_t value = token;
      tokens_.Skip(token);
      visit(key, value);
    } while (tokens_.More(token, '}', ok));
  }

  // An object that stays only if it gets a member.
  void Open() {
    starts_.push_back(out_.size());
    out_ += '{';
  }
  bool Close() {
    const size_t start = starts_.back();
    starts_.pop_back();
    if (out_.size() == start + 1) {
      out_.resize(start);
      return false;
    }
    out_ += '}';
    return true;
  }
  /// A member whose value `write` appends; not there if it returns false.
  template <typename Write>
  void Member(std::string_view key, Write write) {
    const size_t before = out_.size(), path = path_.size();
    if (out_.back() != '{') out_ += ',';
    AppendJsonText(key, out_);
    out_ += ':';
    AppendPointer(key, path_);
    if (!write()) out_.resize(before);
    path_.resize(path);
  }
  bool Raw(uint32_t value) {
    tokens_.AppendCompact(value, out_);
    return true;
  }
  bool Null() {
    out_ += "null";
    return true;
  }

  bool Properties(const MemberTable& members, uint32_t value) {
    bool has_datetime = false;
    Open();
    ForEach(value, [&](std::string_view key, uint32_t member) {
      has_datetime |= key == "datetime";
      ObjectMember(members.Look(key), key, member);
    });
    if (!has_datetime) Member("datetime", [&] { return Null(); });
    return Close();
  }

  void ObjectMember(const ColumnNode* node, std::string_view key, uint32_t value) {
    if (tokens_[value] == 'n') return;
    Member(key, [&] { return node == nullptr ? Unknown(value) : Value(*node, value); });
  }

  bool Unknown(uint32_t value) {
    unknown_(path_);
    return Raw(value);
  }

  /// Append the patch of a value that has a column; false: it needs none.
  bool Value(const ColumnNode& node, uint32_t value) {
    switch (node.kind) {
      case ColumnKind::kStruct:
        Open();
        ForEach(value, [&](std::string_view key, uint32_t member) {
          ObjectMember(node.members.Look(key), key, member);
        });
        return Close();
      case ColumnKind::kGeometry:
        return Geometry(value);
      case ColumnKind::kList:
      case ColumnKind::kDouble:
      case ColumnKind::kTime:
        return !Fits(node, value) && Raw(value);
      default:
        return false;
    }
  }

  bool Geometry(uint32_t value) {
    GrowingBytes wkb;
    GeometryRead read;
    uint32_t token = value;
    if (!AppendGeometry(tokens_, token, 1, wkb, read)) return false;
    Open();
    const bool collection = read.facts.type % 1000 == 7;
    ForEach(value, [&](std::string_view key, uint32_t member) {
      if (tokens_[member] == 'n') return;
      if (key == "type") return;
      if (key == (collection ? "geometries" : "coordinates")) {
        const bool whole = !read.coordinates_cut && !(collection && read.unknown_members);
        if (!whole) Member(key, [&] { return Raw(member); });
        return;
      }
      Member(key, [&] { return Unknown(member); });
    });
    return Close();
  }

  /// Whether a column holds all of a value. Counts members that are unknown.
  bool Fits(const ColumnNode& node, uint32_t value) {
    if (tokens_[value] == 'n') return true;
    switch (node.kind) {
      case ColumnKind::kDouble: {
        int64_t whole = 0;
        double number = 0;
        return tokens_.Number(value, whole, number) != JsonNumber::kInt64 || IsExact(whole);
      }
      case ColumnKind::kTime: {
        std::string_view text;
        std::string scratch;
        int64_t microseconds = 0;
        bool long_fraction = false;
        return tokens_.Text(value, text, scratch) &&
               ParseDatetime(text, microseconds, long_fraction) && !long_fraction;
      }
      case ColumnKind::kStruct:
        return StructFits(node, value);
      case ColumnKind::kList:
        return ListFits(node, value);
      case ColumnKind::kGeometry: {
        GrowingBytes wkb;
        GeometryRead read;
        return AppendGeometry(tokens_, value, 1, wkb, read) && !read.coordinates_cut &&
               !read.unknown_members;
      }
      default:
        return true;
    }
  }

  bool StructFits(const ColumnNode& node, uint32_t value) {
    bool fits = true;
    ForEach(value, [&](std::string_view key, uint32_t member) {
      if (tokens_[member] == 'n') return;
      const size_t path = path_.size();
      AppendPointer(key, path_);
      const ColumnNode* child = node.members.Look(key);
      if (child == nullptr) unknown_(path_);
      fits &= child != nullptr && Fits(*child, member);
      path_.resize(path);
    });
    return fits;
  }

  bool ListFits(const ColumnNode& node, uint32_t value) {
    bool fits = true, ok = true;
    if (tokens_[++value] == ']') return true;
    const size_t path = path_.size();
    path_ += "/*";
    do {
      fits &= Fits(*node.children.front(), value);
      tokens_.Skip(value);
    } while (tokens_.More(value, ']', ok));
    path_.resize(path);
    return fits;
  }

  JsonTokens& tokens_;
  const std::function<void(const std::string&)>& unknown_;
  std::string& out_;
  std::string path_;
  std::vector<size_t> starts_;
};

}  // namespace

void AppendExtra(JsonTokens& tokens, const ItemTables& tables, const ExtraFacts& facts,
                 const std::function<void(const std::string& pointer)>& unknown, std::string& out) {
  ExtraWriter(tokens, unknown, out).Item(tables, facts);
}

}  // namespace catchment::stac
