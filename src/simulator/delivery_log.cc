#include "simulator/delivery_log_internal.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"

namespace catchment::simulator {
namespace {

constexpr size_t kMostEntries = 500'000;

}  // namespace

DeliveryLog::~DeliveryLog() {
  if (file_ >= 0) close(file_);
}

void DeliveryLog::Add(Time time, std::string_view service, const nlohmann::ordered_json& what) {
  nlohmann::ordered_json entry;
  entry["time"] = FormatTime(time);
  entry["service"] = service;
  entry.update(what);
  std::string line = entry.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  const MutexLock lock(mutex_);
  if (!path_.empty() && file_ < 0 && !write_failed_) {
    file_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  }
  const bool wanted = !path_.empty() && !write_failed_;
  if (wanted && (file_ < 0 || write(file_, line.data(), line.size()) < 0)) {
    write_failed_ = true;
    Log(LogLevel::kWarning, "the file of deliveries cannot be written; it is incomplete");
  }
  entries_.push_back({std::string(service), std::move(line)});
  if (entries_.size() > kMostEntries) entries_.pop_front();
}

std::string DeliveryLog::Text(std::string_view service) const {
  std::string text;
  const MutexLock lock(mutex_);
  for (const Entry& entry : entries_) {
    if (service.empty() || entry.service == service) text += entry.line;
  }
  return text;
}

}  // namespace catchment::simulator
