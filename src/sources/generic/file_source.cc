#include "sources/generic/file_source.h"

#include <arrow/api.h>

#include "base/file.h"
#include "base/text.h"
#include "columnar/compress.h"
#include "columnar/csv_file.h"
#include "columnar/json_file.h"
#include "columnar/parquet_file.h"
#include "columnar/schema.h"
#include "net/retry.h"
#include "sources/freshness.h"
#include "sources/generic/file_transport.h"
#include "sources/parameters.h"
#include "sources/tables.h"

namespace catchment::sources::generic {
namespace {

struct FileOptions {
  std::filesystem::path pattern;
  std::string format;  // csv, json, ndjson, parquet; empty: by the name
  std::shared_ptr<arrow::Schema> schema;
  char delimiter = ',';
  bool header = true;
  std::vector<std::string> null_texts;
  uint64_t max_bytes = 0;
};

Result<FileOptions> ReadFileOptions(const SourceInput& input) {
  ASSIGN_OR_RETURN(const Parameters with,
                   Parameters::Make(input.parameters, input.task,
                                    {"path", "format", "columns", "delimiter", "header", "nulls",
                                     "max_file_bytes"}));
  FileOptions options;
  ASSIGN_OR_RETURN(const std::string path, with.Text("path", ""));
  if (!path.empty()) {
    std::error_code error;
    options.pattern = std::filesystem::absolute(input.base_folder / path, error).lexically_normal();
  }
  ASSIGN_OR_RETURN(options.format, with.Text("format", ""));
  for (const std::string_view known : {"", "csv", "json", "ndjson", "parquet"}) {
    if (options.format == known) break;
    if (known == "parquet") return with.Bad("format", "csv, json, ndjson or parquet");
  }
  ASSIGN_OR_RETURN(options.schema, DeclaredColumns(with));
  if (path.empty() && options.schema == nullptr)
    return with.Bad("path", "a file, or a pattern such as data/*.csv");
  ASSIGN_OR_RETURN(const std::string delimiter, with.Text("delimiter", ","));
  if (delimiter.size() != 1) return with.Bad("delimiter", "one character");
  options.delimiter = delimiter[0];
  ASSIGN_OR_RETURN(options.header, with.Bool("header", true));
  if (!options.header && options.schema == nullptr)
    return with.Bad("columns", "the columns of a file without header");
  ASSIGN_OR_RETURN(options.null_texts, with.Texts("nulls", {""}));
  ASSIGN_OR_RETURN(const int64_t max_bytes,
                   with.Integer("max_file_bytes", int64_t{1} << 30, 1, int64_t{1} << 40));
  options.max_bytes = static_cast<uint64_t>(max_bytes);
  return options;
}

/// `data.csv.gz` → `csv`
std::string FormatOf(const FileOptions& options, std::filesystem::path path) {
  if (!options.format.empty()) return options.format;
  if (columnar::CompressionOfName(path) != columnar::Compression::kNone) path.replace_extension();
  const std::string extension = ToLower(path.extension().string());
  if (extension == ".json") return "json";
  if (extension == ".ndjson" || extension == ".jsonl") return "ndjson";
  return extension == ".parquet" ? "parquet" : "csv";
}

/// Asks for files and turns them into tables.
class Reader {
 public:
  Reader(const SourceInput& input, const FileOptions& options, const OpContext& context,
         SourceReport& report)
      : input_(input), options_(options), context_(context), report_(report) {}

  Result<std::vector<std::string>> List() {
    if (options_.pattern.string().find_first_of("*?") == std::string::npos)
      return std::vector{options_.pattern.string()};
    ASSIGN_OR_RETURN(const std::string lines,
                     Ask(FileListUrl(options_.pattern), options_.pattern.string()));
    std::vector<std::string> files = Split(Trim(lines), '\n');
    return files;
  }

  Result<columnar::Table> Read(const std::string& file) {
    ASSIGN_OR_RETURN(std::string bytes, Ask(FileUrl(file), file));
    const std::string format = FormatOf(options_, file);
    if (format == "parquet") return ReadParquetFile(bytes, file);
    if (const auto packed = columnar::CompressionOfBytes(bytes);
        packed != columnar::Compression::kNone) {
      ASSIGN_OR_RETURN(bytes, columnar::Decompress(bytes, packed, file));
    }
    if (format == "csv") {
      columnar::CsvReadOptions csv;
      csv.schema = options_.schema;
      csv.delimiter = options_.delimiter;
      csv.header = options_.header;
      csv.null_texts = options_.null_texts;
      csv.ignore_unknown_columns = options_.schema != nullptr;
      return columnar::ParseCsv(bytes, file, csv);
    }
    // Lines there may be none of; a document is never empty.
    if (format == "json" && Trim(bytes).empty())
      return Corrupt("{}: empty, expected JSON; write [] for no rows", file);
    columnar::JsonReadOptions json;
    json.schema = options_.schema;
    json.ignore_unknown_members = options_.schema != nullptr;
    return columnar::ParseJson(bytes, file, json);
  }

 private:
  Result<std::string> Ask(const std::string& url, const std::string& name) {
    net::Request request;
    request.url = url;
    request.max_bytes = options_.max_bytes;
    ++report_.calls;
    ASSIGN_OR_RETURN(net::Response response, input_.transport->Send(request, context_), "{}", name);
    if (response.status == 404) return NotFound("{}: there is no such file", name);
    if (response.status == 403) return Denied("{}: may not be read", name);
    if (response.status != 200) return Unavailable("{}: {}", name, response.body.substr(0, 200));
    report_.bytes += static_cast<int64_t>(response.body.size());
    if (!report_.oldest_fact || response.received < *report_.oldest_fact)
      report_.oldest_fact = response.received;
    if (!report_.newest_fact || response.received > *report_.newest_fact)
      report_.newest_fact = response.received;
    return std::move(response.body);
  }

  Result<columnar::Table> ReadParquetFile(const std::string& bytes, const std::string& name) {
    auto read = columnar::ReadParquetBytes(bytes, name);
    if (!read.ok() && read.error().code == Code::kCorrupt) {
      return Corrupt("{}; fetch or write it again, or say its `format`", read.error().message);
    }
    ASSIGN_OR_RETURN(auto rows, std::move(read));
    if (options_.schema != nullptr) {
      ASSIGN_OR_RETURN(rows, columnar::CastToSchema(rows, options_.schema), "{}", name);
    }
    return columnar::Table::FromArrow(std::move(rows));
  }

  const SourceInput& input_;
  const FileOptions& options_;
  const OpContext& context_;
  SourceReport& report_;
};

class FileRows final : public Source {
 public:
  Result<SourceResult> Collect(const SourceInput& input, const OpContext& context) override {
    ASSIGN_OR_RETURN(const FileOptions options, ReadFileOptions(input));
    SourceResult result;
    result.report.source = input.task;
    Result<columnar::Table> table = ReadAll(input, options, context, result.report);
    if (!table.ok()) {
      if (table.error().code == Code::kCancelled) return table.error();
      ReportUnavailable(result.report, table.error(), "file");
      return result;
    }
    result.tables.emplace("", *std::move(table));
    return result;
  }

 private:
  static Result<columnar::Table> ReadAll(const SourceInput& input, const FileOptions& options,
                                         const OpContext& context, SourceReport& report) {
    if (options.pattern.empty()) return columnar::Table::Empty(options.schema);
    Reader reader(input, options, context, report);
    ASSIGN_OR_RETURN(const std::vector<std::string> files, reader.List());
    std::vector<columnar::Table> tables;
    for (const std::string& file : files) {
      ASSIGN_OR_RETURN(columnar::Table table, reader.Read(file));
      tables.push_back(std::move(table));
    }
    ASSIGN_OR_RETURN(columnar::Table stacked, StackTables(tables, files));
    CoverageRow row;
    row.source = input.task;
    row.unit = "file";
    row.expected = row.asked = row.answered = static_cast<int64_t>(files.size());
    report.coverage.push_back(std::move(row));
    report.counts["files"] = static_cast<int64_t>(files.size());
    report.counts["rows"] = stacked.num_rows();
    return stacked;
  }
};

}  // namespace

SourceEntry FileSource() {
  SourceEntry entry;
  entry.info = {
      .kind = "file",
      .help = "Rows of files on this machine: CSV, JSON, NDJSON or Parquet, perhaps packed",
      .parameters =
          {{"path", "text", true, "file or pattern with * and ?; {slot:%Y-%m-%d} for the slot"},
           {"format", "text", false, "csv, json, ndjson or parquet; by the name if left out"},
           {"columns", "any", false, "names and types: {name: type} or a list of {name, type}"},
           {"delimiter", "text", false, "of CSV; a comma"},
           {"header", "bool", false, "whether CSV has a line of names; true"},
           {"nulls", "list", false, "texts of CSV that mean null; the empty one"},
           {"max_file_bytes", "int", false, "larger files are refused; 1 GiB"}},
      .outputs = {},
      .units = {},
      .looks_back = true,
      .needs_identity = false,
  };
  entry.make = [] { return std::make_unique<FileRows>(); };
  entry.columns = [](const SourceInput& input) -> Result<TableColumns> {
    ASSIGN_OR_RETURN(const FileOptions options, ReadFileOptions(input));
    if (options.schema == nullptr) return TableColumns();
    return TableColumns{{"", options.schema}};
  };
  return entry;
}

}  // namespace catchment::sources::generic
