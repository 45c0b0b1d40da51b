#include "app/query.h"

#include <arrow/api.h>

#include <algorithm>

#include "app/render_rows.h"
#include "base/clock.h"
#include "base/op_context.h"
#include "columnar/csv_file.h"
#include "columnar/json_file.h"
#include "columnar/parquet_file.h"
#include "columnar/sql.h"
#include "lake/history.h"
#include "lake/local_store.h"
#include "lake/table_read.h"
#include "transforms/diff.h"

namespace catchment::app {
namespace {

/// A dataset's view and the store that it is read from.
struct OpenedView {
  std::unique_ptr<lake::ReadStore> store;
  lake::View view;
};

Result<int64_t> ChooseNumber(const lake::ReadStore& store, const std::string& dataset,
                             const PublishChoice& choice) {
  if (choice.number) return *choice.number;
  if (!choice.as_of_slot.empty()) {
    ASSIGN_OR_RETURN(const Time time, ParseTime(choice.as_of_slot));
    return lake::AsOfSlot(store, dataset, time);
  }
  if (!choice.as_of_published.empty()) {
    ASSIGN_OR_RETURN(const Time time, ParseTime(choice.as_of_published));
    return lake::AsOfTime(store, dataset, time);
  }
  return lake::FindHead(store, dataset);
}

Result<OpenedView> OpenView(const Settings& settings, const std::string& name,
                            const PublishChoice& choice) {
  OpenedView opened;
  ASSIGN_OR_RETURN(const std::string dataset, DatasetOf(settings, name));
  ASSIGN_OR_RETURN(opened.store, lake::LocalStore::OpenRead(settings.lake_root));
  ASSIGN_OR_RETURN(const int64_t number, ChooseNumber(*opened.store, dataset, choice));
  if (number == 0) return NotFound("dataset '{}' has no publish yet", dataset);
  ASSIGN_OR_RETURN(opened.view, lake::LoadView(*opened.store, dataset, number));
  return opened;
}

Status WriteOutput(const columnar::Table& rows, const std::string& path) {
  if (path.ends_with(".parquet")) return columnar::WriteParquet(rows, path).status();
  if (path.ends_with(".csv") || path.ends_with(".csv.gz") || path.ends_with(".csv.zst")) {
    return columnar::WriteCsv(rows, path).status();
  }
  if (path.ends_with(".json")) return columnar::WriteJson(rows, path).status();
  if (path.ends_with(".ndjson"))
    return columnar::WriteJson(rows, path, {.shape = columnar::JsonShape::kLines}).status();
  return Invalid("--output {}: expected a name ending in .csv, .csv.gz, .json, .ndjson or .parquet",
                 path);
}

std::vector<std::string> ColumnNames(const columnar::Table& table) {
  std::vector<std::string> names;
  for (const auto& field : table.schema()->fields()) names.push_back(field->name());
  return names;
}

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Columns that both tables have, can be compared and are no key.
std::vector<std::string> ComparedColumns(const columnar::Table& before,
                                         const columnar::Table& after,
                                         const std::vector<std::string>& key) {
  const std::vector<std::string> old = ColumnNames(before);
  std::vector<std::string> compared;
  for (const auto& field : after.schema()->fields()) {
    if (Contains(old, field->name()) && !Contains(key, field->name()) &&
        !arrow::is_nested(field->type()->id())) {
      compared.push_back(field->name());
    }
  }
  return compared;
}

/// Rows of a diff with the differing columns folded into one text each.
RowsAnswer FoldChanges(const RowsAnswer& wide, const std::vector<std::string>& key,
                       const std::vector<std::string>& compared) {
  RowsAnswer answer;
  answer.total = wide.total;
  answer.columns = key;
  answer.columns.insert(answer.columns.begin(), "kind");
  answer.columns.push_back("change");
  for (const nlohmann::ordered_json& row : wide.rows) {
    nlohmann::ordered_json out = {{"kind", row["kind"]}};
    for (const std::string& name : key) out[name] = row[name];
    nlohmann::ordered_json differences = nlohmann::ordered_json::object();
    std::string text;
    for (const std::string& name : compared) {
      const nlohmann::ordered_json& now = row[name];
      const nlohmann::ordered_json& then = row["previous_" + name];
      if (now == then || row["kind"] != "changed") continue;
      differences[name] = {{"before", then}, {"after", now}};
      text += fmt::format("{}{}: {} → {}", text.empty() ? "" : ", ", name, then.dump(), now.dump());
    }
    out["change"] = differences;
    std::vector<std::string>& cells = answer.cells.emplace_back();
    cells.push_back(row["kind"].get<std::string>());
    for (const std::string& name : key)
      cells.push_back(row[name].is_string() ? row[name].get<std::string>() : row[name].dump());
    cells.push_back(text);
    answer.rows.push_back(std::move(out));
  }
  return answer;
}

}  // namespace

Result<RowsAnswer> Query(const Settings& settings, const QueryRequest& request,
                         std::stop_token stop) {
  ASSIGN_OR_RETURN(const OpenedView opened, OpenView(settings, request.dataset, request.publish));
  ASSIGN_OR_RETURN(const auto engine, columnar::SqlEngine::Open());
  for (const auto& [name, table] : opened.view.tables) {
    RETURN_IF_ERROR(engine->AddLazyTable("", name, [&opened, name = name] {
      return lake::ReadTable(*opened.store, opened.view, name);
    }));
  }
  const SystemClock clock;
  OpContext context;
  context.clock = &clock;
  context.stop = std::move(stop);
  ASSIGN_OR_RETURN(
      const columnar::Table rows,
      engine->Query({request.sql, "query"}, {}, {.allow_volatile = true, .context = &context}));
  if (!request.output.empty()) {
    RETURN_IF_ERROR(WriteOutput(rows, request.output));
    RowsAnswer answer;
    answer.total = rows.num_rows();
    return answer;
  }
  return RenderRows(rows, request.limit);
}

Result<PublishAnswer> DescribePublish(const Settings& settings, const std::string& dataset,
                                      const PublishChoice& choice) {
  ASSIGN_OR_RETURN(const OpenedView opened, OpenView(settings, dataset, choice));
  const lake::View& view = opened.view;
  PublishAnswer answer;
  answer.number = view.number;
  answer.slot = view.head.slot.text;
  answer.kind = lake::KindName(view.head.kind);
  answer.run = view.head.run.text;
  answer.published = FormatTime(view.head.published);
  answer.json = {{"dataset", view.dataset},
                 {"publish", view.number},
                 {"slot", answer.slot},
                 {"kind", answer.kind},
                 {"run", answer.run},
                 {"published", answer.published},
                 {"newest_slot", view.newest_slot.text},
                 {"tables", nlohmann::json::object()}};
  for (const auto& [name, table] : view.tables) {
    int64_t rows = 0;
    for (const lake::LiveFile& file : table.files) rows += file.file.rows;
    answer.tables.push_back({name, std::string(lake::ModeName(table.mode)), std::to_string(rows),
                             std::to_string(table.files.size())});
    answer.json["tables"][name] = {{"mode", lake::ModeName(table.mode)},
                                   {"rows", rows},
                                   {"files", table.files.size()},
                                   {"schema", table.schema}};
  }
  return answer;
}

Result<RowsAnswer> ReadPublished(const Settings& settings, const std::string& dataset,
                                 const PublishChoice& choice, const std::string& table,
                                 const std::vector<std::string>& columns, int64_t limit) {
  ASSIGN_OR_RETURN(const OpenedView opened, OpenView(settings, dataset, choice));
  ASSIGN_OR_RETURN(columnar::Table rows, lake::ReadTable(*opened.store, opened.view, table));
  if (!columns.empty()) {
    ASSIGN_OR_RETURN(auto chosen, rows.Load(columns));
    rows = columnar::Table::FromArrow(std::move(chosen));
  }
  return RenderRows(rows, limit);
}

Result<RowsAnswer> DiffPublishes(const Settings& settings, const std::string& dataset,
                                 int64_t before, int64_t after, const std::string& table,
                                 std::vector<std::string> key, int64_t limit) {
  ASSIGN_OR_RETURN(const OpenedView old, OpenView(settings, dataset, {.number = before}));
  ASSIGN_OR_RETURN(const OpenedView now, OpenView(settings, dataset, {.number = after}));
  ASSIGN_OR_RETURN(const columnar::Table old_rows, lake::ReadTable(*old.store, old.view, table));
  ASSIGN_OR_RETURN(const columnar::Table new_rows, lake::ReadTable(*now.store, now.view, table));
  if (key.empty()) key = now.view.tables.at(table).key;
  if (key.empty()) return Invalid("table '{}' has no key; name its columns with --key", table);
  transforms::DiffOptions options;
  options.key = key;
  options.compare = ComparedColumns(old_rows, new_rows, key);
  ASSIGN_OR_RETURN(
      const columnar::Table changes,
      transforms::Diff(&old_rows, new_rows, options,
                       now.view.head.slot.empty() ? Time{} : now.view.newest_slot_time));
  ASSIGN_OR_RETURN(const RowsAnswer wide, RenderRows(changes, limit));
  return FoldChanges(wide, key, options.compare);
}

}  // namespace catchment::app
