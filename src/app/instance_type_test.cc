#include "app/instance_type.h"

#include "base/file.h"
#include "base/test.h"

namespace catchment::app {
namespace {

std::string TypeOf(const std::string& vendor, const std::string& product) {
  const TemporaryFolder firmware;
  EXPECT_OK(WriteFileAtomically(firmware.path / "sys_vendor", vendor + "\n"));
  EXPECT_OK(WriteFileAtomically(firmware.path / "product_name", product + "\n"));
  return InstanceType(firmware.path);
}

TEST(InstanceTypeTest, TheFirmwareOfAnInstanceNamesIt) {
  EXPECT_EQ(TypeOf("Amazon EC2", "c6gn.16xlarge"), "c6gn.16xlarge");
  EXPECT_EQ(TypeOf("Amazon EC2", "u-6tb1.metal"), "u-6tb1.metal");
}

TEST(InstanceTypeTest, AnythingElseIsUnknown) {
  EXPECT_EQ(TypeOf("Dell Inc.", "m5.large"), "unknown");
  EXPECT_EQ(TypeOf("Amazon EC2", "HVM domU"), "unknown");
  EXPECT_EQ(TypeOf("Amazon EC2", "m5."), "unknown");
  EXPECT_EQ(InstanceType("/nowhere"), "unknown");
}

}  // namespace
}  // namespace catchment::app
