#include "lake/faulty_store.h"

namespace catchment::lake {

Status FaultyStore::Alive() const {
  if (dead_) return Unavailable("{}: the store is gone (a fault on demand)", inner_.Name());
  return {};
}

template <typename Write>
Status FaultyStore::Do(const Write& write) {
  RETURN_IF_ERROR(Alive());
  if (++writes_ != nth_) return write();
  const bool done = fault_ == Fault::kAfter || fault_ == Fault::kOnceAfter;
  if (done) RETURN_IF_ERROR(write());
  if (fault_ == Fault::kBefore || fault_ == Fault::kAfter) dead_ = true;
  return Unavailable("{}: write {} failed (a fault on demand)", inner_.Name(), nth_);
}

Result<std::string> FaultyStore::Get(std::string_view key, uint64_t limit) const {
  RETURN_IF_ERROR(Alive());
  return inner_.Get(key, limit);
}
Result<std::string> FaultyStore::GetRange(std::string_view key, uint64_t offset,
                                          uint64_t length) const {
  RETURN_IF_ERROR(Alive());
  return inner_.GetRange(key, offset, length);
}
Result<uint64_t> FaultyStore::Size(std::string_view key) const {
  RETURN_IF_ERROR(Alive());
  return inner_.Size(key);
}
Result<std::vector<std::string>> FaultyStore::List(std::string_view prefix,
                                                   std::string_view start_after) const {
  RETURN_IF_ERROR(Alive());
  return inner_.List(prefix, start_after);
}
Result<std::filesystem::path> FaultyStore::Fetch(std::string_view key) const {
  RETURN_IF_ERROR(Alive());
  return inner_.Fetch(key);
}
Status FaultyStore::Put(std::string_view key, std::string_view bytes) {
  return Do([&] { return inner_.Put(key, bytes); });
}
Status FaultyStore::PutFile(std::string_view key, const std::filesystem::path& file) {
  return Do([&] { return inner_.PutFile(key, file); });
}
Status FaultyStore::PutIfAbsent(std::string_view key, std::string_view bytes) {
  return Do([&] { return inner_.PutIfAbsent(key, bytes); });
}
Status FaultyStore::PutHint(std::string_view key, std::string_view bytes) {
  return Do([&] { return inner_.PutHint(key, bytes); });
}
Status FaultyStore::Delete(std::string_view key) {
  return Do([&] { return inner_.Delete(key); });
}
Result<std::vector<std::string>> FaultyStore::RemoveLeftovers(std::string_view prefix) {
  RETURN_IF_ERROR(Alive());
  return inner_.RemoveLeftovers(prefix);
}

}  // namespace catchment::lake
