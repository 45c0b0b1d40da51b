#include "core/pipeline.h"

namespace catchment::core {

std::string_view TaskKindName(TaskKind kind) {
  switch (kind) {
    case TaskKind::kSource:
      return "source";
    case TaskKind::kSql:
      return "sql";
    case TaskKind::kTransform:
      return "transform";
    case TaskKind::kRead:
      return "read";
    case TaskKind::kExec:
      return "exec";
  }
  return "source";
}

std::string_view TableModeName(TableMode mode) {
  switch (mode) {
    case TableMode::kReplace:
      return "replace";
    case TableMode::kAppend:
      return "append";
    case TableMode::kPartition:
      return "partition";
  }
  return "replace";
}

std::string_view OverlapName(Overlap overlap) {
  switch (overlap) {
    case Overlap::kSkip:
      return "skip";
    case Overlap::kQueue:
      return "queue";
    case Overlap::kAllow:
      return "allow";
  }
  return "skip";
}

std::string_view MissedName(Missed missed) {
  switch (missed) {
    case Missed::kNone:
      return "none";
    case Missed::kLast:
      return "last";
    case Missed::kAll:
      return "all";
  }
  return "last";
}

std::string_view PeriodName(Period period) {
  switch (period) {
    case Period::kNone:
      return "";
    case Period::kHour:
      return "hour";
    case Period::kDay:
      return "day";
    case Period::kMonth:
      return "month";
    case Period::kYear:
      return "year";
  }
  return "";
}

const TaskSpec* Pipeline::FindTask(const std::string& task) const {
  for (const TaskSpec& candidate : tasks) {
    if (candidate.name == task) return &candidate;
  }
  return nullptr;
}

const Parameter* Pipeline::FindParameter(const std::string& parameter) const {
  for (const Parameter& candidate : parameters) {
    if (candidate.name == parameter) return &candidate;
  }
  return nullptr;
}

const Parameter* Pipeline::FindAlias(const std::string& alias) const {
  for (const Parameter& candidate : parameters) {
    if (candidate.alias == alias) return &candidate;
  }
  return nullptr;
}

std::string TaskOf(const std::string& reference) {
  return reference.substr(0, reference.find('.'));
}

const std::vector<std::string>& ParameterAliases() {
  static const std::vector<std::string> aliases = {"slot", "refresh", "bucket"};
  return aliases;
}

const std::vector<std::string>& ExportAcls() {
  static const std::vector<std::string> acls = {"private",           "public-read",
                                                "public-read-write", "authenticated-read",
                                                "bucket-owner-read", "bucket-owner-full-control"};
  return acls;
}

const std::vector<std::string>& SinkEvents() {
  static const std::vector<std::string> events = {"failed", "gap", "held", "published"};
  return events;
}

}  // namespace catchment::core
