#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "stac/quarantine.h"

namespace catchment::stac {

enum class JsonNumber { kBad, kInt64, kBigInteger, kDouble };

/// Parse the number that begins at `begin` and ends at white space or `limit`. kInt64: `whole` and
/// `value`; kBigInteger (beyond int64), kDouble: `value`. kBad: no JSON number, or beyond double.
JsonNumber ParseJsonNumber(const char* begin, const char* limit, int64_t& whole, double& value);

/// Whether a double holds an integer of int64 exactly.
inline bool IsExact(int64_t whole) {
  constexpr int64_t kExact = int64_t{1} << 53;
  if (whole >= -kExact && whole <= kExact) return true;
  const auto value = static_cast<double>(whole);
  return value < 9223372036854775808.0 && static_cast<int64_t>(value) == whole;
}

/// One JSON text as simdjson's first stage sees it: the positions of brackets, colons, commas,
/// opening quotes and first letters of other scalars (ADR 0121). UTF-8 is checked, and that every
/// string ends; the grammar is for whoever walks over the tokens.
///
/// Functions that walk take the index of a value's first token and move it past the value. They
/// return false at a fault and describe it in `fault`; while returning, each level of a walk puts
/// its key in front of the pointer.
class JsonTokens {
 public:
  JsonTokens();
  ~JsonTokens();
  JsonTokens(JsonTokens&&) noexcept;
  JsonTokens& operator=(JsonTokens&&) noexcept;

  /// Take a text, which must outlive its use. False: `fault` says bad_json or bad_utf8.
  bool Index(std::string_view text);

  /// The first character of a token; 0 past the last.
  char operator[](uint32_t token) const { return token < count_ ? text_[position_[token]] : '\0'; }
  uint32_t size() const { return count_; }
  const char* begin(uint32_t token) const { return text_ + position_[token]; }
  /// Where the next token begins, or the text ends.
  const char* limit(uint32_t token) const { return text_ + position_[token + 1]; }

  /// The bytes of a string between its quotes, escapes as they stand.
  bool Raw(uint32_t token, std::string_view& raw) {
    const char* first = begin(token) + 1;
    const char* last = limit(token) - 1;
    while (last >= first && *last != '"') --last;  // white space before the next token
    if (last < first) return Fail(QuarantineReason::kBadJson, "a string does not end");
    raw = std::string_view(first, static_cast<size_t>(last - first));
    return true;
  }
  /// The text of a string. Good until `scratch` changes, or the text ends.
  bool Text(uint32_t token, std::string_view& text, std::string& scratch) {
    if (!Raw(token, text)) return false;
    return !has_escapes_ || text.find('\\') == text.npos || Unescape(text, scratch);
  }
  /// The key of a member; its colon must follow.
  bool Key(uint32_t token, std::string_view& key, std::string& scratch) {
    if ((*this)[token] != '"') return Unexpected(token, "a key");
    if ((*this)[token + 1] != ':') return Unexpected(token + 1, "a colon");
    return Text(token, key, scratch);
  }
  JsonNumber Number(uint32_t token, int64_t& whole, double& value) const {
    return ParseJsonNumber(begin(token), limit(token), whole, value);
  }
  /// `true`, `false` or `null`, nothing else behind it.
  bool IsLiteral(uint32_t token, std::string_view literal) const;

  /// Walk over a value and check all of it: grammar, numbers, keys that stand twice, depth.
  bool Check(uint32_t& token, int depth);
  /// Walk over a value that was checked before.
  void Skip(uint32_t& token) const;
  /// Append a value that was checked before, without white space.
  void AppendCompact(uint32_t& token, std::string& out) const;

  /// After a list's or object's value: true at a comma (then on its next value), false at `close`.
  /// A fault sets `ok` to false.
  bool More(uint32_t& token, char close, bool& ok) {
    const char c = (*this)[token];
    ++token;
    if (c == ',') return true;
    if (c != close) {
      ok = Unexpected(token - 1, close == '}' ? "a comma or }" : "a comma or ]");
    }
    return false;
  }

  bool Fail(QuarantineReason reason, std::string detail);
  bool Unexpected(uint32_t token, std::string_view expected);
  /// "expected int64, found text \"abc\"" at a value.
  bool Misfit(uint32_t token, std::string_view expected);
  /// Put a key, or an index, in front of the pointer; returns false.
  bool Under(std::string_view key);
  bool Under(int64_t index);

  Quarantined fault;
  int max_depth = 64;

 private:
  bool Unescape(std::string_view& text, std::string& scratch);
  bool CheckObject(uint32_t& token, int depth);
  bool CheckArray(uint32_t& token, int depth);

  struct Parser;
  std::unique_ptr<Parser> parser_;
  const char* text_ = nullptr;
  const uint32_t* position_ = nullptr;
  uint32_t count_ = 0;
  bool has_escapes_ = false;
  std::vector<std::string_view> keys_;  // of the objects that Check is in
};

/// Whether a key stands twice among `keys`, from the `first` on; which one in `twice`.
bool HasDuplicate(std::vector<std::string_view>& keys, size_t first, std::string_view& twice);

/// Append a key to a JSON pointer.
void AppendPointer(std::string_view key, std::string& pointer);

/// Append text as a JSON string.
void AppendJsonText(std::string_view text, std::string& out);
/// Append a number: the shortest text that reads back the same, with `.` or an exponent.
void AppendJsonDouble(double value, std::string& out);
void AppendJsonInt(int64_t value, std::string& out);

/// "text \"abc\"", "number 1.5", "null", "object", … for messages; cut after 60 bytes.
std::string DescribeValue(const JsonTokens& tokens, uint32_t token);

}  // namespace catchment::stac
