#include "app/query.h"

#include <arrow/api.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "app/render_rows.h"
#include "app/run_pipeline.h"
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

/// What the tables of a query are made from; outlives the engine.
struct QuerySources {
  std::unique_ptr<lake::ReadStore> store;
  std::vector<lake::View> views;
};

/// The part of a dataset's name after its pipeline's.
std::string ShortName(const std::string& dataset) { return dataset.substr(dataset.find('/') + 1); }

/// Whether a dataset holds one region alone (docs/adr/0140).
bool OfARegion(const std::string& dataset) { return dataset.find(".box-") != std::string::npos; }

/// Whether a table's files are read where they lie: months of items are too many to be read first.
bool ReadInPlace(const lake::TableView& table) {
  return table.mode == lake::TableMode::kPartition && !table.files.empty() &&
         std::find(table.partition.begin(), table.partition.end(), "year") != table.partition.end();
}

/// The parts of the slot among a table's partition names.
std::vector<std::string> SlotColumns(const lake::TableView& table) {
  std::vector<std::string> columns;
  for (const std::string& name : table.partition) {
    if (name == "year" || name == "month") columns.push_back(name);
  }
  return columns;
}

/// The tables of some datasets, as an engine's.
class QueryTables {
 public:
  /// `sources` outlives the engine.
  static Result<std::unique_ptr<columnar::SqlEngine>> Open(const QuerySources& sources,
                                                           const std::string& variable) {
    QueryTables tables(sources, variable);
    for (const lake::View& view : sources.views) RETURN_IF_ERROR(tables.ListFiles(view));
    columnar::SqlOptions options;
    for (const auto& [key, paths] : tables.files_)
      options.readable_files.insert(options.readable_files.end(), paths.begin(), paths.end());
    ASSIGN_OR_RETURN(tables.engine_, columnar::SqlEngine::Open(options));
    const bool several = !variable.empty();
    for (const lake::View& view : sources.views) {
      for (const auto& [name, table] : view.tables)
        RETURN_IF_ERROR(tables.Add(several ? ShortName(view.dataset) : "", view, name, table));
    }
    if (several) RETURN_IF_ERROR(tables.AddUnions());
    return std::move(tables.engine_);
  }

 private:
  QueryTables(const QuerySources& sources, std::string variable)
      : sources_(sources), variable_(std::move(variable)) {}

  Status ListFiles(const lake::View& view) {
    for (const auto& [name, table] : view.tables) {
      if (!ReadInPlace(table)) continue;
      ASSIGN_OR_RETURN(const auto files, lake::ListTableFiles(*sources_.store, view, name));
      std::vector<std::filesystem::path>& paths = files_[{view.dataset, name}];
      for (const lake::FetchedFile& file : files) paths.push_back(file.path);
    }
    return {};
  }

  Status Add(const std::string& schema, const lake::View& view, const std::string& name,
             const lake::TableView& table) {
    const auto files = files_.find({view.dataset, name});
    if (files != files_.end()) {
      columnar::ParquetFiles in_place{.paths = files->second, .partition = {}};
      if (!schema.empty()) in_place.partition = SlotColumns(table);
      return engine_->AddParquetFiles(schema, name, in_place);
    }
    return engine_->AddLazyTable(schema, name, [store = sources_.store.get(), &view, name] {
      return lake::ReadTable(*store, view, name);
    });
  }

  Status AddUnions() {
    std::map<std::string, std::vector<const lake::View*>> having;  // by table
    for (const lake::View& view : sources_.views) {
      const std::string schema = ShortName(view.dataset);
      if (view.tables.contains("items")) {
        RETURN_IF_ERROR(engine_->AddView("", schema, "SELECT * FROM " + Quoted(schema, "items"),
                                         {schema + ".items"}));
      }
      for (const auto& [name, table] : view.tables) {
        if (!OfARegion(view.dataset)) having[name].push_back(&view);
      }
    }
    for (const auto& [name, views] : having) {
      std::string select;
      std::vector<std::string> needs;
      for (const lake::View* view : views) {
        const std::string schema = ShortName(view->dataset);
        select += fmt::format("{}SELECT {} FROM {}", select.empty() ? "" : " UNION ALL BY NAME ",
                              ColumnsOf(*view, name), Quoted(schema, name));
        needs.push_back(schema + "." + name);
      }
      RETURN_IF_ERROR(engine_->AddView("", name, std::move(select), std::move(needs)));
    }
    return {};
  }

  /// All columns but `assets`, whose members differ, after one that names the dataset.
  std::string ColumnsOf(const lake::View& view, const std::string& name) const {
    const nlohmann::json& schema = view.tables.at(name).schema;
    const auto has = [&](const std::string& column) {
      return std::any_of(schema.begin(), schema.end(), [&](const nlohmann::json& field) {
        return field.value("name", "") == column;
      });
    };
    std::string columns = has("assets") ? "* EXCLUDE (assets)" : "*";
    if (has(variable_)) return columns;
    return fmt::format("{} AS {}, {}", columnar::QuoteText(ShortName(view.dataset)),
                       columnar::QuoteName(variable_), columns);
  }

  static std::string Quoted(const std::string& schema, const std::string& name) {
    return columnar::QuoteName(schema) + "." + columnar::QuoteName(name);
  }

  const QuerySources& sources_;
  const std::string variable_;
  std::map<std::pair<std::string, std::string>, std::vector<std::filesystem::path>> files_;
  std::unique_ptr<columnar::SqlEngine> engine_;
};

/// The views of all datasets that a name means; a dataset that has no such publish is left out.
Result<QuerySources> OpenSources(const Settings& settings, const std::vector<std::string>& datasets,
                                 const PublishChoice& choice) {
  if (datasets.size() > 1 && choice.number)
    return Invalid("a publish's number is of one dataset; name one of {}",
                   fmt::join(datasets, ", "));
  QuerySources sources;
  ASSIGN_OR_RETURN(sources.store, lake::LocalStore::OpenRead(settings.lake_root));
  Status none = NotFound("no dataset");
  for (const std::string& dataset : datasets) {
    Result<OpenedView> opened = OpenView(settings, dataset, choice);
    if (!opened.ok() && opened.error().code != Code::kNotFound) return opened.status();
    if (!opened.ok()) {
      none = opened.status();
      continue;
    }
    sources.views.push_back(std::move(opened->view));
  }
  if (sources.views.empty()) return none;
  return sources;
}

/// What distinguishes a pipeline's datasets: the name of its `for_each` variable.
std::string VariableOf(const Settings& settings, const std::string& pipeline) {
  const auto definition = LoadPipelineByName(settings, pipeline);
  return definition.ok() && (*definition)->for_each ? (*definition)->for_each->variable : "dataset";
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
  ASSIGN_OR_RETURN(const std::vector<std::string> datasets, DatasetsOf(settings, request.dataset));
  ASSIGN_OR_RETURN(const QuerySources sources, OpenSources(settings, datasets, request.publish));
  // One that was named by its own name has its tables without a name before them.
  const bool several =
      datasets.front() != request.dataset && datasets.front().find('/') != std::string::npos;
  ASSIGN_OR_RETURN(
      const auto engine,
      QueryTables::Open(sources, several ? VariableOf(settings, request.dataset) : ""));
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
