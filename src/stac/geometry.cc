#include "stac/geometry.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "stac/geometry_internal.h"

namespace catchment::stac {
namespace {

// GeoJSON's types at their WKB codes.
constexpr std::array<std::string_view, 8> kGeometryTypes = {
    "",           "Point",           "LineString",   "Polygon",
    "MultiPoint", "MultiLineString", "MultiPolygon", "GeometryCollection"};
constexpr uint32_t kCollection = 7, kZ = 1000;
constexpr int kMaxCollections = 16;
// Levels of arrays around a position, and the type of the parts of a multi-geometry.
constexpr std::array<int, 7> kArrayLevels = {0, 0, 1, 2, 1, 2, 3};
constexpr std::array<uint32_t, 7> kPartType = {0, 0, 0, 0, 1, 2, 3};

uint32_t GeometryTypeOf(std::string_view name) {
  const auto found = std::find(kGeometryTypes.begin() + 1, kGeometryTypes.end(), name);
  return found == kGeometryTypes.end() ? 0 : static_cast<uint32_t>(found - kGeometryTypes.begin());
}

/// Writes the coordinates of one geometry.
class CoordinatesToWkb {
 public:
  CoordinatesToWkb(JsonTokens& tokens, GrowingBytes& wkb, GeometryRead& read)
      : tokens_(tokens), wkb_(wkb), read_(read) {}

  /// `token` is the value of `coordinates`; `flat`: without z in any case.
  bool Write(uint32_t& token, uint32_t type, bool flat) {
    const uint32_t first = token;
    const int64_t start = wkb_.size();
    const Box before = read_.facts.box;
    with_z_ = !flat && FirstPositionHasZ(token);
    if (!WriteGeometry(token, type)) return false;
    if (with_z_ && flat_position_) {
      // Not all have z, so none has in WKB.
      with_z_ = false;
      read_.coordinates_cut = true;
      read_.facts.box = before;
      wkb_.Truncate(start);
      token = first;
      if (!WriteGeometry(token, type)) return false;
    }
    read_.facts.type = type + (with_z_ ? kZ : 0);
    return true;
  }

 private:
  bool FirstPositionHasZ(uint32_t token) const {
    while (tokens_[token] == '[' || tokens_[token] == ']' || tokens_[token] == ',') ++token;
    uint32_t numbers = 0;
    // number, comma, number, comma, number
    while (tokens_[token] != '\0' && tokens_[token] != ']' && tokens_[token] != '[') {
      ++numbers;
      if (tokens_[++token] != ',') break;
      ++token;
    }
    return numbers >= 3;
  }

  void Header(uint32_t type) {
    wkb_.AppendValue(uint8_t{1});  // little-endian
    wkb_.AppendValue(type + (with_z_ ? kZ : 0));
  }

  bool WriteGeometry(uint32_t& token, uint32_t type) {
    Header(type);
    if (type == 1) return WritePoint(token);
    return WriteArray(token, kArrayLevels[type], kPartType[type]);
  }

  /// An array of `levels` around positions; each element is a geometry of `part`, unless 0.
  bool WriteArray(uint32_t& token, int levels, uint32_t part) {
    if (tokens_[token] != '[') return Bad(token, "an array of coordinates");
    const int64_t at = wkb_.size();
    wkb_.AppendValue(uint32_t{0});
    uint32_t count = 0;
    ++token;
    if (tokens_[token] == ']') {
      ++token;
      return true;
    }
    bool ok = true;
    do {
      if (part != 0) Header(part);
      if (!(levels == 1 ? WritePosition(token) : WriteArray(token, levels - 1, 0))) {
        return tokens_.Under(int64_t{count});
      }
      ++count;
    } while (tokens_.More(token, ']', ok));
    std::memcpy(wkb_.data() + at, &count, sizeof count);
    return ok;
  }

  bool WritePoint(uint32_t& token) {
    if (tokens_[token] == '[' && tokens_[token + 1] == ']') {
      token += 2;  // an empty point is NaN, NaN
      wkb_.AppendValue(std::numeric_limits<double>::quiet_NaN());
      wkb_.AppendValue(std::numeric_limits<double>::quiet_NaN());
      return true;
    }
    return WritePosition(token);
  }

  bool WritePosition(uint32_t& token) {
    if (tokens_[token] != '[') return Bad(token, "a position");
    const uint32_t first = token;
    std::array<double, 3> numbers{};
    size_t count = 0;
    bool ok = true;
    do {
      ++token;
      int64_t whole = 0;
      double value = 0;
      const JsonNumber number =
          token < tokens_.size() ? tokens_.Number(token, whole, value) : JsonNumber::kBad;
      if (number == JsonNumber::kBad) {
        return Bad(token, "a number");
      }
      if (number == JsonNumber::kInt64 && !IsExact(whole)) read_.coordinates_cut = true;
      if (count < numbers.size()) numbers[count] = value;
      ++count;
      ++token;
    } while (tokens_[token] == ',');
    if (!tokens_.More(token, ']', ok) && !ok) return false;
    if (count < 2) return Bad(first, "two numbers");
    flat_position_ |= count < 3;
    read_.coordinates_cut |= count > (with_z_ ? 3u : 2u);
    wkb_.Append(numbers.data(), with_z_ ? 24 : 16);
    read_.facts.box.Include(numbers, with_z_);
    return true;
  }

  bool Bad(uint32_t token, std::string_view expected) {
    if (tokens_.Misfit(token, expected)) return false;
    if (tokens_.fault.reason == QuarantineReason::kMisfit) {
      tokens_.fault.reason = QuarantineReason::kBadGeometry;
    }
    return false;
  }

  JsonTokens& tokens_;
  GrowingBytes& wkb_;
  GeometryRead& read_;
  bool with_z_ = false, flat_position_ = false;
};

/// Walks over geometries, which may be collections of others.
class GeometryToWkb {
 public:
  GeometryToWkb(JsonTokens& tokens, GrowingBytes& wkb, GeometryRead& read)
      : tokens_(tokens), wkb_(wkb), read_(read) {}

  /// `flat`: without z in any case.
  bool Write(uint32_t& token, int depth, int collections, bool flat) {
    if (tokens_[token] != '{') return Bad(token, "a geometry");
    if (depth > tokens_.max_depth || collections > kMaxCollections) {
      return tokens_.Fail(QuarantineReason::kTooDeep, "nested too deep");
    }
    Members found;
    if (!FindMembers(token, depth, found)) return false;
    if (found.type == 0) return tokens_.Fail(QuarantineReason::kBadGeometry, "no type of GeoJSON");
    uint32_t value = found.type == kCollection ? found.geometries : found.coordinates;
    const std::string_view name = found.type == kCollection ? "geometries" : "coordinates";
    if (value == 0) {
      return tokens_.Fail(QuarantineReason::kBadGeometry, fmt::format("no \"{}\"", name));
    }
    // The one that its type does not have is a member like any other.
    uint32_t other = found.type == kCollection ? found.coordinates : found.geometries;
    if (other != 0) {
      read_.unknown_members = true;
      if (!tokens_.Check(other, depth + 1)) return tokens_.Under("coordinates");
    }
    if (found.type == kCollection) {
      return WriteCollection(value, depth, collections, flat) || tokens_.Under(name);
    }
    CoordinatesToWkb coordinates(tokens_, wkb_, read_);
    return coordinates.Write(value, found.type, flat) || tokens_.Under(name);
  }

 private:
  struct Members {
    uint32_t type = 0, coordinates = 0, geometries = 0;  // a code, and tokens
  };

  bool FindMembers(uint32_t& token, int depth, Members& found) {
    keys_.clear();
    unescaped_.clear();
    bool ok = true;
    if (tokens_[++token] == '}') {
      ++token;
      return true;
    }
    do {
      std::string_view key;
      std::string scratch;
      if (!tokens_.Key(token, key, scratch)) return false;
      if (!scratch.empty()) {
        unescaped_.push_back(std::make_unique<std::string>(std::move(scratch)));
        key = *unescaped_.back();
      }
      keys_.push_back(key);
      token += 2;
      const uint32_t value = token;
      const bool null = tokens_[value] == 'n';
      // Coordinates are checked when they are written.
      if (key == "coordinates" && tokens_[value] == '[') {
        tokens_.Skip(token);
      } else if (!tokens_.Check(token, depth + 1)) {
        return tokens_.Under(key);
      }
      if (null) continue;
      if (key == "coordinates") {
        found.coordinates = value;
      } else if (key == "geometries") {
        found.geometries = value;
      } else if (key == "type") {
        std::string_view type;
        std::string type_scratch;
        if (tokens_[value] == '"' && tokens_.Text(value, type, type_scratch)) {
          found.type = GeometryTypeOf(type);
        }
      } else {
        read_.unknown_members = true;
      }
    } while (tokens_.More(token, '}', ok));
    if (!ok) return false;
    std::string_view twice;
    if (keys_.size() > 2 || keys_.front() == keys_.back()) {
      if (keys_.size() > 1 && HasDuplicate(keys_, 0, twice)) {
        tokens_.Fail(QuarantineReason::kDuplicateKey, "a member stands twice");
        return tokens_.Under(twice);
      }
    }
    return true;
  }

  bool WriteCollection(uint32_t first, int depth, int collections, bool flat) {
    uint32_t token = first;
    if (tokens_[token] != '[') return Bad(token, "an array of geometries");
    const int64_t start = wkb_.size();
    const Box before = read_.facts.box;
    wkb_.AppendValue(uint8_t{1});
    const int64_t type_at = wkb_.size();
    wkb_.AppendValue(kCollection);
    const int64_t count_at = wkb_.size();
    wkb_.AppendValue(uint32_t{0});
    uint32_t count = 0;
    bool ok = true, all_z = true, any_z = false;
    if (tokens_[++token] == ']') {
      read_.facts.type = kCollection;
      return true;
    }
    do {
      if (!Write(token, depth + 2, collections + 1, flat)) return tokens_.Under(int64_t{count});
      all_z &= read_.facts.type > kZ;
      any_z |= read_.facts.type > kZ;
      ++count;
    } while (tokens_.More(token, ']', ok));
    if (any_z && !all_z) {
      // Not all have z, so none has in WKB.
      read_.coordinates_cut = true;
      read_.facts.box = before;
      wkb_.Truncate(start);
      return WriteCollection(first, depth, collections, /*flat=*/true);
    }
    const uint32_t type = kCollection + (all_z ? kZ : 0);
    std::memcpy(wkb_.data() + type_at, &type, sizeof type);
    std::memcpy(wkb_.data() + count_at, &count, sizeof count);
    read_.facts.type = type;
    return ok;
  }

  bool Bad(uint32_t token, std::string_view expected) {
    if (!tokens_.Misfit(token, expected) && tokens_.fault.reason == QuarantineReason::kMisfit) {
      tokens_.fault.reason = QuarantineReason::kBadGeometry;
    }
    return false;
  }

  JsonTokens& tokens_;
  GrowingBytes& wkb_;
  GeometryRead& read_;
  std::vector<std::string_view> keys_;
  std::vector<std::unique_ptr<std::string>> unescaped_;
};

/// Reads WKB, and writes GeoJSON if asked.
class WkbReader {
 public:
  WkbReader(std::string_view wkb, std::string* json) : wkb_(wkb), json_(json) {}

  Result<GeometryFacts> Read() {
    RETURN_IF_ERROR(Geometry(0, 0));
    if (at_ != wkb_.size()) return Corrupt("WKB: {} bytes too many", wkb_.size() - at_);
    return facts_;
  }

 private:
  /// `expected`: the type that a part must have; 0: any.
  Status Geometry(uint32_t expected, int collections) {
    uint32_t code = 0;
    RETURN_IF_ERROR(Header(code));
    const uint32_t type = code % kZ;
    const bool with_z = code >= kZ;
    if (type == 0 || type > kCollection || code > kZ + kCollection) {
      return Corrupt("WKB: type {} is not one of 1-7, 1001-1007", code);
    }
    if (expected != 0 && code != expected) {
      return Corrupt("WKB: a part of type {} where {} belongs", code, expected);
    }
    if (collections > kMaxCollections) return Corrupt("WKB: nested too deep");
    if (expected == 0) {
      Write(fmt::format(R"({{"type":"{}","{}":)", kGeometryTypes[type],
                        type == kCollection ? "geometries" : "coordinates"));
    }
    if (type == kCollection) {
      RETURN_IF_ERROR(Collection(collections));
    } else if (type == 1) {
      RETURN_IF_ERROR(Position(with_z));
    } else {
      const uint32_t part = kPartType[type];
      RETURN_IF_ERROR(Array(kArrayLevels[type], part == 0 ? 0 : part + (with_z ? kZ : 0), with_z));
    }
    if (expected == 0) Write("}");
    facts_.type = code;
    return {};
  }

  Status Header(uint32_t& code) {
    uint8_t order = 0;
    RETURN_IF_ERROR(Take(order));
    if (order != 1) return Corrupt("WKB: not little-endian");
    return Take(code);
  }

  Status Collection(int collections) {
    uint32_t count = 0;
    RETURN_IF_ERROR(Count(count, 9));
    Write("[");
    for (uint32_t i = 0; i < count; ++i) {
      if (i > 0) Write(",");
      RETURN_IF_ERROR(Geometry(0, collections + 1));
    }
    Write("]");
    return {};
  }

  Status Array(int levels, uint32_t part, bool with_z) {
    uint32_t count = 0;
    RETURN_IF_ERROR(Count(count, levels == 1 ? 16 : 4));
    Write("[");
    for (uint32_t i = 0; i < count; ++i) {
      if (i > 0) Write(",");
      if (part != 0) {
        uint32_t code = 0;
        RETURN_IF_ERROR(Header(code));
        if (code != part) return Corrupt("WKB: a part of type {} where {} belongs", code, part);
      }
      RETURN_IF_ERROR(levels == 1 ? Position(with_z) : Array(levels - 1, 0, with_z));
    }
    Write("]");
    return {};
  }

  Status Position(bool with_z) {
    std::array<double, 3> numbers{};
    for (size_t i = 0; i < (with_z ? 3 : 2); ++i) RETURN_IF_ERROR(Take(numbers[i]));
    if (std::isnan(numbers[0]) && std::isnan(numbers[1])) {
      Write("[]");
      return {};
    }
    if (!std::isfinite(numbers[0]) || !std::isfinite(numbers[1]) || !std::isfinite(numbers[2])) {
      return Corrupt("WKB: a coordinate is not finite");
    }
    facts_.box.Include(numbers, with_z);
    if (json_ != nullptr) {
      for (size_t i = 0; i < (with_z ? 3 : 2); ++i) {
        *json_ += i == 0 ? '[' : ',';
        AppendJsonDouble(numbers[i], *json_);
      }
      *json_ += ']';
    }
    return {};
  }

  template <typename T>
  Status Take(T& value) {
    if (wkb_.size() - at_ < sizeof(T)) return Corrupt("WKB: cut short after {} bytes", wkb_.size());
    std::memcpy(&value, wkb_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return {};
  }
  /// A count of things of at least `least` bytes each.
  Status Count(uint32_t& count, size_t least) {
    RETURN_IF_ERROR(Take(count));
    if (count > (wkb_.size() - at_) / least) {
      return Corrupt("WKB: cut short after {} bytes", wkb_.size());
    }
    return {};
  }
  void Write(std::string_view text) {
    if (json_ != nullptr) *json_ += text;
  }

  const std::string_view wkb_;
  std::string* const json_;
  size_t at_ = 0;
  GeometryFacts facts_;
};

}  // namespace

bool Box::Contains(const Box& other) const {
  return other.empty() ||
         (xmin <= other.xmin && ymin <= other.ymin && xmax >= other.xmax && ymax >= other.ymax);
}

void Box::Add(const Box& other) {
  xmin = std::min(xmin, other.xmin);
  ymin = std::min(ymin, other.ymin);
  zmin = std::min(zmin, other.zmin);
  xmax = std::max(xmax, other.xmax);
  ymax = std::max(ymax, other.ymax);
  zmax = std::max(zmax, other.zmax);
}

void Box::Include(const std::array<double, 3>& position, bool with_z) {
  xmin = std::min(xmin, position[0]);
  xmax = std::max(xmax, position[0]);
  ymin = std::min(ymin, position[1]);
  ymax = std::max(ymax, position[1]);
  if (with_z) {
    zmin = std::min(zmin, position[2]);
    zmax = std::max(zmax, position[2]);
  }
}

bool IsGeometryMember(std::string_view key) { return key == "type" || key == "coordinates"; }

bool AppendGeometry(JsonTokens& tokens, uint32_t& token, int depth, GrowingBytes& wkb,
                    GeometryRead& read) {
  read = {};
  return GeometryToWkb(tokens, wkb, read).Write(token, depth, 1, /*flat=*/false);
}

Result<GeometryFacts> GeoJsonToWkb(std::string_view json, std::string& wkb) {
  JsonTokens tokens;
  GrowingBytes bytes;
  GeometryRead read;
  uint32_t token = 0;
  bool ok = tokens.Index(json) && AppendGeometry(tokens, token, 1, bytes, read);
  if (ok && token != tokens.size()) ok = tokens.Unexpected(token, "the end");
  if (!ok) {
    return Invalid("{}{}{}", tokens.fault.pointer, tokens.fault.pointer.empty() ? "" : ": ",
                   tokens.fault.detail);
  }
  wkb.append(reinterpret_cast<const char*>(bytes.data()), static_cast<size_t>(bytes.size()));
  return read.facts;
}

Status WkbToGeoJson(std::string_view wkb, std::string& json) {
  return WkbReader(wkb, &json).Read().status();
}

Result<GeometryFacts> ReadWkb(std::string_view wkb) { return WkbReader(wkb, nullptr).Read(); }

std::string GeometryTypeName(uint32_t type) {
  const uint32_t plain = type % kZ;
  if (plain == 0 || plain > kCollection || type > kZ + kCollection) return "";
  return std::string(kGeometryTypes[plain]) + (type > kZ ? " Z" : "");
}

}  // namespace catchment::stac
