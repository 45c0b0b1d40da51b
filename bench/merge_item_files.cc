// One file of several that `catchment stac write` made; prints rows, seconds and peak MiB:
//   merge_item_files OUT FILE…
// stac_merge_bench runs it.

#include <fmt/core.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <vector>

#include "stac/merge_files.h"

int main(int argc, char** argv) {
  using catchment::stac::MergeItemFiles;
  if (argc < 3) {
    std::fprintf(stderr, "merge_item_files OUT FILE...\n");
    return 2;
  }
  const std::vector<std::filesystem::path> files(argv + 2, argv + argc);
  catchment::stac::MergeOptions options;
  options.file.durable = false;
  options.writer = "bench";
  const auto started = std::chrono::steady_clock::now();
  const auto written = MergeItemFiles(files, argv[1], options);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - started;
  if (!written.ok()) {
    std::fprintf(stderr, "%s\n", written.error().message.c_str());
    return 1;
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  fmt::print("{} {:.3f} {}\n", written->rows, seconds.count(), usage.ru_maxrss / 1024);
  return 0;
}
