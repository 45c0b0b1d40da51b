#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <string_view>

#include "base/result.h"

namespace catchment::columnar {

/// Reads one cell's text into a builder of the type it was made for. False: the text is no such
/// value. The builder is left as it was then.
using CellParser = bool (*)(std::string_view text, arrow::ArrayBuilder& builder);

/// Types: bool, integers, floats, decimals, text, bytes, date32, timestamps (a time without offset
/// is UTC; digits past the unit are cut). kInvalid: another type.
Result<CellParser> ParserFor(const arrow::DataType& type);

/// Accepts what a date32 column does: YYYY-MM-DD. Days since 1970.
bool ParseDate(std::string_view text, int32_t& days);

/// Which types the texts of one column may have; the narrowest that fits all.
class TypeGuess {
 public:
  void Add(std::string_view text);
  /// Without any text: text.
  std::shared_ptr<arrow::DataType> Guess() const;

 private:
  bool any_ = false;
  bool bool_ = true, int_ = true, float_ = true, date_ = true, time_ = true;
};

}  // namespace catchment::columnar
