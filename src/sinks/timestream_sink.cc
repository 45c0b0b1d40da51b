#include "sinks/timestream_sink.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "net/parallel.h"
#include "net/url.h"
#include "sinks/row_values.h"
#include "sinks/sink_keys.h"

namespace catchment::sinks {
namespace {

using nlohmann::json;

constexpr int64_t kRecordsOfARequest = 100;

net::AwsJsonService TimestreamApi(const std::string& region) {
  net::AwsJsonService service;
  service.service = service.signing_name = "timestream";
  service.host = "ingest.timestream";
  service.target = "Timestream_20181101";
  service.configured_region = region;
  return service;
}

int64_t Milliseconds(Time time) {
  return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

/// Credentials go to Amazon, or to a simulator on this machine, whatever an answer says.
bool IsAddress(const std::string& address) {
  const Result<net::Url> url = net::ParseUrl("https://" + address + "/");
  if (!url.ok() || url->path != "/" || url->query) return false;
  return net::IsLoopbackHost(url->host) || GlobMatch("*.amazonaws.com", url->host) ||
         GlobMatch("*.amazonaws.com.cn", url->host) || GlobMatch("*.api.aws", url->host);
}

std::string Dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

void AppendQuoted(std::string_view value, std::string& text) {
  const bool plain = std::all_of(value.begin(), value.end(), [](char c) {
    return c >= ' ' && c <= '~' && c != '"' && c != '\\';
  });
  if (!plain) {
    text += Dump(value);
    return;
  }
  text += '"';
  text += value;
  text += '"';
}

std::vector<std::string> ColumnsOf(const TimestreamOptions& options) {
  std::vector<std::string> columns = options.dimensions;
  for (const auto& [name, type] : options.measures) columns.push_back(name);
  return columns;
}

}  // namespace

TimestreamSink::TimestreamSink(TimestreamOptions options, const SinkServices& services)
    : options_(std::move(options)),
      transport_(*services.transport),
      client_(*services.transport, *services.secrets, TimestreamApi(options_.region)) {}

Result<std::string> TimestreamSink::Address(const OpContext& context) {
  MutexLock lock(mutex_);
  if (endpoint_ && context.clock->Now() < endpoint_->until) return endpoint_->address;
  endpoint_.reset();
  ASSIGN_OR_RETURN(const json answer,
                   client_.CallUntil(options_.retry, "DescribeEndpoints", json::object(), context));
  const json list = answer.value("Endpoints", json::array());
  const json* first = list.is_array() && !list.empty() && list[0].is_object() ? &list[0] : nullptr;
  const json* address =
      first != nullptr && first->contains("Address") ? &(*first)["Address"] : nullptr;
  if (address == nullptr || !address->is_string() || !IsAddress(address->get<std::string>())) {
    return Unavailable("DescribeEndpoints: the answer names no address of Amazon");
  }
  int64_t minutes = 60;
  if (const auto period = first->find("CachePeriodInMinutes");
      period != first->end() && period->is_number_unsigned()) {
    minutes = static_cast<int64_t>(std::min<uint64_t>(period->get<uint64_t>(), 24 * 60));
  }
  endpoint_ = Endpoint{address->get<std::string>(),
                       context.clock->Now() + std::chrono::minutes(std::max<int64_t>(minutes, 1))};
  return endpoint_->address;
}

void TimestreamSink::Forget(std::string_view address) {
  MutexLock lock(mutex_);
  if (endpoint_ && endpoint_->address == address) endpoint_.reset();
}

/// One delivery: request k carries rows [100 k, 100 k + 100).
class TimestreamSink::Writing {
 public:
  Writing(TimestreamSink& sink, const SinkBatch& batch, const RowValues& rows,
          const OpContext& context)
      : sink_(sink), batch_(batch), rows_(rows), context_(context) {
    for (const std::string& name : sink.options_.dimensions) {
      heads_.push_back(fmt::format(R"({{"Name":{},"Value":)", Dump(name)));
    }
    for (const auto& [name, type] : sink.options_.measures) {
      heads_.push_back(fmt::format(R"({{"Name":{},"Type":{},"Value":)", Dump(name), Dump(type)));
    }
  }

  Status Run() {
    const int64_t requests = (rows_.num_rows() + kRecordsOfARequest - 1) / kRecordsOfARequest;
    if (requests == 0) return {};
    ASSIGN_OR_RETURN(const net::Request plain, sink_.client_.Prepare("WriteRecords", "", context_));
    net::ParallelWork work;
    work.next = [&]() -> std::optional<net::Request> {
      if (made_ == requests) return std::nullopt;
      net::Request request = plain;
      request.body = Body(made_++);
      return request;
    };
    work.before = [&](size_t, net::Request& request) -> Status {
      ASSIGN_OR_RETURN(const std::string address, sink_.Address(context_));
      request.url = "https://" + address + "/";
      return sink_.client_.Sign(request, context_);
    };
    work.accept = [&](size_t index, const net::Request& request, Result<net::Response> answer) {
      return Accept(static_cast<int64_t>(index), request, std::move(answer));
    };
    const Status sent = net::SendParallel(
        sink_.transport_, {.in_flight = sink_.options_.in_flight, .retry = sink_.options_.retry},
        context_, work);
    if (!sent.ok()) return sent;
    if (!refused_.empty()) return RefusedRowsError(rows_.num_rows(), std::move(refused_));
    return {};
  }

 private:
  int64_t version() const { return Milliseconds(batch_.published_at); }
  int64_t EndOf(int64_t index) const {
    return std::min((index + 1) * kRecordsOfARequest, rows_.num_rows());
  }

  void AppendRecord(int64_t row, std::string& text) const {
    const size_t dimensions = sink_.options_.dimensions.size();
    text += R"({"Dimensions":[)";
    for (size_t column = 0; column < heads_.size(); ++column) {
      const RowValue value = rows_.at(row, column);
      const std::string cell = TextOf(value);
      if (column == dimensions) text += R"(],"MeasureValues":[)";
      if (std::holds_alternative<std::monostate>(value)) continue;
      if (column < dimensions && cell.empty()) continue;
      if (!text.ends_with('[')) text += ',';
      text += heads_[column];
      AppendQuoted(cell, text);
      text += '}';
    }
    text += "]}";
  }

  /// Written as text: a first publish is 81,000 records of a dozen values.
  std::string Body(int64_t index) const {
    const json common = {{"MeasureName", sink_.options_.measure_name},
                         {"MeasureValueType", "MULTI"},
                         {"Time", std::to_string(Milliseconds(batch_.slot_time))},
                         {"TimeUnit", "MILLISECONDS"},
                         {"Version", version()}};
    std::string text = R"({"DatabaseName":)";
    AppendQuoted(sink_.options_.database, text);
    text += R"(,"TableName":)";
    AppendQuoted(sink_.options_.table, text);
    text += R"(,"CommonAttributes":)" + Dump(common) + R"(,"Records":[)";
    for (int64_t row = index * kRecordsOfARequest; row < EndOf(index); ++row) {
      if (row > index * kRecordsOfARequest) text += ',';
      AppendRecord(row, text);
    }
    return text + "]}";
  }

  void Refuse(int64_t row, std::string reason) {
    refused_.push_back(
        {row, rows_.NameOf(row, sink_.options_.dimensions.size()), std::move(reason)});
  }

  void RefuseAll(int64_t index, const std::string& reason) {
    for (int64_t row = index * kRecordsOfARequest; row < EndOf(index); ++row) Refuse(row, reason);
  }

  /// The rows that an answer refuses, but for those of which the store has this version or a later
  /// one.
  void TakeRejected(int64_t index, const net::AwsAnswer& answer) {
    const auto list = answer.body.find("RejectedRecords");
    if (list == answer.body.end() || !list->is_array() || list->empty()) {
      return RefuseAll(index, answer.ToStatus("WriteRecords").error().message);
    }
    for (const json& rejected : *list) {
      const int64_t count = EndOf(index) - index * kRecordsOfARequest;
      const auto at = rejected.is_object() ? rejected.find("RecordIndex") : rejected.end();
      if (!rejected.is_object() || at == rejected.end() || !at->is_number_unsigned() ||
          at->get<uint64_t>() >= static_cast<uint64_t>(count)) {
        return RefuseAll(index, "the answer does not say which record is rejected");
      }
      const auto existing = rejected.find("ExistingVersion");
      if (existing != rejected.end() && existing->is_number_integer() &&
          existing->get<int64_t>() >= version()) {
        continue;
      }
      const auto reason = rejected.find("Reason");
      const std::string text = reason != rejected.end() && reason->is_string()
                                   ? reason->get<std::string>().substr(0, 200)
                                   : "no reason is given";
      Refuse(index * kRecordsOfARequest + static_cast<int64_t>(at->get<uint64_t>()), text);
    }
  }

  Status Accept(int64_t index, const net::Request& request, Result<net::Response> response) {
    Result<net::AwsAnswer> answer = sink_.client_.Read(request, std::move(response), context_);
    const std::string address = request.url.substr(8, request.url.size() - 9);
    if (!answer.ok()) {
      sink_.Forget(address);
      return answer.status();
    }
    if (answer->type == "RejectedRecordsException") {
      TakeRejected(index, *answer);
      return {};
    }
    if (answer->type == "ValidationException") {
      RefuseAll(index, answer->ToStatus("WriteRecords").error().message);
      return {};
    }
    if (answer->type == "InvalidEndpointException") {
      sink_.Forget(address);
      return Unavailable("WriteRecords: {} is no longer our endpoint", address);
    }
    return answer->ToStatus("WriteRecords");
  }

  TimestreamSink& sink_;
  const SinkBatch& batch_;
  const RowValues& rows_;
  const OpContext& context_;
  std::vector<std::string> heads_;  // what stands before the value of each column
  int64_t made_ = 0;                // requests
  std::vector<RefusedRow> refused_;
};

Status TimestreamSink::Deliver(const SinkBatch& batch, const OpContext& context) {
  RETURN_IF_ERROR(context.Check());
  const std::string name = fmt::format("sink timestream {}/{}", options_.database, options_.table);
  ASSIGN_OR_RETURN(const RowValues rows, RowValues::Make(batch.rows, ColumnsOf(options_)), "{}",
                   name);
  return Writing(*this, batch, rows, context).Run().WithContext(name);
}

namespace {

Result<std::unique_ptr<Sink>> MakeTimestreamSink(const json& keys, const SinkServices& services) {
  constexpr std::array<std::string_view, 5> kTypes = {"DOUBLE", "BIGINT", "VARCHAR", "BOOLEAN",
                                                      "TIMESTAMP"};
  const SinkKeys reader("timestream", keys);
  TimestreamOptions options;
  ASSIGN_OR_RETURN(options.dimensions, reader.Texts("dimensions", "a list of columns"));
  ASSIGN_OR_RETURN(options.measure_name, reader.Text("measure_name", "the name of the measure"));
  constexpr std::string_view kMeasures =
      "a list such as [{SpotPrice: DOUBLE}, {Score: VARCHAR}]; types DOUBLE, BIGINT, VARCHAR, "
      "BOOLEAN, TIMESTAMP";
  ASSIGN_OR_RETURN(options.measures, reader.Pairs("measures", kMeasures));
  for (const auto& [name, type] : options.measures) {
    if (std::find(kTypes.begin(), kTypes.end(), type) == kTypes.end()) {
      return Invalid("sink timestream: measures: {}: expected {}", name, kMeasures);
    }
  }
  ASSIGN_OR_RETURN(options.region, reader.TextOr("region", "a region such as us-west-2", ""));
  ASSIGN_OR_RETURN(auto to, reader.To("DATABASE/TABLE"));
  options.database = std::move(to.first);
  options.table = std::move(to.second);
  return std::unique_ptr<Sink>(std::make_unique<TimestreamSink>(std::move(options), services));
}

}  // namespace

SinkEntry TimestreamSinkEntry() {
  SinkEntry entry;
  entry.kind = "timestream";
  entry.help = "Amazon Timestream: one multi-measure record a row; to: DATABASE/TABLE";
  entry.keys = {{"dimensions", "list", true, "columns that are dimensions"},
                {"measure_name", "text", true, "name of the measure of all columns"},
                {"measures", "list", true, "columns that are values, e.g. [{SpotPrice: DOUBLE}]"},
                {"region", "text", false, "AWS region; AWS_REGION"}};
  entry.make = MakeTimestreamSink;
  return entry;
}

}  // namespace catchment::sinks
