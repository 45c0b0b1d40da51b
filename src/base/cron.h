#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace catchment {

/// When a schedule fires: five cron fields (minute hour day month weekday; `*`, lists, ranges,
/// steps, names; weekday 0 and 7 are Sunday; day and weekday both restricted: either matches) in an
/// IANA time zone.
///
/// Daylight saving: a local time that does not exist fires at the first moment after the gap; one
/// that occurs twice fires once, the first time. From 2038 on the last known offset is used,
/// because the zone library ignores the rule in the zone file's footer. A value; cheap to copy.
class Cron {
 public:
  /// kInvalid: says which field is wrong and what it may hold, or that the zone is unknown.
  static Result<Cron> Parse(std::string_view expression, std::string_view timezone = "UTC");

  /// The first firing after `time`; null if there is none within eight years.
  std::optional<Time> Next(Time time) const;
  /// The newest firing at or before `time`; null if there is none within eight years.
  std::optional<Time> Previous(Time time) const;

  const std::string& expression() const { return expression_; }
  const std::string& timezone() const { return timezone_; }

 private:
  struct Fields;
  Cron() = default;
  std::string expression_, timezone_;
  std::shared_ptr<const Fields> fields_;
};

}  // namespace catchment
