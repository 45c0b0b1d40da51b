#include "lake/outbox.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "lake/json_fields_internal.h"
#include "lake/settled_internal.h"

namespace catchment::lake {

using nlohmann::json;

namespace {

constexpr uint64_t kDeliveryMarkLimit = uint64_t{64} << 20;
constexpr std::string_view kDelivered = "delivered", kRefused = "refused",
                           kUnreachable = "unreachable", kUnparked = "unparked";

struct Mark {
  int attempt = 0;
  std::string result, table, key, reason;
  json rest;
};

/// `<sink>.<attempt>.json`; null for another name.
std::optional<std::pair<std::string, int>> ParseMarkName(std::string_view name) {
  const size_t dot = name.find('.');
  if (dot == std::string_view::npos || !name.ends_with(".json")) return std::nullopt;
  const std::string_view digits = name.substr(dot + 1, name.size() - dot - 1 - 5);
  int attempt = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), attempt);
  if (error != std::errc() || end != digits.data() + digits.size() || attempt < 1)
    return std::nullopt;
  return std::pair(std::string(name.substr(0, dot)), attempt);
}

Result<Mark> ParseMark(const std::string& text, const std::string& key, int attempt) {
  ASSIGN_OR_RETURN(const json document, ParseBoundedJson(text), "{}", key);
  ASSIGN_OR_RETURN(Fields fields, Fields::Of(document, key));
  Mark mark;
  mark.attempt = attempt;
  ASSIGN_OR_RETURN(mark.result, fields.Text("result"));
  ASSIGN_OR_RETURN(mark.table, fields.Text("table"));
  ASSIGN_OR_RETURN(mark.key, fields.Text("key"));
  ASSIGN_OR_RETURN(mark.reason, fields.OptionalText("reason", 1 << 20));
  if (const json* rest = fields.Any("rest")) mark.rest = *rest;
  return mark;
}

/// A publish's marks by sink, in the order of the attempts.
using Marks = std::map<std::string, std::vector<Mark>>;

Result<Marks> ReadMarks(const ReadStore& store, std::string_view dataset, int64_t publish) {
  const std::string folder = OutboxFolder(dataset, publish);
  ASSIGN_OR_RETURN(const std::vector<std::string> keys, store.List(folder));
  Marks marks;
  for (const std::string& key : keys) {
    const auto name = ParseMarkName(std::string_view(key).substr(folder.size()));
    if (!name) continue;
    ASSIGN_OR_RETURN(const std::string text, store.Get(key, kDeliveryMarkLimit));
    ASSIGN_OR_RETURN(Mark mark, ParseMark(text, key, name->second));
    marks[name->first].push_back(std::move(mark));
  }
  for (auto& [sink, list] : marks) {
    std::sort(list.begin(), list.end(),
              [](const Mark& a, const Mark& b) { return a.attempt < b.attempt; });
  }
  return marks;
}

/// What the marks say of one item; null: delivered.
std::optional<Delivery> Pending(const Manifest& manifest, const OutboxItem& item,
                                const Marks& marks) {
  Delivery delivery{
      manifest.number, manifest.slot, manifest.slot_time, manifest.published, item, 0, 0, "",
      nullptr,         false};
  const auto of_sink = marks.find(item.sink);
  if (of_sink == marks.end()) return delivery;
  for (const Mark& mark : of_sink->second) {
    if (mark.table != item.table || mark.key != item.key) continue;
    if (mark.result == kDelivered) return std::nullopt;
    if (mark.result == kUnparked) {
      delivery.refusals = 0;
      continue;
    }
    ++delivery.attempts;
    if (mark.result == kRefused) ++delivery.refusals;
    delivery.last_reason = mark.reason;
    if (!mark.rest.is_null()) delivery.rest = mark.rest;
  }
  delivery.parked = delivery.refusals >= kRefusalsUntilParked;
  return delivery;
}

std::string MarkKey(std::string_view dataset, const Delivery& delivery, int attempt) {
  return fmt::format("{}{}.{}.json", OutboxFolder(dataset, delivery.publish), delivery.item.sink,
                     attempt);
}

/// Add the next mark of the item's sink. `replace_same`: instead of a further mark of the same
/// result, rewrite the last one, so that a sink that is down for weeks leaves one mark and not
/// thousands.
Status AddMark(WriteStore& store, std::string_view dataset, const Delivery& delivery, json document,
               bool replace_same) {
  document["table"] = delivery.item.table;
  document["key"] = delivery.item.key;
  ASSIGN_OR_RETURN(const std::string text, DumpJson(document), "mark of {}", delivery.item.sink);
  while (true) {
    ASSIGN_OR_RETURN(const Marks marks, ReadMarks(store, dataset, delivery.publish));
    const auto of_sink = marks.find(delivery.item.sink);
    const Mark* last = of_sink == marks.end() ? nullptr : &of_sink->second.back();
    if (replace_same && last != nullptr && json(last->result) == document["result"] &&
        last->table == delivery.item.table && last->key == delivery.item.key) {
      return store.Put(MarkKey(dataset, delivery, last->attempt), text + "\n");
    }
    const int attempt = last == nullptr ? 1 : last->attempt + 1;
    const Status put = store.PutIfAbsent(MarkKey(dataset, delivery, attempt), text + "\n");
    if (put.ok() || put.error().code != Code::kExists) return put;
  }
}

enum class Open { kNothing, kParkedOnly, kSomething };

/// What is left to do of one publish.
Result<Open> LeftToDo(const ReadStore& store, std::string_view dataset,
                      const std::vector<Manifest>& manifests, size_t at) {
  const Manifest& manifest = manifests[at];
  for (const ExportRecord& record : manifest.exports) {
    if (Superseded(manifests, at, record)) continue;
    ASSIGN_OR_RETURN(const bool exported, IsExported(store, dataset, manifest.number, record.id));
    if (!exported) return Open::kSomething;
  }
  if (manifest.outbox.empty()) return Open::kNothing;
  ASSIGN_OR_RETURN(const Marks marks, ReadMarks(store, dataset, manifest.number));
  Open open = Open::kNothing;
  for (const OutboxItem& item : manifest.outbox) {
    const std::optional<Delivery> pending = Pending(manifest, item, marks);
    if (pending && !pending->parked) return Open::kSomething;
    if (pending) open = Open::kParkedOnly;
  }
  return open;
}

}  // namespace

Result<std::vector<Delivery>> PendingDeliveries(const ReadStore& store, std::string_view dataset) {
  ASSIGN_OR_RETURN(const std::vector<Manifest> manifests, UnsettledManifests(store, dataset));
  std::vector<Delivery> pending;
  for (const Manifest& manifest : manifests) {
    if (manifest.outbox.empty()) continue;
    ASSIGN_OR_RETURN(const Marks marks, ReadMarks(store, dataset, manifest.number));
    for (const OutboxItem& item : manifest.outbox) {
      if (auto delivery = Pending(manifest, item, marks)) pending.push_back(std::move(*delivery));
    }
  }
  return pending;
}

Status MarkDelivered(WriteStore& store, std::string_view dataset, const Delivery& delivery,
                     Time now) {
  return AddMark(store, dataset, delivery, {{"result", kDelivered}, {"time", FormatTime(now)}},
                 true);
}

Status MarkFailed(WriteStore& store, std::string_view dataset, const Delivery& delivery,
                  FailureKind kind, std::string_view reason, Time now, const json& rest) {
  const bool refused = kind == FailureKind::kRefused;
  json document = {
      {"result", refused ? kRefused : kUnreachable}, {"time", FormatTime(now)}, {"reason", reason}};
  if (!rest.is_null()) document["rest"] = rest;
  return AddMark(store, dataset, delivery, std::move(document), !refused);
}

Status Unpark(WriteStore& store, std::string_view dataset, const Delivery& delivery, Time now) {
  return AddMark(store, dataset, delivery, {{"result", kUnparked}, {"time", FormatTime(now)}},
                 true);
}

Status NoteSettled(WriteStore& store, std::string_view dataset) {
  ASSIGN_OR_RETURN(Settled settled, ReadSettled(store, dataset));
  const Settled before = settled;
  ASSIGN_OR_RETURN(const std::vector<Manifest> manifests, UnsettledManifests(store, dataset));
  bool unbroken = true;
  for (size_t i = 0; i < manifests.size(); ++i) {
    const int64_t number = manifests[i].number;
    const bool below = number <= before.through;
    if (!below && !unbroken) break;
    ASSIGN_OR_RETURN(const Open open, LeftToDo(store, dataset, manifests, i));
    if (below) {
      if (open == Open::kNothing) settled.except.erase(number);
      continue;
    }
    unbroken = open != Open::kSomething;
    if (!unbroken) break;
    settled.through = number;
    if (open == Open::kParkedOnly) settled.except.insert(number);
  }
  if (settled.through == before.through && settled.except == before.except) return {};
  return WriteSettled(store, dataset, settled);
}

}  // namespace catchment::lake
