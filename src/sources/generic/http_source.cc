#include "sources/generic/http_source.h"

#include <arrow/api.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "columnar/csv_file.h"
#include "columnar/json_file.h"
#include "net/retry.h"
#include "net/secrets.h"
#include "net/url.h"
#include "sources/freshness.h"
#include "sources/parameters.h"
#include "sources/tables.h"

namespace catchment::sources::generic {
namespace {

using nlohmann::json;

enum class Paging { kNone, kNextLink, kCursor, kPage, kOffset };

/// A header as the pipeline file gives it: a text, or a secret behind a prefix.
struct DeclaredHeader {
  std::string name;
  std::string text;                     // or the prefix
  std::vector<std::string> references;  // empty: a text
};

struct HttpOptions {
  net::Request request;  // of the first page, without paging parameters
  bool csv = false;
  json::json_pointer items;
  std::shared_ptr<arrow::Schema> schema;
  std::vector<std::pair<std::string, json::json_pointer>> columns;  // empty: all members of an item
  Paging paging = Paging::kNone;
  json::json_pointer next;
  std::string parameter, size_parameter;
  int64_t start = 0, size = 0, max_pages = 10'000;
  net::RetryPolicy retry;
  bool partial = false;
  std::vector<DeclaredHeader> headers;
};

Result<json::json_pointer> Pointer(const Parameters& with, std::string_view key,
                                   const std::string& text) {
  try {
    return json::json_pointer(text);
  } catch (const json::exception&) {
    return with.Bad(key, "a JSON pointer such as /data/items");
  }
}

Status ReadPaging(const Parameters& with, const SourceInput& input, HttpOptions* options) {
  if (!with.Has("paging")) return {};
  ASSIGN_OR_RETURN(const Parameters paging,
                   Parameters::Make(with.At("paging"), input.task + "': 'paging",
                                    {"kind", "pointer", "parameter", "start", "size",
                                     "size_parameter", "max_pages"}));
  static const std::vector<std::string> kKinds = {"none", "next_link", "cursor", "page", "offset"};
  ASSIGN_OR_RETURN(const std::string kind, paging.Text("kind", "none"));
  const auto found = std::find(kKinds.begin(), kKinds.end(), kind);
  if (found == kKinds.end()) return paging.Bad("kind", "none, next_link, cursor, page or offset");
  options->paging = static_cast<Paging>(found - kKinds.begin());
  ASSIGN_OR_RETURN(const std::string pointer, paging.Text("pointer", ""));
  ASSIGN_OR_RETURN(options->next, Pointer(paging, "pointer", pointer));
  ASSIGN_OR_RETURN(options->parameter,
                   paging.Text("parameter", kind == "none" || kind == "next_link" ? "" : kind));
  ASSIGN_OR_RETURN(options->size_parameter, paging.Text("size_parameter", ""));
  ASSIGN_OR_RETURN(options->start,
                   paging.Integer("start", kind == "page" ? 1 : 0, 0, 1'000'000'000));
  ASSIGN_OR_RETURN(options->size, paging.Integer("size", 0, 0, 1'000'000));
  ASSIGN_OR_RETURN(options->max_pages, paging.Integer("max_pages", 10'000, 1, 1'000'000));
  const bool needs_pointer =
      options->paging == Paging::kNextLink || options->paging == Paging::kCursor;
  if (needs_pointer && (pointer.empty() || options->csv)) {
    return paging.Bad("pointer",
                      options->csv ? "a JSON answer" : "where the next page is named, e.g. /next");
  }
  return {};
}

/// Whether a header holds what proves who asks.
bool ProvesIdentity(const std::string& name) {
  static const std::set<std::string> kNames = {"authorization", "proxy-authorization", "cookie",
                                               "x-api-key", "x-auth-token"};
  return kNames.contains(ToLower(name));
}

Error SecretWrittenOut(const std::string& header) {
  return Invalid(
      "header {}: a secret is named by a reference such as env:NAME or file:PATH, not written out; "
      "write {{secret: REFERENCE, prefix: TEXT}}",
      header);
}

Result<DeclaredHeader> ReadHeader(const Parameters& with, const std::string& name,
                                  const json& value) {
  DeclaredHeader header{.name = name, .text = "", .references = {}};
  if (value.is_string()) {
    if (ProvesIdentity(name)) return SecretWrittenOut(name);
    header.text = value;
    return header;
  }
  if (!value.is_object() || !value.contains("secret"))
    return with.Bad("headers: " + name, "text or {secret: REFERENCE}");
  for (const json& reference :
       value["secret"].is_array() ? value["secret"] : json::array({value["secret"]})) {
    if (!reference.is_string()) return with.Bad("headers: " + name, "text or {secret: REFERENCE}");
    RETURN_IF_ERROR(net::ParseSecretReference(reference.get_ref<const std::string&>()).status(),
                    "header {}", name);
    header.references.push_back(reference);
  }
  if (header.references.empty()) return with.Bad("headers: " + name, "text or {secret: REFERENCE}");
  if (value.contains("prefix") && value["prefix"].is_string()) header.text = value["prefix"];
  return header;
}

/// The headers; a value may be text or {secret: REFERENCE}. kInvalid also: a secret that is written
/// out.
Result<std::vector<DeclaredHeader>> ReadHeaders(const Parameters& with) {
  std::vector<DeclaredHeader> headers;
  if (!with.Has("headers")) return headers;
  if (!with.At("headers").is_object()) return with.Bad("headers", "a map");
  for (const auto& [name, value] : with.At("headers").items()) {
    ASSIGN_OR_RETURN(DeclaredHeader header, ReadHeader(with, name, value));
    headers.push_back(std::move(header));
  }
  return headers;
}

/// Replay has no secrets and needs none.
Status AddHeaders(const std::vector<DeclaredHeader>& headers, const SourceInput& input,
                  const OpContext& context, net::Request* request) {
  for (const DeclaredHeader& header : headers) {
    if (header.references.empty()) {
      request->headers.Add(header.name, header.text);
    } else if (input.secrets != nullptr) {
      ASSIGN_OR_RETURN(const net::Secret secret,
                       input.secrets->GetFirst(header.references, context), "header {}",
                       header.name);
      request->headers.Add(header.name, header.text + secret.Reveal());
    }
  }
  return {};
}

std::string WithQuery(const std::string& url, const std::string& query) {
  if (query.empty()) return url;
  return url + (url.find('?') == std::string::npos ? '?' : '&') + query;
}

Result<Parameters> ReadParameters(const SourceInput& input) {
  return Parameters::Make(input.parameters, input.task,
                          {"url", "method", "query", "headers", "body", "format", "items",
                           "columns", "paging", "tries", "timeout", "partial", "max_bytes"});
}

Result<HttpOptions> ReadHttpOptions(const SourceInput& input, const Parameters& with) {
  HttpOptions options;
  ASSIGN_OR_RETURN(options.request.url, with.Text("url", ""));
  if (!net::ParseUrl(options.request.url).ok()) return with.Bad("url", "an absolute https URL");
  ASSIGN_OR_RETURN(options.request.method, with.Text("method", "GET"));
  if (options.request.method != "GET" && options.request.method != "POST")
    return with.Bad("method", "GET or POST");
  if (with.Has("query")) {
    if (!with.At("query").is_object()) return with.Bad("query", "a map");
    net::QueryBuilder query;
    for (const auto& [name, value] : with.At("query").items()) {
      if (value.is_structured() || value.is_null())
        return with.Bad("query: " + name, "text or a number");
      query.Add(name, value.is_string() ? value.get<std::string>() : value.dump());
    }
    options.request.url = WithQuery(options.request.url, query.text());
  }
  if (with.Has("body")) {
    options.request.body =
        with.At("body").is_string() ? with.At("body").get<std::string>() : with.At("body").dump();
    options.request.headers.Add("Content-Type",
                                with.At("body").is_string() ? "text/plain" : "application/json");
  }
  ASSIGN_OR_RETURN(const std::string format, with.Text("format", "json"));
  if (format != "json" && format != "csv") return with.Bad("format", "json or csv");
  options.csv = format == "csv";
  ASSIGN_OR_RETURN(const std::string items, with.Text("items", ""));
  ASSIGN_OR_RETURN(options.items, Pointer(with, "items", items));
  ASSIGN_OR_RETURN(options.schema, DeclaredColumns(with));
  if (options.schema != nullptr && !options.csv) {
    for (const auto& field : options.schema->fields()) {
      std::string pointer = "/" + field->name();
      if (with.At("columns").is_array()) {
        for (const json& column : with.At("columns")) {
          if (column["name"] == field->name() && column.contains("pointer") &&
              column["pointer"].is_string()) {
            pointer = column["pointer"];
          }
        }
      }
      ASSIGN_OR_RETURN(auto parsed, Pointer(with, "columns: " + field->name(), pointer));
      options.columns.emplace_back(field->name(), std::move(parsed));
    }
  }
  ASSIGN_OR_RETURN(options.headers, ReadHeaders(with));
  RETURN_IF_ERROR(ReadPaging(with, input, &options));
  ASSIGN_OR_RETURN(const int64_t tries, with.Integer("tries", 4, 1, 20));
  options.retry.tries = static_cast<int>(tries);
  ASSIGN_OR_RETURN(options.request.timeout, with.Duration("timeout", std::chrono::seconds(60)));
  ASSIGN_OR_RETURN(const int64_t max_bytes,
                   with.Integer("max_bytes", 64 << 20, 1, int64_t{1} << 32));
  options.request.max_bytes = static_cast<uint64_t>(max_bytes);
  ASSIGN_OR_RETURN(options.partial, with.Bool("partial", false));
  return options;
}

/// One page: its rows as a table, and where the next one is.
struct Page {
  columnar::Table rows;
  int64_t count = 0;
  std::string next;  // link or cursor; empty: none
};

/// An array of items as NDJSON with the declared columns, to be typed by the JSON reader.
Result<std::string> Lines(const json& items, const HttpOptions& options) {
  std::string lines;
  for (const json& item : items) {
    if (!item.is_object()) return Corrupt("an item is no object: {}", item.dump().substr(0, 100));
    json row = json::object();
    if (options.columns.empty()) {
      row = item;
    } else {
      for (const auto& [name, pointer] : options.columns) {
        row[name] = item.contains(pointer) ? item.at(pointer) : json();
      }
    }
    lines += row.dump(-1, ' ', false, json::error_handler_t::replace);
    lines += '\n';
  }
  return lines;
}

Result<Page> ParsePage(const std::string& body, const HttpOptions& options,
                       const std::string& name) {
  Page page;
  if (options.csv) {
    columnar::CsvReadOptions csv;
    csv.schema = options.schema;
    csv.ignore_unknown_columns = options.schema != nullptr;
    ASSIGN_OR_RETURN(page.rows, columnar::ParseCsv(body, name, csv));
    page.count = page.rows.num_rows();
    return page;
  }
  const json document = json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) return Corrupt("{}: not JSON", name);
  if (!document.contains(options.items) || !document.at(options.items).is_array()) {
    return Corrupt("{}: no array at '{}'", name, options.items.to_string());
  }
  const json& items = document.at(options.items);
  page.count = static_cast<int64_t>(items.size());
  ASSIGN_OR_RETURN(const std::string lines, Lines(items, options), "{}", name);
  if (page.count > 0 || options.schema != nullptr) {
    columnar::JsonReadOptions read;
    read.schema = options.schema;
    ASSIGN_OR_RETURN(page.rows, columnar::ParseJson(lines, name, read));
  }
  if (options.paging == Paging::kNextLink || options.paging == Paging::kCursor) {
    const json next = document.contains(options.next) ? document.at(options.next) : json();
    if (next.is_structured() || next.is_boolean())
      return Corrupt("{}: '{}' is no text", name, options.next.to_string());
    page.next = next.is_string() ? next.get<std::string>() : next.is_null() ? "" : next.dump();
  }
  return page;
}

/// Reads page after page until the service says it was the last.
class Crawl {
 public:
  Crawl(const SourceInput& input, const HttpOptions& options, const OpContext& context,
        SourceReport& report)
      : input_(input), options_(options), context_(context), report_(report) {}

  /// On an error the pages before it stay in `pages`.
  Status Read() {
    std::string url = FirstUrl();
    std::set<std::string> seen;
    for (int64_t number = 0; !url.empty(); ++number) {
      if (number == options_.max_pages)
        return Unavailable("more than {} pages", FormatCount(options_.max_pages));
      if (!seen.insert(url).second) return Unavailable("{}: this page was given before", url);
      ASSIGN_OR_RETURN(Page page, Ask(url), "page {}", number + 1);
      rows_ += page.count;
      ASSIGN_OR_RETURN(url, NextUrl(url, page, number + 1));
      const bool end_marker = page.count == 0 && number > 0;
      if (!end_marker) {
        names.push_back(fmt::format("page {}", number + 1));
        pages.push_back(std::move(page.rows));
      }
    }
    return {};
  }

  std::vector<columnar::Table> pages;
  std::vector<std::string> names;

 private:
  std::string FirstUrl() const {
    net::QueryBuilder query;
    if (options_.paging == Paging::kPage || options_.paging == Paging::kOffset) {
      query.Add(options_.parameter, std::to_string(options_.start));
    }
    return Sized(WithQuery(options_.request.url, query.text()));
  }

  std::string Sized(const std::string& url) const {
    if (options_.size_parameter.empty() || options_.size == 0) return url;
    return WithQuery(
        url,
        net::QueryBuilder().Add(options_.size_parameter, std::to_string(options_.size)).text());
  }

  /// Empty: `page` was the last.
  Result<std::string> NextUrl(const std::string& url, const Page& page, int64_t number) const {
    const bool full = page.count > 0 && (options_.size == 0 || page.count >= options_.size);
    const auto with = [&](const std::string& value) {
      return Sized(WithQuery(options_.request.url,
                             net::QueryBuilder().Add(options_.parameter, value).text()));
    };
    switch (options_.paging) {
      case Paging::kNone:
        return std::string();
      case Paging::kNextLink: {
        if (page.next.empty()) return std::string();
        ASSIGN_OR_RETURN(const net::Url from, net::ParseUrl(url));
        const Result<net::Url> to = net::ResolveUrl(from, page.next);
        if (!to.ok() || to->host != from.host || to->scheme != from.scheme) {
          return Unavailable("the link to the next page leads elsewhere: {}",
                             page.next.substr(0, 300));
        }
        return to->ToText();
      }
      case Paging::kCursor:
        return page.next.empty() ? std::string() : with(page.next);
      case Paging::kPage:
        return full ? with(std::to_string(options_.start + number)) : std::string();
      case Paging::kOffset:
        return full ? with(std::to_string(options_.start + rows_)) : std::string();
    }
    return std::string();
  }

  Result<Page> Ask(const std::string& url) {
    net::Request request = options_.request;
    request.url = url;
    return net::Retry(options_.retry, context_, [&](const OpContext& context) -> Result<Page> {
      ++report_.calls;
      Result<net::Response> response = input_.transport->Send(request, context);
      if (!response.ok()) {
        Error error = response.error();
        if (error.code == Code::kCorrupt) error.code = Code::kUnavailable;
        return error;
      }
      report_.bytes += static_cast<int64_t>(response->body.size());
      RETURN_IF_ERROR(net::StatusFromResponse(request, *response));
      Result<Page> page = ParsePage(response->body, options_, request.Name());
      // A damaged answer is asked for again; one whose values do not fit the declared columns stays
      // as it is.
      if (!page.ok() && page.error().code == Code::kCorrupt)
        return Unavailable("{}", page.error().message);
      if (!page.ok()) return page.error();
      if (!report_.oldest_fact || response->received < *report_.oldest_fact)
        report_.oldest_fact = response->received;
      if (!report_.newest_fact || response->received > *report_.newest_fact)
        report_.newest_fact = response->received;
      return page;
    });
  }

  const SourceInput& input_;
  const HttpOptions& options_;
  const OpContext& context_;
  SourceReport& report_;
  int64_t rows_ = 0;
};

class HttpRows final : public Source {
 public:
  Result<SourceResult> Collect(const SourceInput& input, const OpContext& context) override {
    ASSIGN_OR_RETURN(const Parameters with, ReadParameters(input));
    ASSIGN_OR_RETURN(HttpOptions options, ReadHttpOptions(input, with));
    SourceResult result;
    SourceReport& report = result.report;
    report.source = input.task;
    if (const Status headers = AddHeaders(options.headers, input, context, &options.request);
        !headers.ok()) {
      if (headers.error().code == Code::kInvalid) return headers.error();
      ReportUnavailable(report, Denied("{}", headers.error().message), "page");
      return result;
    }
    Crawl crawl(input, options, context, report);
    const Status status = crawl.Read();
    if (!status.ok() && status.error().code == Code::kCancelled) return status.error();
    if (!status.ok() && (!options.partial || crawl.pages.empty())) {
      ReportUnavailable(report, status.error(), "page");
      return result;
    }
    Result<columnar::Table> rows = StackTables(crawl.pages, crawl.names);
    if (!rows.ok()) {
      ReportUnavailable(report, rows.error(), "page");
      return result;
    }
    Report(input, static_cast<int64_t>(crawl.pages.size()), status, rows->num_rows(), report);
    result.tables.emplace("", *std::move(rows));
    return result;
  }

 private:
  static void Report(const SourceInput& input, int64_t pages, const Status& status, int64_t rows,
                     SourceReport& report) {
    CoverageRow row;
    row.source = input.task;
    row.unit = "page";
    row.answered = pages;
    row.expected = row.asked = pages + (status.ok() ? 0 : 1);
    if (!status.ok()) {
      const std::string reason(GapReason(status.error().code));
      row.missing[reason] = 1;
      report.state = SourceState::kPartial;
      report.reason = status.error().message;
      report.gaps.push_back({input.task, reason, 1, status.error().message});
    }
    report.coverage.push_back(std::move(row));
    report.counts["pages"] = pages;
    report.counts["rows"] = rows;
  }
};

}  // namespace

SourceEntry HttpSource() {
  SourceEntry entry;
  entry.info = {
      .kind = "http",
      .help = "Rows of a JSON or CSV service, page after page",
      .parameters = {{"url", "text", true, "absolute URL of the first page"},
                     {"method", "text", false, "GET or POST"},
                     {"query", "map", false, "query parameters"},
                     {"headers", "map", false, "text, or {secret: REFERENCE, prefix: TEXT}"},
                     {"body", "any", false, "of a POST: text or a document"},
                     {"format", "text", false, "json or csv"},
                     {"items", "text", false,
                      "JSON pointer to the array of items; the document itself"},
                     {"columns", "any", false, "{name: type} or a list of {name, pointer, type}"},
                     {"paging", "map", false,
                      "kind: none, next_link, cursor, page or offset; pointer, parameter, start, "
                      "size, size_parameter, max_pages"},
                     {"tries", "int", false, "of each page; 4"},
                     {"timeout", "duration", false, "of each try; 60s"},
                     {"partial", "bool", false, "keep the pages before one that failed"},
                     {"max_bytes", "int", false, "of one answer; 64 MiB"}},
      .outputs = {},
      .units = {},
      .looks_back = false,
      .needs_identity = false,
  };
  entry.make = [] { return std::make_unique<HttpRows>(); };
  entry.columns = [](const SourceInput& input) -> Result<TableColumns> {
    ASSIGN_OR_RETURN(const Parameters with, ReadParameters(input));
    ASSIGN_OR_RETURN(const HttpOptions options, ReadHttpOptions(input, with));
    if (options.schema == nullptr) return TableColumns();
    return TableColumns{{"", options.schema}};
  };
  return entry;
}

}  // namespace catchment::sources::generic
