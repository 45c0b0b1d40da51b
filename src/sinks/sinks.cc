#include "sinks/command_sink.h"
#include "sinks/file_sink.h"
#include "sinks/sink.h"

namespace catchment::sinks {

std::vector<SinkEntry> BuiltInSinks() { return {FileSinkEntry(), CommandSinkEntry()}; }

}  // namespace catchment::sinks
