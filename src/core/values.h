#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace catchment::core {

/// `99.9%` or `0.999` as a share, 0…1.
Result<double> ParseShare(std::string_view text);

/// `384MiB`, `2GB`, `8192`, `512B` as bytes: K, M, G, T with `iB` (1024) or `B` (1000). kInvalid:
/// anything else, 0, or more than 2^60.
Result<int64_t> ParseSize(std::string_view text);

/// A box on the globe, in degrees. West of more than east: it crosses the antimeridian.
struct Box {
  double west = -180, south = -90, east = 180, north = 90;
};

/// Four numbers W, S, E, N between commas, spaces, `/` or `:`. kInvalid: another form, a value that
/// is no place on the globe, or south not below north.
Result<Box> ParseBox(std::string_view text);

/// `W,S,E,N` in the shortest decimals that read back as the same numbers: equal boxes have equal
/// texts.
std::string BoxText(const Box& box);

/// `box-` and the first 12 hex digits of the SHA-256 of BoxText: sets a region's dataset apart.
std::string BoxName(const Box& box);

/// A path below a root: parts of `[A-Za-z0-9._=-]`, `/` between them, none of them `.` or `..`,
/// none at the ends.
Status CheckPathPrefix(std::string_view text);

}  // namespace catchment::core
