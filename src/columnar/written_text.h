#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "columnar/compress.h"

namespace catchment::columnar {

/// How a text file is put in place.
struct TextFileOptions {
  std::optional<Compression> compression;  ///< null: by the name
  std::optional<int> level;                ///< null: gzip 4, zstd 3
  bool durable = true;                     ///< fsync file and folder before the name appears
  bool replace = true;                     ///< false: kExists if the name is taken
};

struct WrittenText {
  int64_t rows = 0;
  int64_t bytes = 0;  ///< of the file
  std::string sha256;
};

}  // namespace catchment::columnar
