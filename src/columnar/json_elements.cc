#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "columnar/json_elements_internal.h"
#include "columnar/value_text_internal.h"

namespace catchment::columnar {
namespace {

constexpr size_t kElementReadBytes = 1 << 20;
constexpr std::string_view kElementByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

JsonElements::JsonElements(std::unique_ptr<ByteReader> bytes, const JsonReadOptions& options)
    : bytes_(std::move(bytes)),
      max_object_bytes_(options.max_object_bytes),
      max_depth_(options.max_depth) {}

Status JsonElements::Refill() {
  const size_t rest = size_ - begin_;
  if (begin_ > 0) std::memmove(buffer_.data(), buffer_.data() + begin_, rest);
  begin_ = 0;
  size_ = rest;
  const size_t wanted = size_ + std::max(kElementReadBytes, rest);
  if (buffer_.size() < wanted + simdjson::SIMDJSON_PADDING)
    buffer_.resize(wanted + simdjson::SIMDJSON_PADDING);
  const std::span<char> room(buffer_.data() + size_,
                             buffer_.size() - simdjson::SIMDJSON_PADDING - size_);
  ASSIGN_OR_RETURN(const size_t got, bytes_->Read(room));
  size_ += got;
  at_end_ = got == 0;
  return {};
}

/// Go to the next byte that is no white space. False: there is none.
Result<bool> JsonElements::SkipSpace() {
  while (true) {
    while (begin_ < size_) {
      const char c = buffer_[begin_];
      if (c == '\n') ++line_;
      if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return true;
      ++begin_;
    }
    if (at_end_) return false;
    RETURN_IF_ERROR(Refill());
  }
}

Error JsonElements::Unexpected(std::string_view expected) const {
  const char c = buffer_[begin_];
  const std::string found = c >= 0x20 && c < 0x7F
                                ? fmt::format("\"{}\"", c)
                                : fmt::format("byte 0x{:02x}", static_cast<unsigned char>(c));
  const bool markup = c == '<' && elements_ == 0;
  return Corrupt("{}:{}: expected {}, found {}{}{}", name(), line_, expected, found,
                 markup ? "; " : "", markup ? kLooksLikeMarkup : "");
}

Error JsonElements::CutShort(std::string_view what) const {
  return Corrupt("{}:{}: {}; fetch or write it again", name(), line_, what);
}

Status JsonElements::Start() {
  started_ = true;
  while (!at_end_ && size_ < kElementByteOrderMark.size()) RETURN_IF_ERROR(Refill());
  if (std::string_view(buffer_.data(), size_).starts_with(kElementByteOrderMark))
    begin_ = kElementByteOrderMark.size();
  ASSIGN_OR_RETURN(const bool any, SkipSpace());
  if (any && buffer_[begin_] == '[') {
    array_ = true;
    ++begin_;
  }
  return {};
}

/// Go to the first byte of the next object. False: that was all.
Result<bool> JsonElements::FindElement() {
  if (closed_) return false;
  ASSIGN_OR_RETURN(const bool any, SkipSpace());
  if (!any) {
    if (array_) return CutShort("the array is cut short");
    return false;
  }
  if (array_ && buffer_[begin_] == ']') {
    ++begin_;
    closed_ = true;
    ASSIGN_OR_RETURN(const bool more, SkipSpace());
    if (more) return Unexpected("nothing after the array");
    return false;
  }
  if (array_ && elements_ > 0) {
    if (buffer_[begin_] != ',') return Unexpected("a comma or ]");
    ++begin_;
    ASSIGN_OR_RETURN(const bool follows, SkipSpace());
    if (!follows) return CutShort("the array is cut short");
  }
  if (buffer_[begin_] != '{') return Unexpected("an object");
  return true;
}

/// The end of the object at begin_, as an offset from there.
Result<size_t> JsonElements::ElementEnd() {
  size_t at = 0, depth = 0;
  bool in_text = false;
  while (true) {
    const char* const text = buffer_.data() + begin_;
    const size_t length = size_ - begin_;
    for (; at < length; ++at) {
      const char c = text[at];
      if (in_text) {
        if (c == '"') in_text = false;
        if (c == '\\') {
          if (at + 1 == length) break;  // what is escaped comes with the next read
          ++at;
        }
        continue;
      }
      if (c == '"') in_text = true;
      if (c == '{' || c == '[') {
        if (++depth > max_depth_)
          return Invalid("{}:{}: nested over {} levels", name(), line_, max_depth_);
      }
      if ((c == '}' || c == ']') && --depth == 0) return at + 1;
    }
    if (length > max_object_bytes_) {
      return Invalid("{}:{}: an object of over {} bytes", name(), line_, max_object_bytes_);
    }
    if (at_end_) return CutShort("an object begins here and never ends");
    RETURN_IF_ERROR(Refill());
  }
}

Result<bool> JsonElements::Next(Element& element) {
  if (!started_) RETURN_IF_ERROR(Start());
  ASSIGN_OR_RETURN(const bool found, FindElement());
  if (!found) return false;
  ASSIGN_OR_RETURN(const size_t length, ElementEnd());
  if (length > max_object_bytes_) {
    return Invalid("{}:{}: an object of over {} bytes", name(), line_, max_object_bytes_);
  }
  element = {.text = std::string_view(buffer_).substr(begin_, length), .line = line_};
  line_ += std::ranges::count(element.text, '\n');
  begin_ += length;
  ++elements_;
  return true;
}

}  // namespace catchment::columnar
