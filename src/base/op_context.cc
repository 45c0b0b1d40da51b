#include "base/op_context.h"

#include <algorithm>

namespace catchment {

Status OpContext::Check() const {
  if (stop.stop_requested()) return Cancelled("{} cancelled", prefix);
  if (Steady::now() >= deadline) return Deadline("{} time limit reached", prefix);
  return {};
}

std::chrono::milliseconds OpContext::Left() const {
  if (deadline == Steady::time_point::max()) return std::chrono::milliseconds::max();
  return std::max(std::chrono::milliseconds(0),
                  std::chrono::ceil<std::chrono::milliseconds>(deadline - Steady::now()));
}

OpContext OpContext::Within(std::chrono::milliseconds limit) const {
  OpContext narrowed = *this;
  narrowed.deadline = std::min(deadline, Steady::now() + limit);
  return narrowed;
}

OpContext OpContext::Named(std::string_view part) const {
  OpContext named = *this;
  if (prefix.empty()) {
    named.prefix = fmt::format("[{}]", part);
  } else {
    named.prefix = fmt::format("{}|{}]", prefix.substr(0, prefix.size() - 1), part);
  }
  return named;
}

}  // namespace catchment
