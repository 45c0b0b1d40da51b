#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "base/descriptor.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/mutex.h"
#include "net/vault.h"
#include "net/vault_internal.h"

namespace catchment::net {

namespace {

constexpr std::string_view kLogMagic = "CMXLOG01";
constexpr uint64_t kPackedBelow = 1 << 20;
constexpr uint64_t kPackBytes = 16 << 20;
constexpr size_t kPackBodies = 16'384;

}  // namespace

struct ExchangeLog::Members {
  struct Entry {
    Exchange exchange;
    uint64_t frame_at = 0;      // in the file
    uint32_t frame_length = 0;  // 0: no body
    bool ours = false;          // asked or reused by this process
  };

  /// Read exactly `length` bytes; null at the end of the file.
  Result<std::optional<std::string>> ReadAt(uint64_t offset, size_t length) const {
    std::string bytes(length, '\0');
    ASSIGN_OR_RETURN(const size_t got, catchment::ReadAt(file.number(), bytes, offset, path));
    if (got < length) return std::optional<std::string>();
    return std::optional<std::string>(std::move(bytes));
  }

  Status WriteAt(uint64_t offset, std::string_view bytes) const {
    for (size_t done = 0; done < bytes.size();) {
      const ssize_t put =
          pwrite(file.number(), bytes.data() + done, bytes.size() - done, offset + done);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return FileError(errno, "write", path);
      done += put;
    }
    return Status();
  }

  Status Load(uint64_t file_size);
  Result<bool> LoadRecord(uint64_t file_size) REQUIRES(mutex);
  Result<std::string> BodyOf(const Entry& entry) const;
  Result<Response> ResponseOf(const Entry& entry) const;

  // Constant after construction.
  std::filesystem::path path;
  Descriptor file;
  // Guarded by mutex.
  mutable Mutex mutex;
  uint64_t end GUARDED_BY(mutex) = 0;  // of the last whole record
  std::map<ExchangeKey, Entry> entries GUARDED_BY(mutex);
  int64_t ours GUARDED_BY(mutex) = 0;
};

ExchangeLog::ExchangeLog(std::unique_ptr<Members> members) : members_(std::move(members)) {}
ExchangeLog::~ExchangeLog() = default;

Result<std::unique_ptr<ExchangeLog>> ExchangeLog::Open(const std::filesystem::path& folder) {
  RETURN_IF_ERROR(MakeFolders(folder));
  auto members = std::make_unique<Members>();
  members->path = folder / "exchanges.log";
  members->file = Descriptor(open(members->path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  struct stat facts;
  if (!members->file.open() || fstat(members->file.number(), &facts) != 0) {
    return FileError(errno, "open", members->path);
  }
  if (flock(members->file.number(), LOCK_EX | LOCK_NB) != 0) {
    return Locked("{}: another process of this run is writing it", members->path.string());
  }
  RETURN_IF_ERROR(members->Load(static_cast<uint64_t>(facts.st_size)), "{}",
                  members->path.string());
  return std::unique_ptr<ExchangeLog>(new ExchangeLog(std::move(members)));
}

Status ExchangeLog::Members::Load(uint64_t file_size) {
  MutexLock lock(mutex);
  if (file_size < kLogMagic.size()) {  // new, or the process died at its first write
    if (ftruncate(file.number(), 0) != 0) return FileError(errno, "cut", path);
    RETURN_IF_ERROR(WriteAt(0, kLogMagic));
    end = kLogMagic.size();
    return Status();
  }
  ASSIGN_OR_RETURN(const auto magic, ReadAt(0, kLogMagic.size()));
  if (magic != kLogMagic) {
    if (magic && magic->starts_with(kLogMagic.substr(0, 6))) {
      return Invalid("a request ledger of format '{}'; this version reads {}", magic->substr(6),
                     kLogMagic.substr(6));
    }
    return Corrupt("no request ledger; move it away to ask everything again");
  }
  end = kLogMagic.size();
  while (end < file_size) {
    ASSIGN_OR_RETURN(const bool whole, LoadRecord(file_size));
    if (whole) continue;
    if (ftruncate(file.number(), static_cast<off_t>(end)) != 0)
      return FileError(errno, "cut", path);
    break;
  }
  return Status();
}

/// False: the record at `end` is torn.
Result<bool> ExchangeLog::Members::LoadRecord(uint64_t file_size) {
  if (file_size - end < kRecordHeaderBytes) return false;
  ASSIGN_OR_RETURN(const auto header, ReadAt(end, kRecordHeaderBytes));
  const RecordHeader sizes = ReadRecordHeader(*header);
  const uint64_t length = kRecordHeaderBytes + sizes.facts + sizes.frame;
  if (length > file_size - end) return false;
  ASSIGN_OR_RETURN(const auto payload,
                   ReadAt(end + kRecordHeaderBytes, length - kRecordHeaderBytes));
  const std::string_view metadata = std::string_view(*payload).substr(0, sizes.facts);
  const std::string_view frame = std::string_view(*payload).substr(sizes.facts);
  if (RecordChecksum(metadata, frame) != sizes.checksum) {
    if (end + length == file_size) return false;  // the last one, written in part
    return Corrupt("the record at byte {} is damaged; move the file away to ask everything again",
                   end);
  }
  ASSIGN_OR_RETURN(Exchange exchange, ParseExchange(metadata), "record at byte {}", end);
  Entry entry{std::move(exchange), end + kRecordHeaderBytes + sizes.facts, sizes.frame, false};
  entries.insert_or_assign(entry.exchange.key, std::move(entry));
  end += length;
  return true;
}

Status ExchangeLog::Append(Exchange exchange, std::string_view body) {
  std::string frame;
  if (!exchange.error) {
    exchange.sha256 = Sha256Hex(body);
    exchange.bytes = body.size();
    if (!body.empty()) frame = Compress(body);
  }
  const std::string metadata = FormatExchange(exchange);
  if (frame.size() > UINT32_MAX || metadata.size() > UINT32_MAX) {
    return Invalid("a response of {} bytes is too large for the request ledger", body.size());
  }
  const std::string record = FormatRecordHeader(metadata, frame) + metadata;

  Members& m = *members_;
  MutexLock lock(m.mutex);
  Status status = m.WriteAt(m.end, record);
  if (status.ok()) status = m.WriteAt(m.end + record.size(), frame);
  // A record written in part is overwritten by the next one, or cut off when the file is opened
  // again.
  RETURN_IF_ERROR(std::move(status), "record {}", exchange.key.url);
  Members::Entry entry{std::move(exchange), m.end + record.size(),
                       static_cast<uint32_t>(frame.size()), true};
  m.end += record.size() + frame.size();
  const auto old = m.entries.find(entry.exchange.key);
  if (old == m.entries.end() || !old->second.ours) ++m.ours;
  m.entries.insert_or_assign(entry.exchange.key, std::move(entry));
  return Status();
}

Result<std::string> ExchangeLog::Members::BodyOf(const Entry& entry) const {
  if (entry.frame_length == 0) return std::string();
  ASSIGN_OR_RETURN(const auto frame, ReadAt(entry.frame_at, entry.frame_length));
  if (!frame) return Corrupt("{}: became shorter", path.string());
  ASSIGN_OR_RETURN(std::string body, Decompress(*frame, entry.exchange.bytes), "{} at byte {}",
                   path.string(), entry.frame_at);
  if (Sha256Hex(body) != entry.exchange.sha256) {
    return Corrupt("{} at byte {}: the body has another digest", path.string(), entry.frame_at);
  }
  return body;
}

Result<Response> ExchangeLog::Members::ResponseOf(const Entry& entry) const {
  ASSIGN_OR_RETURN(std::string body, BodyOf(entry));
  const Exchange& exchange = entry.exchange;
  return Response{exchange.status, exchange.headers, std::move(body), exchange.received};
}

std::vector<Exchange> ExchangeLog::Answers() const {
  MutexLock lock(members_->mutex);
  std::vector<Exchange> answers;
  for (const auto& [key, entry] : members_->entries) {
    if (entry.exchange.status >= 200 && entry.exchange.status < 300)
      answers.push_back(entry.exchange);
  }
  return answers;
}

Result<Response> ExchangeLog::Read(const ExchangeKey& key) const {
  MutexLock lock(members_->mutex);
  const auto found = members_->entries.find(key);
  if (found == members_->entries.end() || found->second.exchange.error)
    return NotFound("{}: no answer to {} {}", members_->path.string(), key.method, key.url);
  return members_->ResponseOf(found->second);
}

Result<std::optional<Response>> ExchangeLog::Reuse(const ExchangeKey& key) {
  Members& m = *members_;
  MutexLock lock(m.mutex);
  const auto found = m.entries.find(key);
  if (found == m.entries.end() || found->second.ours) return std::optional<Response>();
  Members::Entry& entry = found->second;
  const int status = entry.exchange.status;
  if ((status < 200 || status >= 300) && status != 304) return std::optional<Response>();
  ASSIGN_OR_RETURN(Response response, m.ResponseOf(entry));
  entry.ours = true;
  ++m.ours;
  return std::optional<Response>(std::move(response));
}

Status ExchangeLog::Sync() {
  if (fdatasync(members_->file.number()) != 0) return FileError(errno, "sync", members_->path);
  return Status();
}

int64_t ExchangeLog::size() const {
  MutexLock lock(members_->mutex);
  return members_->ours;
}

namespace {

/// Where a body lies in the vault.
struct Place {
  std::string object;
  uint64_t offset = 0, length = 0;
};

/// Puts distinct bodies into packs and single objects.
class Sealer {
 public:
  Sealer(BlobStore& vault, std::span<const Exchange> known) : vault_(vault) {
    for (const Exchange& exchange : known) {
      if (exchange.object.empty()) continue;
      places_.try_emplace(exchange.sha256,
                          Place{exchange.object, exchange.offset, exchange.length});
    }
  }

  bool Has(const std::string& sha256) const { return places_.contains(sha256); }

  Status Add(const Exchange& exchange, std::string_view frame) {
    sealed_.raw_bytes += exchange.bytes;
    if (exchange.bytes >= kPackedBelow) {
      const std::string object = BodyObject(exchange.sha256);
      places_[exchange.sha256] = {object, 0, frame.size()};
      return Put(object, frame);
    }
    if (pack_.count() > 0 &&
        (pack_.size() + frame.size() > kPackBytes || pack_.count() == kPackBodies)) {
      RETURN_IF_ERROR(EndPack());
    }
    const uint64_t offset = pack_.Add(exchange.sha256, frame, exchange.bytes);
    places_[exchange.sha256] = {"", offset, frame.size()};
    in_pack_.push_back(exchange.sha256);
    return Status();
  }

  Status EndPack() {
    if (pack_.count() == 0) return Status();
    const std::string bytes = pack_.Finish();
    const std::string object = PackObject(Sha256Hex(bytes));
    for (const std::string& sha256 : in_pack_) places_[sha256].object = object;
    in_pack_.clear();
    return Put(object, bytes);
  }

  Status Put(const std::string& object, std::string_view bytes) {
    RETURN_IF_ERROR(vault_.Put(object, bytes), "{}", object);
    sealed_.stored_bytes += bytes.size();
    sealed_.objects.push_back(object);
    return Status();
  }

  void Locate(Exchange& exchange) const {
    const auto place = places_.find(exchange.sha256);
    if (place == places_.end()) return;
    exchange.object = place->second.object;
    exchange.offset = place->second.offset;
    exchange.length = place->second.length;
  }

  SealedExchanges& sealed() { return sealed_; }

 private:
  BlobStore& vault_;
  PackWriter pack_;
  std::vector<std::string> in_pack_;     // digests
  std::map<std::string, Place> places_;  // by digest
  SealedExchanges sealed_;
};

}  // namespace

Result<SealedExchanges> ExchangeLog::Seal(BlobStore& vault, std::span<const Exchange> known) {
  Members& m = *members_;
  MutexLock lock(m.mutex);
  Sealer sealer(vault, known);
  std::vector<Exchange> exchanges;
  exchanges.reserve(static_cast<size_t>(m.ours));
  for (const auto& [key, entry] : m.entries) {
    if (!entry.ours) continue;
    exchanges.push_back(entry.exchange);
    if (entry.frame_length == 0 || sealer.Has(entry.exchange.sha256)) continue;
    ASSIGN_OR_RETURN(const auto frame, m.ReadAt(entry.frame_at, entry.frame_length));
    if (!frame) return Corrupt("{}: became shorter", m.path.string());
    RETURN_IF_ERROR(sealer.Add(entry.exchange, *frame));
  }
  RETURN_IF_ERROR(sealer.EndPack());
  if (!exchanges.empty()) {
    std::string list = fmt::format("{{\"exchanges\":{},\"format\":1}}\n", exchanges.size());
    for (Exchange& exchange : exchanges) {
      sealer.Locate(exchange);
      list += FormatExchange(exchange);
      list += '\n';
    }
    sealer.sealed().list_sha256 = Sha256Hex(list);
    RETURN_IF_ERROR(sealer.Put(BodyObject(sealer.sealed().list_sha256), Compress(list)));
  }
  SealedExchanges sealed = std::move(sealer.sealed());
  std::sort(sealed.objects.begin(), sealed.objects.end());
  sealed.exchanges = std::move(exchanges);
  return sealed;
}

}  // namespace catchment::net
