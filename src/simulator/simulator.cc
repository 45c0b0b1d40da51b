#include "simulator/simulator.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <deque>

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/text.h"
#include "simulator/cmr_service_internal.h"
#include "simulator/delivery_log_internal.h"
#include "simulator/faults_internal.h"
#include "simulator/file_service_internal.h"
#include "simulator/generated_granules_internal.h"
#include "simulator/http_server_internal.h"
#include "simulator/influx_service_internal.h"
#include "simulator/login_service_internal.h"
#include "simulator/logs_service_internal.h"
#include "simulator/lpdaac_service_internal.h"
#include "simulator/offers_internal.h"
#include "simulator/placement_service_internal.h"
#include "simulator/recorded_granules_internal.h"
#include "simulator/request_counts_internal.h"
#include "simulator/resource_graph_service_internal.h"
#include "simulator/resource_skus_service_internal.h"
#include "simulator/retail_service_internal.h"
#include "simulator/secret_services_internal.h"
#include "simulator/slack_service_internal.h"
#include "simulator/timestream_service_internal.h"
#include "simulator/token_store_internal.h"

namespace catchment::simulator {
namespace {

// One service with the faults and the latency of its world.
struct Mounted {
  std::unique_ptr<Service> service;
  FaultPlan faults;
  std::chrono::milliseconds latency, latency_to;
  uint64_t seed;

  // Between both, by what is asked for.
  std::chrono::microseconds Latency(const FaultSubject& subject) const {
    const std::chrono::microseconds least = latency, more = latency_to - latency;
    if (more.count() == 0) return least;
    return least + std::chrono::microseconds(static_cast<int64_t>(
                       SeededShare(seed, subject.target) * static_cast<double>(more.count())));
  }
};

template <typename ServiceWorld>
std::unique_ptr<Mounted> Mount(std::unique_ptr<Service> service, const ServiceWorld& world,
                               uint64_t seed) {
  const uint64_t own_seed = SeededHash(seed, service->name());
  std::chrono::milliseconds latency_to = world.latency;
  if constexpr (requires { world.latency_to; }) {
    latency_to = std::max(world.latency, world.latency_to);
  }
  return std::unique_ptr<Mounted>(new Mounted{std::move(service), FaultPlan(world.faults, own_seed),
                                              world.latency, latency_to, own_seed});
}

nlohmann::ordered_json TextOrNull(const std::string& text) {
  if (text.empty()) return nullptr;
  return text;
}

std::string RenderTrace(const TraceEntry& entry) {
  nlohmann::ordered_json line;
  line["time"] = FormatTime(entry.time);
  line["service"] = entry.service;
  line["method"] = entry.method;
  line["target"] = entry.target;
  line["status"] = entry.status;
  line["fault"] = TextOrNull(entry.fault);
  line["bytes"] = entry.bytes;
  line["ms"] = entry.ms;
  line["bucket"] = TextOrNull(entry.bucket);
  line["asked"] = TextOrNull(entry.asked);
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

// Keeps the trace in memory and appends it to a file, a line a write.
class TraceLog {
 public:
  ~TraceLog() {
    if (file_ >= 0) close(file_);
  }
  Status Open(const std::filesystem::path& path) {
    if (path.empty()) return {};
    file_ = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (file_ < 0) return FileError(errno, "open the trace", path);
    return {};
  }
  void Add(TraceEntry entry) {
    const std::string line = file_ >= 0 ? RenderTrace(entry) : "";
    const MutexLock lock(mutex_);
    entries_.push_back(std::move(entry));
    if (entries_.size() > kMostEntries) entries_.pop_front();
    if (file_ >= 0 && write(file_, line.data(), line.size()) < 0 && !write_failed_) {
      write_failed_ = true;
      Log(LogLevel::kWarning, "the trace file cannot be written; it is incomplete");
    }
  }
  std::vector<TraceEntry> Copy() const {
    const MutexLock lock(mutex_);
    return {entries_.begin(), entries_.end()};
  }

 private:
  static constexpr size_t kMostEntries = 200'000;

  // Constant after Open.
  int file_ = -1;
  // Guarded by mutex_.
  mutable Mutex mutex_;
  std::deque<TraceEntry> entries_ GUARDED_BY(mutex_);
  bool write_failed_ GUARDED_BY(mutex_) = false;
};

HttpResponse NoSuchService(std::string_view port) {
  HttpResponse response;
  response.status = 404;
  response.content_type = "text/plain; charset=utf-8";
  response.body = fmt::format("this world has no such service on the {} port\n", port);
  return response;
}

enum Port {
  kPrices,
  kManagement,
  kLogin,
  kFiles,
  kDynamodb,
  kSsm,
  kTimestream,
  kLogs,
  kInflux,
  kSlack,
  kCmr,
  kLpdaac,
  kPorts
};
constexpr std::array<const char*, kPorts> kPortNames = {
    "prices",     "management", "login",  "files", "dynamodb", "ssm",
    "timestream", "logs",       "influx", "slack", "cmr",      "lpdaac"};
// Answered on every port, without a trace, latency or faults.
constexpr std::string_view kDeliveriesPath = "/_simulator/deliveries";
constexpr std::string_view kRequestsPath = "/sim/requests";

// `trace.ndjson` → `trace.deliveries.ndjson`.
std::filesystem::path BesideTrace(const std::filesystem::path& trace) {
  if (trace.empty()) return {};
  std::filesystem::path file = trace;
  const std::string extension = trace.extension().string();
  file.replace_extension(".deliveries" + extension);
  return file;
}

}  // namespace

struct Simulator::State {
  explicit State(World played) : world(std::move(played)), tokens(world.seed) {}

  Status LoadServices();
  Status LoadManagement(std::vector<Offers::Pair> pairs);
  void LoadCloudServices();
  Status LoadGranules();
  Status Listen();
  Mounted* Route(Port port, const HttpRequest& request) const;
  Time Now(const HttpRequest& request) const;
  HttpResponse Handle(Port port, const HttpRequest& request);
  HttpResponse Report(Port port, const HttpRequest& request);

  // Constant after Start.
  const World world;
  SystemClock clock;
  std::optional<Offers> offers;
  std::unique_ptr<GranuleCatalogue> granules;
  std::array<std::unique_ptr<Mounted>, kPorts> services;  // null behind management
  std::unique_ptr<Mounted> resource_graph, placement, resource_skus;
  TimestreamService* timestream = nullptr;  // in `services`
  // Thread-safe itself.
  TokenStore tokens;
  TraceLog trace;
  DeliveryLog deliveries;
  RequestCounts requests;
  // Last: their threads use all of the above.
  std::unique_ptr<HttpServer> server;
};

Status Simulator::State::LoadServices() {
  std::vector<Offers::Pair> pairs;
  if (world.prices) {
    ASSIGN_OR_RETURN(auto service, RetailService::Load(*world.prices, world.seed));
    if (world.resource_graph || world.placement || world.resource_skus) {
      pairs = service->SpotPairs();
    }
    services[kPrices] = Mount(std::move(service), *world.prices, world.seed);
  }
  RETURN_IF_ERROR(LoadManagement(std::move(pairs)));
  if (world.login) {
    services[kLogin] = Mount(std::make_unique<LoginService>(*world.login, world.identity, tokens),
                             *world.login, world.seed);
  }
  if (world.files) {
    ASSIGN_OR_RETURN(auto service, FileService::Load(*world.files));
    services[kFiles] = Mount(std::move(service), *world.files, world.seed);
  }
  LoadCloudServices();
  return LoadGranules();
}

Status Simulator::State::LoadGranules() {
  if (!world.cmr) return {};
  if (world.cmr->generate) {
    granules = std::make_unique<GeneratedGranules>(*world.cmr, world.seed);
  } else {
    ASSIGN_OR_RETURN(granules, RecordedGranules::Load(*world.cmr));
  }
  services[kCmr] = Mount(std::make_unique<CmrService>(*granules), *world.cmr, world.seed);
  if (world.lpdaac) {
    services[kLpdaac] =
        Mount(std::make_unique<LpdaacService>(*world.lpdaac, world.identity.aws, *granules),
              *world.lpdaac, world.seed);
  }
  return {};
}

Status Simulator::State::LoadManagement(std::vector<Offers::Pair> pairs) {
  if (world.resource_graph) {
    ASSIGN_OR_RETURN(auto service,
                     ResourceGraphService::Load(*world.resource_graph, world.seed, pairs, tokens));
    resource_graph = Mount(std::move(service), *world.resource_graph, world.seed);
  }
  ASSIGN_OR_RETURN(offers, Offers::Make(world.offers, std::move(pairs), world.seed));
  const std::vector<std::string>& subscriptions = world.identity.subscriptions;
  if (world.placement) {
    placement = Mount(std::make_unique<PlacementService>(*world.placement, subscriptions, *offers,
                                                         tokens, world.seed),
                      *world.placement, world.seed);
  }
  if (world.resource_skus) {
    resource_skus = Mount(std::make_unique<ResourceSkusService>(*world.resource_skus, subscriptions,
                                                                *offers, tokens, world.seed),
                          *world.resource_skus, world.seed);
  }
  return {};
}

void Simulator::State::LoadCloudServices() {
  const AwsWorld& aws = world.identity.aws;
  const auto mount = [&](Port port, std::unique_ptr<Service> service, const auto& service_world) {
    services[port] = Mount(std::move(service), service_world, world.seed);
  };
  if (world.dynamodb) {
    mount(kDynamodb, std::make_unique<DynamodbService>(*world.dynamodb, world.identity),
          *world.dynamodb);
  }
  if (world.ssm) mount(kSsm, std::make_unique<SsmService>(*world.ssm, aws), *world.ssm);
  if (world.timestream) {
    auto service = std::make_unique<TimestreamService>(*world.timestream, aws, deliveries);
    timestream = service.get();
    mount(kTimestream, std::move(service), *world.timestream);
  }
  if (world.logs) {
    mount(kLogs, std::make_unique<LogsService>(*world.logs, aws, deliveries), *world.logs);
  }
  if (world.influx) {
    mount(kInflux, std::make_unique<InfluxService>(*world.influx, deliveries), *world.influx);
  }
  if (world.slack) {
    mount(kSlack, std::make_unique<SlackService>(*world.slack, deliveries), *world.slack);
  }
}

Status Simulator::State::Listen() {
  HttpServer::Options options{.ports = kPorts, .quick = std::vector<bool>(kPorts, false)};
  options.quick[kLpdaac] = true;
  ASSIGN_OR_RETURN(server, HttpServer::Start(
                               [this](const HttpRequest& request, size_t port) {
                                 return Handle(static_cast<Port>(port), request);
                               },
                               options));
  if (timestream != nullptr) {
    timestream->set_address(fmt::format("127.0.0.1:{}", server->port(kTimestream)));
  }
  return {};
}

Mounted* Simulator::State::Route(Port port, const HttpRequest& request) const {
  if (port != kManagement) return services[port].get();
  if (ToLower(request.path) == ResourceGraphService::kPath) return resource_graph.get();
  if (PlacementService::Owns(request.path)) return placement.get();
  if (ResourceSkusService::Owns(request.path)) return resource_skus.get();
  return nullptr;
}

Time Simulator::State::Now(const HttpRequest& request) const {
  if (const std::string_view header = request.Header("catchment-now"); !header.empty()) {
    if (const Result<Time> time = ParseTime(header); time.ok()) return *time;
  }
  return world.clock == World::ClockKind::kFixed ? world.clock_time : clock.Now();
}

// What the world saw: answered without a trace, latency or faults.
HttpResponse Simulator::State::Report(Port port, const HttpRequest& request) {
  if (request.path == kRequestsPath) return requests.Answer(request);
  return {.status = 200,
          .content_type = "application/x-ndjson",
          .headers = {},
          .body = deliveries.Text(services[port] ? services[port]->service->name() : "")};
}

HttpResponse Simulator::State::Handle(Port port, const HttpRequest& request) {
  if (request.path == kDeliveriesPath || request.path == kRequestsPath) {
    return Report(port, request);
  }
  const auto begin = std::chrono::steady_clock::now();
  const Time now = Now(request);
  Mounted* mounted = Route(port, request);
  ServiceAnswer answer;
  ActiveFaults active;
  std::string counted;
  if (mounted == nullptr) {
    answer.response = NoSuchService(kPortNames[port]);
  } else {
    counted = mounted->service->CountedAs(request);
    if (!counted.empty()) requests.Begin(port == kLpdaac);
    FaultSubject subject = mounted->service->Describe(request);
    subject.body = request.body;
    active = mounted->faults.Select(subject, now);
    if (std::optional<HttpResponse> generic = GenericAnswer(active)) {
      answer.response = std::move(*generic);
      answer.bucket = mounted->service->Count(request, now);
    } else {
      answer = mounted->service->Answer(request, active, now);
    }
    answer.response.delay = mounted->Latency(subject) + ExtraLatency(active);
    SpoilDelivery(active, answer.response);
  }
  HttpResponse& response = answer.response;
  const auto bytes = static_cast<int64_t>(response.body.size());
  TraceEntry entry{.time = now,
                   .service = std::string(mounted ? mounted->service->name() : kPortNames[port]),
                   .method = request.method,
                   .target = request.target,
                   .status = response.status,
                   .bucket = std::move(answer.bucket),
                   .fault = active.Names(),
                   .ms = 0,
                   .bytes = response.ending == Ending::kTruncated ? bytes / 2 : bytes,
                   .asked = request.body.empty() ? "" : Sha256Hex(request.body)};
  response.before_sending = [this, begin, entry = std::move(entry), counted = std::move(counted),
                             items = port == kLpdaac](bool sent) mutable {
    entry.ms =
        std::chrono::round<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin)
            .count();
    if (!sent) entry.status = 0, entry.bytes = 0;
    if (!counted.empty()) requests.End(items, counted, entry.status);
    trace.Add(std::move(entry));
  };
  return std::move(answer.response);
}

Simulator::Simulator(std::unique_ptr<State> state) : state_(std::move(state)) {}

Simulator::~Simulator() { Stop(); }

Result<std::unique_ptr<Simulator>> Simulator::Start(World world, const SimulatorOptions& options) {
  const std::string name = world.name;
  auto state = std::make_unique<State>(std::move(world));
  RETURN_IF_ERROR(state->LoadServices(), "world {}", name);
  RETURN_IF_ERROR(state->trace.Open(options.trace_file));
  state->deliveries.WriteTo(BesideTrace(options.trace_file));
  RETURN_IF_ERROR(state->Listen());
  return std::unique_ptr<Simulator>(new Simulator(std::move(state)));
}

std::vector<std::pair<std::string, std::string>> Simulator::Environment() const {
  std::vector<std::pair<std::string, std::string>> variables;
  for (size_t port = 0; port < kPorts; ++port) {
    std::string name = kPortNames[port];
    for (char& c : name) c = static_cast<char>(c - 'a' + 'A');
    variables.emplace_back(fmt::format("CATCHMENT_ENDPOINT_{}", name),
                           fmt::format("http://127.0.0.1:{}", state_->server->port(port)));
  }
  const World& world = state_->world;
  if (world.clock == World::ClockKind::kSlot) variables.emplace_back("CATCHMENT_CLOCK", "slot");
  if (world.clock == World::ClockKind::kFixed) {
    variables.emplace_back("CATCHMENT_CLOCK", FormatTime(world.clock_time));
  }
  variables.emplace_back("AZURE_TENANT_ID", world.identity.tenant_id);
  variables.emplace_back("AZURE_CLIENT_ID", world.identity.client_id);
  variables.emplace_back("AZURE_CLIENT_SECRET", world.identity.client_secret);
  variables.emplace_back("AZURE_SUBSCRIPTIONS",
                         fmt::format("{}", fmt::join(world.identity.subscriptions, ",")));
  variables.emplace_back("AWS_ACCESS_KEY_ID", world.identity.aws.access_key_id);
  variables.emplace_back("AWS_SECRET_ACCESS_KEY", world.identity.aws.secret_access_key);
  variables.emplace_back("AWS_REGION", world.identity.aws.region);
  variables.emplace_back("EARTHDATA_TOKEN", world.lpdaac.value_or(LpdaacWorld()).token);
  variables.emplace_back("INFLUX_TOKEN", world.influx.value_or(InfluxWorld()).token);
  variables.emplace_back("error_notification_slack_webhook_url",
                         fmt::format("http://127.0.0.1:{}{}", state_->server->port(kSlack),
                                     world.slack.value_or(SlackWorld()).path));
  return variables;
}

std::vector<TraceEntry> Simulator::Trace() const { return state_->trace.Copy(); }

std::string Simulator::Deliveries(std::string_view service) const {
  return state_->deliveries.Text(service);
}

void Simulator::Stop() {
  if (state_->server) state_->server->Stop();
}

}  // namespace catchment::simulator
