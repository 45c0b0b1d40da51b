#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace catchment::bench {

/// Milliseconds that `work` takes.
template <typename Work>
double Milliseconds(const Work& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
}

inline double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Print a figure. `share` is how much of the limit is used: at most 1 holds.
inline void Figure(const std::string& name, double value, const std::string& unit,
                   const std::string& limit, double share) {
  std::printf("bench %s %.4g %s limit %s ratio %.3f %s\n", name.c_str(), value, unit.c_str(),
              limit.c_str(), share, share <= 1 ? "ok" : "short");
}

inline void AtMost(const std::string& name, double value, const std::string& unit, double most) {
  char limit[32];
  std::snprintf(limit, sizeof limit, "<=%g", most);
  Figure(name, value, unit, limit, value / most);
}

inline void AtLeast(const std::string& name, double value, const std::string& unit, double least) {
  char limit[32];
  std::snprintf(limit, sizeof limit, ">=%g", least);
  Figure(name, value, unit, limit, least / value);
}

/// This process' peak so far.
inline double PeakMib() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

/// The rounds that BENCH_ROUNDS asks for.
inline int Rounds(int otherwise) {
  const char* const text = std::getenv("BENCH_ROUNDS");
  return text == nullptr ? otherwise : std::max(1, std::atoi(text));
}

}  // namespace catchment::bench
