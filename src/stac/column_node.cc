#include <arrow/array/data.h>
#include <arrow/buffer.h>
#include <arrow/memory_pool.h>
#include <arrow/status.h>
#include <arrow/type.h>
#include <arrow/util/bitmap_ops.h>

#include <algorithm>
#include <utility>

#include "stac/column_node_internal.h"

namespace catchment::stac {
namespace {

/// Bytes of a value that all rows have; 0: of another kind.
int64_t FixedWidth(ColumnKind kind) {
  return kind == ColumnKind::kInt64 || kind == ColumnKind::kDouble || kind == ColumnKind::kTime ? 8
                                                                                                : 0;
}

bool HasOffsets(ColumnKind kind) {
  return kind == ColumnKind::kText || kind == ColumnKind::kJson || kind == ColumnKind::kGeometry ||
         kind == ColumnKind::kList;
}

}  // namespace

void GrowingBytes::Grow(int64_t needed) {
  const int64_t wanted = std::max({needed, capacity_ * 2, expected_, int64_t{64}});
  auto status = arrow::Status::OK();
  if (buffer_ == nullptr) {
    auto allocated = arrow::AllocateResizableBuffer(wanted);
    status = allocated.status();
    if (allocated.ok()) buffer_ = std::move(allocated).ValueUnsafe();
  } else {
    status = buffer_->Resize(wanted, /*shrink_to_fit=*/false);
  }
  if (!status.ok()) status.Abort("columns of items");  // no memory: as with any container
  data_ = buffer_->mutable_data();
  capacity_ = buffer_->capacity();
}

std::shared_ptr<arrow::Buffer> GrowingBytes::Take() {
  if (buffer_ == nullptr) Grow(0);
  // Smaller never fails.
  const bool resized = buffer_->Resize(size_, /*shrink_to_fit=*/false).ok();
  std::shared_ptr<arrow::Buffer> taken =
      resized ? std::shared_ptr<arrow::Buffer>(std::move(buffer_)) : nullptr;
  expected_ = size_ + size_ / 8;
  buffer_ = nullptr;
  data_ = nullptr;
  size_ = capacity_ = 0;
  return taken;
}

ColumnNode::ColumnNode(const ItemNode& node, std::shared_ptr<arrow::DataType> node_type)
    : kind(node.kind), schema(node), type(std::move(node_type)) {
  for (size_t i = 0; i < node.children.size(); ++i) {
    children.push_back(
        std::make_unique<ColumnNode>(node.children[i], type->field(static_cast<int>(i))->type()));
  }
  if (kind == ColumnKind::kStruct) {
    for (const auto& child : children) members.Add(child->schema.name, child.get());
  }
  if (HasOffsets(kind)) offsets.AppendValue(int32_t{0});
}

void ColumnNode::AppendBool(bool value) {
  if ((length & 7) == 0) values.AppendValue(uint8_t{0});
  if (value) values.data()[length >> 3] |= static_cast<uint8_t>(1u << (length & 7));
  SetValid();
}

void ColumnNode::Pad(int64_t row) {
  const int64_t nulls = row - length;
  const int64_t bitmap = (row + 7) / 8;
  if (!has_nulls) StartValidity();
  validity.AppendZeros(bitmap - validity.size());
  if (kind == ColumnKind::kBool) values.AppendZeros(bitmap - values.size());
  values.AppendZeros(nulls * FixedWidth(kind));
  if (HasOffsets(kind)) {
    const auto end = static_cast<int32_t>(kind == ColumnKind::kList ? elements : values.size());
    offsets.Reserve(nulls * int64_t{sizeof(int32_t)});
    for (int64_t i = 0; i < nulls; ++i) offsets.AppendValue(end);
  }
  length = row;
}

/// The first null comes: all rows before it were valid.
void ColumnNode::StartValidity() {
  has_nulls = true;
  const int64_t whole = length / 8;
  validity.Reserve(whole + 1);
  for (int64_t i = 0; i < whole; ++i) validity.AppendValue(uint8_t{0xFF});
  if ((length & 7) != 0) validity.AppendValue(static_cast<uint8_t>((1u << (length & 7)) - 1));
}

void ColumnNode::Truncate(int64_t rows) {
  if (HasOffsets(kind)) {
    // Bytes and elements of a value that was not ended lie behind the last offset.
    const int64_t kept = std::min(rows, length);
    int32_t end = 0;
    std::memcpy(&end, offsets.data() + kept * int64_t{sizeof(int32_t)}, sizeof end);
    offsets.Truncate((kept + 1) * int64_t{sizeof(int32_t)});
    if (kind == ColumnKind::kList) {
      elements = end;
      children.front()->Truncate(end);
    } else {
      values.Truncate(end);
    }
  } else {
    for (const auto& child : children) child->Truncate(rows);
  }
  if (length <= rows) return;
  length = rows;
  const int64_t bitmap = (rows + 7) / 8;
  const auto cut = [&](GrowingBytes& bits) {
    bits.Truncate(bitmap);
    if ((rows & 7) != 0) bits.data()[rows >> 3] &= static_cast<uint8_t>((1u << (rows & 7)) - 1);
  };
  if (has_nulls) cut(validity);
  if (kind == ColumnKind::kBool) cut(values);
  if (FixedWidth(kind) != 0) values.Truncate(rows * FixedWidth(kind));
}

std::shared_ptr<arrow::ArrayData> ColumnNode::Finish(int64_t rows) {
  PadTo(rows);
  auto data = std::make_shared<arrow::ArrayData>(type, rows);
  data->null_count = 0;
  data->buffers = {nullptr};
  if (has_nulls && !schema.required) {
    data->buffers = {validity.Take()};
    data->null_count = rows - arrow::internal::CountSetBits(data->buffers.front()->data(), 0, rows);
  }
  validity.Truncate(0);
  has_nulls = false;
  switch (kind) {
    case ColumnKind::kStruct:
    case ColumnKind::kBox:
      for (const auto& child : children) data->child_data.push_back(child->Finish(rows));
      break;
    case ColumnKind::kList:
      data->buffers.push_back(offsets.Take());
      data->child_data.push_back(children.front()->Finish(elements));
      break;
    case ColumnKind::kText:
    case ColumnKind::kJson:
    case ColumnKind::kGeometry:
      data->buffers.push_back(offsets.Take());
      data->buffers.push_back(values.Take());
      break;
    default:
      data->buffers.push_back(values.Take());
  }
  length = elements = 0;
  if (HasOffsets(kind)) offsets.AppendValue(int32_t{0});
  return data;
}

}  // namespace catchment::stac
