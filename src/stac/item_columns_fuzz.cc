#include <arrow/record_batch.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "stac/item_columns.h"
#include "stac/item_json.h"
#include "stac/schema_inference.h"

namespace catchment::stac {

namespace {

const ItemSchema& DeclaredSchema() {
  static const ItemSchema kSchema = *LoadItemSchema(
      *catchment::ReadFile(CATCHMENT_SOURCE_DIR "/pipelines/hls-stac/schema/HLSS30_2.0.json"));
  return kSchema;
}

constexpr std::string_view kGood =
    R"({"type":"Feature","id":"good","geometry":{"type":"Point","coordinates":[1,2]},"properties":{}})";

/// Between two good items, the one in question: taken, it comes back equal; refused, it is not
/// there.
void CheckItem(const ItemSchema& schema, std::string_view body, bool must_be_taken) {
  ItemColumns columns(schema, {.max_item_bytes = 1 << 16});
  ItemFacts facts;
  const ItemSource source = {.collection = "c"};
  if (columns.Append(kGood, source, facts)) std::abort();
  const bool taken = !columns.Append(body, source, facts);
  if (must_be_taken && !taken) std::abort();
  if (columns.Append(kGood, source, facts)) std::abort();
  const auto batch = columns.Finish();
  if (!batch->ValidateFull().ok() || batch->num_rows() != (taken ? 3 : 2)) std::abort();
  // What is taken is JSON for others too.
  if (taken && !nlohmann::json::accept(body)) std::abort();
  ItemJson writer(schema);
  if (!writer.Open(batch).ok()) std::abort();
  for (int64_t row = 0; row < batch->num_rows(); ++row) {
    std::string text;
    if (!writer.Append(row, text).ok()) std::abort();
    const auto equal = EqualByValue(taken && row == 1 ? body : kGood, text);
    if (!equal.ok() || !*equal) std::abort();
  }
}

}  // namespace

/// Whatever is taken comes back equal by value, with the declared schema and with its own.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  CheckItem(DeclaredSchema(), body, false);
  SchemaInference inference;
  if (inference.Add(kGood)) std::abort();
  if (inference.Add(body)) return 0;
  const auto schema = inference.Finish({});
  if (schema.ok()) CheckItem(*schema, body, true);
  return 0;
}

}  // namespace catchment::stac
