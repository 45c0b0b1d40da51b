#include "lake/journal_internal.h"
#include "lake/json_fields_internal.h"
#include "lake/run_record.h"

namespace catchment::lake {
namespace {
constexpr uint64_t kJournalLimit = uint64_t{256} << 20;
constexpr size_t kMostObjects = 2'000'000;
}  // namespace

std::string JournalKey(std::string_view dataset, const SlotId& slot, const RunId& run) {
  return RunKey(dataset, slot, run, ".journal");
}

Result<Journal> ReadJournal(const ReadStore& store, const std::string& key) {
  Journal journal;
  const Result<std::string> bytes = store.Get(key, kJournalLimit);
  if (!bytes.ok()) {
    if (bytes.error().code == Code::kNotFound) return journal;
    return bytes.status();
  }
  ASSIGN_OR_RETURN(const nlohmann::json document, ParseBoundedJson(*bytes), "{}", key);
  RETURN_IF_ERROR(Unseal(*bytes).status(), "{}", key);
  ASSIGN_OR_RETURN(Fields fields, Fields::Of(document, key));
  ASSIGN_OR_RETURN(const nlohmann::json* objects, fields.Object("objects", kMostObjects));
  for (const auto& [path, bytes_of] : objects->items()) {
    if (!bytes_of.is_number_integer() || !path.starts_with("data/") || !CheckKey(path).ok()) {
      return Corrupt("{}: objects: '{}' is no object below data/ with its length", key, path);
    }
    journal.objects[path] = bytes_of.get<int64_t>();
  }
  return journal;
}

Status WriteJournal(WriteStore& store, const std::string& key, const Journal& journal) {
  const nlohmann::json document = {{"format", 1}, {"objects", journal.objects}};
  ASSIGN_OR_RETURN(const std::string body, DumpJson(document));
  return store.Put(key, Seal(body));
}

}  // namespace catchment::lake
