#pragma once

#include <memory>
#include <utility>

#include "columnar/table.h"
#include "core/task.h"

namespace catchment::app {

/// A table as it flows between tasks.
class TableArtifact final : public core::Artifact {
 public:
  TableArtifact(columnar::Table table, bool finished)
      : table_(std::move(table)), finished_(finished) {}
  int64_t rows() const override { return table_.num_rows(); }
  const columnar::Table& table() const { return table_; }
  /// Whether its files are published byte for byte, in their own order.
  bool finished() const { return finished_; }

 private:
  const columnar::Table table_;
  const bool finished_;
};

inline core::ArtifactPtr MakeArtifact(columnar::Table table) {
  return std::make_shared<const TableArtifact>(std::move(table), false);
}

/// Of a table whose Parquet files in the run's work folder are what is to be published: nothing is
/// sorted, cast or written again.
inline core::ArtifactPtr MakeFinishedArtifact(columnar::Table table) {
  return std::make_shared<const TableArtifact>(std::move(table), true);
}

/// The table of an artifact; every artifact of a run is one.
inline const columnar::Table& TableOf(const core::Artifact& artifact) {
  return static_cast<const TableArtifact&>(artifact).table();
}
inline bool IsFinished(const core::Artifact& artifact) {
  return static_cast<const TableArtifact&>(artifact).finished();
}

}  // namespace catchment::app
