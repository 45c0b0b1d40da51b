#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/op_context.h"
#include "base/result.h"
#include "lake/manifest.h"
#include "lake/store.h"
#include "lake/verify.h"

namespace catchment::lake {

inline constexpr std::string_view kFromBackup = "restore it from a backup or a replica";

/// Looks at what a dataset relies on in its vault, each object once and in pieces. Not thread-safe.
class VaultCheck {
 public:
  /// What is borrowed outlives it. `report` counts as it goes and has the findings after Finish.
  VaultCheck(const ReadStore& store, std::string_view dataset, const VerifyOptions& options,
             const OpContext& context, VerifyReport& report)
      : store_(store), dataset_(dataset), options_(options), context_(context), report_(report) {}

  /// The answers of a publish's run: its lists of exchanges and what they name.
  Status CheckRun(const Manifest& manifest);

  /// Packs that rows of a table say bodies lie in.
  Status CheckPacks(std::string_view table, const std::set<std::string>& packs);

  /// One finding for each damaged object.
  void Finish();

 private:
  /// What was seen of an object. Damaged: who relies on it.
  struct Seen {
    uint64_t bytes = 0;
    std::string damage, dictionary;
    std::vector<std::string> runs, tables;  // the first of each
    int64_t more_runs = 0;
  };
  struct Relying {
    std::string run, table;  // one of them
  };

  Result<bool> Check(const std::string& object, uint64_t end, bool digest, const Relying& who);
  Result<Seen> Look(const std::string& object, bool digest) const;
  std::string Key(std::string_view object) const;

  // Constant after construction.
  const ReadStore& store_;
  const std::string dataset_;
  const VerifyOptions& options_;
  const OpContext& context_;
  VerifyReport& report_;
  // By name.
  std::map<std::string, Seen> seen_;
};

}  // namespace catchment::lake
