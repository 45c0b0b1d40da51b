#pragma once

#include <deque>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/result.h"
#include "base/time.h"

namespace catchment::simulator {

/// What was delivered to the world's sinks, in the order in which they took it: one JSON object a
/// delivery with `time` and `service` first. The newest 500,000 are kept in memory. Thread-safe.
class DeliveryLog {
 public:
  DeliveryLog() = default;
  ~DeliveryLog();
  DeliveryLog(const DeliveryLog&) = delete;
  DeliveryLog& operator=(const DeliveryLog&) = delete;

  /// Where deliveries are appended from now on; the file is made by the first of them.
  void WriteTo(std::filesystem::path file) { path_ = std::move(file); }
  void Add(Time time, std::string_view service, const nlohmann::ordered_json& what);
  /// NDJSON; of one service, or of all if it is empty.
  std::string Text(std::string_view service) const;

 private:
  struct Entry {
    std::string service;
    std::string line;
  };
  // Constant before the first Add.
  std::filesystem::path path_;
  // Guarded by mutex_.
  mutable Mutex mutex_;
  std::deque<Entry> entries_ GUARDED_BY(mutex_);
  int file_ GUARDED_BY(mutex_) = -1;
  bool write_failed_ GUARDED_BY(mutex_) = false;
};

}  // namespace catchment::simulator
