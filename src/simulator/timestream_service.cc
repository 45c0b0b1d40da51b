#include "simulator/timestream_service_internal.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace catchment::simulator {
namespace {

using nlohmann::ordered_json;

constexpr size_t kMostRecords = 100;

std::string DumpAnswer(const ordered_json& value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

bool IsNumber(const std::string& text, bool whole) {
  const char* end = text.data() + text.size();
  if (whole) {
    int64_t value = 0;
    return std::from_chars(text.data(), end, value) == std::from_chars_result{end, std::errc()};
  }
  double value = 0;
  return std::from_chars(text.data(), end, value) == std::from_chars_result{end, std::errc()};
}

std::string ProblemOfValue(const std::string& type, const std::string& value) {
  const bool good = type == "DOUBLE"      ? IsNumber(value, false)
                    : type == "BIGINT"    ? IsNumber(value, true)
                    : type == "TIMESTAMP" ? IsNumber(value, true)
                    : type == "BOOLEAN"   ? value == "true" || value == "false"
                                          : type == "VARCHAR";
  return good ? "" : fmt::format("The measure value '{}' is no valid {}.", value, type);
}

std::string ProblemOfMeasures(const ordered_json& record) {
  const std::string type = TextOf(record, "MeasureValueType");
  if (type != "MULTI") {
    return ProblemOfValue(type.empty() ? "DOUBLE" : type, TextOf(record, "MeasureValue"));
  }
  const ordered_json values = record.value("MeasureValues", ordered_json());
  if (!values.is_array() || values.empty()) return "A MULTI record must have MeasureValues.";
  for (const ordered_json& value : values) {
    if (TextOf(value, "Name").empty()) return "A measure value must have a name.";
    std::string problem = ProblemOfValue(TextOf(value, "Type"), TextOf(value, "Value"));
    if (!problem.empty()) return problem;
  }
  return "";
}

// The dimensions in the order of their names.
std::string ReadDimensions(const ordered_json& record, std::map<std::string, std::string>& into) {
  const ordered_json dimensions = record.value("Dimensions", ordered_json());
  if (!dimensions.is_array()) return "Dimensions must be a list.";
  for (const ordered_json& dimension : dimensions) {
    const std::string name = TextOf(dimension, "Name");
    if (name.empty()) return "A dimension must have a name.";
    const std::string value = TextOf(dimension, "Value");
    if (value.empty()) return "Dimension value can not be empty.";
    if (!into.emplace(name, value).second) return "Dimension names must be unique.";
  }
  return "";
}

ordered_json Rejection(std::string_view reason) { return {{"Reason", reason}}; }

}  // namespace

TimestreamService::TimestreamService(const TimestreamWorld& world, const AwsWorld& aws,
                                     DeliveryLog& deliveries)
    : AwsService({.name = "timestream",
                  .target = "Timestream_20181101",
                  .type_prefix = "com.amazonaws.timestream.v20181101#",
                  .json_version = "1.0"},
                 aws),
      tables_(world.tables.begin(), world.tables.end()),
      deliveries_(deliveries) {}

HttpResponse TimestreamService::Perform(std::string_view operation, const ordered_json& arguments,
                                        const ActiveFaults& active, Time now) {
  if (operation == "DescribeEndpoints") {
    ordered_json body;
    body["Endpoints"] =
        ordered_json::array({{{"Address", address_}, {"CachePeriodInMinutes", 1440}}});
    return Ok(body);
  }
  if (operation != "WriteRecords") return NoOperation(operation);
  if (active.Find("wrong_endpoint") != nullptr) {
    return Fail(421, "InvalidEndpointException", "The requested endpoint was not valid.");
  }
  return Write(arguments, active, now);
}

TimestreamService::Record TimestreamService::ReadRecord(const ordered_json& common,
                                                        const ordered_json& record) {
  Record read;
  if (!record.is_object()) {
    read.problem = "A record must be an object.";
    return read;
  }
  read.whole = common.is_object() ? common : ordered_json::object();
  const ordered_json shared = read.whole.value("Dimensions", ordered_json::array());
  read.whole.update(record);
  if (record.contains("Dimensions") && shared.is_array() && record["Dimensions"].is_array()) {
    for (const ordered_json& dimension : shared) read.whole["Dimensions"].push_back(dimension);
  }
  std::map<std::string, std::string> dimensions;
  read.problem = ReadDimensions(read.whole, dimensions);
  const std::string time = TextOf(read.whole, "Time"), measure = TextOf(read.whole, "MeasureName");
  const ordered_json version = read.whole.value("Version", ordered_json(1));
  if (!version.is_number_integer()) {
    read.problem = "Version must be a whole number.";
  } else {
    read.version = version.get<int64_t>();
  }
  if (read.problem.empty() && measure.empty()) read.problem = "MeasureName is missing.";
  if (read.problem.empty() && !IsNumber(time, true)) read.problem = "Time must be a number.";
  if (read.problem.empty()) read.problem = ProblemOfMeasures(read.whole);
  const std::string unit = TextOf(read.whole, "TimeUnit");
  read.key = DumpAnswer({dimensions, measure, time, unit.empty() ? "MILLISECONDS" : unit});
  return read;
}

ordered_json TimestreamService::Store(const std::string& table, const Record& record, Time now) {
  if (!record.problem.empty()) return Rejection(record.problem);
  std::string values = DumpAnswer(record.whole.value("MeasureValues", ordered_json())) +
                       TextOf(record.whole, "MeasureValue");
  Stored& stored = stored_.try_emplace(table + record.key).first->second;
  const bool is_new = stored.values.empty();
  if (!is_new && record.version == stored.version && values == stored.values) return nullptr;
  if (!is_new && record.version == stored.version) {
    return Rejection(
        "A record already exists with the same time, dimensions, measure name, and record version. "
        "A higher record version must be specified in order to update the measure value. "
        "Specifying record version is supported by the latest SDKs.");
  }
  if (!is_new && record.version < stored.version) {
    ordered_json rejection = Rejection(
        fmt::format("The record version {} is lower than the existing version {}. A higher version "
                    "is required to update the measure value.",
                    record.version, stored.version));
    rejection["ExistingVersion"] = stored.version;
    return rejection;
  }
  stored = {record.version, std::move(values)};
  deliveries_.Add(now, name(), {{"table", table}, {"record", record.whole}});
  return nullptr;
}

HttpResponse TimestreamService::Write(const ordered_json& arguments, const ActiveFaults& active,
                                      Time now) {
  const std::string table =
      TextOf(arguments, "DatabaseName") + "/" + TextOf(arguments, "TableName");
  if ((!tables_.empty() && !tables_.contains(table)) || active.Find("no_table") != nullptr) {
    return Fail(404, "ResourceNotFoundException",
                fmt::format("The table {} does not exist.", table));
  }
  const ordered_json records = arguments.value("Records", ordered_json());
  if (!records.is_array() || records.empty() || records.size() > kMostRecords) {
    return Fail(400, "ValidationException",
                fmt::format("Value at 'records' failed to satisfy constraint: Member must have "
                            "length between 1 and {}",
                            kMostRecords));
  }
  const ordered_json common = arguments.value("CommonAttributes", ordered_json::object());
  const Fault* fault = active.Find("reject_records");
  ordered_json rejected = ordered_json::array();
  const MutexLock lock(mutex_);
  for (size_t i = 0; i < records.size(); ++i) {
    const auto number = static_cast<int64_t>(i);
    ordered_json rejection;
    if (fault != nullptr && number >= fault->at && number < fault->at + fault->count) {
      rejection = Rejection(fault->body.value_or(
          "The record timestamp is outside the time range of the memory store."));
      if (fault->size) rejection["ExistingVersion"] = *fault->size;
    } else {
      rejection = Store(table, ReadRecord(common, records[i]), now);
    }
    if (rejection.is_null()) continue;
    ordered_json named = {{"RecordIndex", i}};
    named.update(rejection);
    rejected.push_back(std::move(named));
  }
  if (rejected.empty()) {
    return Ok(
        {{"RecordsIngested",
          {{"Total", records.size()}, {"MemoryStore", records.size()}, {"MagneticStore", 0}}}});
  }
  HttpResponse response =
      Ok({{"__type", "com.amazonaws.timestream.v20181101#RejectedRecordsException"},
          {"Message", "One or more records have been rejected. See RejectedRecords for details."},
          {"RejectedRecords", rejected}});
  response.status = 419;
  return response;
}

}  // namespace catchment::simulator
