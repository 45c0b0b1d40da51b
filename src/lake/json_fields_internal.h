#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace catchment::lake {

/// Parse JSON text of at most 64 levels. kCorrupt: not JSON, or deeper.
Result<nlohmann::json> ParseBoundedJson(std::string_view text);

/// Write JSON without spaces, keys in order. kInvalid: text that is not UTF-8.
Result<std::string> DumpJson(const nlohmann::json& value);

/// `body`, an object's canonical text, with its SHA-256 as last member `digest`, and a line end.
std::string Seal(std::string_view body);

/// The inverse: the text that was sealed. kCorrupt: no seal, or another byte changed.
Result<std::string> Unseal(std::string_view bytes);

/// Reads the members of a JSON object one by one; every error is kCorrupt and names the member.
/// Done() refuses members that nobody asked for.
class Fields {
 public:
  /// `where` begins each message, e.g. `tables.snapshot`.
  static Result<Fields> Of(const nlohmann::json& value, std::string where);

  Result<std::string> Text(const char* name, size_t longest = 4096);
  /// Text that a missing member leaves empty.
  Result<std::string> OptionalText(const char* name, size_t longest = 4096);
  Result<int64_t> Count(const char* name);
  Result<int64_t> OptionalCount(const char* name);
  Result<bool> Flag(const char* name);
  Result<Time> Moment(const char* name);
  /// 64 lower-case hex digits.
  Result<std::string> Digest(const char* name);
  /// A list of at most `most` entries; a missing one is empty.
  Result<const nlohmann::json*> List(const char* name, size_t most);
  /// An object of at most `most` members; a missing one is empty.
  Result<const nlohmann::json*> Object(const char* name, size_t most);
  /// Any value; null if missing.
  const nlohmann::json* Any(const char* name);
  Status Done() const;
  const std::string& where() const { return where_; }

 private:
  Fields(const nlohmann::json& json, std::string where) : json_(&json), where_(std::move(where)) {}
  Error Wrong(const char* name, std::string_view expected) const;

  const nlohmann::json* json_;
  std::string where_;
  std::set<std::string, std::less<>> asked_;
};

}  // namespace catchment::lake
