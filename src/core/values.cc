#include "core/values.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/digest.h"
#include "base/text.h"

namespace catchment::core {
namespace {

/// The whole text as a finite number, without exponent-free or locale surprises.
std::optional<double> WholeNumber(std::string_view text) {
  double number = 0;
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(number))
    return std::nullopt;
  return number;
}

std::string ShortestDecimal(double number) {
  if (number == 0) return "0";  // -0 too
  std::array<char, 512> text{};
  const auto [end, error] =
      std::to_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  return error == std::errc() ? std::string(text.data(), end) : FormatDouble(number);
}

}  // namespace

Result<double> ParseShare(std::string_view text) {
  const bool percent = text.ends_with('%');
  const std::optional<double> number =
      WholeNumber(Trim(percent ? text.substr(0, text.size() - 1) : text));
  const double share = number ? (percent ? *number / 100 : *number) : -1;
  if (!(share >= 0 && share <= 1)) {
    return Invalid("'{}' is not a share; use 20% or 0.2", text.substr(0, 64));
  }
  return share;
}

Result<int64_t> ParseSize(std::string_view text) {
  const auto wrong = [&] { return Invalid("'{}' is not a size; use 384MiB", text.substr(0, 64)); };
  const std::string_view trimmed = Trim(text);
  int64_t number = 0;
  const char* const last = trimmed.data() + trimmed.size();
  const auto [end, error] = std::from_chars(trimmed.data(), last, number);
  if (error != std::errc() || number <= 0) return wrong();
  std::string_view unit = Trim(std::string_view(end, static_cast<size_t>(last - end)));
  int64_t factor = 1;
  constexpr std::string_view kUnits = "KMGT";
  if (!unit.empty() && unit != "B") {
    const size_t power = kUnits.find(unit[0]);
    unit.remove_prefix(1);
    if (power == std::string_view::npos || (unit != "iB" && unit != "B")) return wrong();
    for (size_t i = 0; i <= power; ++i) factor *= unit == "iB" ? 1024 : 1000;
  }
  if (number > (int64_t{1} << 60) / factor) return wrong();
  return number * factor;
}

Result<Box> ParseBox(std::string_view text) {
  std::string plain(text.substr(0, 512));
  for (const char separator : {'/', ':', ' ', '\t'})
    std::replace(plain.begin(), plain.end(), separator, ',');
  std::array<double, 4> ends{};
  size_t count = 0;
  bool numbers = text.size() <= 512;
  for (const std::string& part : Split(plain, ',')) {
    if (part.empty()) continue;  // `W, S`: a comma and a space
    const std::optional<double> number = WholeNumber(part);
    if (!number || count == ends.size()) {
      numbers = false;
      break;
    }
    ends[count++] = *number;
  }
  const auto [west, south, east, north] = ends;
  if (!numbers || count != ends.size() || std::fabs(west) > 180 || std::fabs(east) > 180 ||
      south < -90 || north > 90 || south >= north) {
    return Invalid(
        "expected W,S,E,N in degrees, e.g. -124.7,32.5,-114.1,42.0 (-180 to 180, south below "
        "north), found '{}'",
        text.substr(0, 64));
  }
  return Box{west, south, east, north};
}

std::string BoxText(const Box& box) {
  return fmt::format("{},{},{},{}", ShortestDecimal(box.west), ShortestDecimal(box.south),
                     ShortestDecimal(box.east), ShortestDecimal(box.north));
}

std::string BoxName(const Box& box) { return "box-" + Sha256Hex(BoxText(box)).substr(0, 12); }

Status CheckPathPrefix(std::string_view text) {
  const std::vector<std::string> parts = Split(text, '/');
  const bool good =
      text.size() <= 512 && std::all_of(parts.begin(), parts.end(), [](const auto& p) {
        return !p.empty() && p != "." && p != ".." && std::all_of(p.begin(), p.end(), [](char c) {
          return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' ||
                 c == '-' || c == '=';
        });
      });
  if (good) return {};
  return Invalid(
      "expected a path such as hls-data or a/b, without '/' at its ends and without '..', found "
      "'{}'",
      text.substr(0, 64));
}

}  // namespace catchment::core
