#include "app/collection_export.h"

#include <gtest/gtest.h>

namespace catchment::app {
namespace {

TEST(CollectionExportTest, ThePartitionRootIsSeenFromTheDocument) {
  const std::vector<std::string> names = {"year", "month"};
  EXPECT_EQ(PartitionRoot("hls-data/collection=a/year=2024/month=01/data.parquet", names,
                          "hls-data/a.collection.json"),
            "./collection=a/");
  EXPECT_EQ(PartitionRoot("hls-data/year=2024/month=01/data.parquet", names,
                          "hls-data/a.collection.json"),
            "./");
  EXPECT_EQ(PartitionRoot("hls-data/year=2024/month=01/data.parquet", names, "docs/a.json"),
            "../hls-data/");
  EXPECT_EQ(PartitionRoot("year=2024/data.parquet", names, "a.json"), "./");
}

}  // namespace
}  // namespace catchment::app
