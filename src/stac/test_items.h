#pragma once

// Items and schemas for tests. Only tests include this.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/test.h"
#include "columnar/compress.h"
#include "stac/item_schema.h"
#include "stac/item_text.h"

namespace catchment::stac {

/// A declared schema of the pipeline.
inline ItemSchema Declared(const std::string& collection, const LoadSchemaOptions& options = {}) {
  const auto text =
      ReadFile(CATCHMENT_SOURCE_DIR "/pipelines/hls-stac/schema/" + collection + ".json");
  EXPECT_OK(text);
  auto schema = LoadItemSchema(*text, options);
  EXPECT_OK(schema);
  return *schema;
}

/// The items of a file, as the splitter gives them.
inline std::vector<std::string> ItemsOf(const std::filesystem::path& path) {
  std::vector<std::string> items;
  auto bytes = columnar::OpenBytes(path);
  EXPECT_OK(bytes);
  if (!bytes.ok()) return items;
  ItemTexts texts(std::move(*bytes));
  ItemText item;
  while (true) {
    const auto more = texts.Next(item);
    EXPECT_OK(more);
    if (!more.ok() || !*more) return items;
    items.emplace_back(item.body);
  }
}

/// A file of the recorded data that the project does not carry; empty: it is not there.
inline std::filesystem::path SharedFile(const std::string& name) {
  const char* parent = std::getenv("CATCHMENT_SHARED");
  const std::filesystem::path folder =
      parent != nullptr ? parent : CATCHMENT_SOURCE_DIR "/../shared";
  const std::filesystem::path path = folder / "data" / name;
  return std::filesystem::exists(path) ? path : std::filesystem::path();
}

}  // namespace catchment::stac

#define SKIP_WITHOUT(path, name)                            \
  const std::filesystem::path path = SharedFile(name);      \
  if (path.empty()) {                                       \
    GTEST_SKIP() << "skipped: " << name << " is not there"; \
  }
