#include "simulator/logs_service_internal.h"

#include "base/text.h"

namespace catchment::simulator {
namespace {

using nlohmann::ordered_json;

constexpr size_t kMostEvents = 10'000;

// Empty: they may be stored.
std::string ProblemOf(const ordered_json& events) {
  if (!events.is_array() || events.empty() || events.size() > kMostEvents) {
    return fmt::format("logEvents must hold 1 to {} events", kMostEvents);
  }
  int64_t before = INT64_MIN;
  for (const ordered_json& event : events) {
    if (TextOf(event, "message").empty()) return "Log event message must not be empty";
    if (!event.contains("timestamp") || !event["timestamp"].is_number_integer()) {
      return "Log event timestamp must be a number";
    }
    const auto timestamp = event["timestamp"].get<int64_t>();
    if (timestamp < before) {
      return "Log events in a single PutLogEvents request must be in chronological order.";
    }
    before = timestamp;
  }
  return "";
}

}  // namespace

LogsService::LogsService(const LogsWorld& world, const AwsWorld& aws, DeliveryLog& deliveries)
    : AwsService(
          {.name = "logs", .target = "Logs_20140328", .type_prefix = "", .json_version = "1.1"},
          aws),
      deliveries_(deliveries) {
  for (const auto& [group, streams] : world.groups)
    groups_[group] = {streams.begin(), streams.end()};
}

HttpResponse LogsService::Perform(std::string_view operation, const ordered_json& arguments,
                                  const ActiveFaults& active, Time now) {
  const std::string group = TextOf(arguments, "logGroupName");
  if (operation == "CreateLogGroup") return CreateGroup(group);
  if (operation == "CreateLogStream") {
    return CreateStream(group, TextOf(arguments, "logStreamName"));
  }
  if (operation == "PutLogEvents") return Put(arguments, active, now);
  return NoOperation(operation);
}

HttpResponse LogsService::CreateGroup(const std::string& group) {
  if (group.empty()) return Fail(400, "InvalidParameterException", "logGroupName is missing");
  const MutexLock lock(mutex_);
  if (!groups_.try_emplace(group).second) {
    return Fail(400, "ResourceAlreadyExistsException", "The specified log group already exists");
  }
  return Ok(ordered_json::object());
}

HttpResponse LogsService::CreateStream(const std::string& group, const std::string& stream) {
  if (stream.empty()) return Fail(400, "InvalidParameterException", "logStreamName is missing");
  const MutexLock lock(mutex_);
  const auto found = groups_.find(group);
  if (found == groups_.end()) {
    return Fail(400, "ResourceNotFoundException", "The specified log group does not exist.");
  }
  if (!found->second.insert(stream).second) {
    return Fail(400, "ResourceAlreadyExistsException", "The specified log stream already exists");
  }
  return Ok(ordered_json::object());
}

bool LogsService::HasStream(const std::string& group, const std::string& stream) {
  const MutexLock lock(mutex_);
  const auto found = groups_.find(group);
  return found != groups_.end() && found->second.contains(stream);
}

HttpResponse LogsService::Put(const ordered_json& arguments, const ActiveFaults& active, Time now) {
  const std::string group = TextOf(arguments, "logGroupName");
  const std::string stream = TextOf(arguments, "logStreamName");
  if (!HasStream(group, stream) || active.Find("no_stream") != nullptr) {
    return Fail(400, "ResourceNotFoundException", "The specified log stream does not exist.");
  }
  const ordered_json events = arguments.value("logEvents", ordered_json());
  const std::string problem = ProblemOf(events);
  if (!problem.empty()) return Fail(400, "InvalidParameterException", problem);
  if (active.Find("too_old") != nullptr) {
    return Ok({{"nextSequenceToken", "1"},
               {"rejectedLogEventsInfo", {{"tooOldLogEventEndIndex", events.size()}}}});
  }
  for (const ordered_json& event : events) {
    deliveries_.Add(now, name(),
                    {{"group", group},
                     {"stream", stream},
                     {"timestamp", event["timestamp"]},
                     {"message", event["message"]}});
  }
  return Ok({{"nextSequenceToken", "1"}});
}

}  // namespace catchment::simulator
