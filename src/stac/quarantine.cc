#include "stac/quarantine.h"

namespace catchment::stac {

std::string_view QuarantineReasonName(QuarantineReason reason) {
  switch (reason) {
    case QuarantineReason::kBadJson:
      return "bad_json";
    case QuarantineReason::kBadUtf8:
      return "bad_utf8";
    case QuarantineReason::kNotAnItem:
      return "not_an_item";
    case QuarantineReason::kTooLarge:
      return "too_large";
    case QuarantineReason::kTooDeep:
      return "too_deep";
    case QuarantineReason::kIdMissing:
      return "id_missing";
    case QuarantineReason::kIdMismatch:
      return "id_mismatch";
    case QuarantineReason::kMisfit:
      return "misfit";
    case QuarantineReason::kBadGeometry:
      return "bad_geometry";
    case QuarantineReason::kBadDatetime:
      return "bad_datetime";
    case QuarantineReason::kDuplicateKey:
      return "duplicate_key";
    case QuarantineReason::kDuplicateId:
      return "duplicate_id";
  }
  return "";
}

}  // namespace catchment::stac
