#include "stac/geometry.h"

#include <cstring>

#include "base/test.h"

namespace catchment::stac {
namespace {

std::string ThereAndBackAgain(const std::string& json, uint32_t* type = nullptr) {
  std::string wkb, text;
  const auto facts = GeoJsonToWkb(json, wkb);
  EXPECT_OK(facts);
  if (!facts.ok()) return "";
  if (type != nullptr) *type = facts->type;
  EXPECT_OK(WkbToGeoJson(wkb, text));
  const auto again = ReadWkb(wkb);
  EXPECT_OK(again);
  EXPECT_EQ(again->type, facts->type);
  EXPECT_EQ(again->box.xmin, facts->box.xmin);
  EXPECT_EQ(again->box.ymax, facts->box.ymax);
  return text;
}

TEST(GeometryTest, EveryTypeComesBackWithItsCode) {
  const std::vector<std::pair<uint32_t, std::string>> cases = {
      {1, R"({"type":"Point","coordinates":[1.5,-2.25]})"},
      {2, R"({"type":"LineString","coordinates":[[1.0,2.0],[3.0,4.0]]})"},
      {3, R"({"type":"Polygon","coordinates":[[[0.0,0.0],[0.0,1.0],[1.0,1.0],[0.0,0.0]],[]]})"},
      {4, R"({"type":"MultiPoint","coordinates":[[1.0,2.0],[3.0,4.0]]})"},
      {5, R"({"type":"MultiLineString","coordinates":[[[1.0,2.0],[3.0,4.0]],[]]})"},
      {6, R"({"type":"MultiPolygon","coordinates":[[],[[[0.0,0.0],[0.0,1.0],[0.0,0.0]]]]})"},
      {7, R"({"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1.0,2.0]},)"
          R"({"type":"GeometryCollection","geometries":[]}]})"},
      {1001, R"({"type":"Point","coordinates":[1.0,2.0,3.0]})"},
      {1002, R"({"type":"LineString","coordinates":[[1.0,2.0,3.0],[3.0,4.0,5.0]]})"},
      {1003, R"({"type":"Polygon","coordinates":[[],[[0.0,0.0,1.0],[0.0,1.0,1.0]]]})"},
      {1006, R"({"type":"MultiPolygon","coordinates":[[[[0.0,0.0,1.0],[0.0,1.0,1.0]]]]})"},
      {1007,
       R"({"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1.0,2.0,3.0]}]})"},
      {1, R"({"type":"Point","coordinates":[]})"}};
  for (const auto& [code, json] : cases) {
    uint32_t type = 0;
    EXPECT_EQ(ThereAndBackAgain(json, &type), json);
    EXPECT_EQ(type, code) << json;
  }
}

TEST(GeometryTest, BytesAreThoseOfTheStandard) {
  std::string wkb;
  ASSERT_OK(GeoJsonToWkb(R"({"coordinates": [1, 2], "type": "Point"})", wkb));
  const unsigned char expected[] = {1,    1,    0, 0, 0, 0, 0, 0, 0, 0,   0,
                                    0xF0, 0x3F, 0, 0, 0, 0, 0, 0, 0, 0x40};
  ASSERT_EQ(wkb.size(), sizeof expected);
  EXPECT_EQ(std::memcmp(wkb.data(), expected, sizeof expected), 0);
}

TEST(GeometryTest, PositionsOfUnequalLengthLoseTheirZ) {
  uint32_t type = 0;
  EXPECT_EQ(ThereAndBackAgain(R"({"type":"LineString","coordinates":[[1,2,9],[3,4]]})", &type),
            R"({"type":"LineString","coordinates":[[1.0,2.0],[3.0,4.0]]})");
  EXPECT_EQ(type, 2u);
  EXPECT_EQ(
      ThereAndBackAgain(
          R"({"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1,2,3]},)"
          R"({"type":"Point","coordinates":[4,5]}]})",
          &type),
      R"({"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1.0,2.0]},)"
      R"({"type":"Point","coordinates":[4.0,5.0]}]})");
  EXPECT_EQ(type, 7u);
}

TEST(GeometryTest, TheBoxIsThatOfAllPositions) {
  std::string wkb;
  ASSERT_OK_AND_ASSIGN(
      const GeometryFacts facts,
      GeoJsonToWkb(R"({"type":"MultiPoint","coordinates":[[179,-1,5],[-179,2,-7],[0,0,0]]})", wkb));
  EXPECT_EQ(facts.box.xmin, -179);
  EXPECT_EQ(facts.box.xmax, 179);
  EXPECT_EQ(facts.box.ymin, -1);
  EXPECT_EQ(facts.box.ymax, 2);
  EXPECT_EQ(facts.box.zmin, -7);
  EXPECT_EQ(facts.box.zmax, 5);
}

TEST(GeometryTest, WhatIsNoGeometryIsRefused) {
  std::string wkb;
  EXPECT_ERROR(GeoJsonToWkb("{", wkb), Code::kInvalid, "");
  EXPECT_ERROR(GeoJsonToWkb("null", wkb), Code::kInvalid, "a geometry");
  EXPECT_ERROR(GeoJsonToWkb(R"({"type":"Point","coordinates":[1,2]} 3)", wkb), Code::kInvalid,
               "the end");
  EXPECT_ERROR(GeoJsonToWkb(R"({"type":"Polygon","coordinates":[[[1,2],[3]]]})", wkb),
               Code::kInvalid, "/coordinates/0/1: expected two numbers");
  std::string nested = R"({"type":"Point","coordinates":[1,2]})";
  for (int i = 0; i < 20; ++i) {
    nested = R"({"type":"GeometryCollection","geometries":[)" + nested + "]}";
  }
  EXPECT_ERROR(GeoJsonToWkb(nested, wkb), Code::kInvalid, "too deep");
}

TEST(GeometryTest, DamagedWkbIsRefusedAtEveryByte) {
  std::string wkb;
  ASSERT_OK(GeoJsonToWkb(
      R"({"type":"GeometryCollection","geometries":[{"type":"MultiPolygon","coordinates":[[[[0,0],[0,1],[0,0]]]]},)"
      R"({"type":"Point","coordinates":[1,2]}]})",
      wkb));
  for (size_t size = 0; size < wkb.size(); ++size) {
    EXPECT_ERROR(ReadWkb(wkb.substr(0, size)), Code::kCorrupt, "WKB");
  }
  EXPECT_ERROR(ReadWkb(wkb + "x"), Code::kCorrupt, "too many");
  for (size_t at = 0; at < wkb.size(); ++at) {
    std::string damaged = wkb;
    damaged[at] = '\xFF';
    std::string text;
    (void)WkbToGeoJson(damaged, text);  // must only end
  }
  std::string huge("\x01\x02\x00\x00\x00\xFF\xFF\xFF\x7F", 9);
  EXPECT_ERROR(ReadWkb(huge), Code::kCorrupt, "cut short");
}

TEST(GeometryTest, NamesAreThoseOfTheFilesMetadata) {
  EXPECT_EQ(GeometryTypeName(6), "MultiPolygon");
  EXPECT_EQ(GeometryTypeName(1003), "Polygon Z");
  EXPECT_EQ(GeometryTypeName(0), "");
  EXPECT_EQ(GeometryTypeName(8), "");
  EXPECT_EQ(GeometryTypeName(2001), "");
}

}  // namespace
}  // namespace catchment::stac
