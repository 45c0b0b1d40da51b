#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace catchment::stac {

/// Parse RFC 3339: `T` or a space, any offset, years 0000–9999; no leap second. `microseconds`:
/// since 1970, later decimals are cut; `long_fraction`: there were more than six. False: none.
bool ParseDatetime(std::string_view text, int64_t& microseconds, bool& long_fraction);

/// Append `2024-06-01T00:06:19.072460Z`; the fraction only if it is not zero. `microseconds`: a
/// year of 0000–9999, else false.
bool AppendDatetime(int64_t microseconds, std::string& out);

}  // namespace catchment::stac
