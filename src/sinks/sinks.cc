#include "sinks/command_sink.h"
#include "sinks/file_sink.h"
#include "sinks/sink.h"

namespace catchment::sinks {

bool ComesAgain(Code code) {
  return code == Code::kUnavailable || code == Code::kExhausted || code == Code::kDeadline ||
         code == Code::kDenied;
}

std::vector<SinkEntry> BuiltInSinks() { return {FileSinkEntry(), CommandSinkEntry()}; }

}  // namespace catchment::sinks
