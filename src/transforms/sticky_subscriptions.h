#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "transforms/cover_plan.h"

namespace catchment::transforms {

/// The series of an instance type (`D2s_v3`, without tier): lower case, matched by
/// `^([a-z]+)[0-9]+(-[0-9]+)?(.*)$`, groups 1 and 3 joined (`ds_v3`); unmatched: the whole name.
std::string SeriesOf(std::string_view instance_type);

/// The same of a full SKU name: what stands behind the first `_`, else the whole name.
std::string SeriesOfSku(std::string_view sku);

/// Which subscription scores a series: series → digest.
using StickySubscriptions = std::map<std::string, std::string>;

/// Give every series of `pairs` a subscription, so that a pair is always scored through the same
/// one.
///
/// Choices of `previous` stay as long as their subscription is in `digests`, wanted now or not. The
/// other series, by falling number of pairs (ties by name), go to the subscription with the highest
/// rank (the first 8 bytes of SHA-256(series + "\n" + digest)) whose load stays within 1.1 times
/// the mean, else to the least loaded (ties: higher rank). Load: pairs of the series it has.
/// Independent of the order of pairs and digests; repeated ones count once. kInvalid: pairs but no
/// digest.
Result<StickySubscriptions> AssignSubscriptions(std::span<const CoverPair> pairs,
                                                std::span<const std::string> digests,
                                                const StickySubscriptions& previous = {});

}  // namespace catchment::transforms
