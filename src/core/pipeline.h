#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace catchment::core {

/// A place in a file, counted from 1; 0: not known.
struct Mark {
  int line = 0;
  int column = 0;
};

enum class Missed { kNone, kLast, kAll };
enum class Overlap { kSkip, kQueue, kAllow };
enum class TaskKind { kSource, kSql, kTransform, kRead, kExec };
enum class TableMode { kReplace, kAppend, kPartition };
enum class Period { kNone, kHour, kDay, kMonth, kYear };

std::string_view TaskKindName(TaskKind kind);
std::string_view TableModeName(TableMode mode);
std::string_view OverlapName(Overlap overlap);
std::string_view MissedName(Missed missed);
std::string_view PeriodName(Period period);

/// When slots fall due. Exactly one of `cron`, `every`, `at` is set, or none: runs are started by
/// hand only.
struct Schedule {
  std::string cron;  ///< five fields
  std::string timezone = "UTC";
  std::optional<std::chrono::milliseconds> every;  ///< counted from `start` (1970 without)
  std::vector<Time> at;                            ///< ascending
  std::optional<Time> start;                       ///< no slot before it
  std::optional<Time> until;                       ///< no slot from here on
  Missed missed = Missed::kLast;
  std::optional<std::chrono::milliseconds> window;  ///< default: half the interval, at least 1m
  Overlap overlap = Overlap::kSkip;

  bool empty() const { return cron.empty() && !every && at.empty(); }
};

/// How slots that are periods behave; `period` kNone: each firing of the schedule is a slot.
struct SlotRules {
  Period period = Period::kNone;
  /// The first slot, as text, by value of the `for_each` variable; "" stands for all.
  std::map<std::string, std::string> first;
  /// How long after its end a slot stays open: a duration, perhaps with a placeholder; empty: not
  /// at all.
  std::string open;
  int recheck_last = 0;                        ///< so many closed slots are collected again …
  std::chrono::milliseconds recheck_every{0};  ///< … this often
};

struct Parameter {
  std::string name;
  std::string type = "text";  ///< as ComponentKey::type
  nlohmann::json fallback;    ///< `default:`; null: none
  std::string help;
  std::string env;  ///< environment variable that sets it; empty: none
  /// `slot`, `refresh`: another name of --slot, --refresh; `bucket`: of the bucket that the
  /// environment's roots lie in; empty: none.
  std::string alias;
  std::vector<std::string> allowed;        ///< the only texts, or elements of a list; empty: any
  std::optional<double> minimum, maximum;  ///< of a number, both included
  Mark mark;
};

/// What stands in for a `read` task's tables when the dataset has none yet.
struct ReadElse {
  std::string run;  ///< pipeline whose tasks are spliced in
};

struct TaskSpec {
  std::string name;
  TaskKind kind = TaskKind::kSource;
  /// Source or transform: component. Sql: file, relative to the pipeline's folder. Read: dataset.
  /// Exec: the program.
  std::string what;
  /// Exec: program and arguments; a text in the file becomes {"/bin/sh", "-c", text}.
  std::vector<std::string> command;
  std::vector<std::string> needs;    ///< `task` or `task.table`
  std::vector<std::string> outputs;  ///< named tables beside the own one
  bool any_outputs = false;          ///< outputs are not known before it runs (read)
  std::optional<std::chrono::milliseconds> refresh;
  bool required = true;
  bool looks_back = true;                          ///< false: a source that knows the present only
  nlohmann::json with = nlohmann::json::object();  ///< placeholders not yet resolved
  std::string newest_for;                          ///< read: `slot_date`, or empty
  bool optional = false;                           ///< read: no publish yet is no error
  std::optional<ReadElse> otherwise;               ///< read: `else:`
  Mark mark;

  /// Collect tasks ask the world (sources); all others derive and can be repeated, but exec.
  bool collects() const { return kind == TaskKind::kSource; }
};

struct ColumnContract {
  std::string column;
  std::string type;  ///< as the schema prints it; empty: any
  bool not_null = false;
  std::optional<double> minimum, maximum;
  bool minimum_exclusive = false, maximum_exclusive = false;
  std::vector<std::string> allowed;  ///< values as text; empty: any
  std::string pattern;               ///< whole text; empty: any
};

struct ForeignKeyContract {
  std::vector<std::string> columns;
  std::string table;
  std::vector<std::string> other_columns;
};

/// What must hold of one table before it is published.
struct TableContract {
  std::string table;  ///< a task, or `task.table`; a published table's name is resolved to that
  std::vector<std::string> key;
  std::vector<ColumnContract> columns;
  std::vector<ForeignKeyContract> foreign_keys;
  std::optional<int64_t> rows_minimum, rows_maximum;
  std::optional<double> drop_at_most;  ///< 0…1
  /// `complete: {at_least, below}`, `shrink`: texts, perhaps placeholders; empty: not given.
  std::string complete_at_least, complete_below, shrink;
  Mark mark;
};

struct PublishedTable {
  std::string table;
  std::string from;  ///< `task`, `task.table` or `run.coverage`
  TableMode mode = TableMode::kReplace;
  std::vector<std::string> partition;
  Mark mark;
};

/// One file at a conventional path. Exactly one of `table`, `sql`, `from` is set.
struct ExportSpec {
  std::string table;
  std::string sql;   ///< file, relative to the pipeline's folder
  std::string from;  ///< `task`, `task.table`, `run.memory`, `run.tasks`, `run.machine`
  std::string as;
  std::string path;  ///< with placeholders
  std::string root = "default";
  std::string acl;   ///< a canned ACL of object stores; empty: none
  std::string only;  ///< environment; empty: all
  nlohmann::json with = nlohmann::json::object();
  Mark mark;

  /// Whether the path holds no slot: then only the newest slot's publish writes it.
  bool slotless() const {
    return path.find("{slot") == std::string::npos && path.find("{layout}") == std::string::npos;
  }
};

struct SinkSpec {
  std::string kind;
  std::string table;                               ///< empty: fed by events alone
  std::string sql;                                 ///< file that makes the rows; empty: the table's
  std::string to;                                  ///< with placeholders
  std::vector<std::string> on;                     ///< `failed`, `gap`, `held`, `published`
  nlohmann::json with = nlohmann::json::object();  ///< the kind's other keys
  Mark mark;
};

/// One run takes the values one after the other; each has its own dataset.
struct ForEach {
  std::string variable;
  nlohmann::json values;  ///< list of texts, or a placeholder of a list parameter
};

/// A parsed and checked pipeline file.
struct Pipeline {
  std::string name;
  std::string description;
  std::string dataset;           ///< template; the pipeline's name unless given
  std::filesystem::path file;    ///< as given to the parser
  std::filesystem::path folder;  ///< of the file
  Schedule schedule;
  SlotRules slot;
  std::optional<std::chrono::milliseconds> timeout;
  std::optional<ForEach> for_each;
  std::vector<Parameter> parameters;
  std::vector<TaskSpec> tasks;  ///< in order of the file; needs may point forwards
  std::vector<TableContract> contracts;
  std::vector<PublishedTable> publish;
  std::vector<ExportSpec> exports;
  std::vector<SinkSpec> sinks;
  std::vector<std::string> test_reads;

  const TaskSpec* FindTask(const std::string& task) const;
  const Parameter* FindParameter(const std::string& parameter) const;
  /// The parameter that is another name of this; null: none.
  const Parameter* FindAlias(const std::string& alias) const;
};

/// What `alias:`, `acl:` and `on:` may be.
const std::vector<std::string>& ParameterAliases();
const std::vector<std::string>& ExportAcls();
const std::vector<std::string>& SinkEvents();

/// The task of a reference `task` or `task.table`: the text before the first dot.
std::string TaskOf(const std::string& reference);

}  // namespace catchment::core
