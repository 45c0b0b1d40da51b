#pragma once

#include <nlohmann/json.hpp>

#include "core/catalogue.h"

namespace catchment::core {

/// JSON Schema (2020-12) of a pipeline file with these components, for editors; what `catchment
/// schema` prints. It accepts every file that ParsePipeline accepts; names that refer to each other
/// are beyond it.
nlohmann::json PipelineSchema(const Catalogue& catalogue);

/// The same of `catchment.yaml`.
nlohmann::json ConfigSchema();

}  // namespace catchment::core
