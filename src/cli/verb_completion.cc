#include <fmt/format.h>

#include <memory>

#include "app/installation.h"
#include "cli/light_verbs.h"

namespace catchment::cli {
namespace {

std::string VerbWords() {
  std::string words;
  for (const VerbInfo& verb : Verbs())
    words += fmt::format("{}{}", words.empty() ? "" : " ", verb.name);
  return words;
}

/// Text that stands between single quotes: each of its own becomes `quote`.
std::string Quoted(std::string_view text, std::string_view quote) {
  std::string quoted;
  for (const char c : text) c == '\'' ? quoted.append(quote) : quoted.append(1, c);
  return quoted;
}

/// Verbs, options (as `--help` of the verb lists them), worlds, and else pipelines and files:
/// pipelines of the working folder and those that came with this program.
std::string BashScript() {
  std::string folders = "pipelines";
  for (const auto& folder : app::SharedFolders("pipelines"))
    folders += fmt::format(" '{}'", Quoted(folder.string(), "'\\''"));
  return fmt::format(
      R"bash(_catchment() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} verb=${{COMP_WORDS[1]}} words folder
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{} --help --version" -- "$word"))
    return
  fi
  if [ "$verb" = stac ]; then
    if [ "$COMP_CWORD" -eq 2 ]; then
      words=$(catchment stac --help 2>/dev/null | sed -n '/^Subcommands:/,$s/^  \([a-z]*\) .*/\1/p')
      COMPREPLY=($(compgen -W "$words --help" -- "$word"))
      return
    fi
    verb="stac ${{COMP_WORDS[2]}}"
  fi
  if [[ $word == -* ]]; then
    words=$(catchment $verb --help 2>/dev/null | sed -n 's/^  \(-[a-zA-Z],\)\?\(--[a-z-]*\).*/\2/p')
    COMPREPLY=($(compgen -W "$words" -- "$word"))
  elif [ "$before" = --world ]; then
    COMPREPLY=($(compgen -W "$(catchment simulate --list 2>/dev/null)" -- "$word") $(compgen -f -- "$word"))
  else
    words=$(for folder in {}; do ls "$folder" 2>/dev/null; done | sort -u)
    COMPREPLY=($(compgen -W "$words" -- "$word") $(compgen -f -- "$word"))
  fi
}}
complete -F _catchment catchment
)bash",
      VerbWords(), folders);
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
