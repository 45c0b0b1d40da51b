#include <arrow/array.h>
#include <arrow/type.h>
#include <arrow/util/base64.h>
#include <arrow/util/decimal.h>
#include <simdjson.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "columnar/arrow_status.h"
#include "columnar/schema.h"
#include "columnar/value_text_internal.h"

namespace catchment::columnar {
namespace {

// The widest number: a decimal of 76 digits with sign, point and leading zero.
constexpr size_t kCellBytes = 96;
constexpr size_t kIntegerBytes = 24;
constexpr size_t kFloatBytes = 32;

char* WritePadded(int64_t value, int width, char* out) {
  char digits[24];
  char* const end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  for (int i = static_cast<int>(end - digits); i < width; ++i) *out++ = '0';
  std::memcpy(out, digits, static_cast<size_t>(end - digits));
  return out + (end - digits);
}

char* WriteTwo(int64_t value, char* out) {
  *out++ = static_cast<char>('0' + value / 10);
  *out++ = static_cast<char>('0' + value % 10);
  return out;
}

/// Lay out digits d and a decimal exponent (value = d.ddd × 10^exponent).
char* LayOut(const char* digits, int count, int exponent, char* out) {
  if (exponent < -4 || exponent >= 16) {
    *out++ = digits[0];
    if (count > 1) {
      *out++ = '.';
      std::memcpy(out, digits + 1, static_cast<size_t>(count - 1));
      out += count - 1;
    }
    *out++ = 'e';
    *out++ = exponent < 0 ? '-' : '+';
    return WritePadded(std::abs(exponent), 2, out);
  }
  if (exponent < 0) {
    *out++ = '0';
    *out++ = '.';
    for (int i = -1; i > exponent; --i) *out++ = '0';
    std::memcpy(out, digits, static_cast<size_t>(count));
    return out + count;
  }
  for (int i = 0; i <= exponent; ++i) *out++ = i < count ? digits[i] : '0';
  *out++ = '.';
  if (count <= exponent + 1) {
    *out++ = '0';
    return out;
  }
  std::memcpy(out, digits + exponent + 1, static_cast<size_t>(count - exponent - 1));
  return out + (count - exponent - 1);
}

template <typename Float>
char* WriteShortest(Float value, char* out) {
  char text[40];
  const char* const end =
      std::to_chars(text, text + sizeof text, value, std::chars_format::scientific).ptr;
  char digits[24];
  int count = 0;
  const char* at = text;
  if (*at == '-') {
    *out++ = '-';
    ++at;
  }
  for (; at != end && *at != 'e'; ++at) {
    if (*at != '.') digits[count++] = *at;
  }
  int exponent = 0;
  ++at;
  if (at != end && *at == '+') ++at;
  std::from_chars(at, end, exponent);
  return LayOut(digits, count, exponent, out);
}

bool IsSpecial(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; }

void AppendEscape(char c, std::string& out) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    default:
      break;
  }
  static constexpr char kDigits[] = "0123456789abcdef";
  out += "\\u00";
  out += kDigits[static_cast<unsigned char>(c) >> 4];
  out += kDigits[static_cast<unsigned char>(c) & 15];
}

void AppendCsvText(std::string_view text, const CellStyle& style, std::string& out) {
  bool quote = text.empty() && style.quote_empty_text;
  for (const char c : text) {
    quote |= c == '"' || c == style.delimiter || c == '\n' || c == '\r';
  }
  // A text that would read back as a null is told from it by quotes.
  quote |= !style.null_text.empty() && text == style.null_text;
  if (!quote) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

/// Run `write(row, out)` for each value that is not null; it writes at most `Most` bytes, or the
/// null text, and returns the end.
template <size_t Most = kCellBytes, typename Write>
void FormatFixed(const arrow::Array& column, int64_t begin, int64_t end, const CellStyle& style,
                 ColumnText& text, Write write) {
  const size_t cell_bytes = std::max(Most, style.null_text.size());
  text.bytes.resize(static_cast<size_t>(end - begin) * cell_bytes);
  char* const first = text.bytes.data();
  char* out = first;
  const bool nulls = column.null_count() > 0;
  for (int64_t row = begin; row < end; ++row) {
    if (nulls && column.IsNull(row)) {
      std::memcpy(out, style.null_text.data(), style.null_text.size());
      out += style.null_text.size();
    } else {
      out = write(row, out);
    }
    text.ends.push_back(static_cast<uint32_t>(out - first));
  }
  text.bytes.resize(static_cast<size_t>(out - first));
}

template <typename Type>
void FormatIntegers(const arrow::Array& column, int64_t begin, int64_t end, const CellStyle& style,
                    ColumnText& text) {
  const auto* values = static_cast<const arrow::NumericArray<Type>&>(column).raw_values();
  FormatFixed<kIntegerBytes>(column, begin, end, style, text, [values](int64_t row, char* out) {
    return std::to_chars(out, out + kIntegerBytes, values[row]).ptr;
  });
}

char* WriteLiteral(std::string_view literal, char* out) {
  std::memcpy(out, literal.data(), literal.size());
  return out + literal.size();
}

char* WriteNotFinite(double value, bool json, const CellStyle& style, char* out) {
  if (json) return WriteLiteral(style.null_text.substr(0, kCellBytes), out);
  if (std::isnan(value)) return WriteLiteral("NaN", out);
  return WriteLiteral(value > 0 ? "Infinity" : "-Infinity", out);
}

template <typename Array>
void FormatFloats(const arrow::Array& column, int64_t begin, int64_t end, const CellStyle& style,
                  ColumnText& text) {
  const auto* values = static_cast<const Array&>(column).raw_values();
  const bool json = style.kind == CellStyle::Kind::kJson;
  // Neighbours are often equal (the zones of a region have one price): digits are found once. Bits
  // are compared, so that 0 and -0 differ.
  std::array<char, kFloatBytes> last_text;
  size_t last_size = 0;
  std::decay_t<decltype(*values)> last{};
  FormatFixed<kFloatBytes>(column, begin, end, style, text, [&](int64_t row, char* out) {
    const auto value = values[row];
    if (!std::isfinite(value)) return WriteNotFinite(value, json, style, out);
    if (last_size == 0 || std::memcmp(&value, &last, sizeof value) != 0) {
      last_size = static_cast<size_t>(WriteShortest(value, last_text.data()) - last_text.data());
      last = value;
    }
    return WriteLiteral({last_text.data(), last_size}, out);
  });
}

/// Times and dates: quoted in JSON.
template <typename Write>
void FormatMoments(const arrow::Array& column, int64_t begin, int64_t end, const CellStyle& style,
                   ColumnText& text, Write write) {
  const bool json = style.kind == CellStyle::Kind::kJson;
  FormatFixed(column, begin, end, style, text, [&](int64_t row, char* out) {
    if (json) *out++ = '"';
    out = write(row, out);
    if (json) *out++ = '"';
    return out;
  });
}

template <typename Array>
Status FormatTexts(const arrow::Array& column, int64_t begin, int64_t end, const CellStyle& style,
                   ColumnText& text) {
  const auto& texts = static_cast<const Array&>(column);
  const bool nulls = column.null_count() > 0;
  const bool json = style.kind == CellStyle::Kind::kJson;
  for (int64_t row = begin; row < end; ++row) {
    if (nulls && column.IsNull(row)) {
      text.bytes += style.null_text;
    } else if (json) {
      AppendJsonText(texts.GetView(row), text.bytes);
    } else {
      AppendCsvText(texts.GetView(row), style, text.bytes);
    }
    text.ends.push_back(static_cast<uint32_t>(text.bytes.size()));
  }
  if (!simdjson::validate_utf8(text.bytes)) return Corrupt("text that is not UTF-8");
  return {};
}

/// Nested and rare types, one value at a time.
Status FormatOthers(const arrow::Array& column, int64_t begin, int64_t end, const CellStyle& style,
                    ColumnText& text) {
  std::string value;
  for (int64_t row = begin; row < end; ++row) {
    if (column.IsNull(row)) {
      text.bytes += style.null_text;
    } else {
      value.clear();
      RETURN_IF_ERROR(AppendJsonValue(column, row, value));
      if (style.kind == CellStyle::Kind::kJson) {
        text.bytes += value;
      } else {
        const bool quoted = value.size() >= 2 && value.front() == '"';
        AppendCsvText(
            quoted ? std::string_view(value).substr(1, value.size() - 2) : std::string_view(value),
            style, text.bytes);
      }
    }
    if (text.bytes.size() > UINT32_MAX / 2) return Invalid("one batch has over 2 GiB of text");
    text.ends.push_back(static_cast<uint32_t>(text.bytes.size()));
  }
  return {};
}

template <typename List>
Status AppendJsonList(const arrow::Array& column, int64_t row, std::string& text) {
  const auto& list = static_cast<const List&>(column);
  text += '[';
  for (int64_t i = list.value_offset(row); i < list.value_offset(row + 1); ++i) {
    if (i > list.value_offset(row)) text += ',';
    RETURN_IF_ERROR(AppendJsonValue(*list.values(), i, text));
  }
  text += ']';
  return {};
}

Status AppendJsonStruct(const arrow::Array& column, int64_t row, std::string& text) {
  const auto& record = static_cast<const arrow::StructArray&>(column);
  text += '{';
  for (int i = 0; i < record.num_fields(); ++i) {
    if (i > 0) text += ',';
    AppendJsonText(record.type()->field(i)->name(), text);
    text += ':';
    RETURN_IF_ERROR(AppendJsonValue(*record.field(i), row, text));
  }
  text += '}';
  return {};
}

template <typename Array>
void AppendBase64(const arrow::Array& column, int64_t row, std::string& text) {
  text += '"';
  text += arrow::util::base64_encode(static_cast<const Array&>(column).GetView(row));
  text += '"';
}

/// Put the point into the digits of a whole number; never an exponent, which Arrow would use for
/// small values.
char* WriteDecimal(std::string digits, int scale, char* out) {
  if (digits.front() == '-') {
    *out++ = '-';
    digits.erase(0, 1);
  }
  if (scale < 0) digits.append(static_cast<size_t>(std::min(-scale, 38)), '0');
  if (scale <= 0) return WriteLiteral(digits, out);
  const auto places = static_cast<size_t>(scale);
  if (digits.size() <= places) digits.insert(0, places + 1 - digits.size(), '0');
  out = WriteLiteral(std::string_view(digits).substr(0, digits.size() - places), out);
  *out++ = '.';
  return WriteLiteral(std::string_view(digits).substr(digits.size() - places), out);
}

char* WriteTimeOfDay(int64_t value, arrow::TimeUnit::type unit, char* out) {
  // The time of 1970-01-01 without date and `T`.
  char moment[64];
  const char* const end = WriteTimestamp(value, unit, false, moment);
  return WriteLiteral(std::string_view(moment, static_cast<size_t>(end - moment)).substr(11), out);
}

}  // namespace

char* WriteDouble(double value, char* out) { return WriteShortest(value, out); }
char* WriteFloat(float value, char* out) { return WriteShortest(value, out); }

char* WriteDate(int64_t days, char* out) {
  // Howard Hinnant's civil_from_days: eras of 400 years that begin on 1 March.
  const int64_t shifted = days + 719'468;
  const int64_t era = (shifted >= 0 ? shifted : shifted - 146'096) / 146'097;
  const int64_t day_of_era = shifted - era * 146'097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month_from_march = (5 * day_of_year + 2) / 153;
  const int64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  const int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
  if (year < 0) {
    *out++ = '-';
    year = -year;
  }
  out = WritePadded(year, 4, out);
  *out++ = '-';
  out = WriteTwo(month, out);
  *out++ = '-';
  return WriteTwo(day, out);
}

char* WriteTimestamp(int64_t value, arrow::TimeUnit::type unit, bool utc, char* out) {
  static constexpr int64_t kPerSecond[] = {1, 1'000, 1'000'000, 1'000'000'000};
  static constexpr int kDigits[] = {0, 3, 6, 9};
  const int64_t per_second = kPerSecond[unit];
  int64_t fraction = value % per_second;
  int64_t seconds = value / per_second;
  if (fraction < 0) {
    fraction += per_second;
    --seconds;
  }
  int64_t days = seconds / 86'400;
  int64_t of_day = seconds % 86'400;
  if (of_day < 0) {
    of_day += 86'400;
    --days;
  }
  out = WriteDate(days, out);
  *out++ = 'T';
  out = WriteTwo(of_day / 3600, out);
  *out++ = ':';
  out = WriteTwo(of_day / 60 % 60, out);
  *out++ = ':';
  out = WriteTwo(of_day % 60, out);
  if (fraction != 0) {
    int digits = kDigits[unit];
    while (digits > 3 && fraction % 1000 == 0) {
      fraction /= 1000;
      digits -= 3;
    }
    *out++ = '.';
    out = WritePadded(fraction, digits, out);
  }
  if (utc) *out++ = 'Z';
  return out;
}

void AppendJsonText(std::string_view text, std::string& out) {
  out += '"';
  size_t done = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!IsSpecial(text[i])) continue;
    out.append(text, done, i - done);
    AppendEscape(text[i], out);
    done = i + 1;
  }
  out.append(text, done);
  out += '"';
}

Status AppendJsonValue(const arrow::Array& column, int64_t row, std::string& text) {
  if (column.IsNull(row)) {
    text += "null";
    return {};
  }
  switch (column.type_id()) {
    case arrow::Type::LIST:
      return AppendJsonList<arrow::ListArray>(column, row, text);
    case arrow::Type::LARGE_LIST:
      return AppendJsonList<arrow::LargeListArray>(column, row, text);
    case arrow::Type::STRUCT:
      return AppendJsonStruct(column, row, text);
    case arrow::Type::BINARY:
      AppendBase64<arrow::BinaryArray>(column, row, text);
      return {};
    case arrow::Type::LARGE_BINARY:
      AppendBase64<arrow::LargeBinaryArray>(column, row, text);
      return {};
    case arrow::Type::FIXED_SIZE_BINARY:
      AppendBase64<arrow::FixedSizeBinaryArray>(column, row, text);
      return {};
    case arrow::Type::DICTIONARY: {
      const auto& dictionary = static_cast<const arrow::DictionaryArray&>(column);
      return AppendJsonValue(*dictionary.dictionary(), dictionary.GetValueIndex(row), text);
    }
    default:
      break;
  }
  ColumnText cell;
  RETURN_IF_ERROR(FormatColumn(column, row, row + 1, CellStyle{}, cell));
  text += cell.bytes;
  return {};
}

Status FormatColumn(const arrow::Array& column, int64_t begin, int64_t end, const CellStyle& style,
                    ColumnText& text) {
  text.bytes.clear();
  text.ends.clear();
  switch (column.type_id()) {
    case arrow::Type::NA:
      FormatFixed(column, begin, end, style, text, [&](int64_t, char* out) { return out; });
      return {};
    case arrow::Type::BOOL: {
      const auto& values = static_cast<const arrow::BooleanArray&>(column);
      FormatFixed(column, begin, end, style, text, [&](int64_t row, char* out) {
        return WriteLiteral(values.Value(row) ? "true" : "false", out);
      });
      return {};
    }
    case arrow::Type::INT8:
      FormatIntegers<arrow::Int8Type>(column, begin, end, style, text);
      return {};
    case arrow::Type::INT16:
      FormatIntegers<arrow::Int16Type>(column, begin, end, style, text);
      return {};
    case arrow::Type::INT32:
      FormatIntegers<arrow::Int32Type>(column, begin, end, style, text);
      return {};
    case arrow::Type::INT64:
      FormatIntegers<arrow::Int64Type>(column, begin, end, style, text);
      return {};
    case arrow::Type::UINT8:
      FormatIntegers<arrow::UInt8Type>(column, begin, end, style, text);
      return {};
    case arrow::Type::UINT16:
      FormatIntegers<arrow::UInt16Type>(column, begin, end, style, text);
      return {};
    case arrow::Type::UINT32:
      FormatIntegers<arrow::UInt32Type>(column, begin, end, style, text);
      return {};
    case arrow::Type::UINT64:
      FormatIntegers<arrow::UInt64Type>(column, begin, end, style, text);
      return {};
    case arrow::Type::FLOAT:
      FormatFloats<arrow::FloatArray>(column, begin, end, style, text);
      return {};
    case arrow::Type::DOUBLE:
      FormatFloats<arrow::DoubleArray>(column, begin, end, style, text);
      return {};
    case arrow::Type::STRING:
      return FormatTexts<arrow::StringArray>(column, begin, end, style, text);
    case arrow::Type::LARGE_STRING:
      return FormatTexts<arrow::LargeStringArray>(column, begin, end, style, text);
    case arrow::Type::STRING_VIEW:
      return FormatTexts<arrow::StringViewArray>(column, begin, end, style, text);
    case arrow::Type::DATE32: {
      const auto* values = static_cast<const arrow::Date32Array&>(column).raw_values();
      FormatMoments(column, begin, end, style, text,
                    [=](int64_t row, char* out) { return WriteDate(values[row], out); });
      return {};
    }
    case arrow::Type::TIMESTAMP: {
      const auto& type = static_cast<const arrow::TimestampType&>(*column.type());
      const auto* values = static_cast<const arrow::TimestampArray&>(column).raw_values();
      FormatMoments(column, begin, end, style, text, [&](int64_t row, char* out) {
        return WriteTimestamp(values[row], type.unit(), !type.timezone().empty(), out);
      });
      return {};
    }
    case arrow::Type::TIME64: {
      const auto unit = static_cast<const arrow::Time64Type&>(*column.type()).unit();
      const auto* values = static_cast<const arrow::Time64Array&>(column).raw_values();
      FormatMoments(column, begin, end, style, text,
                    [=](int64_t row, char* out) { return WriteTimeOfDay(values[row], unit, out); });
      return {};
    }
    case arrow::Type::DECIMAL128: {
      const auto& values = static_cast<const arrow::Decimal128Array&>(column);
      const int scale = static_cast<const arrow::Decimal128Type&>(*column.type()).scale();
      FormatFixed(column, begin, end, style, text, [&](int64_t row, char* out) {
        return WriteDecimal(arrow::Decimal128(values.GetValue(row)).ToIntegerString(), scale, out);
      });
      return {};
    }
    case arrow::Type::LIST:
    case arrow::Type::LARGE_LIST:
    case arrow::Type::STRUCT:
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::FIXED_SIZE_BINARY:
    case arrow::Type::DICTIONARY:
      return FormatOthers(column, begin, end, style, text);
    default:
      return Invalid("type {} has no text form; cast it to text", TypeName(*column.type()));
  }
}

std::string ShortText(std::string_view text) {
  constexpr size_t kShown = 60;
  if (text.size() <= kShown) return std::string(text);
  size_t end = kShown;
  while (end > 0 && (text[end] & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "…";
}

std::string RenderValue(const arrow::Array& column, int64_t row) {
  if (column.type_id() == arrow::Type::STRING && !column.IsNull(row)) {
    return static_cast<const arrow::StringArray&>(column).GetString(row);
  }
  std::string text;
  const Status status = AppendJsonValue(column, row, text);
  if (!status.ok()) return status.error().message;
  const bool quoted = text.size() >= 2 && text.front() == '"';
  return quoted ? text.substr(1, text.size() - 2) : text;
}

}  // namespace catchment::columnar
