#include "simulator/lpdaac_service_internal.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "simulator/aws_service_internal.h"

namespace catchment::simulator {
namespace {

constexpr std::string_view kPublicBucket = "lp-prod-public";
constexpr std::string_view kProtectedBucket = "lp-prod-protected";
constexpr std::string_view kItemEnding = "_stac.json";
constexpr std::string_view kKeyPrefix = "ASIASIMULATED";
constexpr std::string_view kSessionPrefix = "simulated-session-";

// Where a request goes: which bucket and key, and whether it speaks to S3.
struct ItemAddress {
  bool s3 = false;
  std::string_view bucket, key;
};

ItemAddress AddressOf(const HttpRequest& request) {
  ItemAddress address;
  const std::string_view host = request.Header("host");
  std::string_view path = request.path;
  path.remove_prefix(1);
  const size_t dot = host.find(".s3.");
  address.s3 = dot != std::string_view::npos ||
               (host.starts_with("s3.") && host.find("amazonaws") != std::string_view::npos);
  if (address.s3 && dot != std::string_view::npos) {
    address.bucket = host.substr(0, dot);
    address.key = path;
    return address;
  }
  const size_t slash = path.find('/');
  address.bucket = path.substr(0, slash);
  if (slash != std::string_view::npos) address.key = path.substr(slash + 1);
  return address;
}

// The title in `HLSL30.020/TITLE/TITLE_stac.json`, or nothing.
std::string_view TitleOfKey(std::string_view key) {
  const size_t first = key.find('/');
  const size_t second = first == std::string_view::npos ? first : key.find('/', first + 1);
  if (second == std::string_view::npos) return {};
  const std::string_view title = key.substr(first + 1, second - first - 1);
  const std::string_view file = key.substr(second + 1);
  if (!file.ends_with(kItemEnding) || file.substr(0, file.size() - kItemEnding.size()) != title) {
    return {};
  }
  for (const HlsProduct& product : kHlsProducts) {
    if (key.substr(0, first) == product.directory && title.size() > 7 &&
        title.substr(4, 3) == product.sensor) {
      return title;
    }
  }
  return {};
}

HttpResponse ItemError(bool s3, int status, std::string_view code, std::string_view message) {
  HttpResponse response;
  response.status = status;
  if (s3) {
    response.content_type = "application/xml";
    response.body = fmt::format(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message>"
        "<RequestId>SIMULATED0000000</RequestId><HostId>simulated</HostId></Error>",
        code, message);
  } else {
    response.content_type = "text/html; charset=utf-8";
    response.body = fmt::format("<html><head><title>{0} {1}</title></head><body>{2}</body></html>",
                                status, code, message);
  }
  return response;
}

// Credentials end at a time that their session token names; the rest follows from it.
std::string SecretOf(int64_t ends) { return fmt::format("simulated-secret-until-{}", ends); }

// 2025-11-11 21:20:05+00:00
std::string ExpirationOf(Time ends) {
  std::string text = *FormatTime(ends, "%Y-%m-%d %H:%M:%S");
  return text + "+00:00";
}

std::optional<HttpResponse> RefusalOfSignature(const HttpRequest& request, const AwsWorld& aws,
                                               Time now) {
  const std::string_view session = request.Header("x-amz-security-token");
  int64_t ends = 0;
  if (session.starts_with(kSessionPrefix)) {
    const std::string_view digits = session.substr(kSessionPrefix.size());
    std::from_chars(digits.data(), digits.data() + digits.size(), ends);
  }
  if (ends == 0) return ItemError(true, 403, "AccessDenied", "Access Denied");
  if (Time(std::chrono::seconds(ends)) <= now) {
    return ItemError(true, 400, "ExpiredToken", "The provided token has expired.");
  }
  AwsWorld issued = aws;
  issued.access_key_id = fmt::format("{}{}", kKeyPrefix, ends);
  issued.secret_access_key = SecretOf(ends);
  const SignatureProblem problem = CheckSignature(request, issued, "s3", now);
  if (problem.type.empty()) return std::nullopt;
  const bool wrong_key = problem.type == "UnrecognizedClientException";
  return ItemError(true, 403, wrong_key ? "InvalidAccessKeyId" : "SignatureDoesNotMatch",
                   problem.message);
}

// A chain of `count` redirects, told apart by the query, or one to `body`.
std::optional<HttpResponse> RedirectOf(const HttpRequest& request, const Fault* fault) {
  if (fault == nullptr) return std::nullopt;
  HttpResponse response;
  response.status = 302;
  response.content_type = "text/html; charset=utf-8";
  if (fault->body) {
    response.headers.emplace_back("Location", *fault->body);
    return response;
  }
  int64_t hop = 0;
  if (request.query.starts_with("hop=")) {
    std::from_chars(request.query.data() + 4, request.query.data() + request.query.size(), hop);
  }
  if (hop >= fault->count) return std::nullopt;
  response.headers.emplace_back(
      "Location",
      fmt::format("https://data.lpdaac.earthdatacloud.nasa.gov{}?hop={}", request.path, hop + 1));
  return response;
}

}  // namespace

FaultSubject LpdaacService::Describe(const HttpRequest& request) const {
  return {request.path, request.path, std::nullopt, ""};
}

std::string LpdaacService::CountedAs(const HttpRequest& request) const {
  std::string title(TitleOfKey(AddressOf(request).key));
  const auto plain = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '.' || c == 'v';
  };
  return std::all_of(title.begin(), title.end(), plain) ? title : "";
}

HttpResponse LpdaacService::Credentials(const HttpRequest& request, const ActiveFaults& active,
                                        Time now) const {
  HttpResponse response;
  if (active.Find("login_refused") != nullptr ||
      request.Header("authorization") != "Bearer " + world_.token) {
    response.status = 401;
    response.body = R"({"error":"invalid_token","error_description":"the token is not valid"})";
    response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"Earthdata Login\"");
    return response;
  }
  const Time ends =
      std::chrono::floor<std::chrono::seconds>(now + Time::duration(world_.credentials_for));
  const int64_t seconds = std::chrono::floor<std::chrono::seconds>(ends).time_since_epoch().count();
  response.content_type = "application/json";
  response.body = fmt::format(
      R"({{"accessKeyId": "{}{}", "secretAccessKey": "{}", "sessionToken": "{}{}", )"
      R"("expiration": "{}"}})",
      kKeyPrefix, seconds, SecretOf(seconds), kSessionPrefix, seconds, ExpirationOf(ends));
  return response;
}

HttpResponse LpdaacService::Item(const HttpRequest& request, std::string_view key, bool s3,
                                 const ActiveFaults& active, Time now) const {
  const auto has = [&](std::string_view answer) { return active.Find(answer) != nullptr; };
  if (has("slow_down")) return ItemError(s3, 503, "SlowDown", "Please reduce your request rate.");
  if (has("access_denied")) return ItemError(s3, 403, "AccessDenied", "Access Denied");
  const std::string_view title = TitleOfKey(key);
  std::optional<GranuleItem> item;
  if (!title.empty() && !has("not_found")) {
    item = granules_.Item(title, now,
                          {.wrong_type = has("wrong_type"),
                           .null_geometry = has("null_geometry"),
                           .other_id = has("other_id"),
                           .new_property = has("new_property"),
                           .new_asset = has("new_asset")});
  }
  if (!item) return ItemError(s3, 404, "NoSuchKey", "The specified key does not exist.");
  HttpResponse response;
  response.content_type = "application/json";
  if (!active.faults.empty()) item->etag.insert(1, "x");  // what a fault changed is another body
  const bool known = request.Header("if-none-match") == item->etag;
  response.headers.emplace_back("ETag", std::move(item->etag));
  if (known) {
    response.status = 304;
    return response;
  }
  response.body = std::move(item->body);
  if (has("cut_json")) response.body.resize(response.body.size() / 2);
  return response;
}

ServiceAnswer LpdaacService::Answer(const HttpRequest& request, const ActiveFaults& active,
                                    Time now) {
  const ItemAddress address = AddressOf(request);
  if (request.method != "GET" && request.method != "HEAD") {
    return {ItemError(address.s3, 405, "MethodNotAllowed", "expected GET"), ""};
  }
  if (!address.s3 && request.path == "/s3credentials") {
    return {Credentials(request, active, now), ""};
  }
  if (std::optional<HttpResponse> redirect = RedirectOf(request, active.Find("redirect"))) {
    return {std::move(*redirect), ""};
  }
  if (address.s3) {
    if (std::optional<HttpResponse> refused = RefusalOfSignature(request, aws_, now)) {
      return {std::move(*refused), ""};
    }
  }
  if (address.bucket == kProtectedBucket) {
    return {ItemError(address.s3, 403, "AccessDenied", "this file wants a login"), ""};
  }
  if (address.bucket != kPublicBucket) {
    return {ItemError(address.s3, 404, "NoSuchBucket", "The specified bucket does not exist"), ""};
  }
  return {Item(request, address.key, address.s3, active, now), ""};
}

}  // namespace catchment::simulator
