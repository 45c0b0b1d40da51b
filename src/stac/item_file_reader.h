#pragma once

#include <arrow/type_fwd.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "stac/geo_metadata.h"
#include "stac/item_schema.h"

namespace parquet {
class ParquetFileReader;
}  // namespace parquet

namespace catchment::stac {

/// Reads a GeoParquet file of items, group by group; ours or another writer's. Not thread-safe.
class ItemFileReader {
 public:
  /// kNotFound, kDenied: of the file. kCorrupt: no Parquet, or damaged. kInvalid: a column that no
  /// item has.
  static Result<std::unique_ptr<ItemFileReader>> Open(const std::filesystem::path& path);
  ~ItemFileReader();

  /// `added` is from the footer's key `catchment`.
  const ItemSchema& schema() const;
  const std::string& name() const;
  int64_t rows() const;
  int groups() const;
  /// The footer's value of a key; null: there is none.
  const std::string* Metadata(const std::string& key) const;
  /// What the footer says of a file of ours; nothing: another's.
  const std::optional<ItemFileFacts>& facts() const;
  uint32_t footer_bytes() const;

  /// The rows of one group; `columns` empty: all of them.
  Result<std::shared_ptr<arrow::RecordBatch>> ReadGroup(
      int group, const std::vector<std::string>& columns = {});

  /// The next rows of the file, `rows` at most; null after the last. Holds little more than these.
  Result<std::shared_ptr<arrow::RecordBatch>> ReadNext(int64_t rows);

  /// Parquet's view of the file. What it throws is the caller's to catch.
  parquet::ParquetFileReader& parquet() const;

 private:
  struct State;
  explicit ItemFileReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace catchment::stac
