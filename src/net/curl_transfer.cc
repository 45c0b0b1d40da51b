#include <algorithm>
#include <array>

#include "base/text.h"
#include "net/curl_transfer_internal.h"

namespace catchment::net {

using std::chrono::milliseconds;

namespace {

/// What of the caller's headers another host may see after a redirect.
constexpr std::array<std::string_view, 6> kHeadersForOtherHosts = {
    "accept", "accept-language", "user-agent", "if-none-match", "if-modified-since", "range"};

bool IsToken(std::string_view text) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kOthers.find(c) != std::string_view::npos;
  });
}

bool IsFieldValue(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return (c >= ' ' && c != 0x7f) || c == '\t'; });
}

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace

CurlTransfer::CurlTransfer(const CurlOptions& options, Request request, OpContext context,
                           Transport::Done done)
    : options_(options),
      request_(std::move(request)),
      context_(std::move(context)),
      done_(std::move(done)),
      begin_(OpContext::Steady::now()) {}

CurlTransfer::~CurlTransfer() { curl_slist_free_all(header_list_); }

Status CurlTransfer::Begin(CURL* easy) {
  easy_ = easy;
  ASSIGN_OR_RETURN(real_, ParseUrl(request_.url));
  return SetUpHop();
}

Status CurlTransfer::SetUpHop() {
  response_ = Response();
  decoder_.reset();
  header_fields_ = 0;
  header_bytes_ = 0;
  wire_bytes_ = 0;
  error_text_[0] = '\0';
  curl_easy_reset(easy_);
  RETURN_IF_ERROR(SetUpUrl(), "{}", request_.Name());
  RETURN_IF_ERROR(SetUpMethod(), "{}", request_.Name());
  RETURN_IF_ERROR(context_.Check(), "{}", request_.Name());

  const auto spent = std::chrono::ceil<milliseconds>(OpContext::Steady::now() - begin_);
  const milliseconds until_deadline = context_.Left();
  by_deadline_ = until_deadline < request_.timeout - spent;
  const milliseconds left = by_deadline_ ? until_deadline : request_.timeout - spent;
  if (left <= milliseconds(0)) {
    return Status(ErrorOf(CURLE_OPERATION_TIMEDOUT)).WithContext(request_.Name());
  }
  constexpr milliseconds kLongest = std::chrono::hours(24);
  curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS, static_cast<long>(std::min(left, kLongest).count()));
  curl_easy_setopt(
      easy_, CURLOPT_CONNECTTIMEOUT_MS,
      static_cast<long>(std::clamp(request_.connect_timeout, milliseconds(1), kLongest).count()));
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_text_);
  curl_easy_setopt(easy_, CURLOPT_BUFFERSIZE, 128L << 10);
  curl_easy_setopt(easy_, CURLOPT_MAXFILESIZE_LARGE,
                   static_cast<curl_off_t>(std::min<uint64_t>(request_.max_bytes, INT64_MAX)));
  curl_easy_setopt(easy_, CURLOPT_PRIVATE, this);
  curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &CurlTransfer::OnHeader);
  curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &CurlTransfer::OnBody);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy_, CURLOPT_PREREQFUNCTION, &CurlTransfer::OnConnected);
  curl_easy_setopt(easy_, CURLOPT_PREREQDATA, this);
  return Status();
}

Status CurlTransfer::SetUpUrl() {
  const std::string service = redirects_ == 0 ? request_.service : std::string();
  ASSIGN_OR_RETURN(const std::string effective,
                   options_.endpoints.Effective(service, real_.ToText()));
  ASSIGN_OR_RETURN(const Url target, ParseUrl(effective));
  plain_ = target.scheme == "http";
  to_loopback_ = IsLoopbackHost(target.host);
  if (plain_ && !to_loopback_) {
    return Invalid("plain http goes to loopback addresses only; use https://");
  }
  curl_easy_setopt(easy_, CURLOPT_URL, effective.c_str());
  curl_easy_setopt(easy_, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(easy_, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!options_.authorities_file.empty()) {
    curl_easy_setopt(easy_, CURLOPT_CAINFO, options_.authorities_file.c_str());
    curl_easy_setopt(easy_, CURLOPT_CAPATH, nullptr);
  }
  curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION,
                   static_cast<long>(plain_ ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS));
  curl_easy_setopt(easy_, CURLOPT_PIPEWAIT, plain_ ? 0L : 1L);
  if (to_loopback_ || request_.public_only) curl_easy_setopt(easy_, CURLOPT_PROXY, "");
  return SetUpHeaders(effective == real_.ToText() ? "" : real_.Authority());
}

Status CurlTransfer::SetUpMethod() {
  const std::string& method = request_.method;
  if (!IsToken(method) || method.size() > 16) return Invalid("'{}' is no method", method);
  if (!request_.body.empty() || method == "POST" || method == "PUT" || method == "PATCH") {
    curl_easy_setopt(easy_, CURLOPT_POST, 1L);
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, request_.body.c_str());
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request_.body.size()));
  }
  if (method == "HEAD") {
    curl_easy_setopt(easy_, CURLOPT_NOBODY, 1L);
  } else {
    curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, method.c_str());
  }
  return Status();
}

Status CurlTransfer::SetUpHeaders(const std::string& host) {
  curl_slist_free_all(header_list_);
  header_list_ = nullptr;
  const auto add = [&](const std::string& line) {
    header_list_ = curl_slist_append(header_list_, line.c_str());
  };
  for (const auto& [name, value] : request_.headers.fields()) {
    if (!IsToken(name) || !IsFieldValue(value)) {
      return Invalid("header '{}' has a character that no header may carry", name.substr(0, 60));
    }
    // libcurl's notation of an empty value.
    add(Trim(value).empty() ? name + ";" : name + ": " + value);
  }
  if (!host.empty() && request_.headers.Find("host") == nullptr) add("Host: " + host);
  if (request_.headers.Find("user-agent") == nullptr && !options_.user_agent.empty()) {
    add("User-Agent: " + options_.user_agent);
  }
  if (request_.headers.Find("accept-encoding") == nullptr) {
    add("Accept-Encoding: " + std::string(BodyDecoder::kAccepted));
  }
  if (!request_.body.empty() && request_.headers.Find("content-type") == nullptr) {
    add("Content-Type: application/octet-stream");
  } else if (request_.headers.Find("content-type") == nullptr) {
    add("Content-Type:");  // or libcurl calls an empty body a form
  }
  add("Expect:");
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, header_list_);
  return Status();
}

bool CurlTransfer::Refuse(Error error) {
  if (!refused_) refused_ = std::move(error);
  return false;
}

// Callbacks of libcurl, which is C: nothing may be thrown through it. Only an allocation could.

size_t CurlTransfer::OnHeader(char* data, size_t size, size_t count, void* self) {
  const std::string_view line(data, size * count);
  return static_cast<CurlTransfer*>(self)->TakeHeader(line) ? line.size() : 0;
}

size_t CurlTransfer::OnBody(char* data, size_t size, size_t count, void* self) {
  const std::string_view piece(data, size * count);
  return static_cast<CurlTransfer*>(self)->TakeBody(piece) ? piece.size() : CURL_WRITEFUNC_ERROR;
}

int CurlTransfer::OnConnected(void* self, char* address, char*, int, int) {
  return static_cast<CurlTransfer*>(self)->TakeConnection(address) ? CURL_PREREQFUNC_OK
                                                                   : CURL_PREREQFUNC_ABORT;
}

bool CurlTransfer::TakeConnection(std::string_view address) {
  // libcurl sends again by itself when a kept connection breaks. What a request costs or does
  // outside is its sender's to decide, so only requests that read are sent again unasked.
  const bool again = ++connections_ > 1 && request_.method != "GET" && request_.method != "HEAD";
  if (again) return Refuse(Unavailable("the connection broke before an answer came"));
  if (plain_ && !IsLoopbackHost(address)) {
    return Refuse(Denied("{} is at {}, which is no loopback address; plain http is not sent there",
                         real_.host, address));
  }
  if (request_.public_only && IsPrivateAddress(address)) {
    return Refuse(Denied("{} is at {}, a private address", real_.host, address));
  }
  return true;
}

bool CurlTransfer::TakeHeader(std::string_view line) {
  header_bytes_ += line.size();
  if (header_bytes_ > options_.max_header_bytes) {
    return Refuse(
        Corrupt("the answer's headers are over {} bytes long", options_.max_header_bytes));
  }
  if (line.starts_with("HTTP/")) {  // also after an interim 1xx answer
    response_.headers = Headers();
    return true;
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return true;  // the empty line
  if (++header_fields_ > options_.max_headers) {
    return Refuse(Corrupt("the answer has over {} headers", options_.max_headers));
  }
  if (decoder_ != nullptr) return true;  // a trailer
  response_.headers.Add(std::string(Trim(line.substr(0, colon))),
                        std::string(Trim(line.substr(colon + 1))));
  return true;
}

bool CurlTransfer::TakeBody(std::string_view piece) {
  if (decoder_ == nullptr) {
    Result<std::unique_ptr<BodyDecoder>> decoder =
        BodyDecoder::Make(response_.headers.Get("content-encoding"));
    if (!decoder.ok()) return Refuse(decoder.error());
    decoder_ = *std::move(decoder);
    curl_off_t announced = -1;
    curl_easy_getinfo(easy_, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
    constexpr curl_off_t kReserved = 1 << 20;  // an announcement is no proof
    if (announced > 0) response_.body.reserve(std::min(announced, kReserved));
  }
  wire_bytes_ += piece.size();
  uint64_t limit = std::min<uint64_t>(request_.max_bytes, INT64_MAX);
  const double by_ratio = static_cast<double>(wire_bytes_) * request_.max_ratio;
  const double floor = 1 << 20;
  const bool ratio_binds = std::max(by_ratio, floor) < static_cast<double>(limit);
  if (ratio_binds) limit = static_cast<uint64_t>(std::max(by_ratio, floor));
  Status status = decoder_->Feed(piece, response_.body, limit);
  if (status.ok()) return true;
  if (ratio_binds && response_.body.size() > limit) {
    return Refuse(
        Corrupt("the body is over {} times as large as what was received", request_.max_ratio));
  }
  return Refuse(status.error());
}

Status CurlTransfer::CheckWhole() {
  if (decoder_ == nullptr) return Status();
  return decoder_->Finish();
}

Error CurlTransfer::CancelledError() const { return Cancelled("{}: stopped", request_.Name()); }

Error CurlTransfer::ErrorOf(CURLcode code) const {
  if (refused_) return *refused_;
  const std::string_view text =
      error_text_[0] != '\0' ? std::string_view(error_text_) : curl_easy_strerror(code);
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      if (by_deadline_) return Deadline("no answer before the deadline");
      return Unavailable("no answer within {}", FormatDuration(request_.timeout));
    case CURLE_FILESIZE_EXCEEDED:
      return Corrupt("the body is larger than the {} bytes that are allowed", request_.max_bytes);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
      return Denied("the server's certificate is not trusted: {}", text);
    case CURLE_URL_MALFORMAT:
      return Invalid("{}", text);
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:  // HTTP/0.9; the URL's was checked
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_HTTP2:
      return Corrupt("the answer is not HTTP: {}", text);
    default:  // no address, no connection, reset, cut short
      return Unavailable("{}", text);
  }
}

std::optional<Result<Response>> CurlTransfer::Finish(CURLcode code) {
  const auto fail = [&](const Error& error) {
    return Result<Response>(Status(error).WithContext(request_.Name()));
  };
  if (code != CURLE_OK || refused_) return fail(ErrorOf(code));
  if (Status whole = CheckWhole(); !whole.ok()) return fail(whole.error());
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  response_.status = static_cast<int>(status);
  if (IsRedirect(response_.status) && request_.max_redirects > 0 &&
      (request_.method == "GET" || request_.method == "HEAD")) {
    if (const std::string* location = response_.headers.Find("location")) {
      return FollowRedirect(std::string(*location));
    }
  }
  response_.received = context_.clock != nullptr ? context_.clock->Now() : SystemClock().Now();
  return Result<Response>(std::move(response_));
}

std::optional<Result<Response>> CurlTransfer::FollowRedirect(const std::string& location) {
  const auto fail = [&](const Error& error) {
    return Result<Response>(Status(error).WithContext(request_.Name()));
  };
  if (++redirects_ > request_.max_redirects) {
    return fail(Corrupt("redirected more than {} times", request_.max_redirects));
  }
  const Result<Url> next = ResolveUrl(real_, location);
  if (!next.ok()) return fail(Corrupt("redirected to a bad URL: {}", next.error().message));
  if (next->scheme != "https" && !(to_loopback_ && IsLoopbackHost(next->host))) {
    return fail(Corrupt("redirected to plain http at {}", next->host));
  }
  if (next->Authority() != real_.Authority() || next->scheme != real_.scheme) {
    Headers kept;
    for (const auto& [name, value] : request_.headers.fields()) {
      if (std::find(kHeadersForOtherHosts.begin(), kHeadersForOtherHosts.end(), ToLower(name)) !=
          kHeadersForOtherHosts.end()) {
        kept.Add(name, value);
      }
    }
    request_.headers = std::move(kept);
    request_.body.clear();
  }
  real_ = *next;
  Status status = SetUpHop();
  if (!status.ok()) return Result<Response>(std::move(status));
  return std::nullopt;
}

}  // namespace catchment::net
