#include "sinks/slack_sink.h"

#include <algorithm>

#include "base/text.h"
#include "net/secrets.h"
#include "net/transport.h"
#include "net/url.h"
#include "sinks/row_values.h"
#include "sinks/sink_keys.h"

namespace catchment::sinks {
namespace {

constexpr size_t kLongestText = 30'000;

std::string Escaped(std::string_view text) {
  if (text.size() > kLongestText) {
    size_t end = kLongestText;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text = text.substr(0, end);
  }
  std::string escaped;
  for (const char c : text) {
    if (c == '&') {
      escaped += "&amp;";
    } else if (c == '<') {
      escaped += "&lt;";
    } else if (c == '>') {
      escaped += "&gt;";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

/// Slack's own word for a refusal, e.g. `no_service`.
std::string ErrorWord(std::string_view body) {
  const std::string_view word = Trim(body.substr(0, 60));
  const bool plain = std::all_of(word.begin(), word.end(),
                                 [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
  return plain ? std::string(word) : std::string();
}

Status Post(const net::Request& request, net::Transport& transport, const OpContext& context) {
  const Result<net::Response> response = transport.Send(request, context);
  if (!response.ok()) {
    Error error = response.error();
    if (error.code == Code::kCorrupt) error.code = Code::kUnavailable;
    return error;
  }
  const Status status = net::StatusFromResponse(request, *response);
  if (status.ok()) return status;
  Error error = status.error();
  error.message = fmt::format("HTTP {}", response->status);
  const std::string word = ErrorWord(response->body);
  if (!word.empty()) error.message += ": " + word;
  return error;
}

}  // namespace

Status SlackSink::Notify(std::string_view text, const OpContext& context) {
  const Result<net::Secret> url = services_.secrets->GetFirst(options_.url, context);
  if (!url.ok()) return url.status().WithContext("slack");
  const Result<net::Url> parsed = net::ParseUrl(url->Reveal());
  if (!parsed.ok()) return Denied("slack: the webhook's reference holds no URL");
  net::Request request;
  request.method = "POST";
  request.url = url->Reveal();
  request.headers = {{"Content-Type", "application/json; charset=utf-8"}};
  request.body = nlohmann::json({{"text", Escaped(text)}})
                     .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  request.timeout = std::chrono::seconds(15);
  request.max_redirects = 0;
  request.max_bytes = 1 << 20;
  request.record = false;
  request.service = "slack";
  request.redact = {{request.url, "(the webhook)"}, {parsed->path, "/***"}};
  const Status sent = net::Retry(options_.retry, context, [&](const OpContext& of_try) {
    return Post(request, *services_.transport, of_try);
  });
  if (sent.ok()) return sent;
  Error error = sent.error();
  error.message = "slack: " + net::Redact(std::move(error.message), request.redact);
  return error;
}

Status SlackSink::Deliver(const SinkBatch& batch, const OpContext& context) {
  RETURN_IF_ERROR(context.Check());
  ASSIGN_OR_RETURN(const RowValues rows, RowValues::Make(batch.rows, {options_.text_column}),
                   "sink slack");
  for (int64_t row = 0; row < rows.num_rows(); ++row) {
    const std::string text = TextOf(rows.at(row, 0));
    if (text.empty()) continue;
    const Status sent = Notify(text, context);
    if (sent.ok()) continue;
    Error error = sent.error();
    if (error.code == Code::kNotFound) error.code = Code::kDenied;  // no address yet
    error.message = fmt::format("sink slack: row {}: {}", row, error.message);
    return error;
  }
  return {};
}

namespace {

Result<std::unique_ptr<SlackSink>> MakeSlack(const nlohmann::json& keys,
                                             const SinkServices& services) {
  const SinkKeys reader("slack", keys);
  SlackOptions options;
  ASSIGN_OR_RETURN(options.url, reader.Texts("url", "secret references such as env:SLACK_WEBHOOK"));
  for (const std::string& reference : options.url) {
    RETURN_IF_ERROR(net::ParseSecretReference(reference).status(), "sink slack: url");
  }
  ASSIGN_OR_RETURN(options.text_column, reader.TextOr("text", "the column of texts", "text"));
  return std::make_unique<SlackSink>(std::move(options), services);
}

}  // namespace

SinkEntry SlackSinkEntry() {
  SinkEntry entry;
  entry.kind = "slack";
  entry.help = "Texts to a Slack webhook: of a table, or on: [failed, gap]";
  entry.keys = {{"url", "list", true, "secret references of the webhook, the first that resolves"},
                {"text", "text", false, "column of a table's texts; text"}};
  entry.make = [](const nlohmann::json& keys,
                  const SinkServices& services) -> Result<std::unique_ptr<Sink>> {
    ASSIGN_OR_RETURN(auto sink, MakeSlack(keys, services));
    return std::unique_ptr<Sink>(std::move(sink));
  };
  entry.make_notifier = [](const nlohmann::json& keys,
                           const SinkServices& services) -> Result<std::unique_ptr<Notifier>> {
    ASSIGN_OR_RETURN(auto sink, MakeSlack(keys, services));
    return std::unique_ptr<Notifier>(std::move(sink));
  };
  return entry;
}

}  // namespace catchment::sinks
