#include "sinks/command_sink.h"
#include "sinks/file_sink.h"
#include "sinks/influx_sink.h"
#include "sinks/logs_sink.h"
#include "sinks/sink.h"
#include "sinks/slack_sink.h"
#include "sinks/timestream_sink.h"

namespace catchment::sinks {

bool ComesAgain(Code code) {
  return code == Code::kUnavailable || code == Code::kExhausted || code == Code::kDeadline ||
         code == Code::kDenied;
}

void AddSuffix(std::string_view kind, std::string_view suffix, nlohmann::json& keys) {
  struct Named {
    std::string_view kind;
    const char* key;
    bool every_part;  ///< of DATABASE/TABLE both, of GROUP/STREAM the last
  };
  static constexpr Named kNamed[] = {{"timestream", "to", true},
                                     {"cloudwatch_logs", "to", false},
                                     {"influx", "bucket", false},
                                     {"influx", "database", false},
                                     {"file", "path", false}};
  for (const Named& named : kNamed) {
    const auto found = named.kind == kind ? keys.find(named.key) : keys.end();
    if (found == keys.end() || !found->is_string()) continue;
    std::string text = found->get<std::string>();
    while (named.kind == "file" && text.size() > 1 && text.back() == '/') text.pop_back();
    const size_t slash = text.rfind('/');
    if (named.every_part && slash != std::string::npos) text.insert(slash, suffix);
    *found = text.append(suffix);
  }
}

std::vector<SinkEntry> BuiltInSinks() {
  return {FileSinkEntry(),   CommandSinkEntry(), TimestreamSinkEntry(),
          InfluxSinkEntry(), LogsSinkEntry(),    SlackSinkEntry()};
}

}  // namespace catchment::sinks
