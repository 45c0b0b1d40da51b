#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace catchment::net {

/// An absolute http or https URL in its parts, as written (not decoded), except scheme and host in
/// lower case.
struct Url {
  std::string scheme;                ///< http, https
  std::string host;                  ///< name or address; IPv6 without brackets
  std::optional<int> port;           ///< only if not the scheme's own
  std::string path = "/";            ///< begins with '/'
  std::optional<std::string> query;  ///< without '?'; empty if only '?' is there

  /// `host` or `host:port`, IPv6 in brackets: the value of a Host header.
  std::string Authority() const;
  std::string ToText() const;
};

/// Parse an absolute URL of at most 64 KiB. A fragment is dropped. kInvalid: another scheme, user
/// and password, control characters or spaces, a bad host, port or percent sign in the host.
Result<Url> ParseUrl(std::string_view text);

/// The one spelling of a URL under which the vault knows it: scheme and host in lower case, default
/// port and fragment dropped, empty path `/`, percent-encodings in upper case, of unreserved
/// characters undone, of characters that may not stand in a URL added; query in its order; `.` and
/// `..` parts kept as they are.
Result<std::string> NormaliseUrl(std::string_view text);

/// Resolve the Location of a redirect against the URL that gave it. kInvalid: not http(s).
Result<Url> ResolveUrl(const Url& base, std::string_view reference);

/// Percent-encode all bytes but A–Z a–z 0–9 - . _ ~ (space is %20) and those in `keep`.
std::string PercentEncode(std::string_view text, std::string_view keep = "");

/// Undo percent-encoding; `+` stays. kInvalid: a percent sign without two hex digits.
Result<std::string> PercentDecode(std::string_view text);

/// Builds `name=value&…`, encoding names and values. `keep` adds bytes to leave as they are, e.g.
/// "'$,:".
class QueryBuilder {
 public:
  explicit QueryBuilder(std::string keep = "") : keep_(std::move(keep)) {}
  QueryBuilder& Add(std::string_view name, std::string_view value);
  const std::string& text() const { return text_; }

 private:
  std::string keep_;
  std::string text_;
};

/// The decoded value of the first query parameter `name`; null if absent. kInvalid: bad encoding of
/// it.
Result<std::optional<std::string>> QueryValue(const Url& url, std::string_view name);

/// Whether `host` is an address of 127.0.0.0/8 or ::1, or the name `localhost`. (The transport also
/// checks the address it connected to.)
bool IsLoopbackHost(std::string_view host);

/// Whether a numeric address is in a loopback, private, link-local, multicast or unspecified range;
/// true for what is no address at all.
bool IsPrivateAddress(std::string_view address);

}  // namespace catchment::net
