#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "simulator/world.h"

namespace catchment::simulator {

/// Read a text file of at most 1 GiB, unpacked if its name ends in .zst.
Result<std::string> ReadDataFile(const std::filesystem::path& file);

/// Call `take` with each line that is not blank; stops at the first error, which names file and
/// line.
Status ForEachLine(const std::filesystem::path& file, std::string_view text,
                   const std::function<Status(std::string_view line)>& take);

/// A flat record as compact JSON, in its own order of fields, numbers in their shortest form.
std::string RenderRecord(const nlohmann::ordered_json& record);

/// The text of a field of a flat record as written by RecordList: a string without its quotes
/// (escapes as they stand), another value as JSON. nullopt: no such field.
std::optional<std::string_view> FieldText(std::string_view record, std::string_view field);

/// A service's records, each rendered once as compact JSON, and their order at each time. One text
/// holds all of them, so a page is a handful of copies. Immutable after construction.
class RecordList {
 public:
  /// Order of the records from `from` on.
  struct Epoch {
    Time from;
    std::vector<uint32_t> order;
  };

  /// Put a record at the end of the first epoch. Only before Apply.
  void Add(std::string_view rendered);
  /// Apply a world's changes, oldest first; each time makes an epoch. kInvalid: a change that
  /// matches nothing.
  Status Apply(std::vector<Change> changes, std::string_view where);

  std::string_view Record(uint32_t index) const {
    return std::string_view(text_).substr(records_[index].offset, records_[index].length);
  }
  /// The number of the epoch in force at `now`.
  size_t EpochAt(Time now) const;
  const Epoch& epoch(size_t number) const { return epochs_[number]; }
  size_t epochs() const { return epochs_.size(); }

 private:
  struct Place {
    uint64_t offset;
    uint32_t length;
  };
  uint32_t Append(std::string_view rendered);
  Result<uint32_t> AppendEdited(uint32_t index, const nlohmann::ordered_json& fields);

  std::string text_;
  std::vector<Place> records_;
  std::vector<Epoch> epochs_ = {{Time::min(), {}}};
};

}  // namespace catchment::simulator
