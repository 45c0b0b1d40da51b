#include <fmt/format.h>

#include <memory>

#include "cli/light_verbs.h"

namespace catchment::cli {
namespace {

std::string VerbWords() {
  std::string words;
  for (const VerbInfo& verb : Verbs())
    words += fmt::format("{}{}", words.empty() ? "" : " ", verb.name);
  return words;
}

std::string BashScript() {
  return fmt::format(
      "_catchment() {{\n"
      "  local word=${{COMP_WORDS[COMP_CWORD]}}\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    COMPREPLY=($(compgen -W \"{}\" -- \"$word\"))\n"
      "  elif [[ $word == -* ]]; then\n"
      "    COMPREPLY=($(compgen -W \"$(catchment \"${{COMP_WORDS[1]}}\" --help 2>/dev/null | grep "
      "-oE -- '--[a-z-]+')\" -- \"$word\"))\n"
      "  else\n"
      "    COMPREPLY=($(compgen -W \"$(ls pipelines 2>/dev/null)\" -- \"$word\") $(compgen -f -- "
      "\"$word\"))\n"
      "  fi\n"
      "}}\n"
      "complete -F _catchment catchment\n",
      VerbWords());
}

/// Text that stands between single quotes: each of its own becomes `quote`.
std::string Quoted(std::string_view text, std::string_view quote) {
  std::string quoted;
  for (const char c : text) c == '\'' ? quoted.append(quote) : quoted.append(1, c);
  return quoted;
}

std::string ZshScript() {
  std::string script = "#compdef catchment\n_catchment() {\n  local -a verbs\n  verbs=(\n";
  for (const VerbInfo& verb : Verbs())
    script += fmt::format("    '{}:{}'\n", verb.name, Quoted(verb.summary, "'\\''"));
  return script +
         "  )\n  if (( CURRENT == 2 )); then _describe verb verbs; else _files; fi\n}\n"
         "compdef _catchment catchment\n";
}

std::string FishScript() {
  std::string script;
  for (const VerbInfo& verb : Verbs()) {
    script += fmt::format("complete -c catchment -n __fish_use_subcommand -a {} -d '{}'\n",
                          verb.name, Quoted(verb.summary, "\\'"));
  }
  return script;
}

}  // namespace

void SetUpCompletion(CLI::App& app, Session& session) {
  auto shell = std::make_shared<std::string>();
  app.add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  app.callback([shell, &session] {
    const std::string script = *shell == "bash"  ? BashScript()
                               : *shell == "zsh" ? ZshScript()
                                                 : FishScript();
    if (session.format.json) {
      PrintJson("completion", {{"shell", *shell}, {"script", script}});
    } else {
      PrintText(script);
    }
  });
}

}  // namespace catchment::cli
