#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace catchment::simulator {

/// One way in which a service misbehaves. Which requests: all that `match`, or the `nth` of those
/// (from 1), or those numbered `first` to `last`, or a seeded share (`rate`), at most `times` in
/// all. docs/formats/world.md lists the answers with the parameters each takes.
struct Fault {
  std::string answer;
  // Which requests.
  std::string path = "*";            ///< glob on the decoded path
  std::optional<int64_t> skip;       ///< prices: the request's $skip
  std::string filter;                ///< prices: "all" or "spot"; empty: any
  std::string body_glob = "*";       ///< on the request's body
  std::optional<Time> since, until;  ///< on the simulated clock: since ≤ now < until
  std::vector<int64_t> nth;
  std::optional<int64_t> first, last;
  std::optional<double> rate;
  std::optional<double> share;  ///< of the targets: the same ones each time they come
  std::optional<int64_t> times;
  // What is answered.
  int status = 503;
  std::optional<std::string> retry_after;  ///< seconds or an HTTP date, sent as it stands
  std::optional<std::string> body;
  std::string content_type = "text/plain; charset=utf-8";
  std::chrono::milliseconds latency{0};
  int64_t count = 1;
  int64_t at = 0;
  std::optional<int64_t> distance;
  std::optional<int64_t> size;
  std::string field;
};

/// A change of a service's data, in force from `at` (from the beginning, if none). Exactly one of
/// `set`, `add` and `remove` says what becomes of the records that match. `add` puts a copy with
/// these fields behind each of them; with no `match` it is a whole record, put at the end.
struct Change {
  std::optional<Time> at;
  std::vector<std::pair<std::string, std::string>> match;  ///< field → glob on its text
  nlohmann::ordered_json set;
  nlohmann::ordered_json add;
  bool remove = false;
};

/// A made-up price catalogue: the same world and seed give the same bytes.
struct GeneratedPrices {
  int64_t pages = 10;
  int64_t regions = 3;
  int64_t skus = 40;
  double coverage = 0.6;  ///< share of (region, SKU) pairs that exist
  Time at;                ///< current periods began before it, future ones begin a year after it
};

struct PricesWorld {
  std::filesystem::path pages;  ///< a folder of recorded pages, joined in the order of their names
  std::filesystem::path items;  ///< one item a line, .ndjson or .ndjson.zst
  std::optional<GeneratedPrices> generate;
  int64_t page_size = 0;        ///< 0: that of the first recorded page, else 1,000
  bool past_end_is_400 = true;  ///< else an empty page
  std::chrono::milliseconds latency{0};
  std::vector<Change> changes;
  std::vector<Fault> faults;
};

struct ResourceGraphWorld {
  std::filesystem::path
      rows;  ///< {location, skuName, evictionRate} a line; empty: made from the spot prices
  double coverage = 0.92;    ///< share of the spot pairs that have a made-up row
  int64_t page_size = 1000;  ///< most rows a page, whatever $top says
  int64_t queries = 15;      ///< allowed per `window` and client
  std::chrono::milliseconds window{5000};
  std::chrono::milliseconds latency{0};
  std::vector<Change> changes;
  std::vector<Fault> faults;
};

/// A size that some subscriptions may not use. All globs, in any case.
struct Restriction {
  std::string subscription = "*";
  std::string region = "*";
  std::string sku = "*";
};

/// What is offered where, to whom; `placement` and `resource_skus` agree on it. Globs compare
/// without case.
struct OffersWorld {
  std::vector<std::string> invalid_regions;    ///< globs: regions that placement refuses
  std::filesystem::path invalid_regions_file;  ///< JSON with a list `invalid_locations` of more
  std::vector<std::string> invalid_skus;       ///< globs
  std::vector<std::string> zoneless_regions;   ///< globs
  double restricted = 0.01;                    ///< share of (subscription, series, region)
  std::vector<Restriction> restrictions;       ///< further ones
};

/// Calls that others make with the same bucket, without a trace of them.
struct ForeignUse {
  std::string subscription = "*";
  std::string location = "*";
  int64_t calls = 0;                 ///< always in the window
  std::optional<Time> since, until;  ///< since ≤ now < until
};

struct PlacementWorld {
  int64_t calls = 10;  ///< allowed per `window` and (subscription, location)
  std::chrono::milliseconds window = std::chrono::minutes(62);
  bool tells_seconds = true;  ///< in the text of the refusal
  std::vector<ForeignUse> foreign_use;
  std::vector<std::string> locations;  ///< of the URL; empty: the valid regions of the price list
  double drift = 0.5;                  ///< changes of one (region, SKU, zone) a day
  double unknown = 0.01;               ///< share of cells without data
  double omitted = 0;                  ///< share of pairs that are not answered
  int64_t max_count = 1000;
  std::chrono::milliseconds latency{0};
  std::vector<Fault> faults;
};

struct ResourceSkusWorld {
  int64_t page_size = 1000;
  std::chrono::milliseconds latency{0};
  std::vector<Fault> faults;
};

struct LoginWorld {
  std::chrono::seconds expires_in{3599};
  std::chrono::milliseconds latency{0};
  std::vector<Fault> faults;
};

struct FilesWorld {
  std::filesystem::path folder;
  bool etag = true;
  std::chrono::milliseconds latency{0};
  std::vector<Fault> faults;
};

/// One item of one table: the identity.
struct DynamodbWorld {
  std::string table = "AzureAuth";
  std::string id = "login_auth_az_true";
  std::chrono::milliseconds latency{0};
  std::vector<Fault> faults;
};

struct SsmWorld {
  std::vector<std::pair<std::string, std::string>> parameters;  ///< name, value
  std::chrono::milliseconds latency{0};
  std::vector<Fault> faults;
};

struct TimestreamWorld {
  std::vector<std::string> tables;  ///< `database/table`; empty: every one is there
  std::chrono::milliseconds latency{0};
  std::vector<Fault> faults;
};

struct LogsWorld {
  std::vector<std::pair<std::string, std::vector<std::string>>> groups;  ///< with their streams
  std::chrono::milliseconds latency{0};
  std::vector<Fault> faults;
};

struct InfluxWorld {
  std::string org, bucket;  ///< empty: any
  std::string token = "simulated-influx-token";
  std::chrono::milliseconds latency{0};
  std::vector<Fault> faults;
};

struct SlackWorld {
  std::string path = "/services/simulated";  ///< of the webhook
  std::chrono::milliseconds latency{0};
  std::vector<Fault> faults;
};

/// Shares of made-up HLS items that differ from the others. `wrong_epsg` only of southern tiles
/// before May 2022, `software` from 2026 on, `no_thumbnail` of S30 from June 2026 on.
struct DriftWorld {
  double whole_cloud_cover = 0.1;  ///< `18` instead of `18.0`
  double wrong_epsg = 0.6;         ///< 327xx instead of 326xx
  double software = 0.3;           ///< the property processing:software
  double no_thumbnail = 0.3;
  double new_property = 0;
  double new_asset = 0;
};

/// Made-up HLS granules.
struct GeneratedHls {
  Time first = Time::min(), last = Time::max();             ///< days that have any
  std::array<int64_t, 2> per_month = {{184'484, 288'724}};  ///< HLSL30_2.0, HLSS30_2.0
  int64_t tiles = 18'000;
};

/// Search of granules in NASA's Common Metadata Repository. Either `generate` or recorded files.
struct CmrWorld {
  std::optional<GeneratedHls> generate;
  std::filesystem::path responses;           ///< recorded search answers, one a line
  std::vector<std::filesystem::path> items;  ///< STAC items, one a line, or one a file
  double scale = 1;                          ///< of the granules a month
  std::chrono::milliseconds visible_from = std::chrono::minutes(1872);  ///< after time_start
  std::chrono::milliseconds visible_to = std::chrono::minutes(3888);
  double late = 0.002;      ///< share that appears 8 to 40 days later than that
  double revised = 0.01;    ///< share that has a second revision, 1 to 25 days later
  double deleted = 0.0005;  ///< share that goes again, after 2 to 40 days
  DriftWorld drift;
  std::chrono::milliseconds latency{0}, latency_to{0};
  std::vector<Fault> faults;
};

/// The hosts of STAC items, by https and as a bucket.
struct LpdaacWorld {
  std::string token = "simulated-earthdata-token";
  std::chrono::milliseconds credentials_for = std::chrono::hours(1);
  std::chrono::milliseconds latency{0}, latency_to{0};
  std::vector<Fault> faults;
};

/// What requests to AWS services must be signed with.
struct AwsWorld {
  std::string access_key_id = "SIMULATEDACCESSKEYID";
  std::string secret_access_key = "simulated-secret-access-key";
  std::string region = "us-west-2";
};

/// The credentials that the world accepts and hands to COMMAND. Never real ones.
struct IdentityWorld {
  std::string tenant_id = "00000000-0000-0000-0000-000000000001";
  std::string client_id = "00000000-0000-0000-0000-000000000002";
  std::string client_secret = "simulated-secret";
  std::vector<std::string> subscriptions = {"00000000-0000-0000-0000-000000000000"};
  AwsWorld aws;
};

/// What the simulator plays: one YAML file, read whole and checked. Paths are absolute or relative
/// to the working folder. A service that the world does not have answers 404: nothing of a run
/// reaches the real one.
struct World {
  enum class ClockKind { kReal, kSlot, kFixed };

  std::string name;
  std::string description;
  ClockKind clock = ClockKind::kReal;
  Time clock_time;  ///< with kFixed
  uint64_t seed = 1;
  IdentityWorld identity;
  std::optional<PricesWorld> prices;
  std::optional<ResourceGraphWorld> resource_graph;
  OffersWorld offers;
  std::optional<PlacementWorld> placement;
  std::optional<ResourceSkusWorld> resource_skus;
  std::optional<LoginWorld> login;
  std::optional<FilesWorld> files;
  std::optional<DynamodbWorld> dynamodb;
  std::optional<SsmWorld> ssm;
  std::optional<TimestreamWorld> timestream;
  std::optional<LogsWorld> logs;
  std::optional<InfluxWorld> influx;
  std::optional<SlackWorld> slack;
  std::optional<CmrWorld> cmr;
  std::optional<LpdaacWorld> lpdaac;
};

/// Read a world by name (`azure-small`: NAME.yaml in the first of `folders` that has it) or by file
/// (has a `/`, or ends in .yaml). `overrides` are `KEY=VALUE` with a dotted key from the root
/// (`services.prices.latency=10ms`, `services.prices.faults.0.nth=2`), where `services.` may be
/// left out. `seed` wins over the file's. kNotFound: no such world; the message lists those there
/// are. kInvalid: file, line, column, what was expected, and for an unknown key the nearest known
/// one. The world's data files are not opened here.
Result<World> LoadWorld(std::string_view name_or_path,
                        std::span<const std::filesystem::path> folders,
                        std::span<const std::string> overrides = {},
                        std::optional<uint64_t> seed = std::nullopt);

/// Names of the worlds in `folders`, sorted, each once.
std::vector<std::string> WorldNames(std::span<const std::filesystem::path> folders);

/// The JSON Schema (draft 2020-12) of world files: what LoadWorld checks against. Editors use it.
nlohmann::json WorldSchema();

}  // namespace catchment::simulator
