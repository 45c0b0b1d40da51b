#pragma once

#include <string>
#include <vector>

#include "core/run_spec.h"

namespace catchment::app {

/// Whether the export at `{layout}` holds the rows of all `for_each` values in one file: parameter
/// `layout` is `seed` and there are several (docs/adr/0156).
bool OneFileForAll(const nlohmann::json& parameters, const std::vector<std::string>& each_values);

/// Let paths say `{layout}`, from the parameters `layout` and `s3Prefix`, the `for_each` value and
/// the slot:
///
///   auto, one value      <s3Prefix>/year=YYYY/month=MM/data.parquet
///   auto, several; or
///   collection           <s3Prefix>/<variable>=<value>/year=YYYY/month=MM/data.parquet
///   seed                 <s3Prefix>/year=YYYY/month=MM/data.parquet
///
/// A pipeline without a parameter `layout` gets no such name.
void AddLayout(const core::Pipeline& pipeline, const std::vector<std::string>& each_values,
               const std::string& each, core::PlaceholderValues& placeholders);

}  // namespace catchment::app
