#include "core/config.h"

#include <algorithm>

#include "base/file.h"
#include "base/text.h"
#include "core/placeholders.h"
#include "core/yaml_internal.h"

namespace catchment::core {
namespace {

std::vector<std::string> NamesOf(const std::map<std::string, Environment>& environments) {
  std::vector<std::string> names;
  for (const auto& [name, environment] : environments) names.push_back(name);
  return names;
}

/// A root may hold `{param.NAME}` and nothing else in braces.
void CheckRoot(const std::string& root, Mark mark, Problems& problems) {
  if (root.empty()) problems.Add(mark, "a root must not be empty");
  for (const std::string& name : ListPlaceholders(root)) {
    if (!name.starts_with("param.")) {
      problems.Add(mark, "root '{}': only {{param.NAME}} may stand in it, not {{{}}}", root, name);
    }
  }
}

void ReadBudgets(const YamlNode& node, Environment& environment, Problems& problems) {
  MapReader reader(node, "budgets", problems);
  environment.budget_share = reader.Text("share");
  const std::string use = reader.Text("use", "100%");
  const std::string_view digits =
      std::string_view(use).substr(0, use.size() - (use.ends_with('%') ? 1 : 0));
  const bool number =
      !digits.empty() && digits.size() <= 3 && use.ends_with('%') &&
      std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
  environment.budget_percent = number ? std::stoi(std::string(digits)) : 0;
  if (environment.budget_percent < 1 || environment.budget_percent > 100) {
    problems.Add(reader.MarkOf("use"), "use: '{}' is not a share from 1% to 100%", use);
  }
  reader.Finish();
}

Environment ReadEnvironment(const std::string& name, const YamlNode& node, Problems& problems) {
  Environment environment;
  environment.name = name;
  environment.mark = node.mark;
  MapReader reader(node, "environment '" + name + "'", problems);
  environment.lake = reader.Text("lake");
  if (reader.ok() && environment.lake.empty()) {
    problems.Add(node.mark, "environment '{}': lake is missing, e.g. lake: ./lake", name);
  } else {
    CheckRoot(environment.lake, reader.MarkOf("lake"), problems);
  }
  environment.exports = reader.TextMap("exports");
  for (const auto& [root_name, root] : environment.exports) {
    CheckRoot(root, reader.MarkOf("exports"), problems);
  }
  environment.reads = reader.Text("reads");
  environment.suffix = reader.Text("suffix");
  environment.region = reader.Text("region");
  environment.vars = reader.TextMap("vars");
  environment.state = reader.Text("state", ".catchment");
  if (const YamlNode* budgets = reader.Find("budgets"))
    ReadBudgets(*budgets, environment, problems);
  environment.exec = reader.Texts("exec");
  reader.Finish();
  return environment;
}

/// A reference is `provider:…`, or a list of them. Values of secrets do not belong into the file.
void CheckReferences(const nlohmann::json& from, Mark mark, Problems& problems) {
  if (from.is_array()) {
    for (const nlohmann::json& reference : from) CheckReferences(reference, mark, problems);
    return;
  }
  static const std::vector<std::string> providers = {"env",      "file", "ssm", "secretsmanager",
                                                     "dynamodb", "read"};
  const std::string text = from.is_string() ? from.get<std::string>() : "";
  const size_t colon = text.find(':');
  const std::string provider = text.substr(0, colon);
  if (colon != std::string::npos &&
      std::find(providers.begin(), providers.end(), provider) != providers.end()) {
    return;
  }
  // The text is not repeated: it may be a secret put here by mistake.
  problems.Add(mark, "from: expected a reference such as env:NAME or file:PATH ({})",
               fmt::join(providers, ", "));
}

Identity ReadIdentity(const std::string& name, const YamlNode& node, Problems& problems) {
  Identity identity;
  identity.name = name;
  identity.mark = node.mark;
  MapReader reader(node, "identity '" + name + "'", problems);
  identity.from = reader.Json("from");
  if (identity.from.is_object()) {
    for (const auto& [field, reference] : identity.from.items()) {
      CheckReferences(reference, reader.MarkOf("from"), problems);
    }
  } else {
    CheckReferences(identity.from, reader.MarkOf("from"), problems);
  }
  identity.format = reader.Text("format");
  identity.budget = reader.Json("budget");
  if (identity.budget.is_null()) identity.budget = nlohmann::json::object();
  if (!identity.budget.is_object()) {
    problems.Add(reader.MarkOf("budget"),
                 "budget: expected a map such as {{calls_per_bucket: 10}}");
  }
  reader.Finish();
  return identity;
}

void CheckEnvironments(const Config& config, Problems& problems) {
  const std::vector<std::string> names = NamesOf(config.environments);
  for (const auto& [name, environment] : config.environments) {
    const auto check = [&](std::string_view key, const std::string& other) {
      if (other.empty() || config.environments.contains(other)) return;
      problems.Add(environment.mark, "{}: there is no environment '{}'{}", key, other,
                   DidYouMean(other, names));
    };
    check("reads", environment.reads);
    check("share", environment.budget_share);
    if (environment.reads == name) {
      problems.Add(environment.mark, "reads: environment '{}' cannot read from itself", name);
    }
  }
}

}  // namespace

Result<Environment> Config::FindEnvironment(const std::string& name) const {
  const auto found = environments.find(name);
  if (found != environments.end()) return found->second;
  const std::vector<std::string> names = NamesOf(environments);
  return Invalid("there is no environment '{}' ({} has {}){}", name,
                 file.empty() ? "the default configuration" : file.string(), fmt::join(names, ", "),
                 DidYouMean(name, names));
}

Config DefaultConfig(const std::filesystem::path& folder) {
  Config config;
  config.folder = folder;
  Environment local;
  local.name = "local";
  local.lake = "./lake";
  local.state = ".catchment";
  config.environments["local"] = std::move(local);
  Identity azure;
  azure.name = "azure";
  azure.from = {{"tenant_id", "env:AZURE_TENANT_ID"},
                {"client_id", "env:AZURE_CLIENT_ID"},
                {"client_secret", "env:AZURE_CLIENT_SECRET"},
                {"subscriptions", "env:AZURE_SUBSCRIPTIONS"}};
  azure.budget = {{"calls_per_bucket", 10}, {"bucket_window", "62m"}};
  config.identities["azure"] = std::move(azure);
  Identity earthdata;
  earthdata.name = "earthdata";
  earthdata.from = {{"token", "env:EARTHDATA_TOKEN"}};
  config.identities["earthdata"] = std::move(earthdata);
  return config;
}

ConfigText ReadConfigText(std::string_view text, const std::filesystem::path& file) {
  ConfigText read;
  read.config = DefaultConfig(file.parent_path());
  read.config.file = file;
  Problems problems(file.string());
  if (const std::optional<YamlNode> root = ReadYaml(text, problems); root && !root->IsNull()) {
    MapReader reader(*root, "the configuration", problems);
    if (const YamlNode* node = reader.Find("environments")) {
      for (const auto& [name, value] : Entries(*node, "environments", problems)) {
        read.config.environments[name.text] = ReadEnvironment(name.text, value, problems);
      }
    }
    if (const YamlNode* node = reader.Find("identities")) {
      for (const auto& [name, value] : Entries(*node, "identities", problems)) {
        read.config.identities[name.text] = ReadIdentity(name.text, value, problems);
      }
    }
    reader.Finish();
    CheckEnvironments(read.config, problems);
  }
  read.problems = problems.Take();
  return read;
}

Result<Config> LoadConfig(const std::filesystem::path& file) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(file, uint64_t{2} << 20));
  ConfigText read = ReadConfigText(text, file);
  if (!read.problems.empty()) return ProblemsError(read.problems);
  return std::move(read.config);
}

Result<Config> FindConfig(const std::filesystem::path& folder) {
  std::error_code failure;
  const std::filesystem::path start = std::filesystem::absolute(folder, failure);
  if (failure) return Invalid("{}: {}", folder.string(), failure.message());
  for (std::filesystem::path at = start;; at = at.parent_path()) {
    const std::filesystem::path file = at / "catchment.yaml";
    if (std::filesystem::exists(file, failure)) return LoadConfig(file);
    if (at == at.root_path() || at.empty()) break;
  }
  return DefaultConfig(start);
}

}  // namespace catchment::core
