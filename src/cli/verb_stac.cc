#include <fmt/format.h>

#include <memory>

#include "app/signals.h"
#include "app/stac_check.h"
#include "app/stac_export.h"
#include "app/stac_write.h"
#include "base/text.h"
#include "cli/engine_verbs.h"
#include "cli/progress.h"

namespace catchment::cli {
namespace {

/// Shows on a terminal how far a verb of items is.
app::StacProgress ProgressOf(ProgressLine& line) {
  return [&line](std::string_view what, int64_t done, int64_t total) {
    line.Show({.kind = core::RunEvent::Kind::kNote,
               .text = total > 0
                           ? fmt::format("{} of {} {}", FormatCount(done), FormatCount(total), what)
                           : fmt::format("{} {}", FormatCount(done), what)});
  };
}

void AddInputs(CLI::App& app, app::StacInputs& from) {
  app.add_option("inputs", from.inputs,
                 "NDJSON, an ItemCollection, an array or single items; .gz, .zst; - for standard "
                 "input")
      ->required()
      ->type_name("IN");
  app.add_option("--temp-dir", from.temp_dir,
                 "where inputs that cannot be read twice are kept meanwhile (default: $TMPDIR)")
      ->type_name("DIR");
}

nlohmann::json FileJson(const app::StacFileAnswer& file) {
  nlohmann::json json = {{"file", file.file},       {"written", file.written},
                         {"items", file.items},     {"rows", file.rows},
                         {"equal", file.equal},     {"quarantined", file.quarantined},
                         {"reasons", file.reasons}, {"unknown", file.unknown}};
  if (!file.collection.empty()) json["collection"] = file.collection;
  if (file.written) {
    json["bytes"] = file.bytes;
    json["sha256"] = file.sha256;
  }
  return json;
}

void PrintFile(const app::StacFileAnswer& file) {
  if (file.written) {
    PrintText(fmt::format("wrote {} items to {} ({} bytes)", FormatCount(file.rows), file.file,
                          FormatCount(file.bytes)));
  } else {
    PrintText(fmt::format("nothing written to {}: {} of {} items are in quarantine", file.file,
                          FormatCount(file.quarantined), FormatCount(file.items)));
  }
  if (file.equal > 0)
    PrintText(fmt::format("  {} items came more than once", FormatCount(file.equal)));
  for (const std::string& reason : file.reasons) PrintText("  quarantined: " + reason);
  for (const std::string& member : file.unknown) PrintText("  kept in extra: " + member);
}

void SetUpWrite(CLI::App& app, Session& session) {
  auto request = std::make_shared<app::StacWriteRequest>();
  AddInputs(app, request->from);
  app.add_option("--output,-o", request->output, "the file to write")->required()->type_name("OUT");
  app.add_option("--schema", request->schema, "a schema file, or infer (default)")
      ->type_name("FILE");
  app.add_option("--collection", request->collection_file,
                 "the Collection document, kept in the file")
      ->type_name("FILE");
  app.add_option("--split-by", request->split_by,
                 "collection: a file each; OUT holds {collection}");
  app.add_option("--sort", request->sort, "hilbert (default), datetime or input");
  app.add_option("--compression", request->compression, "zstd:LEVEL (default: zstd:9)");
  app.add_option("--row-group-rows", request->row_group_rows, "rows of a group (default: 8192)")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 30));
  app.add_option("--on-duplicate", request->on_duplicate,
                 "which item of an id is kept: latest (default), first, error");
  app.add_option("--quarantine", request->quarantine_file,
                 "write the items that are left out, with reasons")
      ->type_name("FILE");
  app.add_option("--max-quarantine", request->max_quarantine,
                 "write nothing if a larger share is left out (default: 0.1%)");
  app.add_option("--max-columns", request->max_columns, "most leaves (default: 2000)");
  app.add_option("--memory", request->memory, "working memory (default: 384MiB)");
  app.footer(
      "Examples:\n"
      "  catchment stac write items.ndjson -o items.parquet\n"
      "  catchment stac write *.json.gz -o month.parquet --collection collection.json\n"
      "  curl -s URL | catchment stac write - -o items.parquet --compression zstd:15\n"
      "Exit codes: 3 items were left out, 4 more than --max-quarantine and nothing was written");
  app.callback([request, &session] {
    app::SignalWatcher signals;
    request->from.stop = signals.token();
    Result<app::StacWriteAnswer> answer = [&] {
      ProgressLine line;
      request->from.progress = ProgressOf(line);
      return app::StacWrite(*request);
    }();
    if (!answer.ok()) return session.Fail(answer.status());
    session.exit_code = answer->exit_code;
    if (session.format.json) {
      nlohmann::json files = nlohmann::json::array();
      for (const auto& file : answer->files) files.push_back(FileJson(file));
      return PrintJson("stac write", {{"files", files}, {"exit_code", answer->exit_code}});
    }
    for (const auto& file : answer->files) PrintFile(file);
  });
}

void SetUpItemSchema(CLI::App& app, Session& session) {
  struct Options {
    app::StacInputs from;
    int64_t max_columns = 2000;
  };
  auto options = std::make_shared<Options>();
  AddInputs(app, options->from);
  app.add_option("--max-columns", options->max_columns, "most leaves (default: 2000)");
  app.footer("Example:\n  catchment stac schema items.ndjson > schema.json");
  app.callback([options, &session] {
    app::SignalWatcher signals;
    options->from.stop = signals.token();
    const Result<std::string> schema = [&] {
      ProgressLine line;
      options->from.progress = ProgressOf(line);
      return app::StacSchema(options->from, options->max_columns);
    }();
    if (!schema.ok()) return session.Fail(schema.status());
    if (session.format.json) {
      return PrintJson("stac schema", {{"schema", nlohmann::json::parse(*schema)}});
    }
    PrintText(*schema);
  });
}

void SetUpCheck(CLI::App& app, Session& session) {
  auto request = std::make_shared<app::StacCheckRequest>();
  app.add_option("file", request->file, "a GeoParquet file of STAC items")
      ->required()
      ->type_name("FILE");
  app.add_option("--against", request->against.inputs,
                 "the items it was made of: each must come back equal")
      ->type_name("IN");
  app.footer(
      "Example:\n  catchment stac check items.parquet --against items.ndjson\n"
      "Exit code: 1 if anything does not conform");
  app.callback([request, &session] {
    app::SignalWatcher signals;
    request->against.stop = signals.token();
    const auto answer = app::StacCheck(*request);
    if (!answer.ok()) return session.Fail(answer.status());
    session.exit_code = answer->ok ? 0 : 1;
    nlohmann::json checks = nlohmann::json::array();
    for (const app::StacCheckLine& line : answer->lines) {
      checks.push_back({{"check", line.check}, {"ok", line.ok}, {"detail", line.detail}});
    }
    if (session.format.json) {
      return PrintJson("stac check",
                       {{"file", request->file}, {"ok", answer->ok}, {"checks", checks}});
    }
    for (const app::StacCheckLine& line : answer->lines) {
      PrintText(fmt::format("{} {}{}{}", line.ok ? "ok   " : "FAILS", line.check,
                            line.detail.empty() ? "" : ": ", line.detail));
    }
  });
}

void SetUpItemExport(CLI::App& app, Session& session) {
  auto request = std::make_shared<app::StacExportRequest>();
  auto form = std::make_shared<std::string>("ndjson");
  app.add_option("from", request->from, "a GeoParquet file, a dataset or a pipeline")
      ->required()
      ->type_name("FILE|DATASET");
  app.add_option("--slot", request->slot, "of a dataset: this month only, e.g. 2024-01");
  app.add_option("--where", request->where, "SQL over the columns, e.g. '\"eo:cloud_cover\" < 10'");
  app.add_flag("--with-added", request->with_added, "also the columns that no item had");
  app.add_option("--format", *form, "ndjson (default) or collection, one ItemCollection")
      ->check(CLI::IsMember({"ndjson", "collection"}));
  app.add_option("--output,-o", request->output, "a file (default: standard output)")
      ->type_name("OUT");
  app.footer(
      "Examples:\n"
      "  catchment stac export items.parquet > items.ndjson\n"
      "  catchment stac export hls-stac/HLSL30_2.0 --slot 2024-01 --where "
      "'\"eo:cloud_cover\" < 10' -o clear.ndjson");
  app.callback([request, form, &session] {
    app::SignalWatcher signals;
    request->stop = signals.token();
    request->collection = *form == "collection";
    if (session.format.json && request->output.empty()) {
      return session.Fail(Invalid("--json needs --output: items go to standard output"));
    }
    const auto count = app::StacExport(session.settings, *request);
    if (!count.ok()) return session.Fail(count.status());
    if (session.format.json) {
      return PrintJson("stac export", {{"output", request->output}, {"items", *count}});
    }
    if (!request->output.empty()) {
      PrintText(fmt::format("wrote {} items to {}", FormatCount(*count), request->output));
    }
  });
}

}  // namespace

void SetUpStac(CLI::App& app, Session& session) {
  app.require_subcommand(1);
  SetUpWrite(*app.add_subcommand("write", "write STAC items to one sorted GeoParquet file"),
             session);
  SetUpItemSchema(*app.add_subcommand("schema", "print the schema that items of all inputs fit"),
                  session);
  SetUpCheck(*app.add_subcommand("check", "check a file point by point, and its round trip"),
             session);
  SetUpItemExport(*app.add_subcommand("export", "turn rows back into STAC items"), session);
  for (CLI::App* verb : app.get_subcommands({})) AddCommonOptions(*verb, session);
}

}  // namespace catchment::cli
