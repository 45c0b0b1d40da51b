#include "sinks/influx_sink.h"

#include <algorithm>

#include "columnar/compress.h"
#include "net/secrets.h"
#include "net/url.h"
#include "sinks/row_values.h"
#include "sinks/sink_keys.h"

namespace catchment::sinks {
namespace {

std::string Base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t at = 0; at < bytes.size(); at += 3) {
    const std::string_view part = bytes.substr(at, 3);
    uint32_t group = 0;
    for (size_t i = 0; i < 3; ++i) {
      group = group << 8 | (i < part.size() ? static_cast<unsigned char>(part[i]) : 0U);
    }
    for (size_t i = 0; i < 4; ++i) {
      text += i <= part.size() ? kDigits[group >> (18 - 6 * i) & 63] : '=';
    }
  }
  return text;
}

/// The lines of some of a batch's rows.
struct Lines {
  std::string text;
  std::vector<int64_t> rows;
};

}  // namespace

std::string InfluxSink::WriteUrl() const {
  std::string base = options_.url;
  while (base.ends_with('/')) base.pop_back();
  net::QueryBuilder query;
  if (options_.database.empty()) {
    query.Add("bucket", options_.bucket).Add("org", options_.organisation).Add("precision", "ns");
    return base + "/api/v2/write?" + query.text();
  }
  query.Add("db", options_.database).Add("precision", "ns");
  return base + "/write?" + query.text();
}

Result<std::string> InfluxSink::Authorization(const OpContext& context) const {
  if (options_.database.empty()) {
    ASSIGN_OR_RETURN(const net::Secret token, services_.secrets->GetFirst(options_.token, context));
    return "Token " + token.Reveal();
  }
  if (options_.user.empty()) return std::string();
  ASSIGN_OR_RETURN(const net::Secret user, services_.secrets->GetFirst(options_.user, context));
  ASSIGN_OR_RETURN(const net::Secret password,
                   services_.secrets->GetFirst(options_.password, context));
  return "Basic " + Base64(user.Reveal() + ":" + password.Reveal());
}

Result<net::Request> InfluxSink::MakeRequest(const OpContext& context) const {
  net::Request request;
  request.method = "POST";
  request.url = WriteUrl();
  request.headers = {{"Content-Type", "text/plain; charset=utf-8"}, {"Content-Encoding", "gzip"}};
  const Result<std::string> authorization = Authorization(context);
  if (!authorization.ok()) {  // an absent secret is a matter of credentials
    Error error = authorization.error();
    if (error.code == Code::kNotFound) error.code = Code::kDenied;
    return error;
  }
  if (!authorization->empty()) {
    request.headers.Add("Authorization", *authorization);
    request.redact = {{authorization->substr(authorization->find(' ') + 1), "***"}};
  }
  request.max_redirects = 0;
  request.max_bytes = 1 << 20;
  request.service = "influx";
  return request;
}

namespace {

/// Write lines from row `next` on, which becomes the first row that is not looked at.
Lines TakeLines(const RowValues& rows, const LineWriter& writer, Time time, int64_t most,
                int64_t& next) {
  Lines lines;
  for (; next < rows.num_rows() && static_cast<int64_t>(lines.rows.size()) < most; ++next) {
    if (writer.Append(rows, next, time, lines.text)) lines.rows.push_back(next);
  }
  return lines;
}

Status Send(const net::Request& request, net::Transport& transport, const OpContext& context) {
  const Result<net::Response> response = transport.Send(request, context);
  if (response.ok()) return net::StatusFromResponse(request, *response);
  Error error = response.error();
  if (error.code == Code::kCorrupt) error.code = Code::kUnavailable;
  return error;
}

}  // namespace

Status InfluxSink::Deliver(const SinkBatch& batch, const OpContext& context) {
  RETURN_IF_ERROR(context.Check());
  const std::string name = "sink influx " + options_.shape.measurement;
  ASSIGN_OR_RETURN(const RowValues rows, RowValues::Make(batch.rows), "{}", name);
  ASSIGN_OR_RETURN(const LineWriter writer, LineWriter::Make(options_.shape, rows.columns()), "{}",
                   name);
  if (rows.num_rows() == 0) return {};
  ASSIGN_OR_RETURN(net::Request request, MakeRequest(context), "{}", name);
  std::vector<RefusedRow> refused;
  for (int64_t next = 0; next < rows.num_rows();) {
    const Lines lines = TakeLines(rows, writer, batch.slot_time, options_.lines_of_a_request, next);
    if (lines.rows.empty()) continue;
    request.body = columnar::GzipDeterministic(lines.text);
    const Status sent = net::Retry(options_.retry, context, [&](const OpContext& of_try) {
      return Send(request, *services_.transport, of_try);
    });
    if (sent.ok()) continue;
    if (sent.error().code != Code::kInvalid) return Status(sent.error()).WithContext(name);
    for (const int64_t row : lines.rows) {
      const bool first = row == lines.rows.front();
      refused.push_back({row, rows.NameOf(row, rows.columns().size()),
                         first ? sent.error().message : "in the same request"});
    }
  }
  if (refused.empty()) return {};
  return Status(RefusedRowsError(rows.num_rows(), std::move(refused))).WithContext(name);
}

namespace {

Result<std::unique_ptr<Sink>> MakeInfluxSink(const nlohmann::json& keys,
                                             const SinkServices& services) {
  const SinkKeys reader("influx", keys);
  constexpr std::string_view kReference = "a secret reference such as env:INFLUX_TOKEN";
  InfluxOptions options;
  ASSIGN_OR_RETURN(options.url, reader.Text("url", "https://HOST:PORT"));
  const Result<net::Url> url = net::ParseUrl(options.url);
  if (!url.ok() || url->query) {
    return Invalid("sink influx: url: expected https://HOST:PORT without a query");
  }
  ASSIGN_OR_RETURN(options.shape.measurement, reader.Text("measurement", "a name"));
  if (reader.Has("tags")) {
    ASSIGN_OR_RETURN(options.shape.tags, reader.Texts("tags", "a list of columns"));
  }
  if (reader.Has("fields")) {
    ASSIGN_OR_RETURN(options.shape.fields, reader.Texts("fields", "a list of columns"));
  }
  if (!reader.Has("database")) {
    constexpr std::string_view kVersions = "bucket, org and token (version 2), or database";
    ASSIGN_OR_RETURN(options.bucket, reader.Text("bucket", kVersions));
    ASSIGN_OR_RETURN(options.organisation, reader.Text("org", kVersions));
    ASSIGN_OR_RETURN(options.token, reader.Texts("token", kReference));
  } else {
    ASSIGN_OR_RETURN(options.database, reader.Text("database", "a name"));
    if (reader.Has("user") || reader.Has("password")) {
      ASSIGN_OR_RETURN(options.user, reader.Texts("user", kReference));
      ASSIGN_OR_RETURN(options.password, reader.Texts("password", kReference));
    }
  }
  for (const auto* references : {&options.token, &options.user, &options.password}) {
    for (const std::string& reference : *references) {
      RETURN_IF_ERROR(net::ParseSecretReference(reference).status(), "sink influx");
    }
  }
  return std::unique_ptr<Sink>(std::make_unique<InfluxSink>(std::move(options), services));
}

}  // namespace

SinkEntry InfluxSinkEntry() {
  SinkEntry entry;
  entry.kind = "influx";
  entry.help = "InfluxDB line protocol over HTTP, version 2 (bucket) or 1 (database)";
  entry.keys = {{"url", "text", true, "https://HOST:PORT"},
                {"measurement", "text", true, "name of the measurement"},
                {"tags", "list", false, "columns that are tags"},
                {"fields", "list", false, "columns that are fields; all others"},
                {"bucket", "text", false, "version 2"},
                {"org", "text", false, "version 2"},
                {"token", "list", false, "version 2: secret references, the first that resolves"},
                {"database", "text", false, "version 1"},
                {"user", "list", false, "version 1: secret references"},
                {"password", "list", false, "version 1: secret references"}};
  entry.make = MakeInfluxSink;
  return entry;
}

}  // namespace catchment::sinks
