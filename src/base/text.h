#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace catchment {

/// The candidate nearest to `word` by edit distance, if near enough to be a typing mistake (at most
/// a third of its length, at least 1); else empty. Ties: the first.
std::string Nearest(std::string_view word, std::span<const std::string> candidates);

/// ASCII lower case; other bytes unchanged.
std::string ToLower(std::string_view text);

/// Split at each `separator`; empty parts are kept.
std::vector<std::string> Split(std::string_view text, char separator);

/// Without leading and trailing ASCII white space.
std::string_view Trim(std::string_view text);

/// Shell-style match of the whole text: `*` any run of characters, `?` one character.
/// Case-sensitive. Linear space, quadratic time at worst.
bool GlobMatch(std::string_view pattern, std::string_view text);

/// Shortest text that reads back as the same double, always with `.` or an exponent: `3.0`,
/// `0.018816`, `1e+22`. NaN and infinities: `NaN`, `Infinity`, `-Infinity`.
std::string FormatDouble(double value);

/// `32203` → `32,203`.
std::string FormatCount(int64_t value);

}  // namespace catchment
