#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/mutex.h"
#include "columnar/sql.h"
#include "columnar/table.h"
#include "core/run_spec.h"
#include "core/run_store.h"
#include "lake/history.h"
#include "lake/manifest.h"
#include "lake/store.h"

namespace catchment::app {

/// What one publish's exports and deliveries are made of: its tables, the rows it added, and the
/// record of its run. Everything comes from the lake, so that any process makes the same; each is
/// read once. Thread-safe. `store` outlives it.
class PublishContents {
 public:
  static Result<std::unique_ptr<PublishContents>> Load(const lake::ReadStore& store,
                                                       const std::string& dataset, int64_t publish);

  const lake::View& view() const { return view_; }
  const lake::Manifest& manifest() const { return manifest_; }

  /// A published table's live rows. kNotFound: there is no such table.
  Result<columnar::Table> Rows(const std::string& table);
  /// The rows that this publish gave to it: of `append` and `partition` those it added, of
  /// `replace` all. None if the publish does not list it.
  Result<columnar::Table> Added(const std::string& table) const;
  /// `tasks`, `memory`, `machine` or `manifest` (run_tables.h).
  Result<columnar::Table> OfRun(const std::string& table);
  /// The run's record as it stands in the lake. kNotFound: it is gone.
  Result<nlohmann::json> Record();

  /// What the run was given. kNotFound: its record is gone.
  Result<nlohmann::json> Parameters();

  /// The rows of a file with one SELECT. It sees `<table>`, `publish.<table>` (rows added) and
  /// `run.<table>`, `$slot` of the publish and the parameters of its run (those of `spec` if its
  /// record is gone). One at a time, by one engine for all.
  Result<columnar::Table> Select(const std::filesystem::path& file, const core::RunSpec& spec);

 private:
  PublishContents(const lake::ReadStore& store, lake::Manifest manifest, lake::View view)
      : store_(store), manifest_(std::move(manifest)), view_(std::move(view)) {}

  Status OpenEngine() REQUIRES(query_mutex_);

  // Constant after construction.
  const lake::ReadStore& store_;
  const lake::Manifest manifest_;
  const lake::View view_;
  // Guarded by mutex_.
  Mutex mutex_;
  std::map<std::string, columnar::Table> read_ GUARDED_BY(mutex_);
  std::optional<nlohmann::json> record_ GUARDED_BY(mutex_);
  // Guarded by query_mutex_, which is taken first.
  Mutex query_mutex_;
  std::unique_ptr<columnar::SqlEngine> engine_ GUARDED_BY(query_mutex_);  // null until asked
};

}  // namespace catchment::app
