#include "base/digest.h"
#include "lake/json_fields_internal.h"

namespace catchment::lake {

using nlohmann::json;

namespace {

constexpr int kDeepest = 64;
constexpr std::string_view kSealStart = ",\"digest\":\"";
constexpr std::string_view kSealEnd = "\"}\n";
constexpr size_t kHexDigits = 64;

/// Whether brackets outside of texts are nested too deeply; counting costs less than building the
/// tree.
bool TooDeep(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kDeepest) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

}  // namespace

Result<json> ParseBoundedJson(std::string_view text) {
  if (TooDeep(text)) return Corrupt("JSON is nested more than {} deep", kDeepest);
  json parsed = json::parse(text, nullptr, false);
  if (parsed.is_discarded()) return Corrupt("not JSON, or cut short");
  return Result<json>(std::move(parsed));
}

Result<std::string> DumpJson(const json& value) {
  try {
    return value.dump();
  } catch (const json::exception& failed) {
    return Invalid("text that is not UTF-8 cannot be recorded: {}", failed.what());
  }
}

std::string Seal(std::string_view body) {
  std::string sealed(body.substr(0, body.size() - 1));
  sealed += kSealStart;
  sealed += Sha256Hex(body);
  sealed += kSealEnd;
  return sealed;
}

Result<std::string> Unseal(std::string_view bytes) {
  const size_t length = kSealStart.size() + kHexDigits + kSealEnd.size();
  if (bytes.size() < length + 2 || !bytes.ends_with(kSealEnd)) {
    return Corrupt("cut short: the digest at its end is missing");
  }
  const std::string_view seal = bytes.substr(bytes.size() - length);
  if (!seal.starts_with(kSealStart)) return Corrupt("the digest at its end is missing");
  std::string body(bytes.substr(0, bytes.size() - length));
  body += '}';
  if (Sha256Hex(body) != seal.substr(kSealStart.size(), kHexDigits)) {
    return Corrupt("digest: the bytes are not those that were written");
  }
  return body;
}

Result<Fields> Fields::Of(const json& value, std::string where) {
  if (!value.is_object()) return Corrupt("{}: expected an object", where);
  return Fields(value, std::move(where));
}

Error Fields::Wrong(const char* name, std::string_view expected) const {
  const std::string dot = where_.empty() ? "" : ".";
  return Corrupt("{}{}{}: expected {}", where_, dot, name, expected);
}

const json* Fields::Any(const char* name) {
  asked_.insert(name);
  const auto found = json_->find(name);
  return found == json_->end() ? nullptr : &*found;
}

Result<std::string> Fields::Text(const char* name, size_t longest) {
  const json* value = Any(name);
  if (value == nullptr || !value->is_string()) return Wrong(name, "text");
  const auto& text = value->get_ref<const std::string&>();
  if (text.size() > longest) return Wrong(name, fmt::format("at most {} bytes", longest));
  return text;
}

Result<std::string> Fields::OptionalText(const char* name, size_t longest) {
  if (Any(name) == nullptr) return std::string();
  return Text(name, longest);
}

Result<int64_t> Fields::Count(const char* name) {
  const json* value = Any(name);
  if (value == nullptr || !value->is_number_integer()) return Wrong(name, "a whole number");
  if (value->is_number_unsigned() && value->get<uint64_t>() > uint64_t{INT64_MAX}) {
    return Wrong(name, "a number below 2^63");
  }
  const auto count = value->get<int64_t>();
  if (count < 0) return Wrong(name, "no negative number");
  return count;
}

Result<int64_t> Fields::OptionalCount(const char* name) {
  if (Any(name) == nullptr) return int64_t{0};
  return Count(name);
}

Result<bool> Fields::Flag(const char* name) {
  const json* value = Any(name);
  if (value == nullptr || !value->is_boolean()) return Wrong(name, "true or false");
  return value->get<bool>();
}

Result<Time> Fields::Moment(const char* name) {
  ASSIGN_OR_RETURN(const std::string text, Text(name, 64));
  const Result<Time> time = ParseTime(text);
  if (!time.ok()) return Wrong(name, "an RFC 3339 time");
  return time;
}

Result<std::string> Fields::Digest(const char* name) {
  ASSIGN_OR_RETURN(const std::string text, Text(name, kHexDigits));
  if (text.size() != kHexDigits ||
      text.find_first_not_of("0123456789abcdef") != std::string::npos) {
    return Wrong(name, "64 hex digits");
  }
  return text;
}

Result<const json*> Fields::List(const char* name, size_t most) {
  static const json empty = json::array();
  const json* value = Any(name);
  if (value == nullptr) return &empty;
  if (!value->is_array()) return Wrong(name, "a list");
  if (value->size() > most) return Wrong(name, fmt::format("at most {} entries", most));
  return value;
}

Result<const json*> Fields::Object(const char* name, size_t most) {
  static const json empty = json::object();
  const json* value = Any(name);
  if (value == nullptr) return &empty;
  if (!value->is_object()) return Wrong(name, "an object");
  if (value->size() > most) return Wrong(name, fmt::format("at most {} members", most));
  return value;
}

Status Fields::Done() const {
  for (const auto& [name, value] : json_->items()) {
    if (!asked_.contains(name)) {
      const std::string dot = where_.empty() ? "" : ".";
      return Corrupt("{}{}{}: not a field of format 1", where_, dot, name);
    }
  }
  return {};
}

}  // namespace catchment::lake
