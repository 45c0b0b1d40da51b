#include "app/catalogue.h"

#include "app/stac_month_task.h"
#include "sinks/sink.h"
#include "sources/azure/azure_sources.h"
#include "sources/cmr/cmr_sources.h"
#include "sources/generic/generic_sources.h"

namespace catchment::app {
namespace {

std::string KeyType(const std::string& type) { return type == "integer" ? "int" : type; }

core::Component ToComponent(const sources::SourceInfo& info) {
  core::Component component;
  component.name = info.kind;
  component.help = info.help;
  component.looks_back = info.looks_back;
  component.outputs = info.outputs;
  for (const sources::ParameterInfo& key : info.parameters) {
    component.keys.push_back({key.name, KeyType(key.type), key.required, key.help, {}});
  }
  return component;
}

core::Component DiffComponent() {
  core::Component diff;
  diff.name = "diff";
  diff.help = "rows added, changed and removed since the published table";
  diff.keys = {
      {"against",
       "text",
       false,
       "the published table to compare with (default: the needed task's name)",
       {}},
      {"key", "list", true, "columns that identify a row", {}},
      {"compare", "list", true, "columns whose difference is a change", {}},
      {"keep", "list", false, "columns carried along and not compared", {}},
  };
  return diff;
}

core::Component CapacityComponent() {
  core::Component capacity;
  capacity.name = "capacity_state";
  capacity.help = "largest counts of machines believed to get a score, carried from run to run";
  capacity.keys = {
      {"state", "text", false, "the published table that holds the state (default: snapshot)", {}},
      {"key", "list", true, "columns that identify a row; the zone last", {}},
      {"zone_column", "text", false, "the zone's column (default: zone)", {}},
      {"fold_case", "bool", false, "texts of the key meet in lower case (default: no)", {}},
      {"score_column", "text", false, "the score of an answer (default: score)", {}},
      {"count_column", "text", false, "the count it was asked for (default: desired_count)", {}},
      {"counts", "list", true, "the counts that are asked in turn, rising, with 1", {}},
      {"t2", "text", false, "what a score above 2 says about T2", {"at_least", "exactly"}},
      {"zone_ttl", "duration", false, "life of a zone no longer mentioned (default: 7d)", {}},
  };
  return capacity;
}

}  // namespace

const std::vector<sources::SourceEntry>& AllSources() {
  static const std::vector<sources::SourceEntry> entries = [] {
    std::vector<sources::SourceEntry> all = sources::generic::GenericSources();
    for (sources::SourceEntry& entry : sources::azure::AzureSources())
      all.push_back(std::move(entry));
    for (sources::SourceEntry& entry : sources::cmr::CmrSources()) all.push_back(std::move(entry));
    return all;
  }();
  return entries;
}

const sources::SourceEntry* FindSource(const std::string& kind) {
  for (const sources::SourceEntry& entry : AllSources()) {
    if (entry.info.kind == kind) return &entry;
  }
  return nullptr;
}

core::Catalogue MakeCatalogue() {
  core::Catalogue catalogue;
  for (const sources::SourceEntry& entry : AllSources())
    catalogue.sources.push_back(ToComponent(entry.info));
  catalogue.transforms.push_back(DiffComponent());
  catalogue.transforms.push_back(CapacityComponent());
  catalogue.transforms.push_back(StacMonthComponent());
  for (const sinks::SinkEntry& entry : sinks::BuiltInSinks()) {
    core::Component component;
    component.name = entry.kind;
    component.help = entry.help;
    component.notifies = static_cast<bool>(entry.make_notifier);
    for (const sinks::SinkKey& key : entry.keys) {
      component.keys.push_back({key.name, key.type, key.required, key.help, {}});
    }
    catalogue.sinks.push_back(std::move(component));
  }
  catalogue.export_formats = {"json", "ndjson",         "csv", "csv.gz", "parquet",
                              "text", "stac_collection"};
  return catalogue;
}

}  // namespace catchment::app
