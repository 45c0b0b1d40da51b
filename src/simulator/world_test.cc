#include "simulator/world.h"

#include <gmock/gmock.h>

#include "base/file.h"
#include "base/test.h"

namespace catchment::simulator {
namespace {

using std::filesystem::path;

const path kWorlds = path(CATCHMENT_SOURCE_DIR) / "worlds";

Result<World> Load(const TemporaryFolder& folder, std::string_view text,
                   std::vector<std::string> overrides = {}) {
  const path file = folder.path / "trial.yaml";
  EXPECT_OK(WriteFileAtomically(file, text));
  return LoadWorld(file.string(), {}, overrides);
}

constexpr std::string_view kSmall = R"(
services:
  prices:
    data: {generate: {pages: 2}}
    faults:
      - {answer: status, status: 429, retry_after: 3, match: {skip: 10}, nth: [1, 2]}
)";

TEST(WorldTest, EveryShippedWorldLoads) {
  const std::vector<path> folders = {kWorlds};
  EXPECT_THAT(WorldNames(folders), testing::IsSupersetOf({"azure-large", "azure-recorded",
                                                          "azure-small", "azure-year", "files"}));
  for (const std::string& name : WorldNames(folders)) {
    ASSERT_OK_AND_ASSIGN(const World world, LoadWorld(name, folders));
    EXPECT_EQ(world.name, name);
    EXPECT_NE(world.description, "") << name;
  }
}

TEST(WorldTest, ReadsFaultsWithTheirParameters) {
  const TemporaryFolder folder;
  ASSERT_OK_AND_ASSIGN(const World world, Load(folder, kSmall));
  ASSERT_EQ(world.prices->faults.size(), 1u);
  const Fault& fault = world.prices->faults[0];
  EXPECT_EQ(fault.answer, "status");
  EXPECT_EQ(fault.status, 429);
  EXPECT_EQ(fault.retry_after, "3");
  EXPECT_EQ(fault.skip, 10);
  EXPECT_THAT(fault.nth, testing::ElementsAre(1, 2));
  EXPECT_EQ(world.clock, World::ClockKind::kReal);
}

TEST(WorldTest, AnUnknownKeyNamesFileLineColumnAndTheNearestKnownOne) {
  const TemporaryFolder folder;
  const auto world = Load(folder, "services:\n  prices:\n    latencyy: 5ms\n");
  EXPECT_ERROR(world, Code::kInvalid,
               "trial.yaml:3:5: services.prices.latencyy: unknown key; did you mean 'latency'?");
}

TEST(WorldTest, AnUnknownKeyUnlikeAnyListsTheKnownOnes) {
  const TemporaryFolder folder;
  EXPECT_ERROR(Load(folder, "services: {}\nxyzzy: 1\n"), Code::kInvalid,
               "trial.yaml:2:1: xyzzy: unknown key; known here: ");
}

TEST(WorldTest, ValuesOfAnotherTypeAreRefusedWithWhatWasExpected) {
  const TemporaryFolder folder;
  EXPECT_ERROR(Load(folder, "services: {login: {latency: soon}}"), Code::kInvalid,
               "is 'soon'; expected a duration such as 50ms");
  EXPECT_ERROR(Load(folder, "services: {login: {faults: [{answer: explode}]}}"), Code::kInvalid,
               "is 'explode'; expected one of status, reset");
  EXPECT_ERROR(Load(folder, "services: {login: {faults: [{answer: link_null}]}}"), Code::kInvalid,
               "is 'link_null'; expected one of");
  EXPECT_ERROR(Load(folder, "clock: noon\nservices: {}"), Code::kInvalid,
               "trial.yaml:1:8: clock: is 'noon'; expected real, slot or");
  EXPECT_ERROR(Load(folder, "services: {prices: {data: {generate: {pages: 401}}}}"), Code::kInvalid,
               "services.prices.data.generate.pages");
  EXPECT_ERROR(Load(folder, "services: {login: {faults: reset}}"), Code::kInvalid, "a list");
  EXPECT_OK(Load(folder, "services: {login: {faults: [{answer: reset, nth: 2}]}}"));
  EXPECT_ERROR(Load(folder, "services: {login: {faults: [{answer: reset, nth: 0}]}}"),
               Code::kInvalid, "faults.0.nth");
  EXPECT_ERROR(Load(folder, "services: []"), Code::kInvalid, "services: expected a map");
  EXPECT_ERROR(Load(folder, "clock: slot"), Code::kInvalid, "lacks the key 'services'");
  EXPECT_ERROR(Load(folder, "services: {prices: {}}"), Code::kInvalid, "lacks the key 'data'");
  EXPECT_ERROR(Load(folder, "services: {prices: {data: {pages: a, items: b}}}"), Code::kInvalid,
               "expected one of");
}

TEST(WorldTest, BrokenYamlNamesThePlace) {
  const TemporaryFolder folder;
  EXPECT_ERROR(Load(folder, "services: {\n  prices: [\n"), Code::kInvalid, "trial.yaml:");
  EXPECT_ERROR(Load(folder, "services: {}\nservices: {}\n"), Code::kInvalid, "given twice");
}

TEST(WorldTest, AChangeSaysExactlyOneThing) {
  const TemporaryFolder folder;
  const auto with = [](std::string_view change) {
    return fmt::format("services: {{prices: {{data: {{pages: a}}, changes: [{}]}}}}", change);
  };
  EXPECT_ERROR(Load(folder, with("{match: {a: b}}")), Code::kInvalid, "exactly one of set, add");
  EXPECT_ERROR(Load(folder, with("{match: {a: b}, remove: true, set: {c: 1}}")), Code::kInvalid,
               "exactly one of");
  EXPECT_ERROR(Load(folder, with("{set: {c: 1}}")), Code::kInvalid, "lacks 'match'");
}

TEST(WorldTest, OverridesReachMapsListsAndNewKeys) {
  const TemporaryFolder folder;
  ASSERT_OK_AND_ASSIGN(const World world,
                       Load(folder, kSmall,
                            {"services.prices.latency=20ms", "prices.faults.0.status=503",
                             "clock=2026-08-02T06:00:00Z", "login.expires_in=1s"}));
  EXPECT_EQ(world.prices->latency, std::chrono::milliseconds(20));
  EXPECT_EQ(world.prices->faults[0].status, 503);
  EXPECT_EQ(FormatTime(world.clock_time), "2026-08-02T06:00:00Z");
  ASSERT_TRUE(world.login);
  EXPECT_EQ(world.login->expires_in, std::chrono::seconds(1));
}

TEST(WorldTest, OverridesThatDoNotFitAreNamed) {
  const TemporaryFolder folder;
  EXPECT_ERROR(Load(folder, kSmall, {"prices.latency"}), Code::kInvalid, "expected KEY=VALUE");
  EXPECT_ERROR(Load(folder, kSmall, {"prices.latenzy=1s"}), Code::kInvalid,
               "--set services.prices.latenzy");
  EXPECT_ERROR(Load(folder, kSmall, {"prices.faults.7.status=1"}), Code::kInvalid,
               "no element of a list of 1");
  EXPECT_ERROR(Load(folder, kSmall, {"seed.x=1"}), Code::kInvalid, "--set seed");
  EXPECT_ERROR(Load(folder, kSmall, {"prices.latency=never"}), Code::kInvalid,
               "--set services.prices.latency: services.prices.latency: is 'never'");
}

TEST(WorldTest, AGivenSeedWins) {
  const TemporaryFolder folder;
  EXPECT_OK(WriteFileAtomically(folder.path / "w.yaml", "seed: 5\nservices: {}\n"));
  const std::vector<path> folders = {folder.path};
  EXPECT_EQ(LoadWorld("w", folders)->seed, 5u);
  EXPECT_EQ(LoadWorld("w", folders, {}, 9)->seed, 9u);
}

TEST(WorldTest, ReadsOffersAndPlacement) {
  const TemporaryFolder folder;
  const char* text = R"(
offers:
  invalid_regions: [mars*]
  invalid_regions_file: refused.json
  restrictions: [{subscription: "*a2", sku: "standard_d*"}]
services:
  prices: {data: {generate: {pages: 1}}}
  placement:
    limits: {calls: 3, window: 5m, tells_seconds: false}
    foreign_use: [{location: eastus, calls: 2, since: 2026-08-02T00:00:00Z}]
    drift: 0.25
    faults: [{answer: bucket_full, size: 60, match: {body: "*eastus*"}}]
  resource_skus: {page_size: 7}
)";
  ASSERT_OK_AND_ASSIGN(const World world, Load(folder, text, {"placement.limits.calls=4"}));
  EXPECT_THAT(world.offers.invalid_regions, testing::ElementsAre("mars*"));
  EXPECT_EQ(world.offers.invalid_regions_file, folder.path / "refused.json");
  EXPECT_EQ(world.offers.restrictions.at(0).subscription, "*a2");
  EXPECT_EQ(world.offers.restrictions.at(0).region, "*");
  EXPECT_FALSE(world.offers.zoneless_regions.empty());
  EXPECT_EQ(world.placement->calls, 4);
  EXPECT_EQ(world.placement->window, std::chrono::minutes(5));
  EXPECT_FALSE(world.placement->tells_seconds);
  EXPECT_EQ(world.placement->foreign_use.at(0).calls, 2);
  EXPECT_FALSE(world.placement->foreign_use.at(0).until.has_value());
  EXPECT_EQ(world.placement->faults.at(0).body_glob, "*eastus*");
  EXPECT_EQ(world.resource_skus->page_size, 7);
}

TEST(WorldTest, ReadsTheServicesOfAmazonAndTheSinks) {
  const TemporaryFolder folder;
  const char* text = R"(
identity: {aws: {region: eu-west-1}}
services:
  dynamodb: {table: T, id: i}
  ssm: {parameters: {a: b}}
  timestream: {tables: [d/t], latency: 5ms}
  logs: {groups: {g: [s, t]}}
  influx: {org: o, bucket: b, token: x}
  slack: {path: /hook, faults: [{answer: no_service}]}
)";
  ASSERT_OK_AND_ASSIGN(const World world, Load(folder, text));
  EXPECT_EQ(world.identity.aws.region, "eu-west-1");
  EXPECT_EQ(world.dynamodb->table, "T");
  EXPECT_THAT(world.ssm->parameters, testing::ElementsAre(testing::Pair("a", "b")));
  EXPECT_THAT(world.timestream->tables, testing::ElementsAre("d/t"));
  EXPECT_EQ(world.timestream->latency, std::chrono::milliseconds(5));
  EXPECT_THAT(world.logs->groups,
              testing::ElementsAre(testing::Pair("g", testing::ElementsAre("s", "t"))));
  EXPECT_EQ(world.influx->token, "x");
  EXPECT_EQ(world.slack->faults.at(0).answer, "no_service");
  ASSERT_OK_AND_ASSIGN(const World usual, Load(folder, "services: {logs: {}}"));
  EXPECT_EQ(usual.logs->groups.at(0).first, "Collection-Data-Count");
}

TEST(WorldTest, ReadsGranulesAndTheirHosts) {
  const TemporaryFolder folder;
  constexpr std::string_view kGranules = R"(
services:
  cmr:
    data: {generate: {first: 2025-07-01, per_month: {HLSL30_2.0: 31}}}
    visible: {from: 1h, to: 2h}
    drift: {new_asset: 0.5}
    latency: 20ms
    latency_to: 50ms
  lpdaac: {latency: 1s, credentials_for: 10m, faults: [{answer: not_found, share: 0.01}]}
)";
  ASSERT_OK_AND_ASSIGN(const World world, Load(folder, kGranules, {"cmr.scale=0.5"}));
  EXPECT_EQ(world.cmr->scale, 0.5);
  EXPECT_EQ(world.cmr->generate->per_month[0], 31);
  EXPECT_EQ(world.cmr->generate->per_month[1], 288'724);
  EXPECT_EQ(FormatTime(world.cmr->generate->first), "2025-07-01T00:00:00Z");
  EXPECT_EQ(world.cmr->visible_to, std::chrono::hours(2));
  EXPECT_EQ(world.cmr->drift.new_asset, 0.5);
  EXPECT_EQ(world.cmr->latency_to, std::chrono::milliseconds(50));
  EXPECT_EQ(world.lpdaac->latency_to, std::chrono::seconds(1));
  EXPECT_EQ(world.lpdaac->faults.at(0).share, 0.01);
  EXPECT_ERROR(Load(folder, "services: {lpdaac: {}}"), Code::kInvalid, "no service 'cmr'");
  EXPECT_ERROR(Load(folder, "services: {cmr: {data: {}}}"), Code::kInvalid, "cmr.data");
}

TEST(WorldTest, PlacementNeedsAPriceList) {
  const TemporaryFolder folder;
  EXPECT_ERROR(Load(folder, "services: {placement: {}}"), Code::kInvalid,
               "services.placement: the world has no service 'prices'");
  EXPECT_ERROR(Load(folder, "services: {resource_skus: {}}"), Code::kInvalid,
               "services.resource_skus: the world has no service 'prices'");
}

TEST(WorldTest, AMissingWorldNamesTheNearestOrAll) {
  const std::vector<path> folders = {kWorlds};
  EXPECT_ERROR(LoadWorld("azure-smal", folders), Code::kNotFound, "did you mean 'azure-small'?");
  EXPECT_ERROR(LoadWorld("venus", folders), Code::kNotFound, "azure-large, azure-recorded");
  EXPECT_ERROR(LoadWorld("./venus.yaml", folders), Code::kNotFound, "no such file");
}

TEST(WorldTest, DataPathsAreRelativeToTheWorldFile) {
  const TemporaryFolder folder;
  ASSERT_OK_AND_ASSIGN(const World world, Load(folder, "services: {files: {folder: ../data}}"));
  EXPECT_EQ(world.files->folder, (folder.path / "../data").lexically_normal());
}

TEST(WorldTest, ManyAliasesOfOneNodeDoNotExhaustMemory) {
  const TemporaryFolder folder;
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    text += fmt::format("a{}: &a{} [", i, i);
    for (int k = 0; k < 10; ++k) text += fmt::format("{}*a{}", k == 0 ? "" : ", ", i - 1);
    text += "]\n";
  }
  text += "services: {prices: {data: {pages: a}, changes: [{match: {a: b}, set: {c: *a11}}]}}\n";
  EXPECT_ERROR(Load(folder, text), Code::kInvalid, "trial.yaml");
}

TEST(WorldTest, TheSchemaRefersOnlyToWhatItDefines) {
  const nlohmann::json schema = WorldSchema();
  EXPECT_EQ(schema["additionalProperties"], false);
  const std::string text = schema.dump();
  for (size_t at = text.find("#/$defs/"); at != std::string::npos;
       at = text.find("#/$defs/", at + 1)) {
    const std::string name = text.substr(at + 8, text.find('"', at) - at - 8);
    EXPECT_TRUE(schema["$defs"].contains(name)) << name;
  }
}

}  // namespace
}  // namespace catchment::simulator
