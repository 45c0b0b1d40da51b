#include <arrow/array.h>
#include <arrow/compute/cast.h>
#include <arrow/extension_type.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>

#include "columnar/arrow_status.h"
#include "columnar/initialize.h"
#include "columnar/plain_internal.h"

namespace catchment::columnar {
namespace {

std::shared_ptr<arrow::DataType> PlainType(const std::shared_ptr<arrow::DataType>& type) {
  switch (type->id()) {
    case arrow::Type::DICTIONARY:
      return PlainType(static_cast<const arrow::DictionaryType&>(*type).value_type());
    case arrow::Type::LARGE_STRING:
    case arrow::Type::STRING_VIEW:
      return arrow::utf8();
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::BINARY_VIEW:
      return arrow::binary();
    case arrow::Type::EXTENSION:
      return PlainType(static_cast<const arrow::ExtensionType&>(*type).storage_type());
    default:
      return type;
  }
}

}  // namespace

std::shared_ptr<arrow::Schema> PlainSchema(const arrow::Schema& schema) {
  arrow::FieldVector fields;
  for (const auto& field : schema.fields())
    fields.push_back(field->WithType(PlainType(field->type())));
  return arrow::schema(std::move(fields));
}

Result<std::shared_ptr<arrow::RecordBatch>> Plain(
    const std::shared_ptr<arrow::RecordBatch>& batch,
    const std::shared_ptr<arrow::Schema>& plain_schema) {
  if (batch->num_columns() != plain_schema->num_fields()) {
    return Invalid("a batch of {} columns for a table of {}", batch->num_columns(),
                   plain_schema->num_fields());
  }
  arrow::ArrayVector columns = batch->columns();
  for (int i = 0; i < plain_schema->num_fields(); ++i) {
    const auto& field = plain_schema->field(i);
    if (columns[i]->type_id() == arrow::Type::EXTENSION) {
      columns[i] = static_cast<const arrow::ExtensionArray&>(*columns[i]).storage();
    }
    if (columns[i]->type()->Equals(*field->type())) continue;
    RETURN_IF_ERROR(Initialize());
    ASSIGN_ARROW_OR_RETURN(columns[i], arrow::compute::Cast(*columns[i], field->type()),
                           "column \"{}\"", field->name());
  }
  return arrow::RecordBatch::Make(plain_schema, batch->num_rows(), std::move(columns));
}

}  // namespace catchment::columnar
