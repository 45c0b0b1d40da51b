// A publish of 100,000 rows to a local disk, against writing the same rows as the same Parquet and
// making that durable. What a publish adds is the sort, the digest, journal, manifest and hints,
// each durable. Writing the finished bytes alone, without encoding, is printed beside it.

#include <filesystem>

#include "base/clock.h"
#include "base/file.h"
#include "figures.h"
#include "lake/local_store.h"
#include "lake/publish.h"
#include "rows.h"

namespace {

using namespace catchment;
using namespace catchment::bench;
namespace fs = std::filesystem;

lake::PublishInput InputOf(const lake::ReadStore& store, int round, const columnar::Table& rows) {
  lake::PublishInput input;
  input.dataset = "prices";
  input.slot_time = Time(std::chrono::hours(round));
  input.slot = {FormatTime(input.slot_time)};
  input.run = NewRunId();
  input.published = input.slot_time;
  input.seen = Must(lake::LoadForSlot(store, input.dataset, input.slot, input.slot_time));
  lake::TableInput table;
  table.name = "snapshot";
  table.key = {"type", "region", "zone"};
  table.rows = rows;
  input.tables.push_back(std::move(table));
  return input;
}

}  // namespace

int main(int, char** argv) {
  const fs::path folder = fs::absolute(argv[0]).parent_path() / "publish_bench_files";
  fs::remove_all(folder);
  fs::create_directories(folder);
  const auto store = Must(lake::LocalStore::OpenWrite(folder / "lake"));
  const SystemClock clock;
  OpContext context;
  context.clock = &clock;
  columnar::ParquetOptions parquet;
  parquet.key_columns = {"type", "region", "zone"};

  std::vector<double> publishes, files, bytes;
  const int rounds = Rounds(11);
  int64_t size = 0;
  for (int round = 0; round <= rounds; ++round) {  // the first warms up
    const columnar::Table rows = Snapshot(100'000, round, 0);
    const lake::PublishInput input = InputOf(*store, round, rows);
    const double publish = Milliseconds([&] { Must(lake::Publish(*store, input, context)); });
    columnar::WrittenFile written;
    const fs::path file = folder / "plain.parquet";
    const double plain =
        Milliseconds([&] { written = Must(columnar::WriteParquet(rows, file, parquet)); });
    const std::string content = Must(ReadFile(file, 1 << 28));
    const double raw = Milliseconds([&] {
      if (!WriteFileAtomically(folder / "raw.parquet", content).ok()) std::exit(1);
    });
    size = written.bytes;
    if (round == 0) continue;
    publishes.push_back(publish);
    files.push_back(plain);
    bytes.push_back(raw);
  }
  fs::remove_all(folder);
  const double publish = Median(publishes), plain = Median(files);
  std::printf(
      "publish of 100,000 rows, %.1f MB of Parquet, on local disk; median of %d rounds\n"
      "  publish %.1f ms, the Parquet file written and synced %.1f ms, its bytes alone %.1f ms; "
      "peak %.1f MiB\n",
      static_cast<double>(size) / 1e6, rounds, publish, plain, Median(bytes), PeakMib());
  Figure("publish_vs_parquet", publish / plain, "times", "<=1.5", publish / plain / 1.5);
}
