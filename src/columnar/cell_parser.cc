#include <arrow/builder.h>
#include <arrow/type.h>
#include <arrow/util/decimal.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "base/time.h"
#include "columnar/cell_parser_internal.h"
#include "columnar/schema.h"

namespace catchment::columnar {
namespace {

template <typename Number>
bool ParseNumber(std::string_view text, Number& value) {
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && at == end;
}

template <typename Builder, typename Number>
bool NumberCell(std::string_view text, arrow::ArrayBuilder& builder) {
  Number value{};
  return ParseNumber(text, value) && static_cast<Builder&>(builder).Append(value).ok();
}

bool BoolCell(std::string_view text, arrow::ArrayBuilder& builder) {
  const bool yes = text == "true" || text == "True" || text == "TRUE" || text == "1";
  const bool no = text == "false" || text == "False" || text == "FALSE" || text == "0";
  return (yes || no) && static_cast<arrow::BooleanBuilder&>(builder).Append(yes).ok();
}

bool TextCell(std::string_view text, arrow::ArrayBuilder& builder) {
  return static_cast<arrow::StringBuilder&>(builder).Append(text).ok();
}

bool BytesCell(std::string_view text, arrow::ArrayBuilder& builder) {
  return static_cast<arrow::BinaryBuilder&>(builder).Append(text).ok();
}

bool DateCell(std::string_view text, arrow::ArrayBuilder& builder) {
  int32_t days = 0;
  return ParseDate(text, days) && static_cast<arrow::Date32Builder&>(builder).Append(days).ok();
}

bool Digits(std::string_view text, size_t at, size_t count, int& value) {
  value = 0;
  for (size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = 10 * value + (text[i] - '0');
  }
  return true;
}

/// `2026-01-28T00:10:00Z`, the form that we write, without the general parser.
bool ParseWholeSecond(std::string_view text, int64_t& microseconds) {
  int32_t days = 0;
  int hour = 0, minute = 0, second = 0;
  if (text.size() != 20 || text[10] != 'T' || text[13] != ':' || text[16] != ':' || text[19] != 'Z')
    return false;
  if (!ParseDate(text.substr(0, 10), days) || !Digits(text, 11, 2, hour) ||
      !Digits(text, 14, 2, minute) || !Digits(text, 17, 2, second) || hour > 23 || minute > 59 ||
      second > 59) {
    return false;
  }
  if (days < -106'000 || days > 106'000) return false;  // ParseTime knows its limits
  microseconds =
      ((days * int64_t{24} + hour) * 60 + minute) * 60'000'000 + second * int64_t{1'000'000};
  return true;
}

bool ParseMoment(std::string_view text, int64_t& microseconds) {
  if (ParseWholeSecond(text, microseconds)) return true;
  const Result<Time> time = ParseTime(text);
  if (!time.ok()) return false;
  microseconds = time->time_since_epoch().count();
  return true;
}

bool MomentCell(std::string_view text, arrow::ArrayBuilder& builder) {
  int64_t value = 0;
  if (!ParseMoment(text, value)) return false;
  const std::chrono::microseconds time(value);
  switch (static_cast<const arrow::TimestampType&>(*builder.type()).unit()) {
    case arrow::TimeUnit::SECOND:
      value = std::chrono::floor<std::chrono::seconds>(time).count();
      break;
    case arrow::TimeUnit::MILLI:
      value = std::chrono::floor<std::chrono::milliseconds>(time).count();
      break;
    case arrow::TimeUnit::MICRO:
      break;
    case arrow::TimeUnit::NANO:
      if (value > INT64_MAX / 1000 || value < INT64_MIN / 1000) return false;
      value *= 1000;
      break;
  }
  return static_cast<arrow::TimestampBuilder&>(builder).Append(value).ok();
}

bool DecimalCell(std::string_view text, arrow::ArrayBuilder& builder) {
  const auto& type = static_cast<const arrow::Decimal128Type&>(*builder.type());
  arrow::Decimal128 value;
  int32_t precision = 0, scale = 0;
  if (!arrow::Decimal128::FromString(text, &value, &precision, &scale).ok()) return false;
  const auto scaled = value.Rescale(scale, type.scale());
  if (!scaled.ok() || !scaled->FitsInPrecision(type.precision())) return false;
  return static_cast<arrow::Decimal128Builder&>(builder).Append(*scaled).ok();
}

bool IsWhole(std::string_view text) {
  int64_t value = 0;
  if (!ParseNumber(text, value)) return false;
  // 007 is a name, not a number.
  const std::string_view digits = text.substr(text.front() == '-' ? 1 : 0);
  return digits.size() == 1 || digits.front() != '0';
}

bool IsFloat(std::string_view text) {
  double value = 0;
  const std::string_view digits = text.substr(text.front() == '-' ? 1 : 0);
  const bool code = digits.size() > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9';
  const bool word = digits.empty() || (digits[0] != '.' && (digits[0] < '0' || digits[0] > '9'));
  return !code && !word && ParseNumber(text, value);
}

}  // namespace

bool ParseDate(std::string_view text, int32_t& days) {
  int year = 0, month = 0, day = 0;
  if (text.size() != 10 || text[4] != '-' || text[7] != '-' || !Digits(text, 0, 4, year) ||
      !Digits(text, 5, 2, month) || !Digits(text, 8, 2, day)) {
    return false;
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return false;
  days = static_cast<int32_t>(std::chrono::sys_days(date).time_since_epoch().count());
  return true;
}

Result<CellParser> ParserFor(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::BOOL:
      return CellParser(BoolCell);
    case arrow::Type::INT8:
      return CellParser(NumberCell<arrow::Int8Builder, int8_t>);
    case arrow::Type::INT16:
      return CellParser(NumberCell<arrow::Int16Builder, int16_t>);
    case arrow::Type::INT32:
      return CellParser(NumberCell<arrow::Int32Builder, int32_t>);
    case arrow::Type::INT64:
      return CellParser(NumberCell<arrow::Int64Builder, int64_t>);
    case arrow::Type::UINT8:
      return CellParser(NumberCell<arrow::UInt8Builder, uint8_t>);
    case arrow::Type::UINT16:
      return CellParser(NumberCell<arrow::UInt16Builder, uint16_t>);
    case arrow::Type::UINT32:
      return CellParser(NumberCell<arrow::UInt32Builder, uint32_t>);
    case arrow::Type::UINT64:
      return CellParser(NumberCell<arrow::UInt64Builder, uint64_t>);
    case arrow::Type::FLOAT:
      return CellParser(NumberCell<arrow::FloatBuilder, float>);
    case arrow::Type::DOUBLE:
      return CellParser(NumberCell<arrow::DoubleBuilder, double>);
    case arrow::Type::STRING:
      return CellParser(TextCell);
    case arrow::Type::BINARY:
      return CellParser(BytesCell);
    case arrow::Type::DATE32:
      return CellParser(DateCell);
    case arrow::Type::TIMESTAMP:
      return CellParser(MomentCell);
    case arrow::Type::DECIMAL128:
      return CellParser(DecimalCell);
    default:
      return Invalid("type {} cannot be read from one text", TypeName(type));
  }
}

void TypeGuess::Add(std::string_view text) {
  any_ = true;
  if (text.empty()) {
    bool_ = int_ = float_ = date_ = time_ = false;
    return;
  }
  bool_ = bool_ && (text == "true" || text == "false" || text == "True" || text == "False");
  int_ = int_ && IsWhole(text);
  float_ = float_ && IsFloat(text);
  int32_t days = 0;
  date_ = date_ && ParseDate(text, days);
  int64_t moment = 0;
  time_ = time_ && text.size() >= 16 && ParseMoment(text, moment);
}

std::shared_ptr<arrow::DataType> TypeGuess::Guess() const {
  if (!any_) return arrow::utf8();
  if (bool_) return arrow::boolean();
  if (int_) return arrow::int64();
  if (float_) return arrow::float64();
  if (date_) return arrow::date32();
  if (time_) return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
  return arrow::utf8();
}

}  // namespace catchment::columnar
