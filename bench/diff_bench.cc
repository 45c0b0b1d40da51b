// The changes between two snapshots of 100,000 rows, 5 % of them changed, against DuckDB doing the
// same in this process. DuckDB's time is that of the query alone; copying the rows into it is not
// counted.

#include "columnar/sql.h"
#include "figures.h"
#include "rows.h"
#include "transforms/diff.h"

namespace {

using namespace catchment;
using namespace catchment::bench;

constexpr char kSql[] = R"(
SELECT coalesce(n.type, o.type) AS type, coalesce(n.region, o.region) AS region,
       coalesce(n.zone, o.zone) AS zone,
       CASE WHEN o.type IS NULL THEN 'added' WHEN n.type IS NULL THEN 'removed' ELSE 'changed' END AS kind,
       n.spot, n.ondemand, n.score, o.spot AS previous_spot, o.ondemand AS previous_ondemand, o.score AS previous_score
FROM after n FULL JOIN before o ON n.type = o.type AND n.region = o.region AND n.zone = o.zone
WHERE o.type IS NULL OR n.type IS NULL OR n.spot IS DISTINCT FROM o.spot
   OR n.ondemand IS DISTINCT FROM o.ondemand OR n.score IS DISTINCT FROM o.score
ORDER BY 1, 2, 3)";

}  // namespace

int main() {
  const columnar::Table before = Snapshot(100'000, 0, 0);
  const columnar::Table after = Snapshot(100'000, 3, 0);
  const transforms::DiffOptions options{.key = {"type", "region", "zone"},
                                        .compare = {"spot", "ondemand", "score"}};
  const auto engine = Must(columnar::SqlEngine::Open());
  if (!engine->AddTable("", "before", before).ok() || !engine->AddTable("", "after", after).ok())
    return 1;
  std::vector<double> ours, theirs;
  const int rounds = Rounds(9);
  for (int round = 0; round <= rounds; ++round) {  // the first warms up, and fills DuckDB
    int64_t found = 0, expected = 0;
    const double diff = Milliseconds(
        [&] { found = Must(transforms::Diff(&before, after, options, Time{})).num_rows(); });
    const double query = Milliseconds([&] {
      expected = Must(engine->Query({kSql, "diff.sql"})).num_rows();
    });
    if (found != expected || found != 5'000) {
      std::fprintf(stderr, "%lld rows changed, DuckDB found %lld\n", static_cast<long long>(found),
                   static_cast<long long>(expected));
      return 1;
    }
    if (round == 0) continue;
    ours.push_back(diff);
    theirs.push_back(query);
  }
  const double mine = Median(ours), duckdb = Median(theirs);
  std::printf(
      "diff of two snapshots of 100,000 rows, 5,000 changed; median of %d rounds\n"
      "  diff %.2f ms, DuckDB %.2f ms; peak %.1f MiB\n",
      rounds, mine, duckdb, PeakMib());
  AtMost("diff", mine, "ms", 50);
  AtLeast("diff_vs_duckdb", duckdb / mine, "times", 5);
}
