#include "net/url.h"

#include <arpa/inet.h>

#include <array>
#include <cstring>

#include "base/text.h"

namespace catchment::net {

namespace {

constexpr size_t kLongestUrl = 64 << 10;

bool IsUnreserved(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void AppendEncoded(std::string& out, unsigned char c) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  out += '%';
  out += kDigits[c >> 4];
  out += kDigits[c & 15];
}

bool HasControlOrSpace(std::string_view text) {
  for (const unsigned char c : text) {
    if (c <= ' ' || c == 0x7f) return true;
  }
  return false;
}

bool IsHostName(std::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  for (const unsigned char c : host) {
    if (!IsUnreserved(c) || c == '~') return false;
  }
  return true;
}

/// Split `host[:port]` or `[address][:port]` into `url`. False: not such a text.
bool ParseAuthority(std::string_view authority, Url& url) {
  std::string_view port;
  if (authority.starts_with('[')) {
    const size_t end = authority.find(']');
    if (end == std::string_view::npos) return false;
    url.host = ToLower(authority.substr(1, end - 1));
    in6_addr address;
    if (inet_pton(AF_INET6, url.host.c_str(), &address) != 1) return false;
    port = authority.substr(end + 1);
  } else {
    const size_t colon = authority.find(':');
    url.host = ToLower(authority.substr(0, colon));
    if (!IsHostName(url.host)) return false;
    if (colon != std::string_view::npos) port = authority.substr(colon);
  }
  if (port.empty() || port == ":") return true;
  if (port[0] != ':' || port.size() > 6) return false;
  int number = 0;
  for (const char c : port.substr(1)) {
    if (c < '0' || c > '9') return false;
    number = number * 10 + (c - '0');
  }
  if (number < 1 || number > 65535) return false;
  if (number != (url.scheme == "https" ? 443 : 80)) url.port = number;
  return true;
}

/// Bytes that may stand in a path or query as they are, besides unreserved ones.
constexpr std::string_view kPathBytes = "!$&'()*+,;=:@/";
constexpr std::string_view kQueryBytes = "!$&'()*+,;=:@/?";

std::string NormaliseEncoding(std::string_view text, std::string_view allowed) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const unsigned char c = text[i];
    if (c == '%' && i + 2 < text.size() && HexValue(text[i + 1]) >= 0 &&
        HexValue(text[i + 2]) >= 0) {
      const unsigned char byte = HexValue(text[i + 1]) * 16 + HexValue(text[i + 2]);
      if (IsUnreserved(byte)) {
        out += static_cast<char>(byte);
      } else {
        AppendEncoded(out, byte);
      }
      i += 2;
    } else if (IsUnreserved(c) || allowed.find(c) != std::string_view::npos) {
      out += static_cast<char>(c);
    } else {
      AppendEncoded(out, c);
    }
  }
  return out;
}

/// Remove `.` and `..` parts, as RFC 3986 5.2.4 does for a resolved reference.
std::string RemoveDotParts(std::string_view path) {
  std::vector<std::string> kept;
  const std::vector<std::string> parts = Split(path.substr(1), '/');
  for (size_t i = 0; i < parts.size(); ++i) {
    const bool last = i + 1 == parts.size();
    if (parts[i] == "." || parts[i] == "..") {
      if (parts[i] == ".." && !kept.empty()) kept.pop_back();
      if (last) kept.emplace_back();
    } else {
      kept.push_back(parts[i]);
    }
  }
  std::string out;
  for (const std::string& part : kept) out += "/" + part;
  return out.empty() ? "/" : out;
}

}  // namespace

std::string Url::Authority() const {
  std::string text = host.find(':') == std::string::npos ? host : "[" + host + "]";
  if (port) text += ":" + std::to_string(*port);
  return text;
}

std::string Url::ToText() const {
  std::string text = scheme + "://" + Authority() + path;
  if (query) text += "?" + *query;
  return text;
}

Result<Url> ParseUrl(std::string_view text) {
  if (text.size() > kLongestUrl) {
    return Invalid("a URL of {} bytes is longer than the {} that are allowed", text.size(),
                   kLongestUrl);
  }
  const auto refuse = [&](std::string_view why) {
    // A URL with a password in it must not be shown.
    return Invalid("'{}' is no URL: {}",
                   text.find('@') == std::string_view::npos ? text.substr(0, 200) : "***", why);
  };
  if (HasControlOrSpace(text)) return refuse("it holds a space or control character");
  const size_t colon = text.find("://");
  Url url;
  if (colon != std::string_view::npos) url.scheme = ToLower(text.substr(0, colon));
  if (url.scheme != "https" && url.scheme != "http") {
    return refuse("it does not begin with https:// or http://");
  }
  std::string_view rest = text.substr(colon + 3);
  rest = rest.substr(0, rest.find('#'));
  const size_t end = rest.find_first_of("/?\\");
  const std::string_view authority = rest.substr(0, end);
  if (authority.find('@') != std::string_view::npos) {
    return refuse("user and password do not belong in it");
  }
  if (!ParseAuthority(authority, url)) return refuse("bad host or port");
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end);
  if (rest.starts_with('\\')) return refuse("backslash after the host");
  const size_t question = rest.find('?');
  url.path = rest.substr(0, question);
  if (url.path.empty()) url.path = "/";
  if (question != std::string_view::npos) url.query = rest.substr(question + 1);
  return url;
}

Result<std::string> NormaliseUrl(std::string_view text) {
  ASSIGN_OR_RETURN(Url url, ParseUrl(text));
  url.path = NormaliseEncoding(url.path, kPathBytes);
  if (url.query) url.query = NormaliseEncoding(*url.query, kQueryBytes);
  return url.ToText();
}

Result<Url> ResolveUrl(const Url& base, std::string_view reference) {
  reference = Trim(reference);
  const size_t colon = reference.find_first_of(":/?#");
  if (colon != std::string_view::npos && reference[colon] == ':') return ParseUrl(reference);
  if (reference.starts_with("//")) return ParseUrl(base.scheme + ":" + std::string(reference));
  std::string_view target = reference.substr(0, reference.find('#'));
  std::string path;
  if (target.empty()) return base;
  if (target.starts_with('/')) {
    path = target;
  } else if (target.starts_with('?')) {
    path = base.path + std::string(target);
  } else {
    path = base.path.substr(0, base.path.rfind('/') + 1) + std::string(target);
  }
  const size_t question = path.find('?');
  const std::string query = question == std::string::npos ? "" : path.substr(question);
  return ParseUrl(base.scheme + "://" + base.Authority() +
                  RemoveDotParts(std::string_view(path).substr(0, question)) + query);
}

std::string PercentEncode(std::string_view text, std::string_view keep) {
  std::string out;
  out.reserve(text.size() + 16);
  for (const unsigned char c : text) {
    if (IsUnreserved(c) || keep.find(c) != std::string_view::npos) {
      out += static_cast<char>(c);
    } else {
      AppendEncoded(out, c);
    }
  }
  return out;
}

Result<std::string> PercentDecode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size() || HexValue(text[i + 1]) < 0 || HexValue(text[i + 2]) < 0) {
      return Invalid("'{}' has a percent sign without two hex digits", text.substr(0, 200));
    }
    out += static_cast<char>(HexValue(text[i + 1]) * 16 + HexValue(text[i + 2]));
    i += 2;
  }
  return out;
}

QueryBuilder& QueryBuilder::Add(std::string_view name, std::string_view value) {
  if (!text_.empty()) text_ += '&';
  text_ += PercentEncode(name, keep_);
  text_ += '=';
  text_ += PercentEncode(value, keep_);
  return *this;
}

Result<std::optional<std::string>> QueryValue(const Url& url, std::string_view name) {
  if (!url.query) return std::optional<std::string>();
  for (const std::string& part : Split(*url.query, '&')) {
    const size_t equals = part.find('=');
    const Result<std::string> found = PercentDecode(std::string_view(part).substr(0, equals));
    if (!found.ok() || *found != name) continue;
    if (equals == std::string::npos) return std::optional<std::string>("");
    ASSIGN_OR_RETURN(std::string value, PercentDecode(std::string_view(part).substr(equals + 1)));
    return std::optional<std::string>(std::move(value));
  }
  return std::optional<std::string>();
}

bool IsLoopbackHost(std::string_view host) {
  const std::string text(host);
  if (text == "localhost") return true;
  in_addr v4;
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6;
  return inet_pton(AF_INET6, text.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

namespace {

bool IsPrivateV4(uint32_t a) {
  struct Range {
    uint32_t base;
    int bits;
  };
  constexpr std::array<Range, 10> kRanges = {{{0x00000000, 8},    // this network
                                              {0x0a000000, 8},    // private
                                              {0x64400000, 10},   // shared by carriers
                                              {0x7f000000, 8},    // loopback
                                              {0xa9fe0000, 16},   // link-local, cloud metadata
                                              {0xac100000, 12},   // private
                                              {0xc0000000, 24},   // protocol assignments
                                              {0xc0a80000, 16},   // private
                                              {0xc6120000, 15},   // benchmarks
                                              {0xe0000000, 3}}};  // multicast, reserved
  for (const Range& range : kRanges) {
    if (a >> (32 - range.bits) == range.base >> (32 - range.bits)) return true;
  }
  return false;
}

}  // namespace

bool IsPrivateAddress(std::string_view address) {
  const std::string text(address.substr(0, address.find('%')));
  in_addr v4;
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return IsPrivateV4(ntohl(v4.s_addr));
  in6_addr v6;
  if (inet_pton(AF_INET6, text.c_str(), &v6) != 1) return true;
  uint32_t last;
  std::memcpy(&last, v6.s6_addr + 12, 4);
  if (IN6_IS_ADDR_V4MAPPED(&v6) || IN6_IS_ADDR_V4COMPAT(&v6)) return IsPrivateV4(ntohl(last));
  const uint8_t* b = v6.s6_addr;
  // 64:ff9b::/96 reaches IPv4 addresses through a translator.
  if (b[0] == 0 && b[1] == 0x64 && b[2] == 0xff && b[3] == 0x9b) return IsPrivateV4(ntohl(last));
  return (b[0] & 0xfe) == 0xfc || IN6_IS_ADDR_LINKLOCAL(&v6) || IN6_IS_ADDR_SITELOCAL(&v6) ||
         IN6_IS_ADDR_MULTICAST(&v6) || IN6_IS_ADDR_LOOPBACK(&v6) || IN6_IS_ADDR_UNSPECIFIED(&v6);
}

}  // namespace catchment::net
