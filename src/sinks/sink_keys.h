#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace catchment::sinks {

/// Reads what a pipeline says of a sink. Every error is kInvalid and names sink, key and what was
/// expected. `keys` outlives it.
class SinkKeys {
 public:
  SinkKeys(std::string_view kind, const nlohmann::json& keys) : kind_(kind), keys_(keys) {}

  bool Has(const char* name) const { return keys_.is_object() && keys_.contains(name); }
  /// A text that is not empty.
  Result<std::string> Text(const char* name, std::string_view expected) const;
  /// The same; `otherwise` if the key is absent.
  Result<std::string> TextOr(const char* name, std::string_view expected,
                             std::string otherwise) const;
  /// A list of texts, or one text; at least one.
  Result<std::vector<std::string>> Texts(const char* name, std::string_view expected) const;
  /// A list of one-pair maps, in order: `[{DesiredCount: DOUBLE}, …]`.
  Result<std::vector<std::pair<std::string, std::string>>> Pairs(const char* name,
                                                                 std::string_view expected) const;
  /// `to: PLACE/NAME`, split at the last slash.
  Result<std::pair<std::string, std::string>> To(std::string_view expected) const;

 private:
  const nlohmann::json* Find(const char* name) const;
  Error Bad(const char* name, std::string_view expected) const;

  std::string kind_;
  const nlohmann::json& keys_;
};

/// A row that the store does not take, counted from 0 in the batch.
struct RefusedRow {
  int64_t row = 0;
  std::string name;    ///< RowValues::NameOf
  std::string reason;  ///< the store's
};

/// kInvalid: `2 of 250 rows refused: row 3 (Region=US East): reason; …`, the first five by row.
Error RefusedRowsError(int64_t rows, std::vector<RefusedRow> refused);

}  // namespace catchment::sinks
