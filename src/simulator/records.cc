#include <zstd.h>

#include <algorithm>

#include "base/file.h"
#include "base/text.h"
#include "simulator/records_internal.h"

namespace catchment::simulator {
namespace {

using nlohmann::ordered_json;

constexpr uint64_t kMaxDataBytes = uint64_t{1} << 30;

Result<std::string> Unpack(const std::string& packed, const std::filesystem::path& file) {
  ZSTD_DCtx* context = ZSTD_createDCtx();
  std::string text;
  std::string buffer(ZSTD_DStreamOutSize(), '\0');
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  size_t left = 0;
  bool too_large = false;
  do {
    ZSTD_outBuffer out{buffer.data(), buffer.size(), 0};
    left = ZSTD_decompressStream(context, &out, &in);
    if (ZSTD_isError(left)) break;
    text.append(buffer, 0, out.pos);
    too_large = text.size() > kMaxDataBytes;
    if (out.pos == 0 && in.pos == in.size) break;
  } while (!too_large && (in.pos < in.size || left != 0));
  ZSTD_freeDCtx(context);
  if (ZSTD_isError(left)) return Corrupt("{}: {}", file.string(), ZSTD_getErrorName(left));
  if (too_large) return Invalid("{}: unpacks to more than 1 GiB", file.string());
  if (left != 0) return Corrupt("{}: ends in the middle of a zstd frame", file.string());
  return text;
}

// Bytes that are no UTF-8 become U+FFFD instead of an exception.
std::string Quote(const ordered_json& value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

bool Matches(std::string_view record, const Change& change) {
  for (const auto& [field, glob] : change.match) {
    const std::optional<std::string_view> text = FieldText(record, field);
    if (!text || !GlobMatch(glob, *text)) return false;
  }
  return true;
}

}  // namespace

Result<std::string> ReadDataFile(const std::filesystem::path& file) {
  ASSIGN_OR_RETURN(std::string bytes, ReadFile(file, kMaxDataBytes));
  if (file.extension() != ".zst") return bytes;
  return Unpack(bytes, file);
}

Status ForEachLine(const std::filesystem::path& file, std::string_view text,
                   const std::function<Status(std::string_view line)>& take) {
  for (int64_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = Trim(text.substr(0, end));
    if (!line.empty()) RETURN_IF_ERROR(take(line), "{}:{}", file.string(), number);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

std::string RenderRecord(const ordered_json& record) {
  std::string text = "{";
  for (const auto& [field, value] : record.items()) {
    text += text.size() > 1 ? "," : "";
    text += Quote(ordered_json(field)) + ":";
    // The library's own rendering of doubles is not always the shortest.
    text += value.is_number_float() ? FormatDouble(value.get<double>()) : Quote(value);
  }
  return text + "}";
}

std::optional<std::string_view> FieldText(std::string_view record, std::string_view field) {
  const std::string key = fmt::format("\"{}\":", field);
  const size_t at = record.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = record.substr(at + key.size());
  if (!rest.starts_with('"')) return rest.substr(0, rest.find_first_of(",}"));
  size_t end = 1;
  while (end < rest.size() && rest[end] != '"') end += rest[end] == '\\' ? 2 : 1;
  return rest.substr(1, end - 1);
}

uint32_t RecordList::Append(std::string_view rendered) {
  records_.push_back({text_.size(), static_cast<uint32_t>(rendered.size())});
  text_ += rendered;
  return static_cast<uint32_t>(records_.size() - 1);
}

void RecordList::Add(std::string_view rendered) {
  epochs_.front().order.push_back(Append(rendered));
}

Result<uint32_t> RecordList::AppendEdited(uint32_t index, const ordered_json& fields) {
  ordered_json record = ordered_json::parse(Record(index), nullptr, false);
  if (!record.is_object()) return Corrupt("a record is no JSON object");
  for (const auto& [field, value] : fields.items()) {
    if (value.is_null()) {
      record.erase(field);
    } else {
      record[field] = value;
    }
  }
  return Append(RenderRecord(record));
}

Status RecordList::Apply(std::vector<Change> changes, std::string_view where) {
  std::vector<std::pair<size_t, Change>> numbered;
  for (size_t i = 0; i < changes.size(); ++i) numbered.emplace_back(i, std::move(changes[i]));
  std::stable_sort(numbered.begin(), numbered.end(), [](const auto& a, const auto& b) {
    return a.second.at.value_or(Time::min()) < b.second.at.value_or(Time::min());
  });
  for (const auto& [number, change] : numbered) {
    const Time at = change.at.value_or(Time::min());
    if (at > epochs_.back().from) epochs_.push_back({at, epochs_.back().order});
    std::vector<uint32_t>& order = epochs_.back().order;
    if (change.match.empty()) {
      order.push_back(Append(RenderRecord(change.add)));
      continue;
    }
    std::vector<uint32_t> after;
    after.reserve(order.size());
    bool any = false;
    for (const uint32_t index : order) {
      const bool hit = Matches(Record(index), change);
      any |= hit;
      if (!hit || !change.add.is_null()) after.push_back(index);
      if (!hit || change.remove) continue;
      const ordered_json& fields = change.add.is_null() ? change.set : change.add;
      ASSIGN_OR_RETURN(const uint32_t edited, AppendEdited(index, fields));
      after.push_back(edited);
    }
    if (!any) return Invalid("{}.changes.{}: matches no record", where, number);
    order = std::move(after);
  }
  return {};
}

size_t RecordList::EpochAt(Time now) const {
  size_t number = 0;
  while (number + 1 < epochs_.size() && epochs_[number + 1].from <= now) ++number;
  return number;
}

}  // namespace catchment::simulator
