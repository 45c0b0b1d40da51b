#pragma once

#include "core/pipeline_parse.h"
#include "core/yaml_internal.h"

namespace catchment::core {

/// Find what is wrong between the parts of a pipeline that is well-formed in itself: names that
/// refer to nothing, cycles, missing files, placeholders.
void CheckReferences(const Pipeline& pipeline, const PipelineSurroundings& around,
                     Problems& problems);

}  // namespace catchment::core
