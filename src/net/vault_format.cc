#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "base/text.h"
#include "net/url.h"
#include "net/vault.h"
#include "net/vault_internal.h"

namespace catchment::net {

using nlohmann::json;

namespace {

constexpr std::string_view kPackMagic = "CMPACK01";
constexpr size_t kEntryBytes = 32 + 3 * 8;
constexpr size_t kTrailerBytes = 8 + 8 + 8;  // index offset, entries, magic

constexpr std::array<std::string_view, 17> kKeptHeaders = {"cache-control",
                                                           "cmr-*",
                                                           "content-language",
                                                           "content-range",
                                                           "content-type",
                                                           "date",
                                                           "etag",
                                                           "expires",
                                                           "last-modified",
                                                           "link",
                                                           "location",
                                                           "retry-after",
                                                           "x-amz-*id",
                                                           "x-amzn-*type",
                                                           "x-amzn-requestid",
                                                           "x-ms-ratelimit-remaining-*",
                                                           "x-ms-user-quota-*"};

constexpr std::array<std::string_view, 5> kChoosingHeaders = {
    "cmr-search-after", "if-modified-since", "if-none-match", "range", "x-amz-target"};

constexpr std::array<std::string_view, 15> kSecretParameters = {"access_token",
                                                                "api-key",
                                                                "api_key",
                                                                "apikey",
                                                                "client_secret",
                                                                "key",
                                                                "password",
                                                                "sig",
                                                                "signature",
                                                                "subscription-key",
                                                                "token_secret",
                                                                "auth",
                                                                "x-amz-credential",
                                                                "x-amz-signature",
                                                                "x-amz-security-token"};

template <size_t N>
bool Contains(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool IsDigest(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

void AppendNumber(std::string& out, uint64_t number) {
  for (int byte = 0; byte < 8; ++byte) out += static_cast<char>(number >> (8 * byte));
}

namespace {

void AppendNumber32(std::string& out, uint32_t number) {
  for (int byte = 0; byte < 4; ++byte) out += static_cast<char>(number >> (8 * byte));
}

uint32_t ReadNumber32(std::string_view bytes, size_t at) {
  uint32_t number = 0;
  for (int byte = 3; byte >= 0; --byte)
    number = number << 8 | static_cast<unsigned char>(bytes[at + byte]);
  return number;
}

}  // namespace

std::string FormatRecordHeader(std::string_view facts, std::string_view frame) {
  std::string header;
  AppendNumber32(header, static_cast<uint32_t>(facts.size()));
  AppendNumber32(header, static_cast<uint32_t>(frame.size()));
  AppendNumber32(header, RecordChecksum(facts, frame));
  return header;
}

RecordHeader ReadRecordHeader(std::string_view bytes) {
  return {ReadNumber32(bytes, 0), ReadNumber32(bytes, 4), ReadNumber32(bytes, 8)};
}

uint32_t RecordChecksum(std::string_view facts, std::string_view frame) {
  const uLong sum = crc32_z(0, reinterpret_cast<const Bytef*>(facts.data()), facts.size());
  return static_cast<uint32_t>(
      crc32_z(sum, reinterpret_cast<const Bytef*>(frame.data()), frame.size()));
}

uint64_t ReadNumber(std::string_view bytes, size_t at) {
  uint64_t number = 0;
  for (int byte = 7; byte >= 0; --byte) {
    number = number << 8 | static_cast<unsigned char>(bytes[at + byte]);
  }
  return number;
}

std::string FromHex(std::string_view hex) {
  std::string bytes;
  const auto value = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(value(hex[i]) * 16 + value(hex[i + 1]));
  }
  return bytes;
}

std::string ToHex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const unsigned char c : bytes) {
    hex += kDigits[c >> 4];
    hex += kDigits[c & 15];
  }
  return hex;
}

std::string BodyObject(std::string_view sha256) {
  return fmt::format("vault/{}/{}.zst", sha256.substr(0, 2), sha256);
}

std::string PackObject(std::string_view sha256) {
  return fmt::format("vault/packs/{}/{}.pack", sha256.substr(0, 2), sha256);
}

std::span<const std::string_view> KeptHeaders() { return kKeptHeaders; }

Headers FilterHeaders(const Headers& headers) {
  std::vector<Headers::Field> kept;
  for (const auto& [name, value] : headers.fields()) {
    const std::string lower = ToLower(name);
    const bool keep = std::any_of(kKeptHeaders.begin(), kKeptHeaders.end(),
                                  [&](std::string_view glob) { return GlobMatch(glob, lower); });
    if (keep) kept.emplace_back(lower, lower == "location" ? HideSecretParameters(value) : value);
  }
  std::stable_sort(kept.begin(), kept.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  Headers filtered;
  for (auto& [name, value] : kept) filtered.Add(std::move(name), std::move(value));
  return filtered;
}

std::string HideSecretParameters(const std::string& url) {
  const size_t question = url.find('?');
  if (question == std::string::npos) return url;
  std::string shown = url.substr(0, question);
  char separator = '?';
  for (const std::string& part : Split(std::string_view(url).substr(question + 1), '&')) {
    const size_t equals = part.find('=');
    const Result<std::string> name = PercentDecode(std::string_view(part).substr(0, equals));
    const bool secret =
        equals != std::string::npos && name.ok() && Contains(kSecretParameters, ToLower(*name));
    shown += separator + (secret ? part.substr(0, equals + 1) + "***" : part);
    separator = '&';
  }
  return shown;
}

Result<ExchangeKey> KeyOf(const Request& request, std::string_view task) {
  ASSIGN_OR_RETURN(const std::string url, NormaliseUrl(request.url));
  ExchangeKey key;
  key.task = task;
  key.method = request.method;
  key.url = Redact(HideSecretParameters(url), request.redact);
  if (!request.body.empty()) key.body_sha256 = Sha256Hex(request.body);
  for (const std::string_view name : kChoosingHeaders) {
    const std::string* value = request.headers.Find(name);
    if (value == nullptr) continue;
    key.vary += fmt::format("{}{}: {}", key.vary.empty() ? "" : "\n", name, *value);
  }
  return key;
}

std::string Compress(std::string_view bytes) {
  std::string frame(ZSTD_compressBound(bytes.size()), '\0');
  const size_t size =
      ZSTD_compress(frame.data(), frame.size(), bytes.data(), bytes.size(), ZSTD_CLEVEL_DEFAULT);
  assert(!ZSTD_isError(size));
  frame.resize(size);
  frame.shrink_to_fit();
  return frame;
}

Result<std::string> Decompress(std::string_view frame, uint64_t bytes, uint64_t limit) {
  const unsigned long long claimed = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (claimed == ZSTD_CONTENTSIZE_ERROR || claimed == ZSTD_CONTENTSIZE_UNKNOWN) {
    return Corrupt("no zstd frame with its size");
  }
  if (bytes != kAnySize && claimed != bytes) {
    return Corrupt("holds {} bytes, {} are expected", claimed, bytes);
  }
  // A zstd block is at least 3 bytes and at most 128 KiB decompressed.
  if (claimed > limit || claimed / 50'000 > frame.size()) {
    return Corrupt("claims {} bytes in a frame of {}", claimed, frame.size());
  }
  std::string out(claimed, '\0');
  const size_t size = ZSTD_decompress(out.data(), out.size(), frame.data(), frame.size());
  if (ZSTD_isError(size)) return Corrupt("damaged: {}", ZSTD_getErrorName(size));
  if (size != claimed) return Corrupt("holds {} bytes, {} are expected", size, claimed);
  return out;
}

// Packs

uint64_t PackWriter::Add(std::string_view sha256, std::string_view frame, uint64_t bytes) {
  if (bytes_.empty()) bytes_ = kPackMagic;
  const uint64_t offset = bytes_.size();
  bytes_.append(frame);
  entries_.push_back({std::string(sha256), offset, frame.size(), bytes});
  return offset;
}

void AppendPackEntries(std::string& pack, std::vector<PackEntry>& entries) {
  std::sort(entries.begin(), entries.end(),
            [](const PackEntry& a, const PackEntry& b) { return a.sha256 < b.sha256; });
  for (const PackEntry& entry : entries) {
    pack += FromHex(entry.sha256);
    AppendNumber(pack, entry.offset);
    AppendNumber(pack, entry.length);
    AppendNumber(pack, entry.bytes);
  }
}

std::string PackWriter::Finish() {
  const uint64_t index = bytes_.size();
  AppendPackEntries(bytes_, entries_);
  AppendNumber(bytes_, index);
  AppendNumber(bytes_, entries_.size());
  bytes_ += kPackMagic;
  entries_.clear();
  return std::exchange(bytes_, std::string());
}

Result<std::vector<PackEntry>> ParsePackIndex(std::string_view pack) {
  if (pack.size() < kPackMagic.size() + kTrailerBytes) return Corrupt("no pack: too short");
  const std::string_view begin = pack.substr(0, kPackMagic.size());
  if (begin != kPackMagic && begin != kResponsePackMagic) {
    if (begin.substr(0, 6) == kPackMagic.substr(0, 6)) {
      return Invalid("a pack of format '{}'; this version reads {} and {}", begin.substr(6),
                     kPackMagic.substr(6), kResponsePackMagic.substr(6));
    }
    return Corrupt("no pack: it does not begin with {}", kPackMagic);
  }
  if (!pack.ends_with(begin)) return Corrupt("the pack is cut short");
  const size_t trailer = pack.size() - kTrailerBytes;
  const uint64_t index = ReadNumber(pack, trailer);
  const uint64_t count = ReadNumber(pack, trailer + 8);
  if (index < kPackMagic.size() || index > trailer || (trailer - index) % kEntryBytes != 0 ||
      (trailer - index) / kEntryBytes != count) {
    return Corrupt("the pack's index is damaged");
  }
  std::vector<PackEntry> entries;
  entries.reserve(count);
  for (size_t at = index; at < trailer; at += kEntryBytes) {
    PackEntry entry{ToHex(pack.substr(at, 32)), ReadNumber(pack, at + 32),
                    ReadNumber(pack, at + 40), ReadNumber(pack, at + 48)};
    const bool inside = entry.offset >= kPackMagic.size() && entry.offset <= index &&
                        entry.length <= index - entry.offset;
    if (!inside || (!entries.empty() && entries.back().sha256 >= entry.sha256)) {
      return Corrupt("the pack's index is damaged at {}", entry.sha256);
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

// Exchange lists

std::string FormatExchange(const Exchange& exchange) {
  json out = {{"task", exchange.key.task},
              {"method", exchange.key.method},
              {"url", exchange.key.url},
              {"ordinal", exchange.key.ordinal},
              {"received", FormatTime(exchange.received)}};
  if (!exchange.key.body_sha256.empty()) out["request_sha256"] = exchange.key.body_sha256;
  if (!exchange.key.vary.empty()) out["vary"] = exchange.key.vary;
  if (exchange.error) {
    out["error"] = {{"code", CodeName(exchange.error->code)}, {"message", exchange.error->message}};
    if (exchange.error->retry_after) {
      out["error"]["retry_after"] = exchange.error->retry_after->count();
    }
  } else {
    out["status"] = exchange.status;
    json headers = json::array();
    for (const auto& [name, value] : exchange.headers.fields()) headers.push_back({name, value});
    out["headers"] = std::move(headers);
    out["sha256"] = exchange.sha256;
    out["bytes"] = exchange.bytes;
    if (!exchange.object.empty()) {
      out["object"] = exchange.object;
      out["offset"] = exchange.offset;
      out["length"] = exchange.length;
    }
  }
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

namespace {

/// Reads members of one type each; after the first mismatch ok() is false.
class MemberReader {
 public:
  explicit MemberReader(const json& object) : object_(object) {}

  std::string Text(const char* name, bool required = true) {
    const auto member = object_.find(name);
    if (member == object_.end() && !required) return {};
    if (member == object_.end() || !member->is_string()) return Fail(name), std::string();
    return member->get<std::string>();
  }
  uint64_t Number(const char* name, bool required = true) {
    const auto member = object_.find(name);
    if (member == object_.end() && !required) return 0;
    if (member == object_.end() || !member->is_number_unsigned() ||
        member->get<uint64_t>() > INT64_MAX) {
      return Fail(name), 0;
    }
    return member->get<uint64_t>();
  }
  void Fail(std::string_view name) {
    if (bad_.empty()) bad_ = name;
  }
  bool ok() const { return bad_.empty(); }
  const std::string& bad() const { return bad_; }

 private:
  const json& object_;
  std::string bad_;
};

std::optional<Code> CodeFromName(std::string_view name) {
  for (int code = 0; code <= static_cast<int>(Code::kInternal); ++code) {
    if (CodeName(static_cast<Code>(code)) == name) return static_cast<Code>(code);
  }
  return std::nullopt;
}

void ReadError(const json& object, Exchange& exchange, MemberReader& outer) {
  if (!object.is_object()) return outer.Fail("error");
  MemberReader reader(object);
  const std::optional<Code> code = CodeFromName(reader.Text("code"));
  exchange.error = Error{code.value_or(Code::kInternal), reader.Text("message"), std::nullopt};
  if (object.contains("retry_after")) {
    exchange.error->retry_after = std::chrono::seconds(reader.Number("retry_after"));
  }
  if (!code || !reader.ok()) outer.Fail("error");
}

void ReadAnswer(const json& object, Exchange& exchange, MemberReader& reader) {
  exchange.status = static_cast<int>(std::min<uint64_t>(reader.Number("status"), 1000));
  exchange.sha256 = reader.Text("sha256");
  exchange.bytes = reader.Number("bytes");
  exchange.object = reader.Text("object", false);
  exchange.offset = reader.Number("offset", false);
  exchange.length = reader.Number("length", false);
  if (exchange.status < 100 || exchange.status > 999) reader.Fail("status");
  if (!IsDigest(exchange.sha256)) reader.Fail("sha256");
  const auto headers = object.find("headers");
  if (headers == object.end() || !headers->is_array()) return reader.Fail("headers");
  for (const json& field : *headers) {
    if (!field.is_array() || field.size() != 2 || !field[0].is_string() || !field[1].is_string()) {
      return reader.Fail("headers");
    }
    exchange.headers.Add(field[0].get<std::string>(), field[1].get<std::string>());
  }
}

}  // namespace

Result<Exchange> ParseExchange(std::string_view line) {
  const json object = json::parse(line, nullptr, false);
  if (!object.is_object()) return Corrupt("an exchange is no JSON object");
  MemberReader reader(object);
  Exchange exchange;
  exchange.key = {reader.Text("task"),        reader.Text("method"),
                  reader.Text("url"),         reader.Text("request_sha256", false),
                  reader.Text("vary", false), static_cast<int64_t>(reader.Number("ordinal"))};
  const Result<Time> received = ParseTime(reader.Text("received"));
  if (received.ok()) {
    exchange.received = *received;
  } else {
    reader.Fail("received");
  }
  if (object.contains("error")) {
    ReadError(object["error"], exchange, reader);
  } else {
    ReadAnswer(object, exchange, reader);
  }
  if (!reader.ok()) return Corrupt("an exchange's '{}' is missing or wrong", reader.bad());
  return exchange;
}

}  // namespace catchment::net
