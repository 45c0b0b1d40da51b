// STAC items to Arrow columns, against simdjson's bare walk over the same bytes: every value of
// every item is visited, no text is unescaped, nothing is kept. The items are the recorded granule
// with other names, times, clouds, angles and corners.

#include <arrow/record_batch.h>
#include <fmt/format.h>
#include <simdjson.h>

#include <cstdint>
#include <random>

#include "bare_walk.h"
#include "base/file.h"
#include "figures.h"
#include "stac/item_columns.h"
#include "stac/item_json.h"
#include "stac/schema_inference.h"

namespace {

using namespace catchment;
using namespace catchment::bench;

constexpr int kItems = 8000;
constexpr const char* kFolder = CATCHMENT_SOURCE_DIR;

std::string MustRead(const std::string& name) {
  auto text = ReadFile(std::string(kFolder) + "/" + name);
  if (!text.ok()) {
    std::fprintf(stderr, "%s\n", text.error().message.c_str());
    std::exit(1);
  }
  return *std::move(text);
}

void ReplaceAll(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != text.npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

/// One granule: as long as the recorded one, with values of its own.
std::string Granule(const std::string& recorded, std::mt19937& random) {
  const unsigned zone = 1 + random() % 60, day = 1 + random() % 28, second = random() % 86'400;
  std::string item = recorded;
  ReplaceAll(item, "T01WEV.2024153T000609",
             fmt::format("T{:02d}WEV.2024{:03d}T{:06d}", zone, 150 + day, second));
  ReplaceAll(item, "2024-06-01T00:06:19.072460Z",
             fmt::format("2024-06-{:02d}T{:02d}:{:02d}:{:02d}.{:06d}Z", day, second / 3600,
                         second / 60 % 60, second % 60, random() % 1'000'000));
  ReplaceAll(item, "\"eo:cloud_cover\": 18.0",
             fmt::format("\"eo:cloud_cover\": {}.0", random() % 101));
  ReplaceAll(item, "187.71039035", fmt::format("{:.8f}", random() % 36'000 / 100.0 + 1e-8));
  ReplaceAll(item, "-177.000554", fmt::format("-177.{:06d}", random() % 575));
  return item;
}

void Fill(stac::ItemColumns& columns, const std::vector<std::string>& items) {
  stac::ItemFacts facts;
  for (const std::string& item : items) {
    const auto bad = columns.Append(item, {.collection = "HLSS30_2.0"}, facts);
    if (bad) {
      std::fprintf(stderr, "%s: %s\n", bad->pointer.c_str(), bad->detail.c_str());
      std::exit(1);
    }
    if (columns.full()) columns.Finish();
  }
  columns.Finish();
}

}  // namespace

int main() {
  const auto schema = stac::LoadItemSchema(MustRead("pipelines/hls-stac/schema/HLSS30_2.0.json"));
  if (!schema.ok()) {
    std::fprintf(stderr, "%s\n", schema.error().message.c_str());
    return 1;
  }
  const std::string recorded = MustRead("tests/data/hls/hls_item_verbatim.ndjson");
  std::mt19937 random(20240601);
  std::vector<std::string> items;
  std::vector<simdjson::padded_string> padded;
  double bytes = 0;
  for (int number = 0; number < kItems; ++number) {
    items.push_back(Granule(recorded, random));
    padded.emplace_back(items.back());
    bytes += static_cast<double>(items.back().size());
  }
  stac::ItemColumns columns(*schema);
  simdjson::ondemand::parser bare;
  std::vector<double> fills, walks, infers;
  const int rounds = Rounds(9);
  int64_t values = 0;
  for (int round = 0; round <= rounds; ++round) {  // the first warms up
    const double fill = Milliseconds([&] { Fill(columns, items); });
    const double walk = Milliseconds([&] {
      for (const auto& item : padded) values += Walk(bare, item);
    });
    const double infer = Milliseconds([&] {
      stac::SchemaInference inference;
      for (const std::string& item : items) inference.Add(item);
    });
    if (round == 0) continue;
    fills.push_back(fill);
    walks.push_back(walk);
    infers.push_back(infer);
  }
  const auto speed = [&](double milliseconds) { return bytes / 1e3 / milliseconds; };
  const double filled = speed(Median(fills)), walked = speed(Median(walks));
  std::printf(
      "stac columns: %d items of %.1f kB, %lld values each; median of %d rounds, one thread\n"
      "  columns %.0f MB/s (%.1f us an item), bare walk %.0f MB/s (%s), share %.0f %%; inferring a "
      "schema %.0f MB/s; peak %.1f MiB\n",
      kItems, bytes / kItems / 1e3, static_cast<long long>(values / (rounds + 1) / kItems), rounds,
      filled, Median(fills) * 1e3 / kItems, walked,
      simdjson::get_active_implementation()->name().c_str(), 100 * filled / walked,
      speed(Median(infers)), PeakMib());
  const double micros = Median(fills) * 1e3 / kItems;
  AtMost("stac_columns", micros, "us", 20);
  AtLeast("stac_columns_speed", 100 * filled / walked, "%_of_walk", 40);
}
