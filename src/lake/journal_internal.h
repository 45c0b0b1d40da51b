#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "lake/store.h"

namespace catchment::lake {

/// The objects that a run may have put, by path below the dataset, with their lengths. Written
/// before they are put, so that what a dead run left can be found.
struct Journal {
  std::map<std::string, int64_t> objects;
};

std::string JournalKey(std::string_view dataset, const SlotId& slot, const RunId& run);
/// An absent journal is empty. kCorrupt: unreadable.
Result<Journal> ReadJournal(const ReadStore& store, const std::string& key);
Status WriteJournal(WriteStore& store, const std::string& key, const Journal& journal);

}  // namespace catchment::lake
