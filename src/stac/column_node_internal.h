#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "stac/item_schema.h"

namespace catchment::stac {

/// Bytes that grow, from Arrow's pool, so that they become an array's buffer as they are.
class GrowingBytes {
 public:
  uint8_t* data() { return data_; }
  int64_t size() const { return size_; }

  /// Make room for `more` bytes behind the size; new room is not zeroed.
  void Reserve(int64_t more) {
    if (size_ + more > capacity_) Grow(size_ + more);
  }
  void Append(const void* bytes, int64_t count) {
    if (count == 0) return;
    Reserve(count);
    std::memcpy(data_ + size_, bytes, static_cast<size_t>(count));
    size_ += count;
  }
  template <typename T>
  void AppendValue(T value) {
    Reserve(sizeof(T));
    std::memcpy(data_ + size_, &value, sizeof(T));
    size_ += sizeof(T);
  }
  void AppendZeros(int64_t count) {
    if (count <= 0) return;
    Reserve(count);
    std::memset(data_ + size_, 0, static_cast<size_t>(count));
    size_ += count;
  }
  void Truncate(int64_t size) { size_ = size; }
  /// The bytes as a buffer; empty again, with room for as many.
  std::shared_ptr<arrow::Buffer> Take();

 private:
  void Grow(int64_t needed);

  // What every append touches comes first.
  uint8_t* data_ = nullptr;
  int64_t size_ = 0, capacity_ = 0;
  std::shared_ptr<arrow::ResizableBuffer> buffer_;
  int64_t expected_ = 0;
};

/// Whether two keys are equal. Most have a few bytes, for which a call costs more than it does.
inline bool SameKey(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  const size_t size = a.size();
  const char *x = a.data(), *y = b.data();
  const auto differ = [&]<typename Word>(Word, size_t at) {
    Word p, q;
    std::memcpy(&p, x + at, sizeof p);
    std::memcpy(&q, y + at, sizeof q);
    return p != q;
  };
  if (size > 16) return std::memcmp(x, y, size) == 0;
  if (size >= 8) return !differ(uint64_t{}, 0) && !differ(uint64_t{}, size - 8);
  if (size >= 4) return !differ(uint32_t{}, 0) && !differ(uint32_t{}, size - 4);
  if (size >= 2) return !differ(uint16_t{}, 0) && !differ(uint16_t{}, size - 2);
  return size == 0 || *x == *y;
}

class ColumnNode;

/// The members of an object that have columns, found by key. Remembers which member followed
/// which, so that objects that repeat cost one comparison a key.
class MemberTable {
 public:
  /// `name` must outlive the table.
  void Add(std::string_view name, ColumnNode* node) {
    const auto member = static_cast<uint32_t>(names_.size());
    index_.emplace(name, member);
    names_.push_back(name);
    nodes_.push_back(node);
    next_.push_back(member + 1);
  }

  static constexpr uint32_t kNone = UINT32_MAX;
  /// Find `key`; `last`: the member found before it in this object, at first kNone.
  uint32_t Find(std::string_view key, uint32_t last) {
    uint32_t& guess = last == kNone ? first_ : next_[last];
    if (guess < names_.size() && SameKey(names_[guess], key)) return guess;
    const auto found = index_.find(key);
    if (found == index_.end()) return kNone;
    guess = found->second;
    return guess;
  }
  /// The same without memory, for who looks seldom.
  const ColumnNode* Look(std::string_view key) const {
    const auto found = index_.find(key);
    return found == index_.end() ? nullptr : nodes_[found->second];
  }
  ColumnNode* node(uint32_t member) const { return nodes_[member]; }
  std::string_view name(uint32_t member) const { return names_[member]; }

 private:
  std::vector<std::string_view> names_;
  std::vector<ColumnNode*> nodes_;
  std::vector<uint32_t> next_;
  uint32_t first_ = 0;
  std::unordered_map<std::string_view, uint32_t> index_;
};

/// One node of the columns under construction. Nulls at the end are not stored: `length` lags
/// behind what the parent holds until the next value or Finish, so that absent members cost
/// nothing.
class ColumnNode {
 public:
  /// `node` must outlive the column; `node_type` is its Arrow type.
  ColumnNode(const ItemNode& node, std::shared_ptr<arrow::DataType> node_type);
  ColumnNode(const ColumnNode&) = delete;
  ColumnNode& operator=(const ColumnNode&) = delete;

  /// Nulls up to `row`.
  void PadTo(int64_t row) {
    if (length < row) Pad(row);
  }
  // Each appends the value of row `length`.
  void AppendNull() { Pad(length + 1); }
  void AppendBool(bool value);
  void AppendInt64(int64_t value) {
    values.AppendValue(value);
    SetValid();
  }
  void AppendDouble(double value) {
    values.AppendValue(value);
    SetValid();
  }
  void AppendBytes(std::string_view bytes) {
    values.Append(bytes.data(), static_cast<int64_t>(bytes.size()));
    EndBytes();
  }
  /// The value's bytes were appended to `values`.
  void EndBytes() {
    offsets.AppendValue(static_cast<int32_t>(values.size()));
    SetValid();
  }
  /// A struct; its members are appended after it.
  void AppendStruct() { SetValid(); }
  /// A list whose elements were appended, the last being number `elements` − 1.
  void EndList() {
    offsets.AppendValue(static_cast<int32_t>(elements));
    SetValid();
  }

  /// Forget all values from row `rows` on.
  void Truncate(int64_t rows);
  /// All `rows` as an array's data; empty again.
  std::shared_ptr<arrow::ArrayData> Finish(int64_t rows);
  bool IsValid(int64_t row) {
    return row < length && (!has_nulls || (validity.data()[row >> 3] >> (row & 7) & 1) != 0);
  }

  // What every value touches comes first.
  const ColumnKind kind;
  bool has_nulls = false;  ///< else `validity` is not kept
  int64_t length = 0;
  int64_t elements = 0;  ///< of a list: of all rows
  GrowingBytes values, offsets, validity;
  MemberTable members;  ///< of a struct
  std::vector<std::unique_ptr<ColumnNode>> children;
  const ItemNode& schema;
  const std::shared_ptr<arrow::DataType> type;

 private:
  void Pad(int64_t row);
  void StartValidity();
  void SetValid() {
    if (has_nulls) {
      if ((length & 7) == 0) validity.AppendValue(uint8_t{0});
      validity.data()[length >> 3] |= static_cast<uint8_t>(1u << (length & 7));
    }
    ++length;
  }
};

}  // namespace catchment::stac
