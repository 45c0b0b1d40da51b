#include "sinks/logs_sink.h"

#include "sinks/row_values.h"
#include "sinks/sink_keys.h"

namespace catchment::sinks {
namespace {

using nlohmann::json;

constexpr size_t kEventsOfARequest = 10'000;
constexpr size_t kBytesOfARequest = 1'048'576, kBytesBesideText = 26;
constexpr size_t kLongestMessage = 256'000;

net::AwsJsonService LogsApi(const std::string& region) {
  net::AwsJsonService service;
  service.service = service.signing_name = service.host = "logs";
  service.target = "Logs_20140328";
  service.json_version = "1.1";
  service.configured_region = region;
  return service;
}

/// A message taken apart: a text, then a column, and so on.
struct Part {
  std::string text;
  std::string column;  ///< empty: none
};

std::vector<Part> SplitMessage(std::string_view message) {
  std::vector<Part> parts;
  while (!message.empty()) {
    const size_t open = message.find('{');
    const size_t close = open == std::string_view::npos ? open : message.find('}', open);
    if (close == std::string_view::npos) {
      parts.push_back({std::string(message), {}});
      break;
    }
    parts.push_back({std::string(message.substr(0, open)),
                     std::string(message.substr(open + 1, close - open - 1))});
    message.remove_prefix(close + 1);
  }
  return parts;
}

/// The texts of all rows.
Result<std::vector<std::string>> Messages(const std::vector<Part>& parts,
                                          const columnar::Table& table) {
  std::vector<std::string> columns;
  for (const Part& part : parts) {
    if (!part.column.empty()) columns.push_back(part.column);
  }
  ASSIGN_OR_RETURN(const RowValues rows, RowValues::Make(table, columns));
  std::vector<std::string> messages;
  for (int64_t row = 0; row < table.num_rows(); ++row) {
    std::string text;
    size_t column = 0;
    for (const Part& part : parts) {
      text += part.text;
      if (!part.column.empty()) text += TextOf(rows.at(row, column++));
    }
    messages.push_back(text.substr(0, kLongestMessage));
  }
  return messages;
}

}  // namespace

LogsSink::LogsSink(LogsOptions options, const SinkServices& services)
    : options_(std::move(options)),
      client_(*services.transport, *services.secrets, LogsApi(options_.region)) {}

Status LogsSink::MakeStream(const OpContext& context) const {
  const json group = {{"logGroupName", options_.group}};
  json stream = group;
  stream["logStreamName"] = options_.stream;
  for (const auto& [operation, request] :
       {std::pair("CreateLogGroup", group), std::pair("CreateLogStream", stream)}) {
    RETURN_IF_ERROR(net::Retry(
        options_.retry, context,
        [&, operation = operation, &request = request](const OpContext& of_try) -> Status {
          ASSIGN_OR_RETURN(const net::AwsAnswer answer, client_.Call(operation, request, of_try));
          if (answer.type == "ResourceAlreadyExistsException") return {};
          return answer.ToStatus(operation);
        }));
  }
  return {};
}

Status LogsSink::Put(json request, const OpContext& context) const {
  bool made = false;
  for (int corrections = 0;; ++corrections) {
    net::AwsAnswer answer;
    const Status sent = net::Retry(options_.retry, context, [&](const OpContext& of_try) -> Status {
      ASSIGN_OR_RETURN(answer, client_.Call("PutLogEvents", request, of_try));
      return answer.ToStatus("PutLogEvents");
    });
    if (sent.ok()) {
      const json rejected = answer.body.value("rejectedLogEventsInfo", json());
      if (!rejected.is_object() || rejected.empty()) return {};
      return Invalid("event 0 and its like refused by their time: {}",
                     rejected.dump().substr(0, 200));
    }
    if (answer.type == "DataAlreadyAcceptedException") return {};
    if (corrections >= 2) return sent;
    const auto token = answer.body.find("expectedSequenceToken");
    if (answer.type == "ResourceNotFoundException" && !made) {
      RETURN_IF_ERROR(MakeStream(context));
      made = true;
    } else if (answer.type == "InvalidSequenceTokenException" && token != answer.body.end() &&
               token->is_string()) {
      request["sequenceToken"] = *token;
    } else {
      return sent;
    }
  }
}

Status LogsSink::Deliver(const SinkBatch& batch, const OpContext& context) {
  RETURN_IF_ERROR(context.Check());
  const std::string name =
      fmt::format("sink cloudwatch_logs {}/{}", options_.group, options_.stream);
  ASSIGN_OR_RETURN(const std::vector<std::string> messages,
                   Messages(SplitMessage(options_.message), batch.rows), "{}", name);
  const int64_t time =
      std::chrono::floor<std::chrono::milliseconds>(batch.slot_time.time_since_epoch()).count();
  size_t next = 0;
  while (next < messages.size()) {
    json events = json::array();
    for (size_t bytes = 0; next < messages.size() && events.size() < kEventsOfARequest; ++next) {
      bytes += messages[next].size() + kBytesBesideText;
      if (bytes > kBytesOfARequest) break;
      if (!messages[next].empty())
        events.push_back({{"timestamp", time}, {"message", messages[next]}});
    }
    if (events.empty()) continue;
    RETURN_IF_ERROR(Put({{"logGroupName", options_.group},
                         {"logStreamName", options_.stream},
                         {"logEvents", std::move(events)}},
                        context),
                    "{}", name);
  }
  return {};
}

namespace {

Result<std::unique_ptr<Sink>> MakeLogsSink(const json& keys, const SinkServices& services) {
  const SinkKeys reader("cloudwatch_logs", keys);
  LogsOptions options;
  ASSIGN_OR_RETURN(options.message,
                   reader.Text("message", "a text such as \"rows: {{rows}}\" (doubled braces)"));
  ASSIGN_OR_RETURN(options.region, reader.TextOr("region", "a region such as us-west-2", ""));
  ASSIGN_OR_RETURN(auto to, reader.To("GROUP/STREAM"));
  options.group = std::move(to.first);
  options.stream = std::move(to.second);
  return std::unique_ptr<Sink>(std::make_unique<LogsSink>(std::move(options), services));
}

}  // namespace

SinkEntry LogsSinkEntry() {
  SinkEntry entry;
  entry.kind = "cloudwatch_logs";
  entry.help = "Amazon CloudWatch Logs: one event a row; to: GROUP/STREAM";
  entry.keys = {{"message", "text", true, "text of an event; {{column}} stands for a cell"},
                {"region", "text", false, "AWS region; AWS_REGION"}};
  entry.make = MakeLogsSink;
  return entry;
}

}  // namespace catchment::sinks
