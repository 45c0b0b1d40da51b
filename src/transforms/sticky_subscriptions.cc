#include "transforms/sticky_subscriptions.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/text.h"

namespace catchment::transforms {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// The place after the digits that begin at `at`.
size_t SkipDigits(std::string_view text, size_t at) {
  while (at < text.size() && IsDigit(text[at])) ++at;
  return at;
}

/// First 8 bytes as hex digits, which compare as the number does.
std::string RankOf(const std::string& series, const std::string& digest) {
  return Sha256Hex(series + "\n" + digest).substr(0, 16);
}

}  // namespace

std::string SeriesOf(std::string_view instance_type) {
  const std::string name = ToLower(instance_type);
  size_t letters = 0;
  while (letters < name.size() && name[letters] >= 'a' && name[letters] <= 'z') ++letters;
  size_t rest = SkipDigits(name, letters);
  if (letters == 0 || rest == letters) return name;
  if (rest + 1 < name.size() && name[rest] == '-' && IsDigit(name[rest + 1])) {
    rest = SkipDigits(name, rest + 1);
  }
  return name.substr(0, letters) + name.substr(rest);
}

std::string SeriesOfSku(std::string_view sku) {
  const size_t tier = sku.find('_');
  return SeriesOf(tier == std::string_view::npos ? sku : sku.substr(tier + 1));
}

Result<StickySubscriptions> AssignSubscriptions(std::span<const CoverPair> pairs,
                                                std::span<const std::string> digests,
                                                const StickySubscriptions& previous) {
  if (!pairs.empty() && digests.empty()) {
    return Invalid("there is no subscription to ask {} pairs through; name at least one",
                   pairs.size());
  }
  std::map<std::string, int64_t> load;  // by digest
  for (const std::string& digest : digests) load.emplace(digest, 0);
  StickySubscriptions sticky;
  for (const auto& [series, digest] : previous) {
    if (load.contains(digest)) sticky.emplace(series, digest);
  }

  const std::set<std::pair<std::string_view, std::string_view>> distinct = [&] {
    std::set<std::pair<std::string_view, std::string_view>> set;
    for (const CoverPair& pair : pairs) set.emplace(pair.sku, pair.region);
    return set;
  }();
  std::map<std::string, int64_t> pairs_of_series;
  for (auto at = distinct.begin(); at != distinct.end();) {
    const std::string_view sku = at->first;
    int64_t& count = pairs_of_series[SeriesOfSku(sku)];
    for (; at != distinct.end() && at->first == sku; ++at) ++count;
  }
  std::vector<std::pair<int64_t, std::string>> open;  // negative, so that the largest come first
  for (const auto& [series, count] : pairs_of_series) {
    if (const auto kept = sticky.find(series); kept != sticky.end()) {
      load[kept->second] += count;
    } else {
      open.emplace_back(-count, series);
    }
  }
  std::sort(open.begin(), open.end());

  const auto total = static_cast<int64_t>(distinct.size());
  const auto subscriptions = static_cast<int64_t>(load.size());
  for (const auto& [negative_count, series] : open) {
    std::vector<std::pair<std::string, std::string>> ranked;
    for (const auto& [digest, pairs_now] : load)
      ranked.emplace_back(RankOf(series, digest), digest);
    std::sort(ranked.rbegin(), ranked.rend());
    const std::string* chosen = nullptr;
    for (const auto& [rank, digest] : ranked) {
      if ((load[digest] - negative_count) * 10 * subscriptions <= 11 * total) {
        chosen = &digest;
        break;
      }
    }
    if (chosen == nullptr) {
      chosen = &std::min_element(ranked.begin(), ranked.end(), [&](const auto& a, const auto& b) {
                  return load[a.second] < load[b.second];
                })->second;
    }
    load[*chosen] -= negative_count;
    sticky.emplace(series, *chosen);
  }
  return sticky;
}

}  // namespace catchment::transforms
