#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "stac/datetime_internal.h"
#include "stac/item_json.h"
#include "stac/item_schema.h"
#include "stac/json_tokens_internal.h"

namespace catchment::stac {
namespace {

enum class Place { kItem, kProperties, kInside };

struct JsonMember {
  std::string_view key;
  uint32_t value = 0;
};

/// One of the two texts.
struct JsonSide {
  JsonTokens tokens;
  std::vector<std::unique_ptr<std::string>> unescaped;

  /// The members of an object that count, in their order.
  std::vector<JsonMember> Members(uint32_t token, Place place) {
    std::vector<JsonMember> members;
    if (tokens[++token] == '}') return members;
    bool ok = true;
    do {
      JsonMember member;
      std::string scratch;
      if (!tokens.Key(token, member.key, scratch)) return members;
      if (!scratch.empty()) {
        unescaped.push_back(std::make_unique<std::string>(std::move(scratch)));
        member.key = *unescaped.back();
      }
      token += 2;
      member.value = token;
      tokens.Skip(token);
      const bool counts = tokens[member.value] != 'n' ||
                          (place == Place::kItem && member.key == "geometry") ||
                          (place == Place::kProperties && member.key == "datetime");
      if (counts) members.push_back(member);
    } while (tokens.More(token, '}', ok));
    return members;
  }

  std::string TextOf(uint32_t token) {
    std::string_view text;
    std::string scratch;
    return tokens.Text(token, text, scratch) ? std::string(text) : std::string();
  }
};

/// The digits behind the sixth of a time's fraction, without zeros at the end.
std::string_view DigitsBehindMicroseconds(std::string_view text) {
  const size_t point = text.find('.');
  if (point == text.npos) return {};
  const size_t end = text.find_first_not_of("0123456789", point + 1);
  std::string_view digits = text.substr(point + 1, end - point - 1);
  digits.remove_prefix(std::min<size_t>(digits.size(), 6));
  while (!digits.empty() && digits.back() == '0') digits.remove_suffix(1);
  return digits;
}

/// Compares two texts that were checked.
class ValueComparison {
 public:
  ValueComparison(JsonSide& a, JsonSide& b) : a_(a), b_(b) {}

  bool Equal(uint32_t x, uint32_t y, Place place) {
    const char first = Kind(a_.tokens[x]);
    if (first != Kind(b_.tokens[y])) return false;
    switch (first) {
      case '{':
        return EqualObjects(x, y, place);
      case '[':
        return EqualArrays(x, y);
      case '"':
        return a_.TextOf(x) == b_.TextOf(y);
      case '0':
        return EqualNumbers(x, y);
      default:
        return true;
    }
  }

  const std::string& path() const { return path_; }

 private:
  static char Kind(char c) { return c == '-' || (c >= '0' && c <= '9') ? '0' : c; }

  bool EqualObjects(uint32_t x, uint32_t y, Place place) {
    std::vector<JsonMember> ours = a_.Members(x, place), theirs = b_.Members(y, place);
    const auto by_key = [](const JsonMember& p, const JsonMember& q) { return p.key < q.key; };
    std::sort(ours.begin(), ours.end(), by_key);
    std::sort(theirs.begin(), theirs.end(), by_key);
    for (size_t i = 0; i < std::max(ours.size(), theirs.size()); ++i) {
      const bool more = i < ours.size() && i < theirs.size() && ours[i].key == theirs[i].key;
      const std::string_view key = i < ours.size() ? ours[i].key : theirs[i].key;
      const size_t path = path_.size();
      AppendPointer(key, path_);
      if (!more) return false;
      const bool equal =
          place == Place::kProperties && IsTimeName(key)
              ? EqualTimes(ours[i].value, theirs[i].value)
              : Equal(ours[i].value, theirs[i].value,
                      place == Place::kItem && key == "properties" ? Place::kProperties
                                                                   : Place::kInside);
      if (!equal) return false;
      path_.resize(path);
    }
    return true;
  }

  bool EqualArrays(uint32_t x, uint32_t y) {
    bool more_x = a_.tokens[++x] != ']', more_y = b_.tokens[++y] != ']', ok = true;
    for (int64_t i = 0; more_x && more_y; ++i) {
      const size_t path = path_.size();
      path_ += fmt::format("/{}", i);
      if (!Equal(x, y, Place::kInside)) return false;
      path_.resize(path);
      a_.tokens.Skip(x);
      b_.tokens.Skip(y);
      more_x = a_.tokens.More(x, ']', ok);
      more_y = b_.tokens.More(y, ']', ok);
    }
    return more_x == more_y;
  }

  bool EqualNumbers(uint32_t x, uint32_t y) {
    int64_t whole_x = 0, whole_y = 0;
    double value_x = 0, value_y = 0;
    const JsonNumber kind_x = a_.tokens.Number(x, whole_x, value_x);
    const JsonNumber kind_y = b_.tokens.Number(y, whole_y, value_y);
    if (kind_x == JsonNumber::kInt64 && kind_y == JsonNumber::kInt64) return whole_x == whole_y;
    return value_x == value_y;
  }

  bool EqualTimes(uint32_t x, uint32_t y) {
    if (a_.tokens[x] != '"' || b_.tokens[y] != '"') return Equal(x, y, Place::kInside);
    const std::string p = a_.TextOf(x), q = b_.TextOf(y);
    int64_t time_p = 0, time_q = 0;
    bool long_p = false, long_q = false;
    if (!ParseDatetime(p, time_p, long_p) || !ParseDatetime(q, time_q, long_q)) return p == q;
    return time_p == time_q && DigitsBehindMicroseconds(p) == DigitsBehindMicroseconds(q);
  }

  JsonSide &a_, &b_;
  std::string path_;
};

Status Take(std::string_view text, JsonSide& side) {
  uint32_t token = 0;
  bool ok = side.tokens.Index(text) && side.tokens.Check(token, 1);
  if (ok && token != side.tokens.size()) ok = side.tokens.Unexpected(token, "the end");
  if (ok) return {};
  const Quarantined& fault = side.tokens.fault;
  return Invalid("{}: {} {}", QuarantineReasonName(fault.reason), fault.pointer, fault.detail);
}

}  // namespace

Result<bool> EqualByValue(std::string_view a, std::string_view b, std::string* difference) {
  JsonSide ours, theirs;
  RETURN_IF_ERROR(Take(a, ours));
  RETURN_IF_ERROR(Take(b, theirs));
  ValueComparison comparison(ours, theirs);
  const bool equal = comparison.Equal(0, 0, Place::kItem);
  if (!equal && difference != nullptr) *difference = comparison.path();
  return equal;
}

}  // namespace catchment::stac
