#include "core/pipeline_parse.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/cron.h"
#include "base/text.h"
#include "core/pipeline_check_internal.h"
#include "core/run_spec.h"
#include "core/slot.h"
#include "core/value_type_internal.h"
#include "core/values.h"
#include "core/yaml_internal.h"

namespace catchment::core {
namespace {

/// Letters, digits and `_`, a letter first: usable as a table's name in SQL without quotes.
bool IsName(std::string_view text) {
  return !text.empty() && text.size() <= 64 &&
         std::isdigit(static_cast<unsigned char>(text[0])) == 0 &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
         });
}

/// Also `-` and `.` inside, as in `aws-spot` and `HLSL30_2.0`.
bool IsPipelineName(std::string_view text) {
  return !text.empty() && text.size() <= 64 &&
         std::isalnum(static_cast<unsigned char>(text[0])) != 0 &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' ||
                  c == '.';
         });
}

std::vector<std::string> NamesOf(const std::vector<Component>& components) {
  std::vector<std::string> names;
  for (const Component& component : components) names.push_back(component.name);
  return names;
}

/// `range: [0, 5]`, `[0]`, `[null, 5]`, or `"(0, 5]"` where a round bracket leaves the end out.
void ReadRange(const YamlNode& node, ColumnContract& column, Problems& problems) {
  const auto wrong = [&] {
    problems.Add(node.mark, "range: expected [low, high], [low], [null, high] or \"(low, high]\"");
  };
  std::vector<std::string> ends;
  if (node.kind == YamlNode::Kind::kList) {
    for (const YamlNode& end : node.list) {
      if (end.kind != YamlNode::Kind::kScalar) return wrong();
      ends.push_back(end.IsNull() ? "" : end.text);
    }
  } else if (node.kind == YamlNode::Kind::kScalar && node.text.size() >= 3) {
    const char open = node.text.front(), close = node.text.back();
    if ((open != '[' && open != '(') || (close != ']' && close != ')')) return wrong();
    column.minimum_exclusive = open == '(';
    column.maximum_exclusive = close == ')';
    ends = Split(std::string_view(node.text).substr(1, node.text.size() - 2), ',');
  }
  if (ends.empty() || ends.size() > 2) return wrong();
  const auto read = [&](std::string_view text, std::optional<double>& into) {
    text = Trim(text);
    if (text.empty()) return true;
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    into = value;
    return error == std::errc() && end == text.data() + text.size();
  };
  if (!read(ends[0], column.minimum)) return wrong();
  if (ends.size() == 2 && !read(ends[1], column.maximum)) return wrong();
  if (column.minimum && column.maximum && *column.minimum > *column.maximum) wrong();
}

/// `range: [1, 31]` of a parameter.
void ReadBounds(const YamlNode& node, Parameter& parameter, Problems& problems) {
  if (parameter.type != "int" && parameter.type != "integer" && parameter.type != "number") {
    problems.Add(node.mark, "range: only numbers have one; the type is {}", parameter.type);
    return;
  }
  ColumnContract bounds;
  ReadRange(node, bounds, problems);
  parameter.minimum = bounds.minimum;
  parameter.maximum = bounds.maximum;
}

class Reader {
 public:
  Reader(const Catalogue& catalogue, Problems& problems)
      : catalogue_(catalogue), problems_(problems) {}

  void ReadPipeline(const YamlNode& root, Pipeline& pipeline);

 private:
  void ReadSchedule(const YamlNode& node, Schedule& schedule);
  void ReadSlotRules(const YamlNode& node, SlotRules& rules);
  void ReadForEach(const YamlNode& node, Pipeline& pipeline);
  void ReadParameters(const YamlNode& node, Pipeline& pipeline);
  void ReadTasks(const YamlNode& node, Pipeline& pipeline);
  TaskSpec ReadTask(const std::string& name, const YamlNode& node);
  void ReadKind(MapReader& reader, TaskSpec& task);
  void ReadCommand(const YamlNode& node, TaskSpec& task);
  void ReadComponent(const std::vector<Component>& components, MapReader& reader, TaskSpec& task);
  /// Check `with` against what the component takes. `own` are keys read elsewhere.
  void CheckWith(const Component& component, const std::string& what, const YamlNode* node,
                 const nlohmann::json& with, Mark mark);
  void ReadContracts(const YamlNode& node, Pipeline& pipeline);
  TableContract ReadContract(const std::string& table, const YamlNode& node);
  void ReadColumns(const YamlNode& node, TableContract& contract);
  void ReadColumnMaps(MapReader& reader, TableContract& contract);
  void ReadForeignKeys(const YamlNode& node, TableContract& contract);
  void ReadRows(const YamlNode& node, TableContract& contract);
  void ReadPublish(const YamlNode& node, Pipeline& pipeline);
  void ReadExports(const YamlNode& node, Pipeline& pipeline);
  void ReadSinks(const YamlNode& node, Pipeline& pipeline);
  std::optional<double> Share(MapReader& reader, const std::string& key);

  const Catalogue& catalogue_;
  Problems& problems_;
};

void Reader::ReadPipeline(const YamlNode& root, Pipeline& pipeline) {
  MapReader reader(root, "the pipeline file", problems_);
  if (root.IsNull()) problems_.Add(root.mark, "the pipeline file: empty, expected name: value");
  if (!reader.ok()) return;
  pipeline.name = reader.Text("pipeline");
  if (!IsPipelineName(pipeline.name)) {
    problems_.Add(reader.MarkOf("pipeline"),
                  "pipeline: '{}' is no name; use letters, digits, '-', '_' and '.'",
                  pipeline.name);
  }
  pipeline.description = reader.Text("description");
  pipeline.dataset = reader.Text("dataset", pipeline.name);
  if (std::count(pipeline.dataset.begin(), pipeline.dataset.end(), '/') > 1) {
    problems_.Add(reader.MarkOf("dataset"), "dataset: '{}' has more than one '/'",
                  pipeline.dataset);
  }
  if (const YamlNode* node = reader.Find("schedule")) ReadSchedule(*node, pipeline.schedule);
  if (const YamlNode* node = reader.Find("slot")) ReadSlotRules(*node, pipeline.slot);
  pipeline.timeout = reader.Duration("timeout");
  if (const YamlNode* node = reader.Find("for_each")) ReadForEach(*node, pipeline);
  if (const YamlNode* node = reader.Find("parameters")) ReadParameters(*node, pipeline);
  if (const YamlNode* node = reader.Find("tasks")) ReadTasks(*node, pipeline);
  if (pipeline.tasks.empty()) {
    problems_.Add(reader.MarkOf("tasks"), "tasks: a pipeline needs at least one task");
  }
  if (const YamlNode* node = reader.Find("contract")) ReadContracts(*node, pipeline);
  if (const YamlNode* node = reader.Find("publish")) ReadPublish(*node, pipeline);
  if (const YamlNode* node = reader.Find("exports")) ReadExports(*node, pipeline);
  if (const YamlNode* node = reader.Find("sinks")) ReadSinks(*node, pipeline);
  pipeline.test_reads = reader.Texts("test_reads");
  reader.Finish();
}

void Reader::ReadSchedule(const YamlNode& node, Schedule& schedule) {
  MapReader reader(node, "schedule", problems_);
  schedule.cron = reader.Text("cron");
  schedule.timezone = reader.Text("timezone", "UTC");
  schedule.every = reader.Duration("every");
  for (const std::string& text : reader.Texts("at")) {
    if (const Result<Time> time = ParseTime(text); time.ok()) {
      schedule.at.push_back(*time);
    } else {
      problems_.Add(reader.MarkOf("at"), "at: {}", time.error().message);
    }
  }
  std::sort(schedule.at.begin(), schedule.at.end());
  schedule.start = reader.Moment("start");
  schedule.until = reader.Moment("until");
  schedule.window = reader.Duration("window");
  const std::string missed = reader.Choice("missed", {"none", "last", "all"}, "last");
  schedule.missed = missed == "none"  ? Missed::kNone
                    : missed == "all" ? Missed::kAll
                                      : Missed::kLast;
  const std::string overlap = reader.Choice("overlap", {"skip", "queue", "allow"}, "skip");
  schedule.overlap = overlap == "queue"   ? Overlap::kQueue
                     : overlap == "allow" ? Overlap::kAllow
                                          : Overlap::kSkip;
  reader.Finish();
  const std::pair<std::string_view, std::string_view> names[] = {{"@hourly", "0 * * * *"},
                                                                 {"@daily", "0 0 * * *"},
                                                                 {"@weekly", "0 0 * * 0"},
                                                                 {"@monthly", "0 0 1 * *"},
                                                                 {"@yearly", "0 0 1 1 *"}};
  for (const auto& [name, fields] : names) {
    if (schedule.cron == name) schedule.cron = fields;
  }
  const int forms =
      int{!schedule.cron.empty()} + int{schedule.every.has_value()} + int{!schedule.at.empty()};
  if (forms > 1) problems_.Add(node.mark, "schedule: give one of cron, every and at");
  if (schedule.every && *schedule.every < std::chrono::seconds(1)) {
    problems_.Add(reader.MarkOf("every"), "every: at least 1s");
    schedule.every.reset();
  }
  const Result<Cron> cron =
      Cron::Parse(schedule.cron.empty() ? "* * * * *" : schedule.cron, schedule.timezone);
  if (!cron.ok()) {
    problems_.AddText(reader.MarkOf(schedule.cron.empty() ? "timezone" : "cron"),
                      cron.error().message);
  }
}

void Reader::ReadSlotRules(const YamlNode& node, SlotRules& rules) {
  MapReader reader(node, "slot", problems_);
  const std::string period = reader.Choice("period", {"hour", "day", "month", "year"}, "");
  for (const Period known : {Period::kHour, Period::kDay, Period::kMonth, Period::kYear}) {
    if (period == PeriodName(known)) rules.period = known;
  }
  if (rules.period == Period::kNone) {
    problems_.Add(node.mark, "slot: period is missing; use hour, day, month or year");
  }
  if (const YamlNode* first = reader.Find("first")) {
    if (first->kind == YamlNode::Kind::kScalar) {
      rules.first[""] = first->text;
    } else {
      rules.first = reader.TextMap("first");
    }
    Pipeline only_period;
    only_period.slot.period = rules.period;
    for (const auto& [each, text] : rules.first) {
      const Result<Slot> slot = SlotFromId(only_period, SlotId{text});
      if (rules.period != Period::kNone && !slot.ok()) {
        problems_.Add(first->mark, "first: {}", slot.error().message);
      }
    }
  }
  rules.open = reader.Text("open");
  if (!rules.open.empty()) {
    const Status status = CheckType(nlohmann::json(rules.open), "duration");
    if (!status.ok()) problems_.Add(reader.MarkOf("open"), "open: {}", status.error().message);
  }
  if (const YamlNode* recheck = reader.Find("recheck")) {
    MapReader inner(*recheck, "recheck", problems_);
    rules.recheck_last = static_cast<int>(std::min<int64_t>(inner.Int("last").value_or(0), 10'000));
    rules.recheck_every = inner.Duration("every").value_or(std::chrono::milliseconds(0));
    if (rules.recheck_last == 0 || rules.recheck_every.count() == 0) {
      problems_.Add(recheck->mark, "recheck: needs last and every, e.g. {{last: 3, every: 7d}}");
    }
    inner.Finish();
  }
  reader.Finish();
}

void Reader::ReadForEach(const YamlNode& node, Pipeline& pipeline) {
  const auto& entries = Entries(node, "for_each", problems_);
  if (entries.size() != 1) {
    problems_.Add(node.mark, "for_each: expected one variable, e.g. {{collection: [a, b]}}");
    return;
  }
  const auto& [name, values] = entries[0];
  if (!IsName(name.text)) problems_.Add(name.mark, "for_each: '{}' is no name", name.text);
  pipeline.for_each = ForEach{name.text, ToJson(values)};
  if (!pipeline.for_each->values.is_array() && !pipeline.for_each->values.is_string()) {
    problems_.Add(values.mark, "for_each: expected a list, or a placeholder of a list parameter");
  }
}

void Reader::ReadParameters(const YamlNode& node, Pipeline& pipeline) {
  for (const auto& [name, value] : Entries(node, "parameters", problems_)) {
    MapReader reader(value, "parameter '" + name.text + "'", problems_);
    Parameter parameter;
    parameter.name = name.text;
    parameter.mark = name.mark;
    if (!IsName(name.text)) problems_.Add(name.mark, "'{}' is no name for a parameter", name.text);
    parameter.type = reader.Choice("type", ValueTypes(), "text");
    if (const YamlNode* fallback = reader.Find("default")) {
      parameter.fallback = ToJson(*fallback);
      if (parameter.type == "text" && fallback->kind == YamlNode::Kind::kScalar &&
          !fallback->IsNull()) {
        parameter.fallback = fallback->text;
      }
      const Status status = CheckType(parameter.fallback, parameter.type);
      if (!status.ok()) problems_.Add(fallback->mark, "default: {}", status.error().message);
    }
    parameter.help = reader.Text("help");
    parameter.env = reader.Text("env");
    if (reader.Has("alias")) parameter.alias = reader.Choice("alias", ParameterAliases(), "");
    parameter.allowed = reader.Texts("allowed");
    if (const YamlNode* range = reader.Find("range")) ReadBounds(*range, parameter, problems_);
    reader.Finish();
    const Status fits = CheckParameter(parameter, parameter.fallback);
    if (!fits.ok()) problems_.Add(name.mark, "default: {}", fits.error().message);
    pipeline.parameters.push_back(std::move(parameter));
  }
}

void Reader::ReadTasks(const YamlNode& node, Pipeline& pipeline) {
  for (const auto& [name, value] : Entries(node, "tasks", problems_)) {
    if (!IsName(name.text) || name.text == "run" || name.text == "head") {
      problems_.Add(name.mark, "'{}' is no name for a task; use letters, digits and '_'",
                    name.text);
    }
    TaskSpec task = ReadTask(name.text, value);
    task.mark = name.mark;
    pipeline.tasks.push_back(std::move(task));
  }
}

TaskSpec Reader::ReadTask(const std::string& name, const YamlNode& node) {
  TaskSpec task;
  task.name = name;
  MapReader reader(node, "task '" + name + "'", problems_);
  if (!reader.ok()) return task;
  task.needs = reader.Texts("needs");
  task.refresh = reader.Duration("refresh");
  task.required = reader.Bool("required", true);
  task.with = reader.Json("with");
  if (task.with.is_null()) task.with = nlohmann::json::object();
  if (!task.with.is_object()) {
    problems_.Add(reader.MarkOf("with"), "with: expected a map of name: value");
    task.with = nlohmann::json::object();
  }
  ReadKind(reader, task);
  if (task.kind != TaskKind::kSource && reader.Has("refresh")) {
    problems_.Add(reader.MarkOf("refresh"), "refresh: only a source has it");
  }
  reader.Finish();
  return task;
}

void Reader::ReadKind(MapReader& reader, TaskSpec& task) {
  constexpr TaskKind kKinds[] = {TaskKind::kSource, TaskKind::kSql, TaskKind::kTransform,
                                 TaskKind::kRead, TaskKind::kExec};
  int found = 0;
  for (const TaskKind kind : kKinds) {
    if (!reader.Has(std::string(TaskKindName(kind)))) continue;
    task.kind = kind;
    ++found;
  }
  if (found != 1) {
    problems_.Add(reader.mark(), "task '{}': give one of source, sql, transform, read and exec",
                  task.name);
    return;
  }
  const std::string key(TaskKindName(task.kind));
  if (task.kind == TaskKind::kExec) {
    ReadCommand(*reader.Find(key), task);
    task.outputs = reader.Texts("outputs");
    return;
  }
  task.what = reader.Text(key);
  if (task.what.empty()) problems_.Add(reader.MarkOf(key), "{}: expected a name", key);
  if (task.kind == TaskKind::kSource) ReadComponent(catalogue_.sources, reader, task);
  if (task.kind == TaskKind::kTransform) ReadComponent(catalogue_.transforms, reader, task);
  if (task.kind != TaskKind::kRead) return;
  task.any_outputs = true;
  task.newest_for = reader.Choice("newest_for", {"slot", "slot_date"}, "");
  task.optional = reader.Bool("optional", false);
  if (const YamlNode* otherwise = reader.Find("else")) {
    MapReader inner(*otherwise, "else", problems_);
    task.otherwise = ReadElse{inner.Text("run")};
    if (task.otherwise->run.empty()) {
      problems_.Add(otherwise->mark, "else: expected {{run: PIPELINE}}");
    }
    inner.Finish();
  }
}

void Reader::ReadCommand(const YamlNode& node, TaskSpec& task) {
  if (node.kind == YamlNode::Kind::kScalar && !node.IsNull()) {
    task.command = {"/bin/sh", "-c", node.text};
  } else if (node.kind == YamlNode::Kind::kList) {
    for (const YamlNode& argument : node.list) {
      task.command.push_back(ScalarText(argument, "exec", problems_).value_or(""));
    }
  }
  if (task.command.empty() || task.command[0].empty()) {
    problems_.Add(node.mark,
                  "exec: expected a program and its arguments as a list, or a shell line");
    task.command = {"false"};
  }
  task.what = task.command[0];
}

void Reader::ReadComponent(const std::vector<Component>& components, MapReader& reader,
                           TaskSpec& task) {
  const std::string key(TaskKindName(task.kind));
  const Component* const component = FindComponent(components, task.what);
  if (component == nullptr) {
    problems_.Add(reader.MarkOf(key), "there is no {} '{}'{}", key, task.what,
                  DidYouMean(task.what, NamesOf(components)));
    task.any_outputs = true;  // so that references to it are not reported as well
    return;
  }
  task.outputs = component->outputs;
  task.any_outputs = component->any_outputs;
  task.looks_back = task.kind != TaskKind::kSource || component->looks_back;
  CheckWith(*component, "task '" + task.name + "'", reader.Find("with"), task.with, reader.mark());
}

void Reader::CheckWith(const Component& component, const std::string& what, const YamlNode* node,
                       const nlohmann::json& with, Mark mark) {
  std::vector<std::string> names;
  for (const ComponentKey& key : component.keys) {
    names.push_back(key.name);
    if (key.required && !with.contains(key.name)) {
      problems_.Add(mark, "{}: {} needs '{}' ({})", what, component.name, key.name, key.help);
    }
  }
  if (node == nullptr || node->kind != YamlNode::Kind::kMap) return;
  for (const auto& [name, value] : node->map) {
    const auto key = std::find_if(component.keys.begin(), component.keys.end(),
                                  [&](const ComponentKey& k) { return k.name == name.text; });
    if (key == component.keys.end()) {
      problems_.Add(name.mark, "unknown key '{}' for {}{}", name.text, component.name,
                    DidYouMean(name.text, names));
      continue;
    }
    nlohmann::json json = ToJson(value);
    const Status status = CheckType(json, key->type);
    if (!status.ok()) problems_.Add(value.mark, "{}: {}", name.text, status.error().message);
    const bool checkable = !key->allowed.empty() && json.is_string() &&
                           json.get_ref<const std::string&>().find('{') == std::string::npos;
    if (checkable && std::find(key->allowed.begin(), key->allowed.end(), json.get<std::string>()) ==
                         key->allowed.end()) {
      problems_.Add(value.mark, "{}: '{}' is not one of {}{}", name.text, json.get<std::string>(),
                    fmt::join(key->allowed, ", "),
                    DidYouMean(json.get<std::string>(), key->allowed));
    }
  }
}

void Reader::ReadContracts(const YamlNode& node, Pipeline& pipeline) {
  for (const auto& [name, value] : Entries(node, "contract", problems_)) {
    TableContract contract = ReadContract(name.text, value);
    contract.mark = name.mark;
    pipeline.contracts.push_back(std::move(contract));
  }
}

std::optional<double> Reader::Share(MapReader& reader, const std::string& key) {
  const std::string text = reader.Text(key);
  if (text.empty()) return std::nullopt;
  const Result<double> share = ParseShare(text);
  if (share.ok()) return *share;
  problems_.Add(reader.MarkOf(key), "{}: {}", key, share.error().message);
  return std::nullopt;
}

TableContract Reader::ReadContract(const std::string& table, const YamlNode& node) {
  TableContract contract;
  contract.table = table;
  MapReader reader(node, "contract of '" + table + "'", problems_);
  contract.key = reader.Texts("key");
  if (const YamlNode* columns = reader.Find("columns")) ReadColumns(*columns, contract);
  ReadColumnMaps(reader, contract);
  if (const YamlNode* keys = reader.Find("foreign_key")) ReadForeignKeys(*keys, contract);
  if (const YamlNode* rows = reader.Find("rows")) ReadRows(*rows, contract);
  if (const YamlNode* complete = reader.Find("complete")) {
    MapReader inner(*complete, "complete", problems_);
    contract.complete_at_least = inner.Text("at_least");
    contract.complete_below = inner.Text("below", "hold");
    const Status share = CheckType(nlohmann::json(contract.complete_at_least), "percent");
    if (!share.ok()) problems_.Add(complete->mark, "at_least: {}", share.error().message);
    if (contract.complete_below.find('{') == std::string::npos) {
      contract.complete_below = inner.Choice("below", {"hold", "holes"}, "hold");
    }
    inner.Finish();
  }
  contract.shrink = reader.Text("shrink");
  if (!contract.shrink.empty() && contract.shrink.find('{') == std::string::npos) {
    reader.Bool("shrink", false);
  }
  reader.Finish();
  return contract;
}

ColumnContract& ColumnOf(TableContract& contract, const std::string& column) {
  for (ColumnContract& known : contract.columns) {
    if (known.column == column) return known;
  }
  contract.columns.push_back({});
  contract.columns.back().column = column;
  return contract.columns.back();
}

void Reader::ReadColumns(const YamlNode& node, TableContract& contract) {
  for (const auto& [name, value] : Entries(node, "columns", problems_)) {
    MapReader reader(value, "column '" + name.text + "'", problems_);
    ColumnContract& column = ColumnOf(contract, name.text);
    column.type = reader.Text("type");
    column.not_null = reader.Bool("not_null", false);
    if (const YamlNode* range = reader.Find("range")) ReadRange(*range, column, problems_);
    column.allowed = reader.Texts("allowed");
    column.pattern = reader.Text("pattern");
    reader.Finish();
  }
}

/// The other way to say the same: `types: {a: double}`, `not_null: [a]`, `range: {a: [0]}`, ….
void Reader::ReadColumnMaps(MapReader& reader, TableContract& contract) {
  for (const auto& [column, type] : reader.TextMap("types")) ColumnOf(contract, column).type = type;
  for (const std::string& column : reader.Texts("not_null")) {
    ColumnOf(contract, column).not_null = true;
  }
  if (const YamlNode* ranges = reader.Find("range")) {
    for (const auto& [column, range] : Entries(*ranges, "range", problems_)) {
      ReadRange(range, ColumnOf(contract, column.text), problems_);
    }
  }
  if (const YamlNode* allowed = reader.Find("allowed")) {
    MapReader inner(*allowed, "allowed", problems_);
    for (const auto& [column, values] : inner.Rest()) {
      ColumnOf(contract, column).allowed = inner.Texts(column);
    }
  }
  for (const auto& [column, pattern] : reader.TextMap("pattern")) {
    ColumnOf(contract, column).pattern = pattern;
  }
}

void Reader::ReadForeignKeys(const YamlNode& node, TableContract& contract) {
  const std::vector<YamlNode> one = {node};
  for (const YamlNode& entry : node.kind == YamlNode::Kind::kList ? node.list : one) {
    MapReader reader(entry, "foreign_key", problems_);
    ForeignKeyContract key;
    key.columns = reader.Texts("columns");
    key.table = reader.Text("table");
    key.other_columns = reader.Texts("other_columns");
    if (key.other_columns.empty()) key.other_columns = key.columns;
    if (key.columns.empty() || key.table.empty() ||
        key.columns.size() != key.other_columns.size()) {
      problems_.Add(entry.mark,
                    "foreign_key: expected {{columns: [a], table: other, other_columns: [b]}}");
    }
    reader.Finish();
    contract.foreign_keys.push_back(std::move(key));
  }
}

void Reader::ReadRows(const YamlNode& node, TableContract& contract) {
  MapReader reader(node, "rows", problems_);
  contract.rows_minimum = reader.Int("min");
  contract.rows_maximum = reader.Int("max");
  contract.drop_at_most = Share(reader, "drop_at_most");
  reader.Finish();
}

void Reader::ReadPublish(const YamlNode& node, Pipeline& pipeline) {
  for (const auto& [name, value] : Entries(node, "publish", problems_)) {
    PublishedTable table;
    table.table = name.text;
    table.mark = name.mark;
    if (!IsName(name.text)) problems_.Add(name.mark, "'{}' is no name for a table", name.text);
    MapReader reader(value, "published table '" + name.text + "'", problems_);
    table.from = reader.Text("from", name.text);
    const std::string mode = reader.Choice("mode", {"replace", "append", "partition"}, "replace");
    table.mode = mode == "append"      ? TableMode::kAppend
                 : mode == "partition" ? TableMode::kPartition
                                       : TableMode::kReplace;
    table.partition = reader.Texts("partition");
    if (table.mode == TableMode::kPartition && table.partition.empty()) {
      problems_.Add(name.mark, "table '{}': mode partition needs partition: [COLUMN, …]",
                    name.text);
    }
    reader.Finish();
    pipeline.publish.push_back(std::move(table));
  }
}

void Reader::ReadExports(const YamlNode& node, Pipeline& pipeline) {
  if (node.kind != YamlNode::Kind::kList) {
    if (!node.IsNull()) problems_.Add(node.mark, "exports: expected a list");
    return;
  }
  for (const YamlNode& entry : node.list) {
    MapReader reader(entry, "export", problems_);
    ExportSpec spec;
    spec.mark = entry.mark;
    spec.table = reader.Text("table");
    spec.sql = reader.Text("sql");
    spec.from = reader.Text("from");
    spec.as = reader.Choice("as", catalogue_.export_formats, "");
    spec.path = reader.Text("path");
    spec.root = reader.Text("root", "default");
    if (reader.Has("acl")) spec.acl = reader.Choice("acl", ExportAcls(), "");
    spec.only = reader.Text("only");
    spec.with = reader.Json("with");
    reader.Finish();
    const int origins = int{!spec.table.empty()} + int{!spec.sql.empty()} + int{!spec.from.empty()};
    if (origins != 1) problems_.Add(entry.mark, "export: give one of table, sql and from");
    if (!reader.Has("as"))
      problems_.Add(entry.mark, "export: 'as' is missing; one of {}",
                    fmt::join(catalogue_.export_formats, ", "));
    const std::vector<std::string> parts = Split(spec.path, '/');
    if (spec.path.empty() || spec.path[0] == '/' ||
        std::find(parts.begin(), parts.end(), "..") != parts.end()) {
      problems_.Add(reader.MarkOf("path"), "export: path is relative to a root, without '..'");
    }
    pipeline.exports.push_back(std::move(spec));
  }
}

void Reader::ReadSinks(const YamlNode& node, Pipeline& pipeline) {
  if (node.kind != YamlNode::Kind::kList) {
    if (!node.IsNull()) problems_.Add(node.mark, "sinks: expected a list");
    return;
  }
  for (const YamlNode& entry : node.list) {
    MapReader reader(entry, "sink", problems_);
    SinkSpec spec;
    spec.mark = entry.mark;
    spec.kind = reader.Text("kind");
    spec.table = reader.Text("table");
    spec.sql = reader.Text("sql");
    spec.to = reader.Text("to");
    spec.on = reader.Texts("on");
    const std::vector<std::string>& events = SinkEvents();
    for (const std::string& event : spec.on) {
      if (std::find(events.begin(), events.end(), event) == events.end()) {
        problems_.Add(reader.MarkOf("on"), "on: '{}' is not one of {}{}", event,
                      fmt::join(events, ", "), DidYouMean(event, events));
      }
    }
    YamlNode others;
    others.kind = YamlNode::Kind::kMap;
    others.mark = entry.mark;
    if (const YamlNode* with = reader.Find("with")) {
      for (const YamlEntry& other : Entries(*with, "with", problems_)) others.map.push_back(other);
    }
    reader.Rest();
    for (const YamlEntry& other : entry.map) {
      const std::string& key = other.key.text;
      if (key != "kind" && key != "table" && key != "sql" && key != "to" && key != "on" &&
          key != "with") {
        others.map.push_back(other);
      }
    }
    spec.with = ToJson(others);
    const Component* const component = FindComponent(catalogue_.sinks, spec.kind);
    if (component == nullptr) {
      problems_.Add(reader.MarkOf("kind"), "there is no sink '{}'{}", spec.kind,
                    DidYouMean(spec.kind, NamesOf(catalogue_.sinks)));
    } else {
      CheckWith(*component, "sink", &others, spec.with, entry.mark);
      if (!spec.on.empty() && !component->notifies) {
        problems_.Add(reader.MarkOf("on"), "on: sink '{}' sends no messages; give a table",
                      spec.kind);
      }
    }
    if (spec.table.empty() && spec.on.empty()) {
      problems_.Add(entry.mark, "sink: give a table, or on: [failed, gap]");
    }
    if (spec.table.empty() && !spec.sql.empty()) {
      problems_.Add(reader.MarkOf("sql"),
                    "sql: name the table that triggers the sink under `table:`");
    }
    pipeline.sinks.push_back(std::move(spec));
  }
}

}  // namespace

std::string FileProblem::ToString() const {
  if (mark.line == 0) return fmt::format("{}: {}", file, message);
  return fmt::format("{}:{}:{}: {}", file, mark.line, mark.column, message);
}

Error ProblemsError(const std::vector<FileProblem>& problems) {
  std::string lines;
  for (const FileProblem& problem : problems) {
    if (!lines.empty()) lines += '\n';
    lines += problem.ToString();
  }
  return Invalid("{}", lines);
}

PipelineText ReadPipelineText(std::string_view text, const std::filesystem::path& file,
                              const Catalogue& catalogue, const PipelineSurroundings& around) {
  PipelineText read;
  read.pipeline.file = file;
  read.pipeline.folder = file.parent_path();
  Problems problems(file.string());
  if (const std::optional<YamlNode> root = ReadYaml(text, problems)) {
    Reader(catalogue, problems).ReadPipeline(*root, read.pipeline);
    CheckReferences(read.pipeline, around, problems);
    for (TableContract& contract : read.pipeline.contracts) {
      for (const PublishedTable& table : read.pipeline.publish) {
        if (table.table == contract.table) contract.table = table.from;
      }
    }
  }
  read.problems = problems.Take();
  return read;
}

}  // namespace catchment::core
