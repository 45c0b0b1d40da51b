#include <fmt/format.h>

#include <algorithm>

#include "lake/history.h"
#include "lake/json_fields_internal.h"
#include "lake/settled_internal.h"

namespace catchment::lake {
namespace {

constexpr uint64_t kSettledLimit = uint64_t{16} << 20;

std::string SettledKey(std::string_view dataset) {
  return fmt::format("{}/outbox/settled.json", dataset);
}

Result<Settled> ParseSettled(const std::string& bytes) {
  ASSIGN_OR_RETURN(const nlohmann::json document, ParseBoundedJson(bytes));
  RETURN_IF_ERROR(Unseal(bytes).status());
  ASSIGN_OR_RETURN(Fields fields, Fields::Of(document, "settled"));
  Settled settled;
  ASSIGN_OR_RETURN(settled.through, fields.Count("through"));
  ASSIGN_OR_RETURN(const nlohmann::json* except, fields.List("except", 1'000'000));
  for (const nlohmann::json& number : *except) {
    if (!number.is_number_integer()) return Corrupt("settled.except: expected numbers");
    settled.except.insert(number.get<int64_t>());
  }
  return settled;
}

}  // namespace

Result<Settled> ReadSettled(const ReadStore& store, std::string_view dataset) {
  const Result<std::string> bytes = store.Get(SettledKey(dataset), kSettledLimit);
  if (!bytes.ok()) {
    if (bytes.error().code == Code::kNotFound) return Settled{};
    return bytes.status();
  }
  const Result<Settled> settled = ParseSettled(*bytes);
  if (!settled.ok()) return Settled{};
  return settled;
}

Status WriteSettled(WriteStore& store, std::string_view dataset, const Settled& settled) {
  ASSIGN_OR_RETURN(
      const std::string body,
      DumpJson({{"format", 1}, {"through", settled.through}, {"except", settled.except}}));
  return store.Put(SettledKey(dataset), Seal(body));
}

Result<std::vector<Manifest>> UnsettledManifests(const ReadStore& store, std::string_view dataset) {
  ASSIGN_OR_RETURN(const Settled settled, ReadSettled(store, dataset));
  ASSIGN_OR_RETURN(const int64_t head, FindHead(store, dataset));
  std::vector<int64_t> numbers(settled.except.begin(), settled.except.end());
  for (int64_t number = settled.through + 1; number <= head; ++number) numbers.push_back(number);
  std::vector<Manifest> manifests;
  for (const int64_t number : numbers) {
    Result<Manifest> manifest = ReadManifest(store, dataset, number);
    if (manifest.ok()) {
      manifests.push_back(std::move(manifest).value());
    } else if (manifest.error().code != Code::kNotFound) {
      return manifest.status();
    }  // pruned: versions with undelivered items never are
  }
  return manifests;
}

std::string OutboxFolder(std::string_view dataset, int64_t publish) {
  return fmt::format("{}/outbox/{}/", dataset, PaddedNumber(publish));
}

bool Superseded(const std::vector<Manifest>& manifests, size_t at, const ExportRecord& record) {
  if (!record.slotless) return false;
  return std::any_of(manifests.begin() + static_cast<std::ptrdiff_t>(at) + 1, manifests.end(),
                     [&](const Manifest& later) {
                       return std::any_of(later.exports.begin(), later.exports.end(),
                                          [&](const ExportRecord& other) {
                                            return other.slotless && other.root == record.root &&
                                                   other.path == record.path;
                                          });
                     });
}

Result<bool> IsExported(const ReadStore& store, std::string_view dataset, int64_t publish,
                        std::string_view export_id) {
  return store.Exists(fmt::format("{}exports/{}.json", OutboxFolder(dataset, publish), export_id));
}

}  // namespace catchment::lake
