#include "cli/verb.h"

#include <cstdio>

#include "core/exit_code.h"

namespace catchment::cli {
namespace {

constexpr VerbInfo kVerbs[] = {
    {"init", "make a folder with a catchment.yaml and a first pipeline", "catchment init my-data",
     true},
    {"validate", "check pipeline files without running anything", "catchment validate azure-spot"},
    {"schema", "print the JSON Schema of pipeline files, catchment.yaml or worlds",
     "catchment schema pipeline > pipeline.schema.json"},
    {"plan", "show what a run would ask, read and write", "catchment plan azure-spot --slot due"},
    {"run", "fill one slot: collect, derive, publish, export, deliver",
     "catchment run azure-spot --slot 2026-08-02T00:00:00Z"},
    {"retry", "run again the slots that failed or were published with gaps",
     "catchment retry azure-spot"},
    {"compact", "rewrite many small files of a dataset's closed partitions as few",
     "catchment compact azure-spot"},
    {"status", "show each pipeline's newest publish, runs in progress and gaps", "catchment status",
     true},
    {"history", "list the runs of a pipeline, newest first",
     "catchment history azure-spot --limit 20", true},
    {"logs", "show one run: its tasks, gaps and messages",
     "catchment logs 20260802T000000-104211-7f3a9c2e41d05b68", true},
    {"query", "ask published tables with SQL",
     "catchment query azure-spot \"SELECT count(*) FROM snapshot\""},
    {"asof", "show which publish was in force at a time, or print a table of it",
     "catchment asof azure-spot 2026-08-02T03:00:00Z --table snapshot"},
    {"diff", "compare a table between two publishes",
     "catchment diff azure-spot 1 2 --table snapshot"},
    {"replay", "repeat a run from its recorded responses, without network, and compare the bytes",
     "catchment replay 20260802T000000-104211-7f3a9c2e41d05b68"},
    {"verify", "check every manifest, file and recorded answer", "catchment verify azure-spot"},
    {"export", "write the exports of a publish again", "catchment export azure-spot"},
    {"deliver", "send what the sinks of a pipeline are still owed, or list it",
     "catchment deliver azure-spot --list"},
    {"stac", "write STAC items to GeoParquet, check such files, turn them back to items",
     "catchment stac write items.ndjson -o items.parquet"},
    {"recover", "finish or clear away what a killed run left", "catchment recover"},
    {"simulate", "play the outside world on loopback, with quotas and faults",
     "catchment simulate --world azure-recorded -- catchment run azure-spot --slot "
     "2026-08-02T00:00:00Z",
     true},
    {"doctor", "tell what is wrong with this installation", "catchment doctor"},
    {"completion", "print a completion script for a shell",
     "catchment completion bash > /etc/bash_completion.d/catchment", true},
    {"version", "print the version", "catchment version", true},
};

const VerbInfo& Info(std::string_view name) {
  for (const VerbInfo& verb : kVerbs) {
    if (verb.name == name) return verb;
  }
  return kVerbs[std::size(kVerbs) - 1];
}

}  // namespace

std::span<const VerbInfo> Verbs() { return kVerbs; }

void Session::Fail(const Status& status) {
  exit_code = core::ExitCodeOf(status.error().code);
  if (format.json) {
    nlohmann::json error = {{"code", CodeName(status.error().code)},
                            {"message", status.error().message}};
    if (status.error().retry_after)
      error["retry_after_seconds"] = status.error().retry_after->count();
    PrintJson(name, {{"exit_code", exit_code}, {"error", error}});
  }
  std::fprintf(stderr, "catchment %s: %s\n", name.c_str(), status.error().message.c_str());
}

void AddCommonOptions(CLI::App& app, Session& session) {
  app.add_option("--config", session.settings.config_path,
                 "the catchment.yaml to use (default: found upwards from here)")
      ->type_name("FILE");
  app.add_option("--env", session.settings.environment, "the environment (default: local)")
      ->type_name("NAME");
  app.add_flag("--json", session.format.json, "answer with one JSON document");
}

int RunVerb(const VerbEntry& entry, std::vector<std::string> arguments) {
  const VerbInfo& info = Info(entry.name);
  Session session;
  session.name = entry.name;
  CLI::App app{std::string(info.summary), "catchment " + session.name};
  app.footer(std::string("Example:\n  ") + std::string(info.example));
  AddCommonOptions(app, session);
  entry.setup(app, session);
  if (!arguments.empty()) arguments.erase(arguments.begin());
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    session.Fail(Invalid("{}; see catchment {} --help", error.what(), session.name));
  }
  return session.exit_code;
}

}  // namespace catchment::cli
