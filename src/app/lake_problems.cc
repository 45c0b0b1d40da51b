#include "app/lake_problems.h"

#include "lake/history.h"
#include "lake/local_store.h"

namespace catchment::app {

std::vector<LakeProblem> FindLakeProblems(const Settings& settings) {
  const auto store = lake::LocalStore::OpenRead(settings.lake_root);
  if (!store.ok() && store.error().code == Code::kNotFound) return {};
  if (!store.ok()) return {{"", store.error().message}};
  std::vector<LakeProblem> problems;
  for (const std::string& dataset : ListDatasets(settings)) {
    for (std::string& text : lake::FindDamage(**store, dataset))
      problems.push_back({dataset, std::move(text)});
  }
  return problems;
}

}  // namespace catchment::app
