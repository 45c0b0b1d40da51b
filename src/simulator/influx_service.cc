#include "simulator/influx_service_internal.h"

#include <zlib.h>

#include <array>
#include <charconv>
#include <map>

#include "base/text.h"

namespace catchment::simulator {
namespace {

using nlohmann::ordered_json;

constexpr size_t kMostBytes = 64 << 20;

// nullopt: no gzip, or too much of it.
std::optional<std::string> Gunzip(const std::string& packed) {
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) return std::nullopt;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  std::string text;
  std::array<char, 65536> buffer;
  int state = Z_OK;
  while (state == Z_OK && text.size() <= kMostBytes) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    state = inflate(&stream, Z_NO_FLUSH);
    text.append(buffer.data(), buffer.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  if (state != Z_STREAM_END || text.size() > kMostBytes) return std::nullopt;
  return text;
}

HttpResponse RefuseWrite(int status, const char* code, std::string_view message) {
  HttpResponse response;
  response.status = status;
  response.body = ordered_json{{"code", code}, {"message", message}}.dump(
      -1, ' ', false, ordered_json::error_handler_t::replace);
  return response;
}

// Takes text up to one of `ends`, over escaped characters and, if `quotes`, quoted text.
std::string_view TakeUntil(std::string_view& rest, std::string_view ends, bool quotes) {
  size_t at = 0;
  bool quoted = false;
  while (at < rest.size()) {
    const char c = rest[at];
    if (c == '\\' && at + 1 < rest.size()) {
      at += 2;
      continue;
    }
    if (quotes && c == '"') quoted = !quoted;
    if (!quoted && ends.find(c) != std::string_view::npos) break;
    ++at;
  }
  const std::string_view taken = rest.substr(0, at);
  rest.remove_prefix(at);
  return taken;
}

bool IsFieldValue(std::string_view value) {
  if (value.size() >= 2 && value.starts_with('"') && value.ends_with('"')) return true;
  for (const char* known :
       {"t", "T", "true", "True", "TRUE", "f", "F", "false", "False", "FALSE"}) {
    if (value == known) return true;
  }
  const bool whole = value.ends_with('i') || value.ends_with('u');
  if (whole) value.remove_suffix(1);
  const char* end = value.data() + value.size();
  int64_t integer = 0;
  double number = 0;
  const auto result = whole ? std::from_chars(value.data(), end, integer)
                            : std::from_chars(value.data(), end, number);
  return !value.empty() && result.ec == std::errc() && result.ptr == end;
}

}  // namespace

std::string ProblemOfLine(std::string_view line) {
  std::string_view rest = line;
  if (TakeUntil(rest, ", ", false).empty()) return "missing measurement";
  while (rest.starts_with(',')) {
    rest.remove_prefix(1);
    const std::string_view name = TakeUntil(rest, "=, ", false);
    if (name.empty() || !rest.starts_with('=')) return "missing tag value";
    rest.remove_prefix(1);
    if (TakeUntil(rest, ", ", false).empty()) return "missing tag value";
  }
  if (!rest.starts_with(' ')) return "missing fields";
  do {
    rest.remove_prefix(1);
    const std::string_view name = TakeUntil(rest, "=, ", false);
    if (name.empty() || !rest.starts_with('=')) return "invalid field format";
    rest.remove_prefix(1);
    const std::string_view value = TakeUntil(rest, ", ", true);
    if (!IsFieldValue(value)) return fmt::format("invalid number or text '{}'", value);
  } while (rest.starts_with(','));
  if (rest.empty()) return "";
  rest.remove_prefix(1);
  int64_t time = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), time);
  return error == std::errc() && end == rest.data() + rest.size() ? "" : "bad timestamp";
}

FaultSubject InfluxService::Describe(const HttpRequest& request) const {
  return {.path = request.path,
          .target = request.target + request.body,
          .skip = std::nullopt,
          .filter = ""};
}

ServiceAnswer InfluxService::Answer(const HttpRequest& request, const ActiveFaults& active,
                                    Time now) {
  const bool second = request.path == "/api/v2/write";
  if (!second && request.path != "/write")
    return {RefuseWrite(404, "not found", "no such path"), ""};
  if (request.method != "POST")
    return {RefuseWrite(405, "method not allowed", "expected POST"), ""};
  if (active.Find("unauthorized") != nullptr ||
      request.Header("authorization") != "Token " + world_.token) {
    return {RefuseWrite(401, "unauthorized", "unauthorized access"), ""};
  }
  std::map<std::string, std::string> query;
  for (auto& [name, value] : ParseQuery(request.query)) query[name] = value;
  const std::string to = query[second ? "bucket" : "db"];
  const bool known = (world_.bucket.empty() || to == world_.bucket) &&
                     (!second || world_.org.empty() || query["org"] == world_.org);
  if (to.empty() || (second && query["org"].empty())) {
    return {RefuseWrite(400, "invalid", second ? "org and bucket are needed" : "db is needed"), ""};
  }
  if (!known)
    return {RefuseWrite(404, "not found", fmt::format("bucket \"{}\" not found", to)), ""};
  const std::string precision = query["precision"].empty() ? "ns" : query["precision"];
  if (precision != "ns" && precision != "us" && precision != "ms" && precision != "s") {
    return {RefuseWrite(400, "invalid", "precision must be one of ns, us, ms, s"), ""};
  }
  if (request.Header("content-encoding") != "gzip") {
    return {Take(request.body, to, precision, active, now), ""};
  }
  const std::optional<std::string> text = Gunzip(request.body);
  if (!text) return {RefuseWrite(400, "invalid", "the body is no gzip"), ""};
  return {Take(*text, to, precision, active, now), ""};
}

HttpResponse InfluxService::Take(std::string_view lines, const std::string& to,
                                 const std::string& precision, const ActiveFaults& active,
                                 Time now) {
  const Fault* fault = active.Find("partial");
  std::string problem;
  int64_t number = 0, dropped = 0;
  for (const std::string& line : Split(lines, '\n')) {
    if (Trim(line).empty() || line.starts_with('#')) continue;
    const int64_t index = number++;
    std::string wrong = ProblemOfLine(line);
    if (fault != nullptr && index >= fault->at && index < fault->at + fault->count) {
      wrong = fault->body.value_or("field type conflict");
    }
    if (!wrong.empty()) {
      ++dropped;
      if (problem.empty()) problem = fmt::format("unable to parse '{}': {}", line, wrong);
      continue;
    }
    deliveries_.Add(now, name(), {{"bucket", to}, {"precision", precision}, {"line", line}});
  }
  if (dropped > 0) {
    return RefuseWrite(400, "invalid",
                       fmt::format("partial write: {} dropped={}", problem, dropped));
  }
  HttpResponse response;
  response.status = 204;
  response.content_type = "";
  return response;
}

}  // namespace catchment::simulator
