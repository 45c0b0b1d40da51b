#pragma once

#include <memory>
#include <utility>

#include "columnar/table.h"
#include "core/task.h"

namespace catchment::app {

/// A table as it flows between tasks.
class TableArtifact final : public core::Artifact {
 public:
  explicit TableArtifact(columnar::Table table) : table_(std::move(table)) {}
  int64_t rows() const override { return table_.num_rows(); }
  const columnar::Table& table() const { return table_; }

 private:
  const columnar::Table table_;
};

inline core::ArtifactPtr MakeArtifact(columnar::Table table) {
  return std::make_shared<const TableArtifact>(std::move(table));
}

/// The table of an artifact; every artifact of a run is one.
inline const columnar::Table& TableOf(const core::Artifact& artifact) {
  return static_cast<const TableArtifact&>(artifact).table();
}

}  // namespace catchment::app
