#include "simulator/world.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "base/file.h"
#include "base/text.h"
#include "simulator/world_schema_internal.h"

namespace catchment::simulator {
namespace {

using nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr uint64_t kMaxWorldBytes = 4 << 20;
constexpr const char* kServices[] = {
    "prices", "resource_graph", "placement", "resource_skus", "login", "files", "dynamodb",
    "ssm",    "timestream",     "logs",      "influx",        "slack", "cmr",   "lpdaac"};

// The checks were made by the schema, so the readers below take the types for granted.

std::chrono::milliseconds DurationOf(const ordered_json& object, const char* key,
                                     std::chrono::milliseconds fallback) {
  if (!object.contains(key)) return fallback;
  return *ParseDuration(object[key].get<std::string>());
}

std::optional<Time> TimeOf(const ordered_json& object, const char* key) {
  if (!object.contains(key)) return std::nullopt;
  return *ParseTime(object[key].get<std::string>());
}

template <typename T>
std::optional<T> Optional(const ordered_json& object, const char* key) {
  if (!object.contains(key)) return std::nullopt;
  return object[key].get<T>();
}

fs::path PathOf(const ordered_json& object, const char* key, const fs::path& base) {
  if (!object.contains(key)) return {};
  return (base / object[key].get<std::string>()).lexically_normal();
}

Fault ReadFault(const ordered_json& object) {
  Fault fault;
  fault.answer = object["answer"].get<std::string>();
  const ordered_json match = object.value("match", ordered_json::object());
  fault.path = match.value("path", "*");
  fault.skip = Optional<int64_t>(match, "skip");
  fault.filter = match.value("filter", "");
  fault.body_glob = match.value("body", "*");
  fault.since = TimeOf(match, "since");
  fault.until = TimeOf(match, "until");
  fault.nth = object.value("nth", std::vector<int64_t>());
  fault.first = Optional<int64_t>(object, "from");
  fault.last = Optional<int64_t>(object, "to");
  fault.rate = Optional<double>(object, "rate");
  fault.share = Optional<double>(object, "share");
  fault.times = Optional<int64_t>(object, "times");
  fault.status = object.value("status", 503);
  fault.retry_after = Optional<std::string>(object, "retry_after");
  fault.body = Optional<std::string>(object, "body");
  fault.content_type = object.value("content_type", fault.content_type);
  fault.latency = DurationOf(object, "latency", std::chrono::milliseconds(0));
  fault.count = object.value("count", int64_t{1});
  fault.at = object.value("at", int64_t{0});
  fault.distance = Optional<int64_t>(object, "distance");
  fault.size = Optional<int64_t>(object, "size");
  fault.field = object.value("field", "");
  return fault;
}

std::vector<Fault> ReadFaults(const ordered_json& service) {
  std::vector<Fault> faults;
  for (const auto& fault : service.value("faults", ordered_json::array())) {
    faults.push_back(ReadFault(fault));
  }
  return faults;
}

Result<std::vector<Change>> ReadChanges(const ordered_json& service, const std::string& where) {
  std::vector<Change> changes;
  for (const auto& object : service.value("changes", ordered_json::array())) {
    Change change;
    change.at = TimeOf(object, "at");
    const ordered_json match = object.value("match", ordered_json::object());
    for (const auto& [field, glob] : match.items()) {
      change.match.emplace_back(field, glob.get<std::string>());
    }
    change.set = object.value("set", ordered_json());
    change.add = object.value("add", ordered_json());
    change.remove = object.value("remove", false);
    const int kinds = !change.set.is_null() + !change.add.is_null() + change.remove;
    if (kinds != 1) {
      return Invalid("{}.changes.{}: expected exactly one of set, add, remove: true", where,
                     changes.size());
    }
    if (change.match.empty() && change.add.is_null()) {
      return Invalid("{}.changes.{}: lacks 'match': which records change?", where, changes.size());
    }
    changes.push_back(std::move(change));
  }
  return changes;
}

Result<PricesWorld> ReadPrices(const ordered_json& object, const fs::path& base) {
  PricesWorld prices;
  const ordered_json& data = object["data"];
  prices.pages = PathOf(data, "pages", base);
  prices.items = PathOf(data, "items", base);
  if (data.contains("generate")) {
    const ordered_json& wanted = data["generate"];
    GeneratedPrices generate;
    generate.pages = wanted.value("pages", generate.pages);
    generate.regions = wanted.value("regions", generate.regions);
    generate.skus = wanted.value("skus", generate.skus);
    generate.coverage = wanted.value("coverage", generate.coverage);
    generate.at =
        TimeOf(wanted, "at").value_or(Time(std::chrono::sys_days(std::chrono::year(2026) / 1 / 1)));
    prices.generate = generate;
  }
  prices.page_size = object.value("page_size", int64_t{0});
  prices.past_end_is_400 = object.value("past_end", "refuse") == "refuse";
  prices.latency = DurationOf(object, "latency", prices.latency);
  ASSIGN_OR_RETURN(prices.changes, ReadChanges(object, "services.prices"));
  prices.faults = ReadFaults(object);
  return prices;
}

Result<ResourceGraphWorld> ReadResourceGraph(const ordered_json& object, const fs::path& base) {
  ResourceGraphWorld graph;
  const ordered_json& data = object["data"];
  graph.rows = PathOf(data, "rows", base);
  if (data.contains("rows") == data.contains("derive")) {
    return Invalid("services.resource_graph.data: expected one of rows, derive");
  }
  graph.coverage = data.value("coverage", graph.coverage);
  graph.page_size = object.value("page_size", graph.page_size);
  const ordered_json limits = object.value("limits", ordered_json::object());
  graph.queries = limits.value("queries", graph.queries);
  graph.window = DurationOf(limits, "window", graph.window);
  graph.latency = DurationOf(object, "latency", graph.latency);
  ASSIGN_OR_RETURN(graph.changes, ReadChanges(object, "services.resource_graph"));
  graph.faults = ReadFaults(object);
  return graph;
}

// Real regions without zones, as far as known.
std::vector<std::string> ZonelessRegions() {
  return {"westus",      "northcentralus", "westcentralus",     "canadaeast",
          "ukwest",      "koreasouth",     "australiacentral*", "australiasoutheast",
          "southindia",  "westindia",      "jioindia*",         "germanynorth",
          "francesouth", "norwaywest",     "switzerlandwest",   "southafricawest",
          "uaecentral",  "brazilsoutheast"};
}

OffersWorld ReadOffers(const ordered_json& object, const fs::path& base) {
  OffersWorld offers;
  offers.invalid_regions = object.value("invalid_regions", offers.invalid_regions);
  offers.invalid_regions_file = PathOf(object, "invalid_regions_file", base);
  offers.invalid_skus = object.value("invalid_skus", offers.invalid_skus);
  offers.zoneless_regions = object.value("zoneless_regions", ZonelessRegions());
  offers.restricted = object.value("restricted", offers.restricted);
  for (const auto& part : object.value("restrictions", ordered_json::array())) {
    Restriction restriction;
    restriction.subscription = part.value("subscription", restriction.subscription);
    restriction.region = part.value("region", restriction.region);
    restriction.sku = part.value("sku", restriction.sku);
    offers.restrictions.push_back(std::move(restriction));
  }
  return offers;
}

PlacementWorld ReadPlacement(const ordered_json& object) {
  PlacementWorld placement;
  const ordered_json limits = object.value("limits", ordered_json::object());
  placement.calls = limits.value("calls", placement.calls);
  placement.window = DurationOf(limits, "window", placement.window);
  placement.tells_seconds = limits.value("tells_seconds", placement.tells_seconds);
  for (const auto& part : object.value("foreign_use", ordered_json::array())) {
    ForeignUse use;
    use.subscription = part.value("subscription", use.subscription);
    use.location = part.value("location", use.location);
    use.calls = part.value("calls", int64_t{0});
    use.since = TimeOf(part, "since");
    use.until = TimeOf(part, "until");
    placement.foreign_use.push_back(std::move(use));
  }
  placement.locations = object.value("locations", placement.locations);
  placement.drift = object.value("drift", placement.drift);
  placement.unknown = object.value("unknown", placement.unknown);
  placement.omitted = object.value("omitted", placement.omitted);
  placement.max_count = object.value("max_count", placement.max_count);
  placement.latency = DurationOf(object, "latency", placement.latency);
  placement.faults = ReadFaults(object);
  return placement;
}

ResourceSkusWorld ReadResourceSkus(const ordered_json& object) {
  ResourceSkusWorld skus;
  skus.page_size = object.value("page_size", skus.page_size);
  skus.latency = DurationOf(object, "latency", skus.latency);
  skus.faults = ReadFaults(object);
  return skus;
}

LoginWorld ReadLogin(const ordered_json& object) {
  LoginWorld login;
  login.expires_in = std::chrono::duration_cast<std::chrono::seconds>(
      DurationOf(object, "expires_in", login.expires_in));
  login.latency = DurationOf(object, "latency", login.latency);
  login.faults = ReadFaults(object);
  return login;
}

FilesWorld ReadFiles(const ordered_json& object, const fs::path& base) {
  FilesWorld files;
  files.folder = PathOf(object, "folder", base);
  files.etag = object.value("etag", true);
  files.latency = DurationOf(object, "latency", files.latency);
  files.faults = ReadFaults(object);
  return files;
}

template <typename ServiceWorld>
void ReadCommon(const ordered_json& object, ServiceWorld& world) {
  world.latency = DurationOf(object, "latency", world.latency);
  world.faults = ReadFaults(object);
}

DynamodbWorld ReadDynamodb(const ordered_json& object) {
  DynamodbWorld dynamodb;
  dynamodb.table = object.value("table", dynamodb.table);
  dynamodb.id = object.value("id", dynamodb.id);
  ReadCommon(object, dynamodb);
  return dynamodb;
}

SsmWorld ReadSsm(const ordered_json& object) {
  SsmWorld ssm;
  const ordered_json parameters = object.value("parameters", ordered_json::object());
  for (const auto& [name, value] : parameters.items()) {
    ssm.parameters.emplace_back(name, value.get<std::string>());
  }
  ReadCommon(object, ssm);
  return ssm;
}

TimestreamWorld ReadTimestream(const ordered_json& object) {
  TimestreamWorld timestream;
  timestream.tables = object.value("tables", timestream.tables);
  ReadCommon(object, timestream);
  return timestream;
}

LogsWorld ReadLogs(const ordered_json& object) {
  LogsWorld logs;
  const ordered_json usual = {{"Collection-Data-Count", {"Azure-Count", "Azure-Count-test"}}};
  const ordered_json groups = object.value("groups", usual);
  for (const auto& [group, streams] : groups.items()) {
    logs.groups.emplace_back(group, streams.get<std::vector<std::string>>());
  }
  ReadCommon(object, logs);
  return logs;
}

InfluxWorld ReadInflux(const ordered_json& object) {
  InfluxWorld influx;
  influx.org = object.value("org", influx.org);
  influx.bucket = object.value("bucket", influx.bucket);
  influx.token = object.value("token", influx.token);
  ReadCommon(object, influx);
  return influx;
}

SlackWorld ReadSlack(const ordered_json& object) {
  SlackWorld slack;
  slack.path = object.value("path", slack.path);
  ReadCommon(object, slack);
  return slack;
}

// Both ends of a latency; `latency` alone is a fixed one.
template <typename ServiceWorld>
void ReadLatencyRange(const ordered_json& object, ServiceWorld& world) {
  ReadCommon(object, world);
  world.latency_to = std::max(world.latency, DurationOf(object, "latency_to", world.latency));
}

DriftWorld ReadDrift(const ordered_json& object) {
  DriftWorld drift;
  drift.whole_cloud_cover = object.value("whole_cloud_cover", drift.whole_cloud_cover);
  drift.wrong_epsg = object.value("wrong_epsg", drift.wrong_epsg);
  drift.software = object.value("software", drift.software);
  drift.no_thumbnail = object.value("no_thumbnail", drift.no_thumbnail);
  drift.new_property = object.value("new_property", drift.new_property);
  drift.new_asset = object.value("new_asset", drift.new_asset);
  return drift;
}

GeneratedHls ReadGeneratedHls(const ordered_json& object) {
  GeneratedHls generate;
  generate.first = TimeOf(object, "first").value_or(generate.first);
  generate.last = TimeOf(object, "last").value_or(generate.last);
  const ordered_json month = object.value("per_month", ordered_json::object());
  generate.per_month[0] = month.value("HLSL30_2.0", generate.per_month[0]);
  generate.per_month[1] = month.value("HLSS30_2.0", generate.per_month[1]);
  generate.tiles = object.value("tiles", generate.tiles);
  return generate;
}

CmrWorld ReadCmr(const ordered_json& object, const fs::path& base) {
  CmrWorld cmr;
  const ordered_json& data = object["data"];
  if (data.contains("generate")) {
    cmr.generate = ReadGeneratedHls(data["generate"]);
  } else {
    const ordered_json& recorded = data["recorded"];
    cmr.responses = PathOf(recorded, "responses", base);
    for (const auto& file : recorded.value("items", std::vector<std::string>())) {
      cmr.items.push_back((base / file).lexically_normal());
    }
  }
  cmr.scale = object.value("scale", cmr.scale);
  const ordered_json visible = object.value("visible", ordered_json::object());
  cmr.visible_from = DurationOf(visible, "from", cmr.visible_from);
  cmr.visible_to = std::max(cmr.visible_from, DurationOf(visible, "to", cmr.visible_to));
  cmr.late = object.value("late", cmr.late);
  cmr.revised = object.value("revised", cmr.revised);
  cmr.deleted = object.value("deleted", cmr.deleted);
  cmr.drift = ReadDrift(object.value("drift", ordered_json::object()));
  ReadLatencyRange(object, cmr);
  return cmr;
}

LpdaacWorld ReadLpdaac(const ordered_json& object) {
  LpdaacWorld lpdaac;
  lpdaac.token = object.value("token", lpdaac.token);
  lpdaac.credentials_for = DurationOf(object, "credentials_for", lpdaac.credentials_for);
  ReadLatencyRange(object, lpdaac);
  return lpdaac;
}

void ReadCloudServices(const ordered_json& services, World& world) {
  if (services.contains("dynamodb")) world.dynamodb = ReadDynamodb(services["dynamodb"]);
  if (services.contains("ssm")) world.ssm = ReadSsm(services["ssm"]);
  if (services.contains("timestream")) world.timestream = ReadTimestream(services["timestream"]);
  if (services.contains("logs")) world.logs = ReadLogs(services["logs"]);
  if (services.contains("influx")) world.influx = ReadInflux(services["influx"]);
  if (services.contains("slack")) world.slack = ReadSlack(services["slack"]);
}

void ReadIdentity(const ordered_json& object, IdentityWorld& identity) {
  identity.tenant_id = object.value("tenant_id", identity.tenant_id);
  identity.client_id = object.value("client_id", identity.client_id);
  identity.client_secret = object.value("client_secret", identity.client_secret);
  identity.subscriptions = object.value("subscriptions", identity.subscriptions);
  const ordered_json aws = object.value("aws", ordered_json::object());
  identity.aws.access_key_id = aws.value("access_key_id", identity.aws.access_key_id);
  identity.aws.secret_access_key = aws.value("secret_access_key", identity.aws.secret_access_key);
  identity.aws.region = aws.value("region", identity.aws.region);
}

Result<World> ReadWorld(const ordered_json& document, const fs::path& base) {
  World world;
  world.description = document.value("description", "");
  const std::string clock = document.value("clock", "real");
  if (clock == "slot") {
    world.clock = World::ClockKind::kSlot;
  } else if (clock != "real") {
    world.clock = World::ClockKind::kFixed;
    world.clock_time = *ParseTime(clock);
  }
  world.seed = document.value("seed", uint64_t{1});
  if (document.contains("identity")) ReadIdentity(document["identity"], world.identity);
  const ordered_json& services = document["services"];
  if (services.contains("prices")) {
    ASSIGN_OR_RETURN(world.prices, ReadPrices(services["prices"], base));
  }
  if (services.contains("resource_graph")) {
    ASSIGN_OR_RETURN(world.resource_graph, ReadResourceGraph(services["resource_graph"], base));
    if (world.resource_graph->rows.empty() && !world.prices) {
      return Invalid("services.resource_graph.data.derive: the world has no service 'prices'");
    }
  }
  world.offers = ReadOffers(document.value("offers", ordered_json::object()), base);
  for (const char* service : {"placement", "resource_skus"}) {
    if (services.contains(service) && !world.prices) {
      return Invalid("services.{}: the world has no service 'prices' to take its sizes from",
                     service);
    }
  }
  if (services.contains("placement")) world.placement = ReadPlacement(services["placement"]);
  if (services.contains("resource_skus")) {
    world.resource_skus = ReadResourceSkus(services["resource_skus"]);
  }
  if (services.contains("login")) world.login = ReadLogin(services["login"]);
  if (services.contains("files")) world.files = ReadFiles(services["files"], base);
  ReadCloudServices(services, world);
  if (services.contains("cmr")) world.cmr = ReadCmr(services["cmr"], base);
  if (services.contains("lpdaac")) {
    if (!world.cmr)
      return Invalid("services.lpdaac: the world has no service 'cmr' to take its granules from");
    world.lpdaac = ReadLpdaac(services["lpdaac"]);
  }
  return world;
}

// `a.b=c`; one path element may be the number of a list's element. Throws what yaml-cpp throws.
Status Override(const YAML::Node& root, std::string_view setting, YamlSource& source) {
  const size_t equals = setting.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return Invalid("--set {}: expected KEY=VALUE, e.g. services.prices.latency=10ms", setting);
  }
  std::string key(setting.substr(0, equals));
  const std::string first = Split(key, '.').front();
  if (std::find(std::begin(kServices), std::end(kServices), first) != std::end(kServices)) {
    key = "services." + key;
  }
  YAML::Node node = root;
  for (const std::string& part : Split(key, '.')) {
    if (part.empty()) return Invalid("--set {}: an empty part in the key", setting);
    YAML::Node next;
    if (node.IsSequence()) {
      size_t index = 0;
      const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
      if (error != std::errc() || end != part.data() + part.size() || index >= node.size()) {
        return Invalid("--set {}: '{}' is no element of a list of {}", setting, part, node.size());
      }
      next.reset(node[index]);
    } else if (node.IsMap() || !node.IsDefined() || node.IsNull()) {
      next.reset(node[part]);
    } else {
      return Invalid("--set {}: '{}' is below a plain value", setting, part);
    }
    node.reset(next);
  }
  node = YAML::Load(std::string(setting.substr(equals + 1)));
  source.overridden.push_back(key);
  return {};
}

Result<fs::path> FindWorld(std::string_view name, std::span<const fs::path> folders) {
  if (name.find('/') != std::string_view::npos || name.ends_with(".yaml") ||
      name.ends_with(".yml")) {
    if (!fs::exists(fs::path(name))) return NotFound("world '{}': no such file", name);
    return fs::path(name);
  }
  for (const fs::path& folder : folders) {
    const fs::path file = folder / (std::string(name) + ".yaml");
    std::error_code ignored;
    if (fs::is_regular_file(file, ignored)) return file;
  }
  const std::vector<std::string> known = WorldNames(folders);
  const std::string nearest = Nearest(name, known);
  if (!nearest.empty()) return NotFound("no world '{}'; did you mean '{}'?", name, nearest);
  return NotFound("no world '{}'; there are: {}", name,
                  known.empty() ? "none" : fmt::format("{}", fmt::join(known, ", ")));
}

}  // namespace

std::vector<std::string> WorldNames(std::span<const fs::path> folders) {
  std::set<std::string> names;
  for (const fs::path& folder : folders) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      if (entry.path().extension() == ".yaml") names.insert(entry.path().stem().string());
    }
  }
  return {names.begin(), names.end()};
}

Result<World> LoadWorld(std::string_view name_or_path, std::span<const fs::path> folders,
                        std::span<const std::string> overrides, std::optional<uint64_t> seed) {
  ASSIGN_OR_RETURN(const fs::path file, FindWorld(name_or_path, folders));
  ASSIGN_OR_RETURN(const std::string text, ReadFile(file, kMaxWorldBytes), "world");
  YamlSource source{file.string(), {}};
  ordered_json document;
  try {
    YAML::Node root = YAML::Load(text);
    for (const std::string& setting : overrides) RETURN_IF_ERROR(Override(root, setting, source));
    ASSIGN_OR_RETURN(document, ReadBySchema(root, WorldSchema(), source));
  } catch (const YAML::Exception& problem) {
    return Invalid("{}:{}:{}: {}", source.file, problem.mark.line + 1, problem.mark.column + 1,
                   problem.msg);
  }
  ASSIGN_OR_RETURN(World world, ReadWorld(document, file.parent_path()), "{}", source.file);
  world.name = file.stem().string();
  if (seed) world.seed = *seed;
  return world;
}

}  // namespace catchment::simulator
