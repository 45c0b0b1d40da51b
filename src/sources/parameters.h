#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace catchment::sources {

/// Reads `with:` of one task. Every error is kInvalid, names the task and the key, and says what it
/// may hold.
class Parameters {
 public:
  /// Check that `json` is an object without other keys than `known`. Borrows `json`.
  static Result<Parameters> Make(const nlohmann::json& json, std::string_view task,
                                 std::initializer_list<std::string_view> known);

  bool Has(const std::string& key) const {
    return json_->contains(key) && !(*json_)[key].is_null();
  }
  /// The value as it stands; null if absent.
  const nlohmann::json& At(const std::string& key) const;

  /// Absent keys give the default. Numbers and booleans may also be given as text, as placeholders
  /// leave them.
  Result<std::string> Text(const std::string& key, std::string absent) const;
  Result<bool> Bool(const std::string& key, bool absent) const;
  Result<int64_t> Integer(const std::string& key, int64_t absent, int64_t least,
                          int64_t most) const;
  /// `6h`, `90s`.
  Result<std::chrono::milliseconds> Duration(const std::string& key,
                                             std::chrono::milliseconds absent) const;
  /// A list of texts, or one text.
  Result<std::vector<std::string>> Texts(const std::string& key,
                                         std::vector<std::string> absent) const;

  Error Bad(std::string_view key, std::string_view expected) const;

 private:
  Parameters(const nlohmann::json& json, std::string_view task) : json_(&json), task_(task) {}

  const nlohmann::json* json_;
  std::string task_;
};

}  // namespace catchment::sources
