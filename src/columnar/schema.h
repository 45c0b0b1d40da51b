#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace catchment::columnar {

/// A type's name in manifests, configuration and messages:
///   text bytes bool int8…int64 uint8…uint64 float32 float64 date32 ts (= timestamp[ms, UTC])
///   timestamp[s|ms|us|ns, ZONE] timestamp[us] (no zone) time64[us] decimal(p,s) list<T>
///   struct<a:T,b:T> null
/// A dictionary has the name of its values' type. Types outside this list have Arrow's own name,
/// which does not parse back. In list and struct, a trailing `!` on T means not null.
std::string TypeName(const arrow::DataType& type);

/// The inverse of TypeName; also accepts string, utf8, int, double, date, timestamp (= ts).
/// kInvalid: says what is known and the nearest name.
Result<std::shared_ptr<arrow::DataType>> TypeFromName(std::string_view name);

/// `[{"name": "region_code", "type": "text", "nullable": false}, …]`; `nullable` only where it is
/// false; `id` where a column has a Parquet field id. Metadata is not kept.
nlohmann::json SchemaToJson(const arrow::Schema& schema);
/// kInvalid: names the entry that is wrong.
Result<std::shared_ptr<arrow::Schema>> SchemaFromJson(const nlohmann::json& json);

/// SHA-256 of a canonical text of names, types and nullability, in order: 64 hex digits. Equal for
/// a text column and a dictionary of text; field ids and metadata do not count.
std::string SchemaFingerprint(const arrow::Schema& schema);

/// Whether data written with `next` may follow data of `old` under one table name: all of old's
/// columns with the same types, and further nullable ones anywhere. not null → nullable is allowed.
/// kInvalid: names the first column at fault, both types and the remedy.
Status CheckEvolution(const arrow::Schema& old, const arrow::Schema& next);

/// A column as another type: a safe cast. kInvalid: overflow, lost digits or unreadable text; names
/// the first such row, from 1, and what it holds.
Result<std::shared_ptr<arrow::ChunkedArray>> CastColumn(
    const std::shared_ptr<arrow::ChunkedArray>& column,
    const std::shared_ptr<arrow::DataType>& type);

/// Bring rows to a schema: columns by name in its order, missing nullable ones as null, safe casts
/// (what CastColumn refuses is kInvalid and names the column). A column that the
/// schema lacks is dropped. kInvalid also: a missing or null value in a column that is not null.
Result<std::shared_ptr<arrow::Table>> CastToSchema(const std::shared_ptr<arrow::Table>& rows,
                                                   const std::shared_ptr<arrow::Schema>& schema);

}  // namespace catchment::columnar
