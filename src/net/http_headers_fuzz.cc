// What a foreign server writes into headers, URLs and token answers.

#include <cstdint>
#include <cstdlib>

#include "net/body_decoder.h"
#include "net/oauth.h"
#include "net/rate_limiter.h"
#include "net/retry.h"
#include "net/url.h"
#include "net/vault.h"

namespace catchment::net {

namespace {

void Expect(bool holds) {
  if (!holds) std::abort();
}

void Urls(const std::string& text) {
  const auto url = ParseUrl(text);
  if (url.ok()) {
    const auto again = ParseUrl(url->ToText());
    Expect(again.ok() && again->ToText() == url->ToText());
    (void)QueryValue(*url, "a");
    const auto resolved = ResolveUrl(*url, text);
    Expect(!resolved.ok() || ParseUrl(resolved->ToText()).ok());
  }
  const auto base = ParseUrl("https://h/a/b?c=d");
  const auto resolved = ResolveUrl(*base, text);
  Expect(!resolved.ok() || resolved->scheme == "https" || resolved->scheme == "http");
  const auto normal = NormaliseUrl(text);
  Expect(normal.ok() == url.ok());
  if (normal.ok()) Expect(*NormaliseUrl(*normal) == *normal);
  const auto decoded = PercentDecode(text);
  if (decoded.ok()) Expect(*PercentDecode(PercentEncode(*decoded)) == *decoded);
  (void)IsPrivateAddress(text);
}

void Dates(const std::string& text) {
  const auto time = ParseHttpDate(text);
  if (time.ok()) {
    const auto again = ParseHttpDate(FormatHttpDate(*time));
    Expect(!again.ok() || *again == *time);
  }
  const auto wait = ParseRetryAfter(text, catchment::Time());
  Expect(!wait || (wait->count() >= 0 && wait->count() <= 7 * 86400));
}

void HeaderFields(const std::string& text) {
  Response response;
  response.status = 429;
  for (const char* name : {"Retry-After", "x-ms-user-quota-resets-after", "Location", "ETag"}) {
    response.headers.Add(name, text);
  }
  response.headers.Add("x-ms-user-quota-remaining", "0");
  (void)PauseAskedFor(response);
  (void)StatusFromResponse(Request{}, response);
  (void)FilterHeaders(response.headers);
  (void)ParseTokenAnswer(text);
}

void Bodies(const std::string& text) {
  for (const char* encoding : {"gzip", "zstd", ""}) {
    auto decoder = BodyDecoder::Make(encoding);
    std::string body;
    if ((*decoder)->Feed(text, body, 1 << 20).ok()) Expect(body.size() <= (1 << 20));
    (void)(*decoder)->Finish();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  Urls(text);
  Dates(text);
  HeaderFields(text);
  Bodies(text);
  return 0;
}

}  // namespace catchment::net
