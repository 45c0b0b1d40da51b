#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "stac/json_tokens_internal.h"

namespace catchment::stac {
namespace {

constexpr std::array<double, 23> kPowersOfTen = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                 1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

bool IsJsonDigit(char c) { return c >= '0' && c <= '9'; }
bool IsJsonSpace(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

/// A number whose grammar was checked, by the standard library.
bool ParseSlowly(const char* begin, const char* end, double& value) {
  const auto [rest, error] = std::from_chars(begin, end, value);
  if (error == std::errc()) return true;
  // Too large or too small: strtod tells which.
  value = std::strtod(std::string(begin, end).c_str(), nullptr);
  return value > -1 && value < 1;
}

int HexDigit(char c) {
  if (IsJsonDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// The four digits after `\u`; −1: none.
int32_t HexUnit(std::string_view text, size_t at) {
  if (at + 4 > text.size()) return -1;
  int32_t unit = 0;
  for (size_t i = at; i < at + 4; ++i) {
    const int digit = HexDigit(text[i]);
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

void AppendUtf8(uint32_t code, std::string& out) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

}  // namespace

struct JsonTokens::Parser {
  simdjson::dom::parser dom;
};

JsonTokens::JsonTokens() : parser_(std::make_unique<Parser>()) {}
JsonTokens::~JsonTokens() = default;
JsonTokens::JsonTokens(JsonTokens&&) noexcept = default;
JsonTokens& JsonTokens::operator=(JsonTokens&&) noexcept = default;

bool JsonTokens::Index(std::string_view text) {
  fault = {};
  keys_.clear();
  count_ = 0;
  text_ = text.data();
  auto& dom = parser_->dom;
  if (dom.capacity() < text.size() || !dom.implementation) {
    const size_t capacity =
        std::max<size_t>(std::max<size_t>(dom.capacity() * 2, 1 << 16), text.size());
    if (dom.allocate(capacity, 64) != simdjson::SUCCESS) {
      return Fail(QuarantineReason::kBadJson, "no memory to read it");
    }
  }
  const auto error = dom.implementation->stage1(reinterpret_cast<const uint8_t*>(text.data()),
                                                text.size(), simdjson::stage1_mode::regular);
  if (error == simdjson::UTF8_ERROR) return Fail(QuarantineReason::kBadUtf8, "not UTF-8");
  if (error != simdjson::SUCCESS) {
    return Fail(QuarantineReason::kBadJson, simdjson::error_message(error));
  }
  position_ = dom.implementation->structural_indexes.get();
  count_ = dom.implementation->n_structural_indexes;
  has_escapes_ = std::memchr(text.data(), '\\', text.size()) != nullptr;
  return true;
}

bool JsonTokens::IsLiteral(uint32_t token, std::string_view literal) const {
  const char* first = begin(token);
  const auto size = static_cast<size_t>(limit(token) - first);
  if (size < literal.size() || std::memcmp(first, literal.data(), literal.size()) != 0) {
    return false;
  }
  return size == literal.size() || IsJsonSpace(first[literal.size()]);
}

bool JsonTokens::Unescape(std::string_view& text, std::string& scratch) {
  scratch.clear();
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      scratch += text[i];
      continue;
    }
    if (++i == text.size()) return Fail(QuarantineReason::kBadJson, "an escape is cut short");
    constexpr std::string_view kLetters = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
    if (const size_t letter = kLetters.find(text[i]); letter != kLetters.npos) {
      scratch += kMeanings[letter];
      continue;
    }
    const int32_t unit = text[i] == 'u' ? HexUnit(text, i + 1) : -1;
    if (unit < 0) return Fail(QuarantineReason::kBadJson, "an escape that JSON has not");
    i += 4;
    auto code = static_cast<uint32_t>(unit);
    if (code >= 0xD800 && code < 0xE000) {
      const int32_t low = i + 2 < text.size() && text[i + 1] == '\\' && text[i + 2] == 'u'
                              ? HexUnit(text, i + 3)
                              : -1;
      if (code >= 0xDC00 || low < 0xDC00 || low >= 0xE000) {
        return Fail(QuarantineReason::kBadUtf8, "half of a surrogate pair");
      }
      code = 0x10000 + ((code - 0xD800) << 10) + (static_cast<uint32_t>(low) - 0xDC00);
      i += 6;
    }
    AppendUtf8(code, scratch);
  }
  text = scratch;
  return true;
}

bool JsonTokens::Check(uint32_t& token, int depth) {
  switch ((*this)[token]) {
    case '{':
      return CheckObject(token, depth);
    case '[':
      return CheckArray(token, depth);
    case '"': {
      std::string_view text;
      std::string scratch;
      return Text(token++, text, scratch);
    }
    case 't':
    case 'f':
    case 'n':
      if (!IsLiteral(token, "true") && !IsLiteral(token, "false") && !IsLiteral(token, "null")) {
        return Unexpected(token, "a value");
      }
      ++token;
      return true;
    case '\0':
      return Unexpected(token, "a value");
    default: {
      int64_t whole = 0;
      double value = 0;
      if (Number(token, whole, value) == JsonNumber::kBad) return Unexpected(token, "a value");
      ++token;
      return true;
    }
  }
}

bool JsonTokens::CheckObject(uint32_t& token, int depth) {
  if (depth > max_depth) return Fail(QuarantineReason::kTooDeep, "nested too deep");
  const size_t first = keys_.size();
  std::vector<std::unique_ptr<std::string>> unescaped;  // what keys with escapes point at
  bool ok = true;
  ++token;
  if ((*this)[token] == '}') {
    ++token;
    return true;
  }
  do {
    std::string_view key;
    std::string scratch;
    if (!Key(token, key, scratch)) return false;
    if (key.data() == scratch.data()) {
      unescaped.push_back(std::make_unique<std::string>(std::move(scratch)));
      key = *unescaped.back();
    }
    keys_.push_back(key);
    token += 2;
    if (!Check(token, depth + 1)) return Under(key);
  } while (More(token, '}', ok));
  if (!ok) return false;
  std::string_view twice;
  if (HasDuplicate(keys_, first, twice)) {
    Fail(QuarantineReason::kDuplicateKey, "a member stands twice");
    return Under(twice);
  }
  keys_.resize(first);
  return true;
}

bool JsonTokens::CheckArray(uint32_t& token, int depth) {
  if (depth > max_depth) return Fail(QuarantineReason::kTooDeep, "nested too deep");
  bool ok = true;
  ++token;
  if ((*this)[token] == ']') {
    ++token;
    return true;
  }
  int64_t index = 0;
  do {
    if (!Check(token, depth + 1)) return Under(index);
    ++index;
  } while (More(token, ']', ok));
  return ok;
}

void JsonTokens::Skip(uint32_t& token) const {
  int64_t open = 0;
  do {
    const char c = (*this)[token++];
    if (c == '{' || c == '[') ++open;
    if (c == '}' || c == ']') --open;
    if (c == '\0') return;
  } while (open > 0);
}

void JsonTokens::AppendCompact(uint32_t& token, std::string& out) const {
  const uint32_t first = token;
  Skip(token);
  for (uint32_t i = first; i < token; ++i) {
    const char* end = limit(i);
    while (end > begin(i) + 1 && IsJsonSpace(end[-1])) --end;
    out.append(begin(i), end);
  }
}

bool JsonTokens::Fail(QuarantineReason reason, std::string detail) {
  fault = {reason, "", std::move(detail)};
  return false;
}

bool JsonTokens::Unexpected(uint32_t token, std::string_view expected) {
  std::string detail = "expected ";
  detail += expected;
  detail += ", found " + DescribeValue(*this, token);
  if (token < count_) detail += " at byte " + std::to_string(position_[token]);
  return Fail(QuarantineReason::kBadJson, std::move(detail));
}

bool JsonTokens::Misfit(uint32_t token, std::string_view expected) {
  // What is no JSON at all is not a value of another type.
  uint32_t end = token;
  if (!Check(end, 1)) return false;
  std::string detail = "expected ";
  detail += expected;
  return Fail(QuarantineReason::kMisfit, detail + ", found " + DescribeValue(*this, token));
}

bool JsonTokens::Under(std::string_view key) {
  std::string part;
  AppendPointer(key, part);
  fault.pointer.insert(0, part);
  return false;
}

bool JsonTokens::Under(int64_t index) {
  fault.pointer.insert(0, "/" + std::to_string(index));
  return false;
}

JsonNumber ParseJsonNumber(const char* begin, const char* limit, int64_t& whole, double& value) {
  const char* at = begin;
  const bool negative = at < limit && *at == '-';
  if (negative) ++at;
  const char* const first = at;
  uint64_t mantissa = 0;
  while (at < limit && IsJsonDigit(*at))
    mantissa = mantissa * 10 + static_cast<uint64_t>(*at++ - '0');
  auto digits = at - first;
  if (digits == 0 || (*first == '0' && digits > 1)) return JsonNumber::kBad;
  if (at == limit || IsJsonSpace(*at)) {
    if (digits <= 18) {
      whole = negative ? -static_cast<int64_t>(mantissa) : static_cast<int64_t>(mantissa);
      value = negative ? -static_cast<double>(mantissa) : static_cast<double>(mantissa);
      return JsonNumber::kInt64;
    }
    const bool is_int64 = std::from_chars(begin, at, whole).ec == std::errc();
    if (!ParseSlowly(begin, at, value)) return JsonNumber::kBad;
    return is_int64 ? JsonNumber::kInt64 : JsonNumber::kBigInteger;
  }
  int64_t exponent = 0;
  if (*at == '.') {
    const char* const fraction = ++at;
    while (at < limit && IsJsonDigit(*at))
      mantissa = mantissa * 10 + static_cast<uint64_t>(*at++ - '0');
    if (at == fraction) return JsonNumber::kBad;
    digits += at - fraction;
    exponent = fraction - at;
  }
  bool scientific = false;
  if (at < limit && (*at == 'e' || *at == 'E')) {
    scientific = true;
    ++at;
    if (at < limit && (*at == '+' || *at == '-')) ++at;
    const char* const power = at;
    while (at < limit && IsJsonDigit(*at)) ++at;
    if (at == power) return JsonNumber::kBad;
  }
  if (at < limit && !IsJsonSpace(*at)) return JsonNumber::kBad;
  // Exact in doubles, and so is their quotient rounded once.
  if (!scientific && digits <= 18 && mantissa <= uint64_t{1} << 53 && exponent >= -22) {
    value = static_cast<double>(mantissa) / kPowersOfTen[static_cast<size_t>(-exponent)];
    if (negative) value = -value;
    return JsonNumber::kDouble;
  }
  return ParseSlowly(begin, at, value) ? JsonNumber::kDouble : JsonNumber::kBad;
}

bool HasDuplicate(std::vector<std::string_view>& keys, size_t first, std::string_view& twice) {
  const auto begin = keys.begin() + static_cast<ptrdiff_t>(first);
  std::sort(begin, keys.end());
  const auto found = std::adjacent_find(begin, keys.end());
  if (found == keys.end()) return false;
  twice = *found;
  return true;
}

void AppendPointer(std::string_view key, std::string& pointer) {
  pointer += '/';
  for (const char c : key) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer += c;
    }
  }
}

void AppendJsonText(std::string_view text, std::string& out) {
  out += '"';
  size_t done = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, done, i - done);
    done = i + 1;
    constexpr std::string_view kLetters = "btnvfr";  // 8…13; v is not JSON's
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c >= 8 && c <= 13 && c != 11) {
      out += '\\';
      out += kLetters[c - 8u];
    } else {
      constexpr std::string_view kHex = "0123456789abcdef";
      out += "\\u00";
      out += kHex[c >> 4];
      out += kHex[c & 15u];
    }
  }
  out.append(text, done);
  out += '"';
}

void AppendJsonDouble(double value, std::string& out) {
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  const std::string_view text(buffer.data(), static_cast<size_t>(end - buffer.data()));
  out += text;
  if (text.find_first_of(".e") == text.npos) out += ".0";
}

void AppendJsonInt(int64_t value, std::string& out) {
  std::array<char, 24> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  out.append(buffer.data(), end);
}

std::string DescribeValue(const JsonTokens& tokens, uint32_t token) {
  constexpr size_t kLongest = 60;
  const char c = tokens[token];
  if (c == '\0') return "the end";
  if (c == '{') return "an object";
  if (c == '[') return "an array";
  std::string_view text(tokens.begin(token),
                        static_cast<size_t>(tokens.limit(token) - tokens.begin(token)));
  while (text.size() > 1 && IsJsonSpace(text.back())) text.remove_suffix(1);
  std::string shown;
  if (c == '"') shown = "text ";
  if (c == '-' || IsJsonDigit(c)) shown = "number ";
  shown += text.substr(0, kLongest);
  // Not in the middle of a character.
  if (text.size() > kLongest) {
    while (!shown.empty() && (shown.back() & 0xC0) == 0x80) shown.pop_back();
    if (!shown.empty() && (shown.back() & 0x80) != 0) shown.pop_back();
    shown += "…";
  }
  return shown;
}

}  // namespace catchment::stac
