#pragma once

#include <string>
#include <vector>

#include "app/lake_publisher.h"
#include "lake/manifest.h"

namespace catchment::app {

/// The export records of a publish: one for each export of the pipeline that this environment has
/// and whose table is published, paths with placeholders filled. `published`: tables this run
/// publishes.
Result<std::vector<lake::ExportRecord>> MakeExportRecords(
    const core::RunSpec& spec, const std::vector<std::string>& published);

/// Write the exports that the dataset's publishes owe, oldest first, under the lease
/// `export:DATASET`. One that cannot be written is counted in `exports_owed` with a note, and tried
/// again by the next run. Held by another process: a note, no error.
Status WriteOwedExports(const core::RunSpec& spec, const PublisherServices& services,
                        const OpContext& context, core::FinishResult& result);

/// Write the exports of one publish again, done or not. Returns the paths written.
Result<std::vector<std::string>> RewriteExports(const core::RunSpec& spec,
                                                const PublisherServices& services, int64_t publish,
                                                bool takeover);

}  // namespace catchment::app
