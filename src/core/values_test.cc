#include "core/values.h"

#include "base/test.h"

namespace catchment::core {
namespace {

// H19 argument_formats: documented forms of a box were refused.
TEST(BoxTest, ReadsFourNumbersBetweenAnyOfTheSeparators) {
  for (const char* text :
       {"-124.7,32.5,-114.1,42.0", "-124.7/32.5/-114.1/42", "-124.7:32.5:-114.1:42.00",
        "-124.7 32.5 -114.1 42", " -124.7, 32.5, -114.1, +42.0 "}) {
    const auto box = ParseBox(text);
    ASSERT_TRUE(box.ok()) << text << ": " << box.error().message;
    EXPECT_EQ(BoxText(*box), "-124.7,32.5,-114.1,42");
  }
}

TEST(BoxTest, AWestOfMoreThanEastCrossesTheAntimeridian) {
  const auto box = ParseBox("170,-50,-170,-30");
  ASSERT_OK(box);
  EXPECT_GT(box->west, box->east);
  EXPECT_EQ(BoxText(*box), "170,-50,-170,-30");
}

TEST(BoxTest, RefusesWhatIsNoBoxOnTheGlobe) {
  for (const char* text :
       {"", "1,2,3", "1,2,3,4,5", "a,2,3,4", "1,2,3,4x", "-181,0,0,1", "0,0,181,1", "0,-91,1,1",
        "0,0,1,91", "0,10,1,10", "0,11,1,10", "nan,0,1,1", "0,0,inf,1", "1e400,0,1,1", "0;0;1;1"}) {
    EXPECT_ERROR(ParseBox(text), Code::kInvalid, "expected W,S,E,N in degrees");
  }
  EXPECT_FALSE(ParseBox(std::string(1'000'000, '1')).ok());
}

TEST(BoxTest, EqualBoxesHaveOneNameAndOthersAnother) {
  EXPECT_EQ(BoxText(*ParseBox("-0,0.10,1e1,2.50")), "0,0.1,10,2.5");
  EXPECT_EQ(BoxName(*ParseBox("0,0,1,1")), BoxName(*ParseBox("0.0/0/1.00/1")));
  EXPECT_NE(BoxName(*ParseBox("0,0,1,1")), BoxName(*ParseBox("0,0,1,2")));
  // sha256sum of `-124.7,32.5,-114.1,42`
  EXPECT_EQ(BoxName(*ParseBox("-124.7,32.5,-114.1,42.0")), "box-5cbbdf769d6d");
}

TEST(SizeTest, ReadsBinaryAndDecimalUnits) {
  EXPECT_EQ(*ParseSize("384MiB"), int64_t{384} << 20);
  EXPECT_EQ(*ParseSize("2GB"), 2'000'000'000);
  EXPECT_EQ(*ParseSize("1 KiB"), 1024);
  EXPECT_EQ(*ParseSize("512B"), 512);
  EXPECT_EQ(*ParseSize("8192"), 8192);
  for (const char* text : {"", "MiB", "1.5GiB", "-1MiB", "0", "3mib", "9999999TiB", "1MiBs"}) {
    EXPECT_ERROR(ParseSize(text), Code::kInvalid, "is not a size");
  }
}

TEST(PathPrefixTest, LeadsNowhereElse) {
  for (const char* text : {"hls-data", "a/b.c/d_e", "year=2024"}) EXPECT_OK(CheckPathPrefix(text));
  for (const char* text : {"", "/a", "a/", "a//b", "..", "a/../b", ".", "a b", "a\\b", "a\n"}) {
    EXPECT_ERROR(CheckPathPrefix(text), Code::kInvalid, "expected a path such as hls-data");
  }
}

TEST(ShareTest, IsAPercentageOrAFraction) {
  EXPECT_DOUBLE_EQ(*ParseShare("99.9%"), 0.999);
  EXPECT_DOUBLE_EQ(*ParseShare("0.2"), 0.2);
  for (const char* text : {"", "101%", "-1%", "x", "nan"}) EXPECT_FALSE(ParseShare(text).ok());
}

}  // namespace
}  // namespace catchment::core
