#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace catchment {

/// An open file or folder of the system, closed in the end.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() { Close(); }
  int number() const { return number_; }
  bool open() const { return number_ >= 0; }
  void Close();
  /// Hand over what is open; whoever takes it closes it.
  int Release() { return std::exchange(number_, -1); }

 private:
  int number_ = -1;
};

/// Write all of `bytes` where the descriptor stands. Errors of FileError, with `path` for messages.
Status WriteAll(int descriptor, std::string_view bytes, const std::filesystem::path& path);

/// Fill `buffer` from `offset`; how many bytes there were: fewer only at the end of the file.
/// Thread-safe. Errors of FileError, with `path` for messages.
Result<size_t> ReadAt(int descriptor, std::span<char> buffer, uint64_t offset,
                      const std::filesystem::path& path);

}  // namespace catchment
