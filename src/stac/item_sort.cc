#include "stac/item_sort.h"

#include <algorithm>
#include <atomic>
#include <tuple>
#include <unordered_map>

#include "base/mutex.h"
#include "stac/hilbert.h"
#include "stac/item_columns.h"
#include "stac/item_json.h"

namespace catchment::stac {
namespace {

/// Sorts after all items: what is none.
constexpr uint32_t kNoItem = kNowhere + 1;

/// What one thread needs to look at items.
struct Looker {
  ItemKeyReader keys;
  std::map<std::string, SchemaInference, std::less<>> seen;
};

/// One a thread, made as they are needed.
class Lookers {
 public:
  std::unique_ptr<Looker> Take() {
    const MutexLock lock(mutex_);
    if (free_.empty()) return std::make_unique<Looker>();
    auto looker = std::move(free_.back());
    free_.pop_back();
    return looker;
  }
  void Return(std::unique_ptr<Looker> looker) {
    const MutexLock lock(mutex_);
    free_.push_back(std::move(looker));
  }
  /// Once no thread looks any more.
  std::vector<std::unique_ptr<Looker>> All() {
    const MutexLock lock(mutex_);
    return std::move(free_);
  }

 private:
  // Guarded by mutex_.
  Mutex mutex_;
  std::vector<std::unique_ptr<Looker>> free_ GUARDED_BY(mutex_);
};

/// What was found in one block; collections by their place in `collections`.
struct IndexedBlock {
  std::vector<ItemEntry> entries;
  std::string ids;
  std::vector<std::string> collections;
};

uint32_t NumberOf(std::vector<std::string>& names, std::string_view name) {
  for (size_t i = names.size(); i-- > 0;) {
    if (names[i] == name) return static_cast<uint32_t>(i);
  }
  names.emplace_back(name);
  return static_cast<uint32_t>(names.size() - 1);
}

IndexedBlock LookAt(const BodyBlock& block, Looker& looker, const IndexOptions& options) {
  IndexedBlock found;
  found.entries.reserve(block.places.size());
  std::vector<size_t> id_lengths;
  for (size_t i = 0; i < block.places.size(); ++i) {
    ItemEntry entry{.body = block.places[i], .place = kNoItem};
    std::string_view id;
    std::string_view collection;
    if (const auto key = looker.keys.Read(block.bodies[i])) {
      entry.place = key->place;
      entry.datetime_us = key->datetime_us;
      id = key->id;
      collection = key->collection;
    }
    entry.collection = NumberOf(found.collections, collection);
    found.ids += id;
    id_lengths.push_back(id.size());
    found.entries.push_back(entry);
    if (options.infer) {
      const std::string_view group = options.by_collection ? collection : std::string_view();
      auto seen = looker.seen.find(group);
      if (seen == looker.seen.end()) seen = looker.seen.try_emplace(std::string(group)).first;
      // Whoever converts an item that is refused says why.
      static_cast<void>(seen->second.Add(block.bodies[i]));
    }
  }
  size_t at = 0;
  for (size_t i = 0; i < found.entries.size(); ++i) {
    found.entries[i].id = std::string_view(found.ids).substr(at, id_lengths[i]);
    at += id_lengths[i];
  }
  return found;
}

/// Chooses among the items of one id.
class DuplicateJudge {
 public:
  DuplicateJudge(const ItemIndex& index, const ItemBodies& bodies, const ItemSchema& schema,
                 OnDuplicate rule)
      : index_(index), bodies_(bodies), columns_(schema, {}), rule_(rule) {}

  /// `numbers`: of entries with one id, as they came.
  Status Judge(const std::vector<uint32_t>& numbers, SortedItems& sorted) {
    std::vector<Candidate> candidates;
    for (const uint32_t number : numbers) {
      Candidate candidate{.number = number};
      RETURN_IF_ERROR(bodies_.Read(index_.entries[number].body, candidate.body));
      ItemFacts facts;
      // One that is refused stays: it is refused again when it is converted.
      const std::string collection = index_.collections[index_.entries[number].collection];
      if (columns_.Append(candidate.body, {.expected_id = {}, .collection = collection}, facts)) {
        sorted.rows.push_back(number);
        continue;
      }
      static_cast<void>(columns_.Finish());
      candidate.updated = facts.updated_us.value_or(std::numeric_limits<int64_t>::min());
      RETURN_IF_ERROR(Enter(std::move(candidate), candidates, sorted));
    }
    if (candidates.empty()) return {};
    size_t best = 0;
    for (size_t i = 1; i < candidates.size() && rule_ == OnDuplicate::kLatest; ++i) {
      if (candidates[i].updated >= candidates[best].updated) best = i;
    }
    for (size_t i = 0; i < candidates.size(); ++i) {
      if (i == best) {
        sorted.rows.push_back(candidates[i].number);
      } else {
        sorted.duplicates.push_back({candidates[i].number, Why(candidates[best])});
      }
    }
    return {};
  }

 private:
  struct Candidate {
    uint32_t number = 0;
    int64_t updated = 0;
    std::string body;
  };

  Status Enter(Candidate candidate, std::vector<Candidate>& candidates, SortedItems& sorted) const {
    for (const Candidate& other : candidates) {
      ASSIGN_OR_RETURN(const bool equal, EqualByValue(other.body, candidate.body));
      if (equal) {
        ++sorted.equal;
        return {};
      }
    }
    if (!candidates.empty() && rule_ == OnDuplicate::kError) {
      return Invalid("{} comes twice and differs: {} and {}; --on-duplicate latest keeps the newer",
                     index_.entries[candidate.number].id, Where(candidates.front().number),
                     Where(candidate.number));
    }
    candidates.push_back(std::move(candidate));
    return {};
  }

  std::string Where(uint32_t number) const {
    const BodyPlace& body = index_.entries[number].body;
    return fmt::format("{} line {}", bodies_.name(body.input), body.line);
  }

  Quarantined Why(const Candidate& kept) const {
    return {.reason = QuarantineReason::kDuplicateId,
            .pointer = "/id",
            .detail = fmt::format("the item of {} is kept", Where(kept.number))};
  }

  const ItemIndex& index_;
  const ItemBodies& bodies_;
  ItemColumns columns_;
  const OnDuplicate rule_;
};

/// Move what comes twice from `which` through the judge.
Status RemoveDuplicates(const ItemIndex& index, std::vector<uint32_t>& which, DuplicateJudge& judge,
                        SortedItems& sorted) {
  std::vector<uint32_t> by_id = which;
  std::erase_if(by_id, [&](uint32_t number) { return index.entries[number].id.empty(); });
  const auto hash = [&](uint32_t number) {
    return std::hash<std::string_view>()(index.entries[number].id);
  };
  std::vector<std::pair<size_t, uint32_t>> hashed;
  hashed.reserve(by_id.size());
  for (const uint32_t number : by_id) hashed.emplace_back(hash(number), number);
  std::ranges::sort(hashed);
  std::vector<bool> gone(index.entries.size(), false);
  for (size_t i = 0; i < hashed.size();) {
    size_t end = i + 1;
    while (end < hashed.size() && hashed[end].first == hashed[i].first) ++end;
    // Items of one hash are nearly always of one id.
    std::map<std::string_view, std::vector<uint32_t>> groups;
    for (size_t k = i; end - i > 1 && k < end; ++k) {
      groups[index.entries[hashed[k].second].id].push_back(hashed[k].second);
    }
    for (const auto& [id, numbers] : groups) {
      if (numbers.size() == 1) continue;
      for (const uint32_t number : numbers) gone[number] = true;
      RETURN_IF_ERROR(judge.Judge(numbers, sorted));
    }
    i = end;
  }
  std::erase_if(which, [&](uint32_t number) { return gone[number]; });
  return {};
}

}  // namespace

Result<ItemIndex> IndexItems(ItemBodies& bodies, const IndexOptions& options) {
  std::vector<IndexedBlock> blocks(bodies.blocks());
  Lookers lookers;
  std::atomic<uint64_t> bytes{0};
  RETURN_IF_ERROR(bodies.Scan([&](size_t number, const BodyBlock& block) -> Status {
    auto looker = lookers.Take();
    blocks[number] = LookAt(block, *looker, options);
    lookers.Return(std::move(looker));
    uint64_t size = 0;
    for (const std::string_view body : block.bodies) size += body.size();
    const uint64_t so_far = bytes.fetch_add(size) + size;
    if (options.progress) options.progress(so_far);
    return {};
  }));
  ItemIndex index;
  index.collections.emplace_back();
  size_t count = 0;
  for (const IndexedBlock& block : blocks) count += block.entries.size();
  if (count > UINT32_MAX) return Invalid("{} items; one file takes up to {}", count, UINT32_MAX);
  index.entries.reserve(count);
  for (size_t number = 0; number < blocks.size(); ++number) {
    IndexedBlock block = std::move(blocks[number]);
    const uint32_t lines = block.entries.empty() ? 0 : bodies.first_line(number);
    std::vector<uint32_t> collections;
    for (const std::string& name : block.collections) {
      collections.push_back(NumberOf(index.collections, name));
    }
    index.ids.push_back(std::move(block.ids));
    size_t at = 0;
    for (ItemEntry& entry : block.entries) {
      entry.body.line += lines;
      entry.collection = collections[entry.collection];
      const size_t length = entry.id.size();
      entry.id = std::string_view(index.ids.back()).substr(at, length);
      at += length;
      index.entries.push_back(entry);
    }
  }
  for (const auto& looker : lookers.All()) {
    for (auto& [group, seen] : looker->seen) index.seen[group].Unite(seen);
  }
  return index;
}

std::optional<OnDuplicate> ParseOnDuplicate(std::string_view word) {
  if (word == "latest") return OnDuplicate::kLatest;
  if (word == "first") return OnDuplicate::kFirst;
  if (word == "error") return OnDuplicate::kError;
  return std::nullopt;
}

Result<SortedItems> SortItems(const ItemIndex& index, std::vector<uint32_t> which,
                              const ItemBodies& bodies, const ItemSchema& schema, ItemOrder order,
                              OnDuplicate on_duplicate) {
  SortedItems sorted;
  DuplicateJudge judge(index, bodies, schema, on_duplicate);
  RETURN_IF_ERROR(RemoveDuplicates(index, which, judge, sorted));
  sorted.rows.insert(sorted.rows.end(), which.begin(), which.end());
  const auto& entries = index.entries;
  std::ranges::sort(sorted.rows, [&](uint32_t left, uint32_t right) {
    const ItemEntry& a = entries[left];
    const ItemEntry& b = entries[right];
    const bool no_item_a = a.place == kNoItem;
    const bool no_item_b = b.place == kNoItem;
    if (order == ItemOrder::kInput) return left < right;
    if (order == ItemOrder::kDatetime)
      return std::tie(no_item_a, a.datetime_us, a.id, left) <
             std::tie(no_item_b, b.datetime_us, b.id, right);
    return std::tie(a.place, a.datetime_us, a.id, left) <
           std::tie(b.place, b.datetime_us, b.id, right);
  });
  std::ranges::sort(sorted.duplicates, {}, &LeftOut::entry);
  return sorted;
}

}  // namespace catchment::stac
