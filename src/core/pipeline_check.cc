#include <algorithm>
#include <set>

#include "base/text.h"
#include "core/pipeline_check_internal.h"
#include "core/placeholders.h"

namespace catchment::core {
namespace {

class Checker {
 public:
  Checker(const Pipeline& pipeline, const PipelineSurroundings& around, Problems& problems)
      : pipeline_(pipeline), around_(around), problems_(problems) {
    for (const TaskSpec& task : pipeline.tasks) tasks_.push_back(task.name);
    for (const Parameter& parameter : pipeline.parameters) parameters_.push_back(parameter.name);
    for (const PublishedTable& table : pipeline.publish) tables_.push_back(table.table);
    names_ = around.names;
    if (pipeline.for_each) names_.push_back(pipeline.for_each->variable);
  }

  void CheckAll() {
    for (const TaskSpec& task : pipeline_.tasks) CheckTask(task);
    CheckCycles();
    for (const PublishedTable& table : pipeline_.publish) {
      if (table.from != "run.coverage") CheckReference(table.from, "from", table.mark);
    }
    for (const TableContract& contract : pipeline_.contracts) CheckContract(contract);
    for (const ExportSpec& spec : pipeline_.exports) CheckExport(spec);
    for (const SinkSpec& spec : pipeline_.sinks) CheckSink(spec);
    for (const std::string& task : pipeline_.test_reads) {
      if (pipeline_.FindTask(task) == nullptr) {
        problems_.Add({}, "test_reads: there is no task '{}'{}", task, DidYouMean(task, tasks_));
      }
    }
    CheckText(pipeline_.dataset, "dataset", {});
    for (const std::string& name : ListPlaceholders(pipeline_.dataset)) {
      if (name.starts_with("slot")) {
        problems_.Add({}, "dataset: one dataset holds all slots; {{{}}} cannot stand in it", name);
      }
    }
    CheckText(pipeline_.slot.open, "open", {});
    if (pipeline_.for_each) CheckDocument(pipeline_.for_each->values, "for_each", {});
  }

 private:
  void CheckTask(const TaskSpec& task) {
    std::set<std::string> seen;
    for (const std::string& need : task.needs) {
      CheckReference(need, fmt::format("task '{}' needs", task.name), task.mark);
      if (!seen.insert(need).second) {
        problems_.Add(task.mark, "task '{}' needs '{}' twice", task.name, need);
      }
    }
    if (task.kind == TaskKind::kSql) CheckFile(task.what, "sql", task.mark);
    CheckDocument(task.with, fmt::format("task '{}'", task.name), task.mark);
    for (const std::string& argument : task.command) CheckText(argument, "exec", task.mark);
  }

  /// `task` or `task.table` names what some task gives.
  void CheckReference(const std::string& reference, const std::string& what, Mark mark) {
    const TaskSpec* const task = pipeline_.FindTask(TaskOf(reference));
    if (task == nullptr) {
      problems_.Add(mark, "{}: there is no task '{}'{}", what, TaskOf(reference),
                    DidYouMean(TaskOf(reference), tasks_));
      return;
    }
    const size_t dot = reference.find('.');
    if (dot == std::string::npos || task->any_outputs) return;
    const std::string output = reference.substr(dot + 1);
    if (std::find(task->outputs.begin(), task->outputs.end(), output) == task->outputs.end()) {
      problems_.Add(mark, "{}: task '{}' has no table '{}'{}", what, task->name, output,
                    DidYouMean(output, task->outputs));
    }
  }

  void CheckContract(const TableContract& contract) {
    const bool published =
        std::find(tables_.begin(), tables_.end(), contract.table) != tables_.end();
    if (!published) CheckReference(contract.table, "contract", contract.mark);
    for (const ForeignKeyContract& key : contract.foreign_keys) {
      const bool known = std::find(tables_.begin(), tables_.end(), key.table) != tables_.end();
      if (!known) CheckReference(key.table, "foreign_key", contract.mark);
    }
    CheckText(contract.complete_at_least, "at_least", contract.mark);
    CheckText(contract.complete_below, "below", contract.mark);
    CheckText(contract.shrink, "shrink", contract.mark);
  }

  void CheckPublished(const std::string& table, const std::string& what, Mark mark) {
    if (table.empty() || std::find(tables_.begin(), tables_.end(), table) != tables_.end()) return;
    problems_.Add(mark, "{}: table '{}' is not published{}", what, table,
                  DidYouMean(table, tables_));
  }

  void CheckExport(const ExportSpec& spec) {
    CheckPublished(spec.table, "export", spec.mark);
    if (!spec.sql.empty()) CheckFile(spec.sql, "sql", spec.mark);
    if (!spec.from.empty()) CheckExportFrom(spec);
    if (spec.as == "stac_collection" && spec.table.empty())
      problems_.Add(spec.mark, "export as stac_collection: name the table of items under 'table'");
    CheckText(spec.path, "path", spec.mark);
    CheckText(spec.root, "root", spec.mark);
    CheckDocument(spec.with, "export", spec.mark);
  }

  void CheckExportFrom(const ExportSpec& spec) {
    static const std::vector<std::string> of_run = {"run.memory", "run.tasks", "run.machine"};
    if (spec.from.starts_with("run.")) {
      if (std::find(of_run.begin(), of_run.end(), spec.from) != of_run.end()) return;
      problems_.Add(spec.mark, "export from: there is no table '{}'{}", spec.from,
                    DidYouMean(spec.from, of_run));
      return;
    }
    CheckReference(spec.from, "export from", spec.mark);
    const std::string program = ProgramBehind(TaskOf(spec.from));
    if (program.empty()) return;
    problems_.Add(spec.mark,
                  "export from '{}': task '{}' is a program, which cannot be run again to write an "
                  "export later; publish the table and name it under `table:`",
                  spec.from, program);
  }

  /// The program among a task and what it needs; empty: none.
  std::string ProgramBehind(const std::string& name) const {
    std::vector<std::string> open = {name};
    std::set<std::string> seen;
    while (!open.empty()) {
      const std::string next = std::move(open.back());
      open.pop_back();
      const TaskSpec* const task = pipeline_.FindTask(next);
      if (task == nullptr || !seen.insert(next).second) continue;
      if (task->kind == TaskKind::kExec) return next;
      for (const std::string& need : task->needs) open.push_back(TaskOf(need));
    }
    return "";
  }

  /// A sink may name variables that the environment does not have: it is off there.
  void CheckSink(const SinkSpec& spec) {
    in_sink_ = true;
    CheckPublished(spec.table, "sink", spec.mark);
    if (!spec.sql.empty()) CheckFile(spec.sql, "sql", spec.mark);
    CheckText(spec.to, "to", spec.mark);
    CheckDocument(spec.with, "sink", spec.mark);
    in_sink_ = false;
  }

  void CheckFile(const std::string& name, const std::string& what, Mark mark) {
    const std::filesystem::path path(name);
    const bool leaves =
        path.is_absolute() ||
        std::any_of(path.begin(), path.end(), [](const auto& part) { return part == ".."; });
    if (name.empty() || leaves || name.find('\0') != std::string::npos) {
      problems_.Add(mark, "{}: '{}' must be a file in the pipeline's folder", what, name);
    } else if (around_.file_exists && !around_.file_exists(name)) {
      problems_.Add(mark, "{}: there is no file {}", what,
                    (pipeline_.folder / name).lexically_normal().string());
    }
  }

  void CheckDocument(const nlohmann::json& document, const std::string& what, Mark mark) {
    for (const std::string& name : ListDocumentPlaceholders(document))
      CheckPlaceholder(name, what, mark);
  }

  void CheckText(const std::string& text, const std::string& what, Mark mark) {
    for (const std::string& name : ListPlaceholders(text)) CheckPlaceholder(name, what, mark);
  }

  void CheckPlaceholder(const std::string& name, const std::string& what, Mark mark) {
    const auto unknown = [&](std::string_view kind, const std::string& word,
                             const std::vector<std::string>& known) {
      if (std::find(known.begin(), known.end(), word) != known.end()) return;
      problems_.Add(mark, "{}: '{{{}}}': there is no {} '{}'{}", what, name, kind, word,
                    DidYouMean(word, known));
    };
    if (name == "slot") return;
    if (name.starts_with("count.")) {
      const std::string_view rest = std::string_view(name).substr(6);
      return unknown("task", std::string(rest.substr(0, rest.find('.'))), tasks_);
    }
    if (name.starts_with("param.")) return unknown("parameter", name.substr(6), parameters_);
    if (name.starts_with("env.")) {
      if (around_.variables && !in_sink_)
        unknown("variable of the environment", name.substr(4), *around_.variables);
      return;
    }
    if (name.starts_with("slot:")) {
      const Result<std::string> formatted = FormatTime(Time{}, std::string_view(name).substr(5));
      if (!formatted.ok())
        problems_.Add(mark, "{}: '{{{}}}': {}", what, name, formatted.error().message);
      return;
    }
    unknown("name", name, names_);
  }

  /// Walk the graph; a task met again while it is being walked closes a cycle.
  void CheckCycles() {
    std::set<std::string> done;
    for (const TaskSpec& task : pipeline_.tasks) {
      std::vector<std::string> path;
      if (Walk(task, path, done)) return;  // one is enough: others often are the same
    }
  }

  bool Walk(const TaskSpec& task, std::vector<std::string>& path, std::set<std::string>& done) {
    if (done.contains(task.name)) return false;
    const auto met = std::find(path.begin(), path.end(), task.name);
    if (met != path.end()) {
      std::string text;
      for (auto it = met; it != path.end(); ++it) text += *it + " → ";
      problems_.Add(task.mark, "tasks need each other in a circle: {}{}", text, task.name);
      return true;
    }
    path.push_back(task.name);
    for (const std::string& need : task.needs) {
      const TaskSpec* const other = pipeline_.FindTask(TaskOf(need));
      if (other != nullptr && Walk(*other, path, done)) return true;
    }
    path.pop_back();
    done.insert(task.name);
    return false;
  }

  const Pipeline& pipeline_;
  const PipelineSurroundings& around_;
  Problems& problems_;
  std::vector<std::string> tasks_, parameters_, tables_, names_;
  bool in_sink_ = false;
};

}  // namespace

void CheckReferences(const Pipeline& pipeline, const PipelineSurroundings& around,
                     Problems& problems) {
  if (pipeline.tasks.size() > 1000) {
    problems.Add({}, "a pipeline has at most 1,000 tasks, this one {}", pipeline.tasks.size());
    return;
  }
  Checker(pipeline, around, problems).CheckAll();
}

}  // namespace catchment::core
