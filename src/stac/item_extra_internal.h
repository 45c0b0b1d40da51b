#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "stac/column_node_internal.h"
#include "stac/json_tokens_internal.h"

namespace catchment::stac {

/// Where the members of an item have columns.
struct ItemTables {
  MemberTable item, properties;
};

/// What of an item its columns differ in, apart from single values.
struct ExtraFacts {
  bool box_differs = false;  ///< the column's bbox is not the source's
};

/// Append the JSON Merge Patch that makes the source of what was rebuilt from the columns. The item
/// was checked by filling the columns. `unknown` gets the JSON pointer of each member without a
/// column, `*` for an index.
void AppendExtra(JsonTokens& tokens, const ItemTables& tables, const ExtraFacts& facts,
                 const std::function<void(const std::string& pointer)>& unknown, std::string& out);

}  // namespace catchment::stac
