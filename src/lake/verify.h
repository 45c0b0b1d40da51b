#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/op_context.h"
#include "base/result.h"
#include "lake/store.h"

namespace catchment::lake {

struct VerifyReport;

struct VerifyOptions {
  bool digests =
      true;  ///< read every object and compare its SHA-256; false: existence and size only
  bool parquet = true;        ///< open every footer, compare row counts
  bool all_versions = false;  ///< objects of every version, not only of head's
  bool vault = true;          ///< the recorded answers of every publish's run too
  /// The packs of the vault that the rows of a data object say bodies lie in; empty: it is none
  /// with such rows. May be null.
  std::function<Result<std::set<std::string>>(const std::filesystem::path&)> packs_of = {};
  /// Called after each thing looked at. May be null.
  std::function<void(const VerifyReport&)> progress = {};
};

struct Finding {
  std::string object;  ///< key
  std::string what;    ///< one line: expected and seen
  std::string remedy;
};

struct VerifyReport {
  int64_t head = 0;
  int64_t manifests = 0;
  int64_t objects = 0;
  int64_t bytes = 0;
  int64_t runs = 0;           ///< publishes whose recorded answers were looked at
  int64_t vault_objects = 0;  ///< of the vault, that something relies on
  int64_t vault_bytes = 0;
  std::vector<Finding> findings;  ///< none: all is well
};

/// Check a dataset: the chain of manifests, checkpoints against the fold, each data object's
/// existence, length, SHA-256, Parquet footer and rows; in the vault each object that a publish's
/// run or a row with a body relies on, once. Objects are read in pieces. Damage is a finding, not
/// an error; an error means that the check could not be done.
Result<VerifyReport> Verify(const ReadStore& store, std::string_view dataset,
                            const VerifyOptions& options, const OpContext& context);

}  // namespace catchment::lake
