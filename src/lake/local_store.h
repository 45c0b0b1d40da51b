#pragma once

#include <filesystem>
#include <memory>

#include "lake/store.h"

namespace catchment::lake {

/// A store in a folder of this machine. Keys are paths below it.
///
/// A write is a temporary file (`.tmp-…`), fsync, `link` or `rename`, fsync of the folder. No
/// symbolic link below the root is ever followed, so no key leads out of it; the root itself may be
/// one. Thread-safe, and safe among processes.
class LocalStore {
 public:
  /// kNotFound: no such folder. kInvalid: not a folder.
  static Result<std::unique_ptr<ReadStore>> OpenRead(const std::filesystem::path& root);

  /// Creates the folder if absent. kDenied: it cannot be written.
  static Result<std::unique_ptr<WriteStore>> OpenWrite(const std::filesystem::path& root);
};

}  // namespace catchment::lake
