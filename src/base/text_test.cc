#include "base/text.h"

#include <gtest/gtest.h>

namespace catchment {

TEST(TextTest, SuggestsTheNearestWordOnlyIfItIsNear) {
  const std::string words[] = {"schedule", "tasks", "publish"};
  EXPECT_EQ(Nearest("schedul", words), "schedule");
  EXPECT_EQ(Nearest("publsh", words), "publish");
  EXPECT_EQ(Nearest("environment", words), "");
  EXPECT_EQ(Nearest("taks", words), "tasks");
  EXPECT_EQ(Nearest("takss", words), "tasks") << "neighbours that swapped count as one";
  const std::string letters[] = {"a", "file", "lake"};
  EXPECT_EQ(Nearest("flie", letters), "file");
  EXPECT_EQ(Nearest("lkae", letters), "lake");
  EXPECT_EQ(Nearest("c", letters), "") << "any letter is one from any other";
}

TEST(TextTest, GlobsMatchWholeTexts) {
  EXPECT_TRUE(GlobMatch("usgov*", "usgovvirginia"));
  EXPECT_TRUE(GlobMatch("*", ""));
  EXPECT_TRUE(GlobMatch("a*b?c", "axxbyc"));
  EXPECT_FALSE(GlobMatch("a*b?c", "axxbc"));
  EXPECT_FALSE(GlobMatch("east", "eastus"));
}

TEST(TextTest, DoublesAlwaysLookLikeDoubles) {
  EXPECT_EQ(FormatDouble(3), "3.0");
  EXPECT_EQ(FormatDouble(0.018816), "0.018816");
  EXPECT_EQ(FormatDouble(1e22), "1e+22");
  EXPECT_EQ(FormatDouble(-0.5), "-0.5");
  EXPECT_EQ(FormatDouble(100000), "100000.0");
  EXPECT_EQ(FormatDouble(0.0001), "0.0001");
  EXPECT_EQ(FormatDouble(0.00001), "1e-05");
  EXPECT_EQ(FormatDouble(0), "0.0");
}

TEST(TextTest, CountsCarryCommas) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(32203), "32,203");
  EXPECT_EQ(FormatCount(-1234567), "-1,234,567");
}

}  // namespace catchment
