#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "lake/manifest.h"
#include "lake/store.h"

namespace catchment::lake {

inline constexpr int kRefusalsUntilParked = 10;

/// An item of a publish that its sink has not taken yet.
struct Delivery {
  int64_t publish = 0;
  SlotId slot;
  Time slot_time{};
  Time published{};
  OutboxItem item;
  int attempts = 0;  ///< marks so far
  int refusals = 0;  ///< of those, refused: the sink answered and did not take it
  std::string last_reason;
  /// What the sink said was left of the item, as handed to MarkFailed; null: all of it.
  nlohmann::json rest;
  bool parked =
      false;  ///< refused kRefusalsUntilParked times: shown, tried on request only, in nobody's way
};

enum class FailureKind {
  kRefused,      ///< the sink answered and did not take it (or part of it): counts towards parking
  kUnreachable,  ///< no answer: the item waits, the sink's later ones behind it
};

/// Items not delivered, by publish, then in the manifest's order; parked ones included. Deliver
/// each sink's in this order, and stop at the first that is kUnreachable.
Result<std::vector<Delivery>> PendingDeliveries(const ReadStore& store, std::string_view dataset);

/// Record a delivery; durable. Idempotent.
Status MarkDelivered(WriteStore& store, std::string_view dataset, const Delivery& delivery,
                     Time now);

/// Record a failed attempt; durable. `rest` says what of the item is left, for sinks that take
/// parts.
Status MarkFailed(WriteStore& store, std::string_view dataset, const Delivery& delivery,
                  FailureKind kind, std::string_view reason, Time now,
                  const nlohmann::json& rest = nullptr);

/// Give a parked item ten new tries.
Status Unpark(WriteStore& store, std::string_view dataset, const Delivery& delivery, Time now);

/// Note up to which publish everything is exported and delivered, so that later calls need not look
/// there. To be called after deliveries; a failure harms nothing.
Status NoteSettled(WriteStore& store, std::string_view dataset);

}  // namespace catchment::lake
