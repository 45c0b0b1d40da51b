#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "columnar/compress.h"
#include "columnar/json_file.h"

namespace catchment::columnar {

/// Cuts a stream of JSON objects, in one array or one after the other, into single ones. Looks only
/// at brackets and quotes; whether an object is JSON is for the parser to say.
class JsonElements {
 public:
  JsonElements(std::unique_ptr<ByteReader> bytes, const JsonReadOptions& options);

  struct Element {
    std::string_view text;  ///< good until the next call; simdjson's padding follows it
    int64_t line = 0;       ///< where it begins, from 1
  };
  /// False at the end. kInvalid: not objects, or over a limit. kCorrupt: cut short, or other text
  /// between them.
  Result<bool> Next(Element& element);
  const std::string& name() const { return bytes_->name(); }

 private:
  Status Start();
  Result<bool> SkipSpace();
  Result<bool> FindElement();
  Result<size_t> ElementEnd();
  Status Refill();
  Error Unexpected(std::string_view expected) const;
  Error CutShort(std::string_view what) const;

  const std::unique_ptr<ByteReader> bytes_;
  const size_t max_object_bytes_, max_depth_;
  std::string buffer_;
  size_t begin_ = 0, size_ = 0;
  bool at_end_ = false, started_ = false, array_ = false, closed_ = false;
  int64_t elements_ = 0;
  int64_t line_ = 1;
};

}  // namespace catchment::columnar
