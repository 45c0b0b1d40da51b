#include "base/parallel_for.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace catchment {

Status ParallelFor(size_t count, size_t threads, const std::function<Status(size_t)>& work) {
  std::vector<Status> results(count);  // each entry is one thread's until all have ended
  std::atomic<size_t> next = 0;
  const auto run = [&] {
    for (size_t number = next++; number < count; number = next++) {
      results[number] = work(number);
      if (!results[number].ok()) next = count;
    }
  };
  {
    std::vector<std::jthread> helpers;
    while (helpers.size() + 1 < std::min(count, threads)) helpers.emplace_back(run);
    run();
  }
  for (Status& result : results) RETURN_IF_ERROR(std::move(result));
  return {};
}

}  // namespace catchment
