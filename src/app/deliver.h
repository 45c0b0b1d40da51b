#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "app/settings.h"
#include "base/result.h"

namespace catchment::app {

/// `catchment deliver`.
struct DeliverRequest {
  std::string pipeline;  ///< name or path, or a dataset's name
  std::string sink;      ///< only this one; empty: all
  bool parked = false;   ///< parked items too
  bool list = false;     ///< send nothing
};

/// An item that its sink has not taken.
struct WaitingItem {
  std::string sink, table, slot;
  int64_t publish = 0;
  int attempts = 0, refusals = 0;
  bool parked = false;
  std::string last_error;  ///< empty: not tried yet
};

struct DeliverAnswer {
  std::string dataset;
  int64_t delivered = 0;
  std::vector<WaitingItem> items;  ///< what waits or is parked now, by sink, oldest first
  std::vector<std::string> notes;  ///< what went wrong, one line each
};

/// Send what the dataset's sinks are owed, or only list it. A sink that refuses or is down is no
/// error. kInvalid: the pipeline has no such sink.
Result<DeliverAnswer> Deliver(const Settings& settings, const DeliverRequest& request,
                              std::stop_token stop);

/// 75 if an item waits that is not parked, else 0.
int ExitCodeOf(const DeliverAnswer& answer);

}  // namespace catchment::app
