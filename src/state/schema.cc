#include <array>

#include "state/schema_internal.h"

namespace catchment::state {
namespace {

constexpr std::string_view kVersion1 = R"sql(
CREATE TABLE runs (
  run TEXT PRIMARY KEY,
  pipeline TEXT NOT NULL,
  dataset TEXT NOT NULL,
  environment TEXT NOT NULL,
  slot TEXT NOT NULL,
  slot_start INTEGER NOT NULL,
  started INTEGER NOT NULL,
  ended INTEGER,
  state TEXT NOT NULL,
  exit_code INTEGER,
  message TEXT NOT NULL,
  published INTEGER,
  head INTEGER,
  calls INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  peak_rss INTEGER NOT NULL,
  simulated INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  expected INTEGER NOT NULL,
  answered INTEGER NOT NULL,
  gap_units INTEGER NOT NULL,
  host TEXT NOT NULL,
  pid INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_of_pipeline ON runs (pipeline, dataset, environment, run, published);
CREATE INDEX runs_of_slot ON runs (dataset, slot, run);
CREATE INDEX runs_by_state ON runs (state, run) WHERE state <> 'done';

CREATE TABLE run_details (
  run TEXT PRIMARY KEY,
  detail TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tasks (
  run TEXT NOT NULL,
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  started INTEGER,
  duration_ms INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  message TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  PRIMARY KEY (run, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE messages (
  id INTEGER PRIMARY KEY,
  run TEXT NOT NULL,
  at INTEGER NOT NULL,
  level TEXT NOT NULL,
  task TEXT NOT NULL,
  text TEXT NOT NULL
) STRICT;
CREATE INDEX messages_of_run ON messages (run, id);

CREATE TABLE slots (
  scope TEXT NOT NULL,
  dataset TEXT NOT NULL,
  slot TEXT NOT NULL,
  start INTEGER NOT NULL,
  pipeline TEXT NOT NULL,
  state TEXT NOT NULL,
  run TEXT NOT NULL,
  published INTEGER,
  note TEXT NOT NULL,
  PRIMARY KEY (scope, dataset, slot)
) STRICT, WITHOUT ROWID;
CREATE INDEX slots_by_start ON slots (scope, dataset, start);

CREATE TABLE leases (
  term INTEGER PRIMARY KEY AUTOINCREMENT,
  scope TEXT NOT NULL,
  name TEXT NOT NULL,
  dataset TEXT,
  run TEXT NOT NULL,
  host TEXT NOT NULL,
  boot TEXT NOT NULL,
  space TEXT NOT NULL,
  pid INTEGER NOT NULL,
  started INTEGER NOT NULL,
  ttl_ms INTEGER NOT NULL,
  beat INTEGER NOT NULL,
  renewed_ms INTEGER NOT NULL,
  since INTEGER NOT NULL,
  seen_beat INTEGER NOT NULL,
  seen_boot TEXT NOT NULL,
  seen_ms INTEGER NOT NULL,
  UNIQUE (scope, name)
) STRICT;

CREATE TABLE budget_uses (
  id INTEGER PRIMARY KEY,
  api TEXT NOT NULL,
  bucket TEXT NOT NULL,
  environment TEXT NOT NULL,
  configuration TEXT,
  calls INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  UNIQUE (api, bucket, configuration)
) STRICT;
CREATE INDEX budget_uses_by_age ON budget_uses (api, bucket, last);
CREATE TABLE budget_lessons (
  api TEXT NOT NULL,
  bucket TEXT NOT NULL,
  calls INTEGER NOT NULL,
  until INTEGER NOT NULL,
  PRIMARY KEY (api, bucket)
) STRICT, WITHOUT ROWID;
CREATE TABLE budget_rests (
  api TEXT NOT NULL,
  bucket TEXT NOT NULL,
  until INTEGER NOT NULL,
  PRIMARY KEY (api, bucket)
) STRICT, WITHOUT ROWID;
)sql";

constexpr std::array<std::string_view, 1> kSteps = {kVersion1};

}  // namespace

std::span<const std::string_view> SchemaSteps() { return kSteps; }

}  // namespace catchment::state
