// The program `catchment`: answers light verbs itself and becomes `catchment-engine` for the
// others, so that `status` or `version` never load Arrow and DuckDB (docs/adr/0002).

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "base/text.h"
#include "cli/light_verbs.h"
#include "cli/verb.h"

namespace {

using catchment::cli::VerbInfo;

std::string OverviewText() {
  std::string text =
      "Catchment collects datasets on a schedule, for years, and can prove that nothing is "
      "missing.\n\n"
      "Usage: catchment VERB [OPTIONS]\n\nVerbs:\n";
  for (const VerbInfo& verb : catchment::cli::Verbs()) {
    text += fmt::format("  {:<12}{}\n", verb.name, verb.summary);
  }
  return text +
         "\nEvery verb takes --help, --json, --env NAME and --config FILE.\n"
         "Example:\n  catchment run azure-spot --slot 2026-08-02T00:00:00Z\n";
}

/// Where the engine lies: beside this program in a build, in ../libexec/catchment when installed.
std::filesystem::path EnginePath() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::filesystem::path beside = self.parent_path() / "catchment-engine";
  if (std::filesystem::exists(beside, error)) return beside;
  return self.parent_path().parent_path() / "libexec" / "catchment" / "catchment-engine";
}

int BecomeEngine(char** argv) {
  const std::filesystem::path engine = EnginePath();
  execv(engine.c_str(), argv);
  std::fprintf(stderr, "catchment: cannot start %s: %s; install Catchment again\n", engine.c_str(),
               std::strerror(errno));
  return 1;
}

int UnknownVerb(const std::string& word) {
  std::vector<std::string> names;
  for (const VerbInfo& verb : catchment::cli::Verbs()) names.emplace_back(verb.name);
  const std::string nearest = catchment::Nearest(word, names);
  std::fprintf(stderr, "catchment: there is no verb '%s'; %s\n", word.c_str(),
               nearest.empty()
                   ? "see catchment --help"
                   : fmt::format("did you mean '{}'? See catchment --help", nearest).c_str());
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h" ||
      arguments[0] == "help") {
    catchment::cli::PrintText(OverviewText());
    return arguments.empty() ? 2 : 0;
  }
  const std::string word = arguments[0] == "--version" ? "version" : arguments[0];
  for (const catchment::cli::VerbEntry& entry : catchment::cli::LightVerbs()) {
    if (entry.name == word) return catchment::cli::RunVerb(entry, arguments);
  }
  for (const VerbInfo& verb : catchment::cli::Verbs()) {
    if (verb.name == word) return BecomeEngine(argv);
  }
  return UnknownVerb(word);
}
