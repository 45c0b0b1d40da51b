#include "net/aws_signature.h"

#include <openssl/hmac.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include "base/digest.h"
#include "base/text.h"
#include "net/url.h"

namespace catchment::net {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kDate = "x-amz-date", kToken = "x-amz-security-token",
                           kAuthorization = "authorization";
constexpr std::string_view kS3 = "s3";

std::string Hmac(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

std::string Hex(std::string_view bytes) {
  std::string hex;
  for (const unsigned char byte : bytes) hex += fmt::format("{:02x}", byte);
  return hex;
}

/// Encode what is encoded already no second time; a stray percent sign is text.
std::string EncodeQueryPart(std::string_view part) {
  const Result<std::string> decoded = PercentDecode(part);
  return PercentEncode(decoded.ok() ? std::string_view(*decoded) : part);
}

std::string CanonicalQuery(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  for (const std::string& part : Split(query, '&')) {
    if (part.empty()) continue;
    const size_t equals = part.find('=');
    parameters.emplace_back(EncodeQueryPart(std::string_view(part).substr(0, equals)),
                            equals == std::string::npos
                                ? ""
                                : EncodeQueryPart(std::string_view(part).substr(equals + 1)));
  }
  std::sort(parameters.begin(), parameters.end());
  std::string canonical;
  for (const auto& [name, value] : parameters) {
    canonical += (canonical.empty() ? "" : "&") + name + "=" + value;
  }
  return canonical;
}

/// Without white space at the ends, and one space for each run of it inside.
std::string CollapsedValue(std::string_view value) {
  std::string collapsed;
  for (const char c : Trim(value)) {
    const bool space = c == ' ' || c == '\t';
    if (space && collapsed.ends_with(' ')) continue;
    collapsed += space ? ' ' : c;
  }
  return collapsed;
}

/// Lower-case names with their values, in the order of names; repeated fields joined by commas.
std::map<std::string, std::string> CanonicalHeaders(const Headers& headers,
                                                    const AwsCredentials& credentials,
                                                    const std::string& date) {
  std::map<std::string, std::string> canonical;
  for (const auto& [name, value] : headers.fields()) {
    const std::string lower = ToLower(name);
    if (lower == kDate || lower == kToken || lower == kAuthorization) continue;
    const auto [place, added] = canonical.emplace(lower, CollapsedValue(value));
    if (!added) place->second += "," + CollapsedValue(value);
  }
  canonical[std::string(kDate)] = date;
  if (!credentials.session_token.empty()) {
    canonical[std::string(kToken)] = credentials.session_token.Reveal();
  }
  return canonical;
}

/// The key of one day, region and service.
Secret SigningKey(const AwsCredentials& credentials, std::string_view day, std::string_view region,
                  std::string_view service) {
  std::string key = "AWS4" + credentials.secret_access_key.Reveal();
  for (const std::string_view part : {day, region, service, std::string_view("aws4_request")}) {
    std::string next = Hmac(key, part);
    explicit_bzero(key.data(), key.size());
    key = std::move(next);
  }
  return Secret(std::move(key));
}

}  // namespace

Result<AwsCredentials> ResolveAwsCredentials(SecretStore& secrets, const OpContext& context) {
  const auto key = secrets.Get("env:AWS_ACCESS_KEY_ID", context);
  const auto secret = secrets.Get("env:AWS_SECRET_ACCESS_KEY", context);
  for (const auto* part : {&key, &secret}) {
    if (part->ok()) continue;
    if (part->error().code != Code::kNotFound) return part->status();
    return Denied("no AWS credentials: {}", part->error().message);
  }
  AwsCredentials credentials;
  credentials.access_key_id = key->Reveal();
  credentials.secret_access_key = *secret;
  const auto token = secrets.Get("env:AWS_SESSION_TOKEN", context);
  if (token.ok()) credentials.session_token = *token;
  return credentials;
}

Result<std::string> ResolveAwsRegion(SecretStore& secrets, std::string_view configured,
                                     const OpContext& context) {
  std::string region(configured);
  for (const char* variable : {"env:AWS_REGION", "env:AWS_DEFAULT_REGION"}) {
    if (!region.empty()) break;
    const auto value = secrets.Get(variable, context);
    if (value.ok()) region = value->Reveal();
  }
  if (region.empty()) return Invalid("no AWS region: give region, or set AWS_REGION");
  const bool plain = region.size() <= 40 && std::all_of(region.begin(), region.end(), [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
                     });
  if (!plain) return Invalid("'{}' is no AWS region such as us-west-2", region.substr(0, 40));
  return region;
}

Headers AwsSignature(const AwsRequestParts& parts, const AwsCredentials& credentials,
                     std::string_view region, std::string_view service, Time time) {
  const std::string date = FormatTime(time, "%Y%m%dT%H%M%SZ").value();
  const std::string day = date.substr(0, 8);
  const auto headers = CanonicalHeaders(parts.headers, credentials, date);
  std::string names, lines;
  for (const auto& [name, value] : headers) {
    names += (names.empty() ? "" : ";") + name;
    lines += name + ":" + value + "\n";
  }
  const std::string canonical =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}", parts.method,
                  service == kS3 ? parts.path : PercentEncode(parts.path, "/"),
                  CanonicalQuery(parts.query), lines, names, Sha256Hex(parts.body));
  const std::string scope = fmt::format("{}/{}/{}/aws4_request", day, region, service);
  const std::string to_sign =
      fmt::format("{}\n{}\n{}\n{}", kAlgorithm, date, scope, Sha256Hex(canonical));
  const Secret key = SigningKey(credentials, day, region, service);
  Headers signature{{"X-Amz-Date", date}};
  if (!credentials.session_token.empty()) {
    signature.Add("X-Amz-Security-Token", credentials.session_token.Reveal());
  }
  signature.Add("Authorization", fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}",
                                             kAlgorithm, credentials.access_key_id, scope, names,
                                             Hex(Hmac(key.Reveal(), to_sign))));
  return signature;
}

Status SignAws(Request& request, const AwsCredentials& credentials, std::string_view region,
               std::string_view service, Time time) {
  ASSIGN_OR_RETURN(const Url url, ParseUrl(request.url));
  if (service == kS3) request.headers.Set("X-Amz-Content-Sha256", Sha256Hex(request.body));
  AwsRequestParts parts{request.method, url.path, url.query.value_or(""), request.headers,
                        request.body};
  parts.headers.Set("Host", url.Authority());
  request.headers.Remove(kToken);
  const Headers signature = AwsSignature(parts, credentials, region, service, time);
  for (const auto& [name, value] : signature.fields()) request.headers.Set(name, value);
  return {};
}

}  // namespace catchment::net
