#include "simulator/aws_service_internal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/clock.h"
#include "base/digest.h"
#include "base/text.h"

namespace catchment::simulator {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view kScheme = "AWS4-HMAC-SHA256";
constexpr const char* kContentDigest = "x-amz-content-sha256";
constexpr auto kMostSkew = std::chrono::minutes(15);

std::string Mac(std::string_view key, std::string_view message) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int length = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(message.data()), message.size(), bytes.data(),
       &length);
  return {reinterpret_cast<const char*>(bytes.data()), length};
}

std::string HexOf(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return hex;
}

std::string Escape(std::string_view text, std::string_view kept) {
  std::string escaped;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       kept.find(c) != std::string_view::npos;
    escaped += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return escaped;
}

std::string OneSpace(std::string_view value) {
  std::string out;
  for (const char c : Trim(value)) {
    if (c == ' ' && out.ends_with(' ')) continue;
    out += c;
  }
  return out;
}

// Credential=KEY/DAY/REGION/SERVICE/aws4_request, SignedHeaders=a;b, Signature=hex
struct Authorization {
  std::string key, day, region, service, signature;
  std::vector<std::string> headers;
  bool well_formed = false;
};

Authorization ReadAuthorization(std::string_view header) {
  Authorization read;
  if (!header.starts_with(kScheme) || header.size() <= kScheme.size()) return read;
  std::map<std::string, std::string> parts;
  for (const std::string& part : Split(header.substr(kScheme.size()), ',')) {
    const std::string_view text = Trim(part);
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) return read;
    parts.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  const std::vector<std::string> scope = Split(parts["Credential"], '/');
  read.signature = parts["Signature"];
  read.headers = Split(parts["SignedHeaders"], ';');
  if (scope.size() != 5 || scope[4] != "aws4_request" || read.signature.size() != 64) return read;
  read.key = scope[0];
  read.day = scope[1];
  read.region = scope[2];
  read.service = scope[3];
  read.well_formed = std::is_sorted(read.headers.begin(), read.headers.end());
  return read;
}

std::string CanonicalRequest(const HttpRequest& request, const Authorization& authorization) {
  std::vector<std::pair<std::string, std::string>> query;
  for (const auto& [name, value] : ParseQuery(request.query)) {
    query.emplace_back(Escape(name, "-_.~"), Escape(value, "-_.~"));
  }
  std::sort(query.begin(), query.end());
  std::string text = request.method + "\n";
  text += Escape(std::string_view(request.target).substr(0, request.target.find('?')), "-_.~/");
  text += "\n";
  for (size_t i = 0; i < query.size(); ++i) {
    text += fmt::format("{}{}={}", i > 0 ? "&" : "", query[i].first, query[i].second);
  }
  text += "\n";
  for (const std::string& name : authorization.headers) {
    std::string values;
    bool first = true;
    for (const auto& [header, value] : request.headers) {
      if (header != name) continue;
      values += (first ? "" : ",") + OneSpace(value);
      first = false;
    }
    text += fmt::format("{}:{}\n", name, values);
  }
  return text + fmt::format("\n{}\n{}", fmt::join(authorization.headers, ";"),
                            authorization.service == "s3"
                                ? std::string(request.Header(kContentDigest))
                                : Sha256Hex(request.body));
}

std::string ExpectedSignature(const HttpRequest& request, const Authorization& authorization,
                              const std::string& secret) {
  const std::string date(request.Header("x-amz-date"));
  const std::string scope = fmt::format("{}/{}/{}/aws4_request", authorization.day,
                                        authorization.region, authorization.service);
  std::string key = "AWS4" + secret;
  for (const std::string& part : Split(scope, '/')) key = Mac(key, part);
  return HexOf(Mac(key, fmt::format("{}\n{}\n{}\n{}", kScheme, date, scope,
                                    Sha256Hex(CanonicalRequest(request, authorization)))));
}

// The region in NAME.us-east-1.amazonaws.com; empty: the host names none.
std::string RegionOf(std::string_view host) {
  const std::string name = ToLower(host.substr(0, host.find(':')));
  const size_t end = name.find(".amazonaws.com");
  const size_t begin = end == std::string::npos || end == 0 ? end : name.rfind('.', end - 1);
  if (begin == std::string::npos) return "";
  return name.substr(begin + 1, end - begin - 1);
}

// 20260802T000000Z
std::optional<Time> ReadDate(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return std::nullopt;
  const Result<Time> time = ParseTime(
      fmt::format("{}-{}-{}T{}:{}:{}Z", text.substr(0, 4), text.substr(4, 2), text.substr(6, 2),
                  text.substr(9, 2), text.substr(11, 2), text.substr(13, 2)));
  if (!time.ok()) return std::nullopt;
  return *time;
}

bool Near(Time a, Time b) { return a - b <= kMostSkew && b - a <= kMostSkew; }

}  // namespace

SignatureProblem CheckSignature(const HttpRequest& request, const AwsWorld& aws,
                                std::string_view service, Time now) {
  const std::string_view header = request.Header("authorization");
  if (header.empty()) {
    return {"MissingAuthenticationTokenException", "Request is missing Authentication Token"};
  }
  const Authorization authorization = ReadAuthorization(header);
  if (!authorization.well_formed) {
    return {"IncompleteSignatureException",
            "Authorization header must be 'AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, "
            "Signature=…'"};
  }
  for (const char* needed :
       {"host", "x-amz-date", service == "s3" ? kContentDigest : "x-amz-target"}) {
    if (!std::binary_search(authorization.headers.begin(), authorization.headers.end(), needed)) {
      return {"InvalidSignatureException", fmt::format("'{}' must be a signed header", needed)};
    }
  }
  if (authorization.key != aws.access_key_id) {
    return {"UnrecognizedClientException",
            "The security token included in the request is invalid."};
  }
  const std::string region = RegionOf(request.Header("host"));
  if ((!region.empty() && authorization.region != region) || authorization.service != service) {
    return {"InvalidSignatureException",
            fmt::format("Credential should be scoped to {}service '{}'.",
                        region.empty() ? "" : fmt::format("region '{}' and ", region), service)};
  }
  const std::string_view date_text = request.Header("x-amz-date");
  const std::optional<Time> date = ReadDate(date_text);
  if (!date || date_text.substr(0, 8) != authorization.day) {
    return {"InvalidSignatureException", "Date in Credential scope does not match X-Amz-Date."};
  }
  if (!Near(*date, now) && !Near(*date, SystemClock().Now())) {
    return {"InvalidSignatureException",
            fmt::format("Signature expired or not yet current: {} is more than 15 min. from {}",
                        date_text, FormatTime(now))};
  }
  const std::string expected = ExpectedSignature(request, authorization, aws.secret_access_key);
  if (CRYPTO_memcmp(expected.data(), authorization.signature.data(), expected.size()) != 0) {
    return {"InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check "
            "your AWS Secret Access Key and signing method."};
  }
  return {};
}

std::string TextOf(const ordered_json& object, const char* member) {
  if (!object.is_object() || !object.contains(member) || !object[member].is_string()) return "";
  return object[member].get<std::string>();
}

FaultSubject AwsService::Describe(const HttpRequest& request) const {
  const std::string operation(request.Header("x-amz-target"));
  return {.path = "/" + operation,
          .target = operation + request.body,
          .skip = std::nullopt,
          .filter = ""};
}

HttpResponse AwsService::Ok(const ordered_json& body) const {
  HttpResponse response;
  response.content_type = fmt::format("application/x-amz-json-{}", dialect_.json_version);
  response.body = body.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  return response;
}

HttpResponse AwsService::Fail(int status, std::string_view type, std::string_view message) const {
  HttpResponse response =
      Ok({{"__type", fmt::format("{}{}", dialect_.type_prefix, type)}, {"message", message}});
  response.status = status;
  return response;
}

HttpResponse AwsService::NoOperation(std::string_view operation) const {
  return Fail(400, "UnknownOperationException",
              fmt::format("the simulated world has no operation '{}'", operation));
}

ServiceAnswer AwsService::Answer(const HttpRequest& request, const ActiveFaults& active, Time now) {
  if (request.method != "POST" || request.path != "/") {
    return {Fail(404, "UnknownOperationException", "expected POST /"), ""};
  }
  const std::string_view target = request.Header("x-amz-target");
  const std::string_view type = request.Header("content-type");
  if (!target.starts_with(dialect_.target) || target.substr(dialect_.target.size(), 1) != ".") {
    return {NoOperation(target), ""};
  }
  if (!type.starts_with("application/x-amz-json-")) {
    return {Fail(400, "SerializationException", "expected Content-Type application/x-amz-json-…"),
            ""};
  }
  const SignatureProblem problem = CheckSignature(request, aws_, dialect_.name, now);
  if (!problem.type.empty()) return {Fail(403, problem.type, problem.message), ""};
  if (active.Find("access_denied") != nullptr) {
    return {Fail(400, "AccessDeniedException",
                 fmt::format("User is not authorized to perform: {}", target)),
            ""};
  }
  if (const Fault* fault = active.Find("throttled")) {
    HttpResponse response = Fail(throttling_status(), throttling_type(), "Rate exceeded");
    if (fault->retry_after) response.headers.emplace_back("Retry-After", *fault->retry_after);
    return {std::move(response), ""};
  }
  const ordered_json arguments = ordered_json::parse(request.body, nullptr, false);
  if (!arguments.is_object()) {
    return {Fail(400, "SerializationException", "the body is no JSON object"), ""};
  }
  return {Perform(target.substr(dialect_.target.size() + 1), arguments, active, now), ""};
}

}  // namespace catchment::simulator
