#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "stac/item_bodies.h"

namespace catchment::app {

/// How far a long verb is: `done` of `total` (0: not known) of what `what` names.
using StacProgress = std::function<void(std::string_view what, int64_t done, int64_t total)>;

/// What the verbs of STAC items read.
struct StacInputs {
  std::vector<std::string> inputs;  ///< files, `-` for standard input
  std::string temp_dir;             ///< empty: the system's
  std::stop_token stop;
  StacProgress progress;  ///< called from several threads; may be empty
};

/// Options as words of the command line; docs/stac.md describes them.
struct StacWriteRequest {
  StacInputs from;
  std::string output;            ///< with --split-by collection it holds `{collection}`
  std::string schema = "infer";  ///< or a file
  std::string collection_file;   ///< a Collection document
  std::string split_by;          ///< empty or `collection`
  std::string sort = "hilbert";
  std::string compression = "zstd:9";
  int64_t row_group_rows = 8192;
  std::string on_duplicate = "latest";
  std::string quarantine_file;
  std::string max_quarantine = "0.1%";
  int64_t max_columns = 2000;
  std::string memory = "384MiB";
};

/// One file, written or held back.
struct StacFileAnswer {
  std::string file;
  std::string collection;  ///< only with --split-by
  bool written = false;
  int64_t items = 0, rows = 0, equal = 0, quarantined = 0, bytes = 0;
  std::string sha256;
  /// What is wrong with how many items: `misfit /properties/eo:cloud_cover in 7 items (first …)`.
  std::vector<std::string> reasons;
  /// Members that no column holds.
  std::vector<std::string> unknown;
};

struct StacWriteAnswer {
  std::vector<StacFileAnswer> files;
  int exit_code = 0;  ///< 3: items were quarantined; 4: more than --max-quarantine, nothing written
};

/// Items to files that appear whole or not at all. kInvalid: an option or the schema; kNotFound: an
/// input.
Result<StacWriteAnswer> StacWrite(const StacWriteRequest& request);

/// Open what a verb reads.
Result<std::unique_ptr<stac::ItemBodies>> OpenStacInputs(const StacInputs& from);

/// The schema that inference finds, as a schema file.
Result<std::string> StacSchema(const StacInputs& from, int64_t max_columns);

/// `384MiB`, `1GiB`, `500MB`, `1048576`. kInvalid: anything else.
Result<uint64_t> ParseByteSize(std::string_view text);

}  // namespace catchment::app
