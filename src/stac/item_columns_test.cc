#include "stac/item_columns.h"

#include <arrow/array.h>
#include <arrow/record_batch.h>
#include <arrow/scalar.h>
#include <arrow/type.h>

#include "stac/item_json.h"
#include "stac/test_items.h"

namespace catchment::stac {
namespace {

const std::string kHls = CATCHMENT_SOURCE_DIR "/tests/data/hls/";
const std::string kPoint = R"({"type":"Point","coordinates":[1.5,2.5]})";

std::string Replaced(std::string text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, text.npos) << from;
  return at == text.npos ? text : text.replace(at, from.size(), to);
}

/// A small item: `properties` and `rest` are members with a comma in front.
std::string SmallItem(const std::string& properties, const std::string& rest = "",
                      const std::string& geometry = kPoint,
                      const std::string& box = R"(,"bbox":[1.5,2.5,1.5,2.5])") {
  return R"({"type":"Feature","id":"a","geometry":)" + geometry + box +
         R"(,"properties":{"datetime":"2024-01-02T03:04:05Z")" + properties + "}" + rest + "}";
}

/// What became of one item with the schema of HLSS30_2.0.
struct Appended {
  std::optional<Quarantined> bad;
  ItemFacts facts;
  std::shared_ptr<arrow::RecordBatch> batch;
  std::map<std::string, UnknownMember> unknown;

  std::string Value(const std::string& column) const {
    const auto array = batch->GetColumnByName(column);
    if (array->IsNull(0)) return "null";
    return (*array->GetScalar(0))->ToString();
  }
  std::string Extra() const {
    const auto array = batch->GetColumnByName("extra");
    return array->IsNull(0) ? "null" : static_cast<const arrow::StringArray&>(*array).GetString(0);
  }
};

/// Append one item; if it is taken, it must come back equal.
Appended AppendOne(const std::string& body, const ItemSchema& schema = Declared("HLSS30_2.0"),
                   const ItemSource& source = {.collection = "HLSS30_2.0"},
                   const ItemColumnsOptions& options = {}) {
  ItemColumns columns(schema, options);
  Appended appended;
  appended.bad = columns.Append(body, source, appended.facts);
  appended.batch = columns.Finish();
  appended.unknown = columns.unknown_members();
  EXPECT_EQ(appended.batch->num_rows(), appended.bad ? 0 : 1);
  const auto valid = appended.batch->ValidateFull();
  EXPECT_TRUE(valid.ok()) << valid.ToString();
  if (appended.bad) return appended;
  ItemJson writer(schema);
  EXPECT_OK(writer.Open(appended.batch));
  std::string text, difference;
  EXPECT_OK(writer.Append(0, text));
  const auto equal = EqualByValue(body, text, &difference);
  EXPECT_OK(equal);
  EXPECT_TRUE(*equal) << difference << "\n" << body << "\n" << text;
  return appended;
}

void ExpectBad(const std::string& body, QuarantineReason reason, const std::string& pointer,
               const ItemSource& source = {.collection = "HLSS30_2.0"},
               const ItemColumnsOptions& options = {}) {
  const Appended appended = AppendOne(body, Declared("HLSS30_2.0"), source, options);
  ASSERT_TRUE(appended.bad) << body.substr(0, 300);
  EXPECT_EQ(QuarantineReasonName(appended.bad->reason), QuarantineReasonName(reason))
      << appended.bad->detail;
  EXPECT_EQ(appended.bad->pointer, pointer) << body.substr(0, 300);
  EXPECT_FALSE(appended.bad->detail.empty());
}

TEST(ItemColumnsTest, ARecordedItemFillsTheDeclaredColumns) {
  const std::string body = *ReadFile(kHls + "hls_item_verbatim.ndjson");
  ItemColumns columns(Declared("HLSS30_2.0", {.fix_epsg = true}), {.digest = true});
  ItemFacts facts;
  const auto bad = columns.Append(body, {.collection = "HLSS30_2.0"}, facts);
  ASSERT_FALSE(bad) << bad->pointer << " " << bad->detail;
  EXPECT_EQ(facts.id, "HLS.S30.T01WEV.2024153T000609.v2.0");
  EXPECT_EQ(facts.collection, "HLSS30_2.0");
  EXPECT_EQ(facts.geometry_type, 6u);
  EXPECT_EQ(facts.datetime_us, 1717200379072460);
  EXPECT_FALSE(facts.updated_us);
  EXPECT_EQ(facts.box, (std::array<double, 4>{-177.000575, 71.090475, -173.940843, 71.841919}));
  EXPECT_EQ(facts.body_sha256.size(), 64u);
  const auto batch = columns.Finish();
  EXPECT_TRUE(batch->ValidateFull().ok());
  ASSERT_EQ(batch->num_rows(), 1);
  EXPECT_EQ(batch->GetColumnByName("extra")->null_count(), 1);
  EXPECT_EQ((*batch->GetColumnByName("proj:epsg_fixed")->GetScalar(0))->ToString(), "32601");
  EXPECT_EQ((*batch->GetColumnByName("eo:cloud_cover")->GetScalar(0))->ToString(), "18");
  EXPECT_TRUE(columns.unknown_members().empty());
}

// The rows of the table of declared mode.

TEST(ItemColumnsTest, UnknownMembersOfAnyDepthGoToExtraAndAreCounted) {
  const Appended appended = AppendOne(SmallItem(
      R"(,"new:thing":{"a":[1,2]},"processing:software":{"Cloud Masking":"x","Other":"y"})",
      R"(,"assets":{"B01":{"href":"h","alternate":{"s3":"u"}},"B99":{"href":"z"}},"note":"n")"));
  EXPECT_EQ(appended.Extra(),
            R"({"properties":{"new:thing":{"a":[1,2]},"processing:software":{"Other":"y"}},)"
            R"("assets":{"B01":{"alternate":{"s3":"u"}},"B99":{"href":"z"}},"note":"n"})");
  ASSERT_EQ(appended.unknown.size(), 5u);
  const UnknownMember& counted = appended.unknown.at("/properties/processing:software/Other");
  EXPECT_EQ(counted.count, 1);
  EXPECT_EQ(counted.first_id, "a");
  EXPECT_TRUE(appended.unknown.contains("/assets/B99"));
}

TEST(ItemColumnsTest, AnUnknownMemberInsideAnArrayElementPutsTheWholeArrayThere) {
  const Appended appended = AppendOne(
      SmallItem("", R"(,"links":[{"href":"h","rel":"self"},{"href":"i","method":"POST"}])"));
  EXPECT_EQ(appended.Extra(),
            R"({"links":[{"href":"h","rel":"self"},{"href":"i","method":"POST"}]})");
  EXPECT_EQ(appended.unknown.begin()->first, "/links/*/method");
}

TEST(ItemColumnsTest, PointersEscapeSlashesAndTildes) {
  EXPECT_EQ(AppendOne(SmallItem(R"(,"a/b~c":1)")).unknown.begin()->first, "/properties/a~1b~0c");
  ExpectBad(SmallItem(R"(,"a/b":{"c":1,"c":2})"), QuarantineReason::kDuplicateKey,
            "/properties/a~1b/c");
}

TEST(ItemColumnsTest, MembersThatSeveralItemsInARowLackAreToldFromNull) {
  const ItemSchema schema = Declared("HLSS30_2.0");
  ItemColumns columns(schema);
  ItemJson writer(schema);
  ItemFacts facts;
  const std::string bare = R"({"type":"Feature","id":"a","properties":{}})";
  const std::string nulls =
      R"({"type":"Feature","id":"a","geometry":null,"properties":{"datetime":null}})";
  const std::vector<std::string> bodies = {bare, bare, nulls, bare, SmallItem(""), bare, nulls};
  for (const std::string& body : bodies) {
    ASSERT_FALSE(columns.Append(body, {.collection = "c"}, facts));
  }
  ASSERT_OK(writer.Open(columns.Finish()));
  for (size_t row = 0; row < bodies.size(); ++row) {
    std::string text;
    ASSERT_OK(writer.Append(static_cast<int64_t>(row), text));
    ASSERT_OK_AND_ASSIGN(const bool equal, EqualByValue(bodies[row], text));
    EXPECT_TRUE(equal) << row << " " << text;
  }
}

TEST(ItemColumnsTest, NullMembersThatAreUnknownNeedNoExtra) {
  EXPECT_EQ(AppendOne(SmallItem(R"(,"new":null)", R"(,"links":[{"href":"h","x":null}])")).Extra(),
            "null");
}

// H24 collision.
TEST(ItemColumnsTest, H24APropertyNamedLikeAFieldOfTheItemOverwritesNothing) {
  const Appended appended = AppendOne(
      SmallItem(R"(,"id":"other","collection":"theirs","extra":1,"links":[],"bbox":[9])"));
  EXPECT_EQ(appended.Value("id"), "a");
  EXPECT_EQ(appended.Value("collection"), "HLSS30_2.0");
  EXPECT_EQ(
      appended.Extra(),
      R"({"properties":{"id":"other","collection":"theirs","extra":1,"links":[],"bbox":[9]}})");
}

TEST(ItemColumnsTest, ACollectionOfTheSourceIsKeptBesideTheAddedOne) {
  EXPECT_EQ(AppendOne(SmallItem("", R"(,"collection":"theirs")")).Extra(),
            R"({"collection":"theirs"})");
}

TEST(ItemColumnsTest, ABoxThatMissesTheGeometryIsUnitedWithItAndKept) {
  const Appended appended = AppendOne(SmallItem("", "", kPoint, R"(,"bbox":[1.6,2.4,3,4])"));
  EXPECT_EQ(appended.facts.box, (std::array<double, 4>{1.5, 2.4, 3, 4}));
  EXPECT_EQ(appended.Extra(), R"({"bbox":[1.6,2.4,3,4]})");
}

TEST(ItemColumnsTest, ABoxAcrossTheAntimeridianCoversAllLongitudesBetweenItsEnds) {
  const std::string both = R"({"type":"MultiPoint","coordinates":[[179.5,1],[-179.5,2]]})";
  const Appended appended = AppendOne(SmallItem("", "", both, R"(,"bbox":[179,1,-179,2])"));
  EXPECT_EQ(appended.facts.box, (std::array<double, 4>{-179.5, 1, 179.5, 2}));
  EXPECT_EQ(appended.Extra(), R"({"bbox":[179,1,-179,2]})");
}

// H22 no_bbox.
TEST(ItemColumnsTest, H22AMissingBoxIsComputedFromTheGeometry) {
  for (const std::string box : {"", R"(,"bbox":null)"}) {
    const Appended appended = AppendOne(SmallItem("", "", kPoint, box));
    EXPECT_EQ(appended.facts.box, (std::array<double, 4>{1.5, 2.5, 1.5, 2.5}));
    EXPECT_EQ(appended.batch->GetColumnByName("bbox")->null_count(), 0);
    EXPECT_EQ(appended.Extra(), R"({"bbox":null})");
  }
}

TEST(ItemColumnsTest, ASolidBoxInAFlatFileFitsAsFarAsItCan) {
  const Appended appended = AppendOne(SmallItem("", "", kPoint, R"(,"bbox":[1,2,7,3,4,8])"));
  EXPECT_EQ(appended.facts.box, (std::array<double, 4>{1, 2, 3, 4}));
  EXPECT_EQ(appended.Extra(), R"({"bbox":[1,2,7,3,4,8]})");
}

TEST(ItemColumnsTest, CoordinatesBeyondZAreInExtra) {
  const Appended appended =
      AppendOne(SmallItem("", "", R"({"type":"Point","coordinates":[1.5,2.5,3,4]})"));
  EXPECT_EQ(appended.facts.geometry_type, 1001u);
  EXPECT_EQ(appended.Extra(), R"({"geometry":{"coordinates":[1.5,2.5,3,4]}})");
}

TEST(ItemColumnsTest, MembersOfAGeometryThatWkbHasNotAreInExtra) {
  EXPECT_EQ(
      AppendOne(SmallItem("", "", R"({"crs":"x","coordinates":[1.5,2.5],"type":"Point"})")).Extra(),
      R"({"geometry":{"crs":"x"}})");
}

TEST(ItemColumnsTest, ATimeWithMoreThanSixDecimalsIsCutAndItsTextKept) {
  const Appended appended =
      AppendOne(SmallItem(R"(,"end_datetime":"2024-01-02 03:04:05.1234567+01:00")"));
  EXPECT_EQ(appended.Value("end_datetime"), "2024-01-02 02:04:05.123456Z");
  EXPECT_EQ(appended.Extra(),
            R"({"properties":{"end_datetime":"2024-01-02 03:04:05.1234567+01:00"}})");
}

TEST(ItemColumnsTest, ANullGeometryHasNoBoxAndTheSourcesIsKept) {
  const Appended with_box = AppendOne(SmallItem("", "", "null"));
  EXPECT_FALSE(with_box.facts.has_geometry);
  EXPECT_EQ(with_box.Value("geometry"), "null");
  EXPECT_EQ(with_box.Value("bbox"), "null");
  EXPECT_EQ(with_box.Extra(), R"({"bbox":[1.5,2.5,1.5,2.5]})");
  EXPECT_EQ(AppendOne(SmallItem("", "", "null", "")).Extra(), "null");
}

TEST(ItemColumnsTest, NullInExtraRemovesWhatTheSourceHadNot) {
  EXPECT_EQ(AppendOne(R"({"type":"Feature","id":"a","properties":{}})").Extra(),
            R"({"properties":{"datetime":null},"geometry":null})");
}

TEST(ItemColumnsTest, AnIntegerThatADoubleCannotHoldIsInExtra) {
  const Appended appended = AppendOne(
      SmallItem(R"(,"eo:cloud_cover":9007199254740993,"proj:transform":[1,9007199254740993])"));
  EXPECT_EQ(
      appended.Extra(),
      R"({"properties":{"eo:cloud_cover":9007199254740993,"proj:transform":[1,9007199254740993]}})");
}

// The quarantine.

TEST(ItemColumnsTest, QuarantineNamesWhatIsNoJson) {
  for (const std::string body :
       {"", "  ", "{", "nul", R"({"id":"a")", R"({"id":"a",})", R"({"id" "a"})", R"({"id":"a"} x)",
        R"({"type":"Feature","id":"a)"}) {
    const Appended appended = AppendOne(body);
    ASSERT_TRUE(appended.bad) << body;
    EXPECT_EQ(appended.bad->reason, QuarantineReason::kBadJson) << body;
  }
  ExpectBad(SmallItem(R"(,"platform":"a)"
                      "\n"
                      R"(b")"),
            QuarantineReason::kBadJson, "");
  ExpectBad(SmallItem(R"(,"platform":tru)"), QuarantineReason::kBadJson, "/properties/platform");
  ExpectBad(SmallItem(R"(,"eo:cloud_cover":01)"), QuarantineReason::kBadJson,
            "/properties/eo:cloud_cover");
  ExpectBad(SmallItem(R"(,"eo:cloud_cover":1e999)"), QuarantineReason::kBadJson,
            "/properties/eo:cloud_cover");
  ExpectBad(SmallItem(R"(,"x":[1,{"y":2 3}])"), QuarantineReason::kBadJson, "/properties/x/1");
  ExpectBad(SmallItem(R"(,"platform":"\q")"), QuarantineReason::kBadJson, "/properties/platform");
}

TEST(ItemColumnsTest, QuarantineNamesWhatIsNotUtf8) {
  ExpectBad(SmallItem(",\"platform\":\"\xFF\""), QuarantineReason::kBadUtf8, "");
  ExpectBad(SmallItem(R"(,"platform":"\ud800x")"), QuarantineReason::kBadUtf8,
            "/properties/platform");
}

TEST(ItemColumnsTest, QuarantineNamesWhatIsNotAnItem) {
  ExpectBad("[]", QuarantineReason::kNotAnItem, "");
  ExpectBad("7", QuarantineReason::kNotAnItem, "");
  ExpectBad("{}", QuarantineReason::kNotAnItem, "/type");
  ExpectBad(R"({"type":"FeatureCollection"})", QuarantineReason::kNotAnItem, "/type");
  ExpectBad(R"({"type":"Feature","id":"a"})", QuarantineReason::kNotAnItem, "/properties");
  ExpectBad(R"({"type":"Feature","id":"a","properties":null})", QuarantineReason::kNotAnItem,
            "/properties");
}

TEST(ItemColumnsTest, QuarantineNamesItemsThatAreTooLargeOrTooDeep) {
  const ItemColumnsOptions small = {.max_item_bytes = 100};
  ExpectBad(SmallItem(R"(,"platform":")" + std::string(200, 'x') + '"'),
            QuarantineReason::kTooLarge, "", {.collection = "c"}, small);
  const std::string deep = std::string(100, '[') + std::string(100, ']');
  const Appended appended = AppendOne(SmallItem(R"(,"new":)" + deep));
  ASSERT_TRUE(appended.bad);
  EXPECT_EQ(appended.bad->reason, QuarantineReason::kTooDeep);
  const std::string fits = std::string(62, '[') + std::string(62, ']');
  EXPECT_FALSE(AppendOne(SmallItem(R"(,"new":)" + fits)).bad);
}

TEST(ItemColumnsTest, QuarantineNamesIdsThatAreMissingOrOthers) {
  const std::string rest = R"("type":"Feature","geometry":null,"properties":{})";
  ExpectBad("{" + rest + "}", QuarantineReason::kIdMissing, "/id");
  for (const std::string id : {"null", "5", R"("")"}) {
    ExpectBad(R"({"id":)" + id + "," + rest + "}", QuarantineReason::kIdMissing, "/id");
  }
  ExpectBad(SmallItem(""), QuarantineReason::kIdMismatch, "/id",
            {.expected_id = "b", .collection = "c"});
  EXPECT_FALSE(
      AppendOne(SmallItem(""), Declared("HLSS30_2.0"), {.expected_id = "a", .collection = "c"})
          .bad);
}

TEST(ItemColumnsTest, QuarantineNamesValuesOfAnotherTypeThanTheirColumn) {
  const auto misfit = [](const std::string& property, const std::string& value,
                         const std::string& below = "") {
    ExpectBad(SmallItem(",\"" + property + "\":" + value), QuarantineReason::kMisfit,
              "/properties/" + property + below);
  };
  misfit("eo:cloud_cover", R"("18")");
  misfit("eo:cloud_cover", "true");
  misfit("proj:epsg", "1.5");
  misfit("proj:epsg", "9223372036854775808");
  misfit("platform", "5");
  misfit("instruments", R"("msi")");
  misfit("instruments", R"(["a",5])", "/1");
  misfit("processing:software", "[]");
  misfit("end_datetime", "5");
  ExpectBad(SmallItem("", R"(,"assets":{"B01":{"eo:bands":[{},{"center_wavelength":"x"}]}})"),
            QuarantineReason::kMisfit, "/assets/B01/eo:bands/1/center_wavelength");
  for (const std::string box : {"5", "[1,2,3]", R"([1,2,3,"4"])", "[1,2,3,4,5,6,7]"}) {
    const Appended appended = AppendOne(SmallItem("", "", kPoint, R"(,"bbox":)" + box));
    ASSERT_TRUE(appended.bad) << box;
    EXPECT_EQ(appended.bad->reason, QuarantineReason::kMisfit);
  }
  ExpectBad(SmallItem(""), QuarantineReason::kMisfit, "/collection", {});
}

TEST(ItemColumnsTest, QuarantineNamesBadGeometries) {
  const auto bad = [](const std::string& geometry, const std::string& pointer) {
    ExpectBad(SmallItem("", "", geometry), QuarantineReason::kBadGeometry, pointer);
  };
  bad("5", "/geometry");
  bad("{}", "/geometry");
  bad(R"({"type":"Circle","coordinates":[1,2]})", "/geometry");
  bad(R"({"type":"Point"})", "/geometry");
  bad(R"({"type":"Point","coordinates":[1]})", "/geometry/coordinates");
  bad(R"({"type":"Point","coordinates":[]})", "/geometry");
  bad(R"({"type":"Point","coordinates":["a",1]})", "/geometry/coordinates");
  bad(R"({"type":"Polygon","coordinates":[[1,2]]})", "/geometry/coordinates/0/0");
  bad(R"({"type":"Polygon","coordinates":[]})", "/geometry");
  bad(R"({"type":"GeometryCollection","geometries":[{"type":"Point"}]})", "/geometry/geometries/0");
}

TEST(ItemColumnsTest, QuarantineNamesBadTimes) {
  for (const std::string time :
       {"", "2024-01-02", "2024-01-02T03:04:05", "2024-02-30T00:00:00Z", "2024-01-02T24:00:00Z",
        "2016-12-31T23:59:60Z", "2024-01-02T03:04:05.Z", "2024-01-02T03:04:05+24:00",
        "24-01-02T03:04:05Z", "2024-01-02T03:04:05Zx"}) {
    ExpectBad(SmallItem(R"(,"end_datetime":")" + time + '"'), QuarantineReason::kBadDatetime,
              "/properties/end_datetime");
  }
}

TEST(ItemColumnsTest, QuarantineNamesKeysThatStandTwice) {
  const auto twice = [](const std::string& body, const std::string& pointer) {
    ExpectBad(body, QuarantineReason::kDuplicateKey, pointer);
  };
  twice(SmallItem(R"(,"platform":"a","platform":"b")"), "/properties/platform");
  twice(SmallItem(R"(,"platform":null,"platform":"b")"), "/properties/platform");
  twice(SmallItem(R"(,"platform":"a","pl\u0061tform":"b")"), "/properties/platform");
  twice(SmallItem(R"(,"new":1,"platform":"a","new":2)"), "/properties/new");
  twice(SmallItem(R"(,"n\u0065w":1,"new":2)"), "/properties/new");
  twice(SmallItem(R"(,"new":{"a":[{"b":1,"b":2}]})"), "/properties/new/a/0/b");
  twice(SmallItem("", R"(,"bbox":null)"), "/bbox");
  twice(SmallItem("", R"(,"id":"b")"), "/id");
  twice(SmallItem("", R"(,"properties":{})"), "/properties");
  twice(SmallItem("", R"(,"assets":{"B01":{"href":"a","href":"b"}})"), "/assets/B01/href");
  twice(SmallItem("", R"(,"links":[{},{"rel":"a","rel":"b"}])"), "/links/1/rel");
  twice(SmallItem("", "", R"({"type":"Point","coordinates":[1,2],"type":"Point"})"),
        "/geometry/type");
}

// H15 one_bad_item.
TEST(ItemColumnsTest, H15ARefusedItemLeavesNoTraceAndOthersGoOn) {
  const std::string good = *ReadFile(kHls + "hls_item_verbatim.ndjson");
  const ItemSource source = {.collection = "HLSS30_2.0"};
  ItemFacts facts;
  ItemColumns with(Declared("HLSS30_2.0")), without(Declared("HLSS30_2.0"));
  // Cut at every hundredth byte, the item fails in every state of the walk.
  for (size_t size = 0; size < good.size() - 1; size += 100) {
    ASSERT_TRUE(with.Append(std::string_view(good).substr(0, size), source, facts));
  }
  const std::vector<std::pair<std::string, std::string>> faults = {
      {"[-177.000554, 71.115154], [-177.000575", "[-177.000554, 71.115154], [\"x\""},
      {"\"geometry\": {\"type\"", "\"geometry\": {\"typo\""},
      {"[\"thumbnail\"]", "[\"thumbnail\", 7]"},
      {"projection/v1.0.0/schema.json\"", "projection/v1.0.0/schema.json\", {}"},
      {"\"full_width_half_max\": 0.242", "\"full_width_half_max\": true"}};
  for (int round = 0; round < 3; ++round) {
    for (const auto& [from, to] : faults) {
      ASSERT_TRUE(with.Append(Replaced(good, from, to), source, facts)) << from;
      ASSERT_FALSE(with.Append(good, source, facts));
      ASSERT_FALSE(without.Append(good, source, facts));
      const std::string sparse = SmallItem(",\"platform\":\"" + from.substr(0, 3) + "x\"");
      if (sparse.find("\"\"") == sparse.npos) {
        with.Append(sparse, source, facts);
        without.Append(sparse, source, facts);
      }
    }
  }
  const auto rows = with.Finish(), expected = without.Finish();
  ASSERT_TRUE(rows->ValidateFull().ok());
  EXPECT_GT(rows->num_rows(), 15);
  EXPECT_TRUE(rows->Equals(*expected));
}

// H05 spelling_types.
TEST(ItemColumnsTest, H05TheTypeDoesNotHangOnTheSpellingOfANumber) {
  for (const std::string number : {"18", "18.0", "1.8e1"}) {
    const Appended appended =
        AppendOne(SmallItem(",\"eo:cloud_cover\":" + number + ",\"proj:epsg\":" + number));
    EXPECT_EQ(appended.Value("eo:cloud_cover"), "18");
    EXPECT_EQ(appended.Value("proj:epsg"), "18");
    EXPECT_EQ(appended.Extra(), "null");
  }
}

// H02 milliseconds.
TEST(ItemColumnsTest, H02MicrosecondsAreKept) {
  const Appended appended =
      AppendOne(SmallItem(R"(,"start_datetime":"2024-06-01T00:06:19.072461Z")"));
  EXPECT_EQ(appended.Value("start_datetime"), "2024-06-01 00:06:19.072461Z");
}

// H03 version_rewritten.
TEST(ItemColumnsTest, H03TheVersionStaysAsPublished) {
  EXPECT_EQ(AppendOne(SmallItem("", R"(,"stac_version":"1.0.0-beta.2")")).Value("stac_version"),
            "1.0.0-beta.2");
}

// H14 struct_drift.
TEST(ItemColumnsTest, H14AMonthWithoutAnAssetHasTheSameSchema) {
  const std::string whole = *ReadFile(kHls + "hls_item_verbatim.ndjson");
  const size_t from = whole.find(", \"thumbnail\""), to = whole.find("}, \"bbox\"");
  std::string without = whole;
  without.erase(from, to - from);
  const Appended first = AppendOne(whole), second = AppendOne(without);
  ASSERT_FALSE(second.bad) << second.bad->detail;
  EXPECT_TRUE(first.batch->schema()->Equals(*second.batch->schema(), /*check_metadata=*/true));
  EXPECT_EQ(second.Extra(), "null");
}

TEST(ItemColumnsTest, EscapedTextsAreUnescapedAndComeBack) {
  const Appended appended = AppendOne(
      SmallItem(R"(,"pl\u0061tform":"a\"b\\\/\b\f\n\r\t\u00e9\ud83d\ude00","s\u00e9":"\u0000")"));
  EXPECT_EQ(appended.Value("platform"), "a\"b\\/\b\f\n\r\t\u00e9\U0001F600");
}

TEST(ItemColumnsTest, BatchesAreBoundedAndIndependent) {
  const std::string body = *ReadFile(kHls + "hls_item_verbatim.ndjson");
  ItemColumns columns(Declared("HLSS30_2.0"), {.batch_rows = 10, .batch_bytes = 1 << 20});
  ItemFacts facts;
  std::vector<std::shared_ptr<arrow::RecordBatch>> batches;
  for (int i = 0; i < 30; ++i) {
    ASSERT_FALSE(columns.Append(body, {.collection = "c"}, facts));
    if (columns.full()) batches.push_back(columns.Finish());
  }
  ASSERT_EQ(batches.size(), 3u);
  EXPECT_EQ(columns.rows(), 0);
  for (const auto& batch : batches) EXPECT_TRUE(batch->Equals(*batches.front()));
  ItemColumns narrow(Declared("HLSS30_2.0"), {.batch_bytes = 20'000});
  int rows = 0;
  for (; !narrow.full(); ++rows) ASSERT_FALSE(narrow.Append(body, {.collection = "c"}, facts));
  EXPECT_EQ(rows, 3);
}

}  // namespace
}  // namespace catchment::stac
