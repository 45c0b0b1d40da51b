#include "net/aws_client.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace catchment::net {
namespace {

constexpr size_t kLongestMessage = 300;

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// `com.amazonaws.timestream.v20181101#RejectedRecordsException:http://…` → the name in it.
std::string ErrorType(std::string_view text) {
  text = text.substr(0, text.find(':'));
  text = text.substr(text.rfind('#') + 1);
  const bool plain = text.size() <= 80 && std::all_of(text.begin(), text.end(), [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                              (c >= '0' && c <= '9') || c == '_' || c == '.';
                     });
  return plain ? std::string(text) : std::string();
}

/// The first line, as far as it can be shown. A refused signature is explained with the request's
/// own headers on later lines.
std::string FirstLine(std::string_view text) {
  std::string line;
  for (const unsigned char c : text.substr(0, std::min(text.find('\n'), kLongestMessage))) {
    line += c < ' ' || c == 0x7f ? ' ' : static_cast<char>(c);
  }
  return std::string(Trim(line));
}

std::string TextMember(const nlohmann::json& object, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const auto member = object.find(name);
    if (member != object.end() && member->is_string()) return member->get<std::string>();
  }
  return {};
}

Code CodeOf(const AwsAnswer& answer) {
  constexpr std::array<std::string_view, 9> kCredentials = {
      "AccessDenied",  "UnrecognizedClient",         "InvalidClientTokenId",
      "NotAuthorized", "MissingAuthenticationToken", "IncompleteSignature",
      "ExpiredToken",  "InvalidSignature",           "SignatureDoesNotMatch"};
  constexpr std::array<std::string_view, 7> kLater = {"Throttl",
                                                      "TooManyRequests",
                                                      "ProvisionedThroughputExceeded",
                                                      "RequestLimitExceeded",
                                                      "Unavailable",
                                                      "InternalServer",
                                                      "InternalFailure"};
  const auto names = [&](std::string_view part) { return Contains(answer.type, part); };
  if (answer.status >= 500 || answer.status == 429 || answer.status == 408 ||
      std::any_of(kLater.begin(), kLater.end(), names)) {
    return Code::kUnavailable;
  }
  if (answer.status == 401 || answer.status == 403 ||
      std::any_of(kCredentials.begin(), kCredentials.end(), names)) {
    return Code::kDenied;
  }
  return names("NotFound") ? Code::kNotFound : Code::kInvalid;
}

}  // namespace

Status AwsAnswer::ToStatus(std::string_view operation) const {
  if (ok()) return {};
  Error error{CodeOf(*this), {}, std::nullopt};
  error.message = fmt::format("{}: {}{}{}", operation, type, message.empty() ? "" : ": ", message);
  if (error.code == Code::kUnavailable) error.retry_after = retry_after;
  return error;
}

Result<std::string> AwsClient::Region(const OpContext& context) const {
  return ResolveAwsRegion(secrets_, service_.configured_region, context);
}

Result<Request> AwsClient::Prepare(std::string_view operation, std::string body,
                                   const OpContext& context, std::string_view host) const {
  ASSIGN_OR_RETURN(const std::string region, Region(context), "{}", operation);
  Request request;
  request.method = "POST";
  request.url = host.empty() ? fmt::format("https://{}.{}.amazonaws.com{}/", service_.host, region,
                                           region.starts_with("cn-") ? ".cn" : "")
                             : fmt::format("https://{}/", host);
  request.headers.Add("Content-Type", "application/x-amz-json-" + service_.json_version);
  request.headers.Add("X-Amz-Target", fmt::format("{}.{}", service_.target, operation));
  request.body = std::move(body);
  request.timeout = service_.timeout;
  request.max_bytes = 8 << 20;
  request.max_redirects = 0;
  request.record = service_.record;
  request.service = service_.service;
  RETURN_IF_ERROR(Sign(request, context), "{}", operation);
  return request;
}

Status AwsClient::Sign(Request& request, const OpContext& context) const {
  ASSIGN_OR_RETURN(const std::string region, Region(context));
  ASSIGN_OR_RETURN(const AwsCredentials credentials, ResolveAwsCredentials(secrets_, context));
  return SignAws(request, credentials, region, service_.signing_name, context.clock->Now());
}

Result<AwsAnswer> AwsClient::Read(const Request& request, Result<Response> response,
                                  const OpContext& context) const {
  if (!response.ok()) {
    Error error = response.error();
    if (error.code == Code::kCorrupt) error.code = Code::kUnavailable;
    return error;
  }
  AwsAnswer answer;
  answer.status = response->status;
  nlohmann::json body = nlohmann::json::parse(response->body, nullptr, false);
  const bool readable = body.is_object() || Trim(response->body).empty();
  if (body.is_object()) answer.body = std::move(body);
  if (response->status >= 200 && response->status < 300) {
    if (!readable) return Unavailable("{}: the answer is no JSON object", request.Name());
    return answer;
  }
  answer.type = ErrorType(TextMember(answer.body, {"__type", "code"}));
  if (answer.type.empty()) answer.type = ErrorType(response->headers.Get("x-amzn-errortype"));
  if (answer.type.empty()) answer.type = fmt::format("HTTP {}", answer.status);
  const Result<AwsCredentials> credentials = ResolveAwsCredentials(secrets_, context);
  std::vector<std::pair<std::string, std::string>> hidden;
  if (credentials.ok()) {
    for (const std::string& text :
         {credentials->secret_access_key.Reveal(), credentials->session_token.Reveal(),
          credentials->access_key_id}) {
      if (!text.empty()) hidden.emplace_back(text, "***");
    }
  }
  answer.message = FirstLine(Redact(TextMember(answer.body, {"message", "Message"}), hidden));
  if (const std::string* after = response->headers.Find("retry-after")) {
    answer.retry_after = ParseRetryAfter(*after, response->received);
  }
  return answer;
}

Result<AwsAnswer> AwsClient::Call(std::string_view operation, const nlohmann::json& body,
                                  const OpContext& context) const {
  ASSIGN_OR_RETURN(
      const Request request,
      Prepare(operation, body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
              context));
  return Read(request, transport_.Send(request, context), context);
}

Result<nlohmann::json> AwsClient::CallUntil(const RetryPolicy& retry, std::string_view operation,
                                            const nlohmann::json& body,
                                            const OpContext& context) const {
  return Retry(retry, context, [&](const OpContext& of_try) -> Result<nlohmann::json> {
    ASSIGN_OR_RETURN(AwsAnswer answer, Call(operation, body, of_try));
    RETURN_IF_ERROR(answer.ToStatus(operation));
    return std::move(answer.body);
  });
}

}  // namespace catchment::net
