#include <arrow/array.h>
#include <arrow/compute/api_vector.h>
#include <arrow/datum.h>
#include <arrow/type.h>

#include <algorithm>

#include "columnar/arrow_status.h"
#include "stac/leaf_levels_internal.h"

namespace catchment::stac {
namespace {

void AddLeafPaths(const arrow::Field& field, LeafPath path, std::vector<LeafPath>& paths) {
  path.nullables.push_back(field.nullable());
  path.dotted += field.name();
  if (field.type()->id() == arrow::Type::STRUCT) {
    for (int i = 0; i < field.type()->num_fields(); ++i) {
      LeafPath member = path;
      member.members.push_back(i);
      member.dotted += '.';
      AddLeafPaths(*field.type()->field(i), std::move(member), paths);
    }
    return;
  }
  if (field.type()->id() == arrow::Type::LIST) {
    path.dotted += ".list.";
    return AddLeafPaths(*field.type()->field(0), std::move(path), paths);
  }
  paths.push_back(std::move(path));
}

/// Walks from the root to a leaf. An entry stands for one value, one null or one empty list.
class Shredder {
 public:
  Shredder(std::shared_ptr<arrow::Array> column, const LeafPath& path)
      : array_(std::move(column)), path_(path), entries_(array_->length()) {
    may_be_null_ =
        std::find(path.nullables.begin(), path.nullables.end(), true) != path.nullables.end();
    definition_.assign(static_cast<size_t>(entries_), 0);
  }

  Result<LeafLevels> Run() {
    size_t member = 0;
    for (size_t node = 0;; ++node) {
      const bool nullable = path_.nullables[node];
      if (nullable) Define();
      const auto type = array_->type_id();
      if (type == arrow::Type::STRUCT && member < path_.members.size()) {
        array_ = static_cast<const arrow::StructArray&>(*array_).field(path_.members[member++]);
      } else if (type == arrow::Type::LIST) {
        RETURN_IF_ERROR(Repeat());
      } else if (node + 1 == path_.nullables.size()) {
        return Leaf(nullable);
      } else {
        return Internal("column {} ends before its leaf", path_.dotted);
      }
      if (node + 1 == path_.nullables.size())
        return Internal("column {} goes on past its leaf", path_.dotted);
    }
  }

 private:
  bool Alive(size_t entry) const { return definition_[entry] == depth_; }
  int64_t Slot(size_t entry) const {
    return slots_.empty() ? static_cast<int64_t>(entry) : slots_[entry];
  }

  /// One more level for entries that have a value here.
  void Define() {
    const auto count = static_cast<size_t>(entries_);
    if (array_->null_count() == 0 && all_alive_) {
      std::fill(definition_.begin(), definition_.end(), static_cast<int16_t>(depth_ + 1));
    } else {
      for (size_t entry = 0; entry < count; ++entry) {
        if (!Alive(entry)) continue;
        if (array_->IsValid(Slot(entry))) {
          ++definition_[entry];
        } else {
          all_alive_ = false;
        }
      }
    }
    ++depth_;
  }

  /// Replace each entry that is a list by its elements.
  Status Repeat() {
    const auto& list = static_cast<const arrow::ListArray&>(*array_);
    ++lists_;
    std::vector<int16_t> definition;
    std::vector<int16_t> repetition;
    std::vector<int64_t> slots;
    const auto room = static_cast<size_t>(entries_ + list.values()->length());
    definition.reserve(room);
    repetition.reserve(room);
    slots.reserve(room);
    all_alive_ = true;
    for (size_t entry = 0; entry < static_cast<size_t>(entries_); ++entry) {
      const auto first = static_cast<int16_t>(repetition_.empty() ? 0 : repetition_[entry]);
      const int64_t length = Alive(entry) ? list.value_length(Slot(entry)) : 0;
      if (length == 0) {
        definition.push_back(definition_[entry]);
        repetition.push_back(first);
        slots.push_back(-1);
        all_alive_ = false;
        continue;
      }
      const int64_t begin = list.value_offset(Slot(entry));
      for (int64_t i = 0; i < length; ++i) {
        definition.push_back(static_cast<int16_t>(depth_ + 1));
        repetition.push_back(i == 0 ? first : lists_);
        slots.push_back(begin + i);
      }
    }
    definition_ = std::move(definition);
    repetition_ = std::move(repetition);
    slots_ = std::move(slots);
    entries_ = static_cast<int64_t>(definition_.size());
    ++depth_;
    may_be_null_ = true;
    array_ = list.values();
    return {};
  }

  Result<LeafLevels> Leaf(bool nullable) {
    LeafLevels levels;
    levels.nullable = nullable;
    levels.entries = entries_;
    ASSIGN_OR_RETURN(levels.values, Values());
    if (may_be_null_) levels.definition = std::move(definition_);
    levels.repetition = std::move(repetition_);
    return levels;
  }

  /// The slots that entries stand for, in order; usually a run.
  Result<std::shared_ptr<arrow::Array>> Values() {
    if (slots_.empty()) {
      return entries_ == array_->length() ? array_ : array_->Slice(0, entries_);
    }
    std::erase(slots_, -1);
    if (slots_.empty()) return array_->Slice(0, 0);
    const auto count = static_cast<int64_t>(slots_.size());
    bool run = true;
    for (size_t i = 1; i < slots_.size() && run; ++i) run = slots_[i] == slots_[i - 1] + 1;
    if (run) return array_->Slice(slots_.front(), count);
    const arrow::Int64Array indices(count, arrow::Buffer::Wrap(slots_));
    ASSIGN_ARROW_OR_RETURN(const arrow::Datum taken,
                           arrow::compute::Take(array_, arrow::Datum(indices.data())),
                           "gather the values of {}", path_.dotted);
    return taken.make_array();
  }

  std::shared_ptr<arrow::Array> array_;
  const LeafPath& path_;
  int64_t entries_;
  bool may_be_null_ = false;
  bool all_alive_ = true;
  int16_t depth_ = 0;  ///< definition level of an entry that has a value so far
  int16_t lists_ = 0;
  std::vector<int16_t> definition_, repetition_;
  std::vector<int64_t> slots_;  ///< empty: entry i is slot i; −1: none
};

}  // namespace

std::vector<LeafPath> LeafPathsOf(const arrow::Schema& schema) {
  std::vector<LeafPath> paths;
  for (int i = 0; i < schema.num_fields(); ++i) {
    AddLeafPaths(*schema.field(i),
                 LeafPath{.root = i, .members = {}, .nullables = {}, .dotted = {}}, paths);
  }
  return paths;
}

Result<LeafLevels> ShredLeaf(const std::shared_ptr<arrow::Array>& column, const LeafPath& path) {
  return Shredder(column, path).Run();
}

}  // namespace catchment::stac
