#pragma once

// Only tests include this: CMR and the item host as functions, over made-up granules.

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"
#include "base/time.h"
#include "net/fake_transport.h"
#include "net/url.h"

namespace catchment::sources::cmr {

struct WorldGranule {
  std::string title;
  std::string concept_id;
  Time start{}, end{}, updated{};
  std::string https_link;  ///< empty: none listed
};

/// CMR's search (inclusive windows, paging by token, an extra empty page) and the item host. Faults
/// are hooks. Thread-safe.
struct GranuleWorld {
  using Hook = std::function<std::optional<Result<net::Response>>(const net::Request&)>;

  std::vector<WorldGranule> granules;
  Hook cmr_fault, item_fault;
  /// Changes a page before it is sent: entries, headers.
  std::function<void(const net::Request&, nlohmann::json& entries, net::Headers& headers)> edit;
  std::mutex mutex;
  std::vector<std::string> cmr_asked, items_asked;  ///< decoded URLs
  std::atomic<int> in_flight = 0, most_in_flight = 0;

  static std::string Link(const std::string& title) {
    return fmt::format(
        "https://data.lpdaac.earthdatacloud.nasa.gov/lp-prod-public/HLS{}.020/{}/{}_stac.json",
        title.substr(4, 3), title, title);
  }

  /// `number` granules of a day, a minute apart, from `first` on.
  void Add(const std::string& first, int number, const std::string& tile = "15TVL") {
    const Time begin = *ParseTime(first);
    for (int i = 0; i < number; ++i) {
      const Time start = begin + std::chrono::minutes(i);
      WorldGranule granule;
      granule.start = start;
      granule.end = start + std::chrono::seconds(24);
      granule.updated = start + std::chrono::hours(40);
      granule.title = fmt::format("HLS.L30.T{}.{}.v2.0", tile, *FormatTime(start, "%Y%jT%H%M%S"));
      granule.concept_id = fmt::format("G{}-LPCLOUD", 1'000 + granules.size());
      granule.https_link = Link(granule.title);
      granules.push_back(std::move(granule));
    }
  }

  Result<net::Response> operator()(const net::Request& request) {
    const int now = ++in_flight;
    int most = most_in_flight;
    while (now > most && !most_in_flight.compare_exchange_weak(most, now)) {
    }
    Result<net::Response> answer = request.url.find("/search/granules.json") != std::string::npos
                                       ? Search(request)
                                       : Item(request);
    --in_flight;
    return answer;
  }

  static std::string Body(const WorldGranule& granule) {
    return fmt::format(R"({{"type":"Feature","id":"{}","properties":{{"updated":"{}"}}}})",
                       granule.title, FormatTime(granule.updated));
  }

 private:
  static std::string Value(const net::Request& request, const char* name) {
    return net::QueryValue(*net::ParseUrl(request.url), name)->value_or("");
  }

  Result<net::Response> Search(const net::Request& request) {
    {
      const std::lock_guard lock(mutex);
      cmr_asked.push_back(*net::PercentDecode(request.url));
    }
    if (cmr_fault) {
      if (auto fault = cmr_fault(request)) return *fault;
    }
    const std::vector<std::string> window =
        Split(Value(request, "temporal%5B%5D").empty() ? Value(request, "temporal[]")
                                                       : Value(request, "temporal%5B%5D"),
              ',');
    const Time from = *ParseTime(window.at(0)), to = *ParseTime(window.at(1));
    const std::string since = Value(request, "updated_since");
    const auto page_size = static_cast<size_t>(std::stoi(Value(request, "page_size")));
    std::vector<const WorldGranule*> found;
    for (const WorldGranule& granule : granules) {
      if (granule.start > to || granule.end < from) continue;
      if (!since.empty() && granule.updated < *ParseTime(since)) continue;
      found.push_back(&granule);
    }
    std::sort(found.begin(), found.end(),
              [](const auto* a, const auto* b) { return a->start < b->start; });
    const std::string hits = fmt::to_string(found.size());
    const std::string after(request.headers.Get("CMR-Search-After"));
    size_t begin = 0;
    if (!after.empty()) begin = std::stoul(Split(after, ',').at(1));
    nlohmann::json entries = nlohmann::json::array();
    size_t next = begin;
    for (; next < found.size() && next < begin + page_size; ++next)
      entries.push_back(Entry(*found[next]));
    net::Headers headers = {{"CMR-Hits", hits}};
    if (!entries.empty()) headers.Add("CMR-Search-After", fmt::format(R"(["lpcloud",{},7])", next));
    if (edit) edit(request, entries, headers);
    const nlohmann::json body = {{"feed",
                                  {{"updated", "2025-11-11T20:55:11.091Z"},
                                   {"id", "https://cmr"},
                                   {"title", "ECHO granule metadata"},
                                   {"entry", entries}}}};
    return net::Answer(200, body.dump(), headers);
  }

  static nlohmann::json Entry(const WorldGranule& granule) {
    nlohmann::json links = nlohmann::json::array();
    links.push_back({{"rel", "data#"}, {"href", "https://h/" + granule.title + ".B01.tif"}});
    if (!granule.https_link.empty())
      links.push_back({{"rel", "metadata#"}, {"href", granule.https_link}});
    const auto time = [](Time at) {
      std::string text = FormatTime(at);
      if (text.size() == 20) text.insert(19, ".000");
      return text;
    };
    return {{"id", granule.concept_id},
            {"title", granule.title},
            {"updated", time(granule.updated)},
            {"time_start", time(granule.start)},
            {"time_end", time(granule.end)},
            {"polygons", {{"1 2 3 4"}}},
            {"links", links}};
  }

  Result<net::Response> Item(const net::Request& request) {
    {
      const std::lock_guard lock(mutex);
      items_asked.push_back(request.url);
    }
    if (item_fault) {
      if (auto fault = item_fault(request)) return *fault;
    }
    for (const WorldGranule& granule : granules) {
      if (granule.https_link != request.url && Link(granule.title) != request.url) continue;
      const std::string etag =
          fmt::format("\"{}-{}\"", granule.title, granule.updated.time_since_epoch().count());
      if (request.headers.Get("If-None-Match") == etag)
        return net::Answer(304, "", {{"ETag", etag}});
      return net::Answer(200, Body(granule), {{"ETag", etag}});
    }
    return net::Answer(404, "<Error><Code>NoSuchKey</Code></Error>");
  }
};

}  // namespace catchment::sources::cmr
