#pragma once

#include <arrow/type_fwd.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "columnar/table.h"
#include "sources/cmr/day_list.h"

namespace catchment::sources::cmr {

/// `stored`: the body is of the revision that CMR lists. `stale`: it is of an earlier one.
/// `missing`, `quarantined`: there is none that could be used.
enum class LinkState : uint8_t { kStored, kStale, kMissing, kQuarantined };
std::string_view LinkStateName(LinkState state);

/// Where an item's body is; what a row of `links` says besides its granule. Small: there are
/// hundreds of thousands.
struct StoredBody {
  LinkState state = LinkState::kMissing;
  bool has_body = false;
  std::array<char, 32> sha256{};  ///< its bytes
  uint32_t bytes = 0, pack = 0;   ///< `pack` counts in a list of the owner's
  uint32_t offset = 0, length = 0;
  Time fetched_at{};
  std::string etag;
};
std::array<char, 32> DigestBytesOf(std::string_view sha256_hex);
std::string DigestTextOf(const std::array<char, 32>& digest);

std::shared_ptr<arrow::Schema> LinksSchema();

/// Makes `links` row by row.
class LinkRows {
 public:
  LinkRows();
  ~LinkRows();
  /// `pack`: the object's name.
  Status Add(const Granule& granule, const StoredBody& body, const std::string& pack);
  int64_t rows() const;
  /// The rows since the last call.
  Result<std::shared_ptr<arrow::RecordBatch>> Take();

 private:
  struct Members;
  std::unique_ptr<Members> members_;
};

/// The packs that bodies lie in, each with a number.
class PackNames {
 public:
  /// A new one is added.
  uint32_t NumberOf(std::string_view name);
  const std::string& operator[](uint32_t number) const { return names_[number]; }
  const std::vector<std::string>& all() const { return names_; }

 private:
  std::vector<std::string> names_;
  std::map<std::string, uint32_t, std::less<>> numbers_;
};

/// Read what `links` say of bodies, whose packs are numbered in `packs`. kInvalid: a column is
/// missing or of another type.
Status ReadStoredBodies(
    const columnar::Table& links, PackNames& packs,
    const std::function<void(std::string id, Time updated, StoredBody body)>& visit);

/// The packs that the rows of a Parquet file with columns of `links` name; empty: it has none of
/// them. kCorrupt: damaged.
Result<std::set<std::string>> PacksOfFile(const std::filesystem::path& file);

struct MissingItem {
  std::string id;
  Day day{};
  std::string href;
  std::string reason;
  int status = 0;  ///< 0: no answer
  int tries = 0;
};
std::shared_ptr<arrow::Schema> MissingSchema();
Result<columnar::Table> MakeMissing(const std::vector<MissingItem>& rows);

struct QuarantinedItem {
  std::string id;
  std::string sha256;  ///< empty: there is no body
  std::string reason;
  std::string pointer;  ///< JSON pointer; empty: to no value
  std::string detail;
  std::string pack;
  uint64_t offset = 0, length = 0;
};
std::shared_ptr<arrow::Schema> QuarantineSchema();
Result<columnar::Table> MakeQuarantine(const std::vector<QuarantinedItem>& rows);

}  // namespace catchment::sources::cmr
