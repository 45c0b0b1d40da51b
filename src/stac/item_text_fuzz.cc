#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "stac/item_text.h"

namespace catchment {

namespace {

constexpr size_t kMaxItemBytes = 64;

class FuzzedBytes final : public columnar::ByteReader {
 public:
  FuzzedBytes(std::string_view bytes, size_t step) : bytes_(bytes), step_(step) {}
  Result<size_t> Read(std::span<char> buffer) override {
    const size_t size = std::min({buffer.size(), step_, bytes_.size()});
    std::memcpy(buffer.data(), bytes_.data(), size);
    bytes_.remove_prefix(size);
    return size;
  }
  const std::string& name() const override { return name_; }

 private:
  const std::string name_ = "fuzz";
  std::string_view bytes_;
  const size_t step_;
};

/// Every item with its line, and what ended it.
std::vector<std::string> CutAll(std::string_view text, size_t step) {
  stac::ItemTexts items(std::make_unique<FuzzedBytes>(text, step),
                        {.max_item_bytes = kMaxItemBytes});
  std::vector<std::string> found;
  stac::ItemText item;
  while (true) {
    const auto more = items.Next(item);
    if (!more.ok()) {
      found.push_back(more.error().message);
      return found;
    }
    if (!*more) return found;
    if (item.body.empty()) std::abort();
    found.push_back(std::to_string(item.line) + (item.too_large ? "!" : ":") +
                    std::string(item.body.substr(0, kMaxItemBytes)));
    if (found.size() > text.size() + 1) std::abort();
  }
}

}  // namespace

/// An input is cut alike, however it arrives.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto whole = CutAll(text, size + 1);
  if (CutAll(text, 1) != whole || CutAll(text, 7) != whole) std::abort();
  return 0;
}

}  // namespace catchment
