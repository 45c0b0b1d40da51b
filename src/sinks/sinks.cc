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

std::vector<SinkEntry> BuiltInSinks() {
  return {FileSinkEntry(),   CommandSinkEntry(), TimestreamSinkEntry(),
          InfluxSinkEntry(), LogsSinkEntry(),    SlackSinkEntry()};
}

}  // namespace catchment::sinks
