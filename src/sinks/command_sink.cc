#include "sinks/command_sink.h"

#include "base/process.h"
#include "base/text.h"
#include "columnar/json_file.h"

namespace catchment::sinks {
namespace {

constexpr int kTryLater = 75;

/// The last line that is not empty.
std::string LastLine(std::string_view text) {
  text = Trim(text);
  const size_t line = text.rfind('\n');
  return std::string(text.substr(line == std::string_view::npos ? 0 : line + 1).substr(0, 500));
}

}  // namespace

Status CommandSink::Deliver(const SinkBatch& batch, const OpContext& context) {
  const std::string name = fmt::format("sink command '{}'", options_.command[0]);
  ASSIGN_OR_RETURN(
      const std::string rows,
      columnar::FormatJson(batch.rows, {.shape = columnar::JsonShape::kLines, .skip_nulls = false}),
      "{}", name);
  ProcessSpec process;
  process.argv = options_.command;
  process.variables = {{"CATCHMENT_DATASET", batch.dataset},
                       {"CATCHMENT_TABLE", batch.table},
                       {"CATCHMENT_PUBLISH", std::to_string(batch.publish)},
                       {"CATCHMENT_SLOT", batch.slot},
                       {"CATCHMENT_PUBLISHED_AT", FormatTime(batch.published_at)}};
  process.input = rows;
  process.output_limit = 8 << 10;
  const Result<ProcessResult> result = RunProcess(process, context.Within(options_.timeout));
  if (!result.ok()) {
    if (result.error().code == Code::kDeadline && context.Check().ok()) {
      return Unavailable("{}: killed after {}", name, FormatDuration(options_.timeout));
    }
    return Status(result.error()).WithContext(name);
  }
  if (result->exit_code == 0) return {};
  const std::string said = LastLine(result->errors);
  const std::string tail = said.empty() ? "" : ": " + said;
  if (result->signal != 0) {
    return Unavailable("{}: ended by signal {}{}", name, result->signal, tail);
  }
  if (result->exit_code == kTryLater) return Unavailable("{}: exit 75, try later{}", name, tail);
  return Invalid("{}: exit {}{}", name, result->exit_code, tail);
}

SinkEntry CommandSinkEntry() {
  SinkEntry entry;
  entry.kind = "command";
  entry.help = "Run a program with the rows as NDJSON on its standard input";
  entry.keys = {{"command", "list", true, "program and arguments; no shell"},
                {"timeout", "duration", false, "the program is killed after it; 5m"}};
  entry.runs_programs = true;
  entry.make = [](const nlohmann::json& keys,
                  const SinkServices&) -> Result<std::unique_ptr<Sink>> {
    CommandSinkOptions options;
    const auto command = keys.find("command");
    if (command != keys.end() && command->is_string()) {
      options.command.push_back(command->get<std::string>());
    } else if (command != keys.end() && command->is_array()) {
      for (const nlohmann::json& part : *command) {
        if (!part.is_string()) return Invalid("sink command: command: expected a list of texts");
        options.command.push_back(part);
      }
    }
    if (options.command.empty() || options.command[0].empty()) {
      return Invalid("sink command: command: expected a program and its arguments");
    }
    if (const auto timeout = keys.find("timeout"); timeout != keys.end()) {
      if (!timeout->is_string())
        return Invalid("sink command: timeout: expected a duration such as 5m");
      ASSIGN_OR_RETURN(options.timeout, ParseDuration(timeout->get_ref<const std::string&>()),
                       "sink command: timeout");
    }
    return std::unique_ptr<Sink>(std::make_unique<CommandSink>(std::move(options)));
  };
  return entry;
}

}  // namespace catchment::sinks
