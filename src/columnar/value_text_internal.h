#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace catchment::columnar {

/// How the cells of a column are written.
struct CellStyle {
  enum class Kind { kCsv, kJson };
  Kind kind = Kind::kJson;
  char delimiter = ',';            ///< CSV
  std::string null_text = "null";  ///< as it stands
  bool quote_empty_text = false;   ///< CSV: an empty text becomes ""
};

/// The cells of some rows of one column: cell i is bytes [ends[i-1], ends[i]).
struct ColumnText {
  std::string bytes;
  std::vector<uint32_t> ends;

  std::string_view cell(size_t row) const {
    const uint32_t begin = row == 0 ? 0 : ends[row - 1];
    return std::string_view(bytes).substr(begin, ends[row] - begin);
  }
};

/// Write rows [begin, end) of a column, replacing what `text` held. Dictionaries are written as
/// their values. kInvalid: the type has no text form. kCorrupt: text that is not UTF-8.
Status FormatColumn(const arrow::Array& column, int64_t begin, int64_t end, const CellStyle& style,
                    ColumnText& text);

/// Append one value as JSON; times and dates as text, decimals as numbers, bytes base64.
Status AppendJsonValue(const arrow::Array& column, int64_t row, std::string& text);

/// Append `text` in quotes with JSON's escapes.
void AppendJsonText(std::string_view text, std::string& out);

/// The shortest text that reads back the same, with `.` or an exponent; an exponent below 1e-4 and
/// from 1e16 on. Writes at most 32 bytes; returns the end. The value is finite.
char* WriteDouble(double value, char* out);
char* WriteFloat(float value, char* out);
/// Days since 1970 as YYYY-MM-DD; at most 24 bytes.
char* WriteDate(int64_t days, char* out);
/// RFC 3339 with a fraction of 3, 6 or 9 digits if it is not zero; `Z` if `utc`; at most 48 bytes.
char* WriteTimestamp(int64_t value, arrow::TimeUnit::type unit, bool utc, char* out);

/// What to look at if data begin with `<`.
inline constexpr std::string_view kLooksLikeMarkup =
    "this looks like HTML: a login or error page in place of data?";

/// The beginning of a text for a message: whole characters, about 60 bytes, `…` if more followed.
std::string ShortText(std::string_view text);

/// One value for people: text as it is, `null`, else as in JSON.
std::string RenderValue(const arrow::Array& column, int64_t row);

}  // namespace catchment::columnar
