// One file of several that `catchment stac write` made; prints its rows:
//   merge_item_files OUT FILE…
// stac_merge_bench runs it.

#include <fmt/core.h>

#include <cstdio>
#include <filesystem>
#include <vector>

#include "stac/merge_files.h"

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "merge_item_files OUT FILE...\n");
    return 2;
  }
  const std::vector<std::filesystem::path> files(argv + 2, argv + argc);
  catchment::stac::MergeOptions options;
  options.file.durable = false;
  options.writer = "bench";
  const auto written = catchment::stac::MergeItemFiles(files, argv[1], options);
  if (!written.ok()) {
    std::fprintf(stderr, "%s\n", written.error().message.c_str());
    return 1;
  }
  fmt::print("{}\n", written->rows);
  return 0;
}
