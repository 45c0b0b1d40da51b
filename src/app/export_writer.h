#pragma once

#include <span>
#include <string>
#include <vector>

#include "app/lake_publisher.h"
#include "lake/manifest.h"

namespace catchment::app {

/// The export records of a publish: one for each export of the pipeline that this environment has
/// and whose table is published or given by its task, paths with placeholders filled. `published`:
/// tables this run publishes; `outputs`: what its tasks gave (null: not known yet, all that they
/// may give). An export whose path names a count that no report has is left out.
Result<std::vector<lake::ExportRecord>> MakeExportRecords(const core::RunSpec& spec,
                                                          const std::vector<std::string>& published,
                                                          const core::Artifacts* outputs,
                                                          std::span<const SourceReport> reports);

/// Look at the paths that the run's exports would take, before anything is collected. kInvalid: one
/// belongs to another dataset, and `spec.takeover` is not set.
Status CheckExportPaths(const core::RunSpec& spec, const PublisherServices& services);

/// A Parquet file at an export's path that no publish wrote.
struct ForeignFile {
  std::string path;
  int64_t rows = 0;
};
/// Those at the paths of the exports of a published table.
Result<std::vector<ForeignFile>> ForeignFiles(const core::RunSpec& spec,
                                              const PublisherServices& services,
                                              const std::string& table);

/// What is said where such a file has more rows than the one in its place would have: `than` is
/// `12 of a/b 2026-08`.
std::string ForeignFileHasMore(const ForeignFile& file, const std::string& than);

/// One line for each export `from:` a task that gave no table.
std::vector<std::string> SkippedExports(const core::RunSpec& spec, const core::Artifacts& outputs);

/// Of the outputs those that exports show.
core::Artifacts TablesOfExports(const core::Pipeline& pipeline, const core::Artifacts& outputs);

/// Write the exports that the dataset's publishes owe, oldest first, under the lease
/// `export:DATASET`. One that cannot be written is counted in `exports_owed` with a note, and tried
/// again by the next run. What tasks of an earlier process gave is made again from the run's record
/// and the vault. Held by another process: a note, no error.
Status WriteOwedExports(const core::RunSpec& spec, const PublisherServices& services,
                        const KeptTables& kept, const OpContext& context,
                        core::FinishResult& result);

/// Write the exports of one publish again, done or not. Returns the paths written.
Result<std::vector<std::string>> RewriteExports(const core::RunSpec& spec,
                                                const PublisherServices& services, int64_t publish,
                                                bool takeover);

}  // namespace catchment::app
