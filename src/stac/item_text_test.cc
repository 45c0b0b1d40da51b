#include "stac/item_text.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "base/test.h"

namespace catchment::stac {
namespace {

/// Gives at most `step` bytes a call.
class SlowBytes final : public columnar::ByteReader {
 public:
  SlowBytes(std::string bytes, size_t step) : bytes_(std::move(bytes)), step_(step) {}
  Result<size_t> Read(std::span<char> buffer) override {
    const size_t size = std::min({buffer.size(), step_, bytes_.size() - at_});
    std::memcpy(buffer.data(), bytes_.data() + at_, size);
    at_ += size;
    return size;
  }
  const std::string& name() const override { return name_; }

 private:
  const std::string bytes_, name_ = "input";
  const size_t step_;
  size_t at_ = 0;
};

/// All items as `line:body`, one a line; `!` before one that is too large; the error at the end.
std::string Cut(const std::string& text, size_t step = 1 << 20, size_t max_item_bytes = 1000) {
  ItemTexts items(std::make_unique<SlowBytes>(text, step), {.max_item_bytes = max_item_bytes});
  std::string out;
  ItemText item;
  while (true) {
    const auto more = items.Next(item);
    if (!more.ok()) return out + more.error().message;
    if (!*more) return out;
    out += std::to_string(item.line) + ":" + (item.too_large ? "!" : "") +
           std::string(item.body.substr(0, 60)) + "\n";
  }
}

void ExpectCut(const std::string& text, const std::string& expected) {
  for (const size_t step : {size_t{1}, size_t{3}, size_t{1} << 20}) {
    EXPECT_EQ(Cut(text, step), expected) << text << " in steps of " << step;
  }
}

TEST(ItemTextTest, LinesAreItems) {
  ExpectCut("{\"a\":1}\n{\"b\":2}\r\n\n  {\"c\":3}", "1:{\"a\":1}\n2:{\"b\":2}\n4:{\"c\":3}\n");
  ExpectCut("", "");
  ExpectCut(" \n\t\n", "");
  ExpectCut("\xEF\xBB\xBF{\"a\":1}\n", "1:{\"a\":1}\n");
}

TEST(ItemTextTest, OneBadLineDoesNotSpoilTheNext) {
  ExpectCut("{\"a\":\n{\"b\":2}\n{\"c\":\"\n{\"d\":4}\n",
            "1:{\"a\":\n2:{\"b\":2}\n3:{\"c\":\"\n4:{\"d\":4}\n");
  ExpectCut("{\"a\":\"x\n{\"b\":2}\n", "1:{\"a\":\"x\n2:{\"b\":2}\n");
  ExpectCut("{\"a\":[1\n{\"b\":2}\n", "1:{\"a\":[1\n2:{\"b\":2}\n");
  ExpectCut("oops\n{\"b\":2}\n", "1:oops\n2:{\"b\":2}\n");
}

TEST(ItemTextTest, AnItemMayStandAloneOverSeveralLines) {
  ExpectCut("{\n \"a\": [1,\n 2]\n}\n", "1:{\n \"a\": [1,\n 2]\n}\n");
  ExpectCut("{\n \"a\": 1\n} {", "1:{\n \"a\": 1\n}\ninput:3: expected the end, found {");
}

TEST(ItemTextTest, ArraysAreCut) {
  ExpectCut("[{\"a\":1}, {\"b\":\"],\\\"}\"},\n{\"c\":[1,{}]}]\n",
            "1:{\"a\":1}\n1:{\"b\":\"],\\\"}\"}\n2:{\"c\":[1,{}]}\n");
  ExpectCut("[]", "");
  ExpectCut("[5,\"x\"]", "1:5\n1:\"x\"\n");
  ExpectCut("[{},]", "1:{}\ninput:1: expected an item, found ]");
  ExpectCut("[{}", "input:1: expected a comma or ], found the end");
  ExpectCut("[{}] x", "1:{}\ninput:1: expected the end, found x");
  ExpectCut("[", "input:1: expected an item or ], found the end");
  ExpectCut("[{}}", "input:1: expected a comma or ], found }");
}

TEST(ItemTextTest, CollectionsAreCutWhereverTheirFeaturesStand) {
  ExpectCut(R"({"type":"FeatureCollection","features":[{"a":1},{"b":2}],"links":[{"x":"]}"}]})",
            "1:{\"a\":1}\n1:{\"b\":2}\n");
  ExpectCut("{\n \"links\": [{\"features\": [9]}],\n \"features\": [\n  {\"a\":1}\n ]\n}\n",
            "4:{\"a\":1}\n");
  ExpectCut(R"({"features":[],"type":"FeatureCollection"})", "");
  ExpectCut(R"({"features":[{}])", "1:{}\ninput:1: expected }, found the end");
  ExpectCut(R"({"features":[{}]}]{)", "1:{}\ninput:1: expected the end, found ]");
}

TEST(ItemTextTest, AnItemWithAMemberFeaturesIsAnItem) {
  const std::string item = R"({"type":"Feature","features":[1]})";
  ExpectCut(item + "\n" + item, "1:" + item + "\n2:" + item + "\n");
}

TEST(ItemTextTest, ItemsThatAreTooLargeArePassedOver) {
  const std::string large =
      "{\"a\":\"" + std::string(3'000'000, '\n').replace(0, 2'999'999, 2'999'999, 'x') + "\"}";
  const std::string line = "{\"a\":\"" + std::string(3'000'000, 'x') + "\"}";
  const std::string shown = line.substr(0, 60);
  EXPECT_EQ(Cut(line + "\n{}\n"), "1:!" + shown + "\n2:{}\n");
  EXPECT_EQ(Cut("[" + line + ",\n{}," + large + ",{}]"),
            "1:!" + shown + "\n2:{}\n2:!" + shown + "\n3:{}\n");
  EXPECT_EQ(Cut(line), "1:!" + shown + "\n");
}

}  // namespace
}  // namespace catchment::stac
