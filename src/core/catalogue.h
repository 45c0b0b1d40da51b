#pragma once

#include <map>
#include <string>
#include <vector>

namespace catchment::core {

/// One key that a component's `with:` (or a sink's entry) may hold.
struct ComponentKey {
  std::string name;
  /// `text`, `bool`, `int`, `number`, `duration`, `percent`, `list`, `map`, `any`. A text that
  /// holds a placeholder passes for every type.
  std::string type = "any";
  bool required = false;
  std::string help;
  std::vector<std::string> allowed;  ///< the only texts it may be; empty: any
};

/// What a source, transform or sink is called and what may be said to it.
struct Component {
  std::string name;  ///< `azure.retail_prices`, `diff`, `timestream`
  std::vector<ComponentKey> keys;
  bool looks_back = false;           ///< sources: a slot long past can still be collected
  std::vector<std::string> outputs;  ///< named tables beside the own one: `plan`, `scores`
  bool any_outputs = false;          ///< the names of its tables are not known before it runs
  bool notifies = false;             ///< sinks: sends messages, so that it may have `on:`
  std::string help;
};

/// Everything a pipeline file may name. Plain data, filled by `app` from the components it knows.
struct Catalogue {
  std::vector<Component> sources;
  std::vector<Component> transforms;
  std::vector<Component> sinks;
  std::vector<std::string> export_formats;  ///< `json`, `csv.gz`, `parquet`
};

/// The component of that name; null if there is none. Valid as long as `components`.
const Component* FindComponent(const std::vector<Component>& components, const std::string& name);

}  // namespace catchment::core
