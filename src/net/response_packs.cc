#include "net/response_packs.h"

#include <fcntl.h>
#include <unistd.h>
#include <zdict.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <unordered_set>

#include "base/descriptor.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/mutex.h"
#include "base/text.h"
#include "net/vault.h"
#include "net/vault_internal.h"

namespace catchment::net {
namespace fs = std::filesystem;

/// Of the library that compresses.
struct FreeZstd {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  void operator()(ZSTD_CDict* dictionary) const { ZSTD_freeCDict(dictionary); }
  void operator()(ZSTD_DDict* dictionary) const { ZSTD_freeDDict(dictionary); }
};
using DecompressionContext = std::unique_ptr<ZSTD_DCtx, FreeZstd>;
using CompressionDictionary = std::unique_ptr<ZSTD_CDict, FreeZstd>;
using DecompressionDictionary = std::unique_ptr<ZSTD_DDict, FreeZstd>;

/// Contexts for who works at once; made when none is free. Thread-safe.
template <class Context, Context* Create()>
class ContextPool {
 public:
  using Borrowed = std::unique_ptr<Context, FreeZstd>;
  Borrowed Take() {
    const MutexLock lock(mutex_);
    if (free_.empty()) return Borrowed(Create());
    Borrowed context = std::move(free_.back());
    free_.pop_back();
    return context;
  }
  void GiveBack(Borrowed context) {
    const MutexLock lock(mutex_);
    free_.push_back(std::move(context));
  }

 private:
  Mutex mutex_;
  std::vector<Borrowed> free_ GUARDED_BY(mutex_);
};

namespace {

using nlohmann::json;

constexpr std::string_view kOpenMagic = "CMRLOG01";
constexpr char kOpenFile[] = "responses.log", kPackList[] = "packs.log";
constexpr size_t kDigestBytes = 32;
constexpr size_t kPackHead = 8 + kDigestBytes + 8 + 8;  // magic, dictionary, facts: offset, length
constexpr size_t kOpenHead = 8 + kDigestBytes;
static_assert(kPackDictionaryBytes == 8 + kDigestBytes);
constexpr uint64_t kMostFactsBytes = uint64_t{256} << 20;
constexpr uint64_t kMostDictionaryBytes = uint64_t{4} << 20;

/// One line, without a line break.
std::string FormatFacts(const PackedResponse& response) {
  json facts = {{"key", response.key},
                {"url", response.url},
                {"received", FormatTime(response.received)},
                {"status", response.status},
                {"sha256", response.sha256},
                {"bytes", response.bytes},
                {"offset", response.offset},
                {"length", response.length}};
  if (!response.revision.empty()) facts["revision"] = response.revision;
  if (!response.etag.empty()) facts["etag"] = response.etag;
  return facts.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<PackedResponse> ParseFacts(std::string_view line) {
  const json facts = json::parse(line, nullptr, false);
  const auto text = [&](const char* name) {
    const auto member = facts.find(name);
    return member != facts.end() && member->is_string() ? member->get<std::string>()
                                                        : std::string();
  };
  const auto number = [&](const char* name) -> uint64_t {
    const auto member = facts.find(name);
    return member != facts.end() && member->is_number_unsigned() ? member->get<uint64_t>() : 0;
  };
  if (!facts.is_object()) return Corrupt("the facts of a response are no JSON object");
  PackedResponse response;
  response.key = text("key");
  response.revision = text("revision");
  response.url = text("url");
  response.etag = text("etag");
  response.sha256 = text("sha256");
  response.status = static_cast<int>(std::min<uint64_t>(number("status"), 1000));
  response.bytes = number("bytes");
  response.offset = number("offset");
  response.length = number("length");
  ASSIGN_OR_RETURN(response.received, ParseTime(text("received")), "the facts of a response");
  if (response.key.empty() || response.sha256.size() != 2 * kDigestBytes)
    return Corrupt("the facts of a response lack its key or digest");
  return response;
}

std::string DigestText(std::string_view bytes) {
  if (bytes.find_first_not_of('\0') == std::string_view::npos) return {};
  return ToHex(bytes);
}

std::string DigestBytes(const std::string& sha256) {
  return sha256.empty() ? std::string(kDigestBytes, '\0') : FromHex(sha256);
}

Result<std::string> GetDictionary(const BlobStore& vault, const std::string& sha256) {
  const std::string object = BodyObject(sha256);
  ASSIGN_OR_RETURN(const std::string frame, vault.Get(object), "the dictionary");
  ASSIGN_OR_RETURN(std::string dictionary, Decompress(frame, kAnySize, kMostDictionaryBytes), "{}",
                   object);
  if (Sha256Hex(dictionary) != sha256)
    return Corrupt("{}: the bytes are not those that were recorded", object);
  return dictionary;
}

/// Undoes one frame, with the dictionary if it was made with one.
Result<std::string> DecompressFrame(ZSTD_DCtx* context, const ZSTD_DDict* dictionary,
                                    std::string_view frame) {
  if (ZSTD_getDictID_fromFrame(frame.data(), frame.size()) == 0)
    return Decompress(frame, kAnySize, kMostFactsBytes);
  if (dictionary == nullptr) return Corrupt("needs a dictionary that its pack does not name");
  const unsigned long long claimed = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (claimed == ZSTD_CONTENTSIZE_ERROR || claimed == ZSTD_CONTENTSIZE_UNKNOWN ||
      claimed > kMostFactsBytes)
    return Corrupt("no zstd frame with its size");
  std::string body(claimed, '\0');
  const size_t size = ZSTD_decompress_usingDDict(context, body.data(), body.size(), frame.data(),
                                                 frame.size(), dictionary);
  if (ZSTD_isError(size)) return Corrupt("damaged: {}", ZSTD_getErrorName(size));
  if (size != claimed) return Corrupt("holds {} bytes, {} are expected", size, claimed);
  return body;
}

struct OpenRecord {
  PackedResponse facts;
  std::string body;
};

/// The whole records of an open file; a torn one at the end is left out.
Result<std::vector<OpenRecord>> ReadOpenFile(const BlobStore& vault, const fs::path& path) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path));
  std::vector<OpenRecord> records;
  if (bytes.size() < kOpenHead) return records;
  if (!bytes.starts_with(kOpenMagic)) return Corrupt("{}: no file of responses", path.string());
  const std::string sha256 = DigestText(std::string_view(bytes).substr(8, kDigestBytes));
  DecompressionDictionary dictionary;
  if (!sha256.empty()) {
    ASSIGN_OR_RETURN(const std::string text, GetDictionary(vault, sha256), "{}", path.string());
    dictionary.reset(ZSTD_createDDict(text.data(), text.size()));
  }
  const DecompressionContext context(ZSTD_createDCtx());
  for (std::string_view rest = std::string_view(bytes).substr(kOpenHead);
       rest.size() >= kRecordHeaderBytes;) {
    const RecordHeader header = ReadRecordHeader(rest);
    rest.remove_prefix(kRecordHeaderBytes);
    if (uint64_t{header.facts} + header.frame > rest.size()) break;
    const std::string_view facts = rest.substr(0, header.facts);
    const std::string_view frame = rest.substr(header.facts, header.frame);
    if (RecordChecksum(facts, frame) != header.checksum) break;
    OpenRecord record;
    ASSIGN_OR_RETURN(record.facts, ParseFacts(facts), "{}", path.string());
    if (!frame.empty()) {
      ASSIGN_OR_RETURN(record.body, DecompressFrame(context.get(), dictionary.get(), frame), "{}",
                       path.string());
    }
    records.push_back(std::move(record));
    rest.remove_prefix(facts.size() + frame.size());
  }
  return records;
}

}  // namespace

/// The open file of a run: what is not yet in a pack of the vault.
class OpenResponses {
 public:
  Status Begin(const fs::path& path, const std::string& dictionary_sha256) {
    path_ = path;
    file_.Close();
    file_ = Descriptor(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file_.open()) return FileError(errno, "open", path_);
    return Write(std::string(kOpenMagic) + DigestBytes(dictionary_sha256));
  }
  Status Append(std::string_view facts, std::string_view frame) {
    std::string record = FormatRecordHeader(facts, frame);
    record.reserve(record.size() + facts.size() + frame.size());
    record += facts;
    record += frame;
    return Write(record);
  }

 private:
  Status Write(std::string_view bytes) { return WriteAll(file_.number(), bytes, path_); }

  fs::path path_;
  Descriptor file_;
};

struct ResponsePacks::Members {
  struct Packed {
    uint64_t offset = 0, length = 0;
  };

  Result<std::string> CompressBody(std::string_view body);
  Result<PackedResponse> Keep(PackedResponse facts, std::string_view body);
  Status AdoptPacks(const fs::path& from, std::vector<PackedResponse>& adopted,
                    std::vector<std::string>& problems);
  Result<bool> AdoptOpenFile(const fs::path& file, std::vector<PackedResponse>& adopted,
                             std::vector<std::string>& problems);
  Status ListPack(const std::string& name) const;
  bool IsNew(const PackedResponse& response) REQUIRES(mutex);
  Status BeginPack() REQUIRES(mutex);
  Status EndPack() REQUIRES(mutex);
  Status Train() REQUIRES(mutex);

  // Constant after construction.
  BlobStore& vault;
  const fs::path folder;
  const Options options;
  // Guarded by mutex.
  mutable Mutex mutex;
  std::vector<std::string> names GUARDED_BY(mutex);
  OpenResponses file GUARDED_BY(mutex);
  std::unordered_set<size_t> taken_over GUARDED_BY(mutex);  // hashes of responses; by Adopt alone
  bool open GUARDED_BY(mutex) = false;
  size_t number GUARDED_BY(mutex) = 0;  // of the open pack: others may be taken over meanwhile
  std::string pack GUARDED_BY(mutex), facts GUARDED_BY(mutex);
  size_t responses GUARDED_BY(mutex) = 0;
  std::vector<PackEntry> entries GUARDED_BY(mutex);
  std::unordered_map<std::string, Packed> bodies GUARDED_BY(mutex);  // of the open pack, by digest
  std::string sample GUARDED_BY(mutex);
  std::vector<size_t> sample_sizes GUARDED_BY(mutex);
  bool trained GUARDED_BY(mutex) = false;
  std::string dictionary_sha256 GUARDED_BY(mutex);
  std::shared_ptr<const ZSTD_CDict> dictionary GUARDED_BY(mutex);
  // Thread-safe.
  ContextPool<ZSTD_CCtx, ZSTD_createCCtx> contexts;
};

ResponsePacks::ResponsePacks(std::unique_ptr<Members> members) : members_(std::move(members)) {}
ResponsePacks::~ResponsePacks() = default;

Result<std::unique_ptr<ResponsePacks>> ResponsePacks::Open(fs::path folder, BlobStore& vault,
                                                           Options options) {
  RETURN_IF_ERROR(MakeFolders(folder));
  std::unique_ptr<Members> members(new Members{vault, std::move(folder), options});
  return std::unique_ptr<ResponsePacks>(new ResponsePacks(std::move(members)));
}

bool ResponsePacks::Left(const fs::path& folder) {
  std::error_code error;
  return fs::exists(folder / kOpenFile, error) || fs::exists(folder / kPackList, error);
}

Result<std::vector<PackedResponse>> ResponsePacks::Adopt(const fs::path& folder,
                                                         std::vector<std::string>& problems) {
  std::vector<PackedResponse> adopted;
  const bool own = folder == members_->folder;
  const size_t problems_before = problems.size();
  RETURN_IF_ERROR(members_->AdoptPacks(folder, adopted, problems));
  // One's own is put aside, since its name is needed again. If that is there already, a process
  // died here, and the file beside it has nothing that it lacks.
  const fs::path aside = folder / fmt::format("{}.before", kOpenFile);
  std::error_code missing;
  if (own && !fs::exists(aside, missing)) fs::rename(folder / kOpenFile, aside, missing);
  const fs::path file = fs::exists(aside, missing) ? aside : folder / kOpenFile;
  if (fs::exists(file, missing)) {
    ASSIGN_OR_RETURN(const bool whole, members_->AdoptOpenFile(file, adopted, problems));
    if (own && whole) fs::remove(aside, missing);
  }
  if (!own && problems.size() == problems_before) {  // all of it is here now
    fs::remove(folder / kPackList, missing);
    fs::remove(aside, missing);
    fs::remove(folder / kOpenFile, missing);
  }
  return adopted;
}

/// Take over the packs that a folder names.
Status ResponsePacks::Members::AdoptPacks(const fs::path& from,
                                          std::vector<PackedResponse>& adopted,
                                          std::vector<std::string>& problems) {
  std::error_code missing;
  if (!fs::exists(from / kPackList, missing)) return {};
  ASSIGN_OR_RETURN(const std::string list, ReadFile(from / kPackList));
  for (const std::string& name : Split(list, '\n')) {
    if (!name.starts_with("vault/packs/")) continue;
    const Result<std::string> bytes = vault.Get(name);
    Result<PackContents> contents =
        bytes.ok() ? ParsePackContents(*bytes) : Result<PackContents>(bytes.error());
    if (!contents.ok()) {
      problems.push_back(fmt::format("{}: {}", name, contents.error().message));
      continue;
    }
    MutexLock lock(mutex);
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    for (PackedResponse& response : contents->responses) {
      response.pack = static_cast<uint32_t>(names.size());
      if (IsNew(response)) adopted.push_back(std::move(response));
    }
    names.push_back(name);
    if (from != folder) RETURN_IF_ERROR(ListPack(name));
  }
  return {};
}

/// Keep the responses of an open file once more. False: the file cannot be read.
Result<bool> ResponsePacks::Members::AdoptOpenFile(const fs::path& file,
                                                   std::vector<PackedResponse>& adopted,
                                                   std::vector<std::string>& problems) {
  Result<std::vector<OpenRecord>> records = ReadOpenFile(vault, file);
  if (!records.ok()) {
    problems.push_back(records.error().message);
    return false;
  }
  for (OpenRecord& record : *records) {
    {
      MutexLock lock(mutex);
      if (!IsNew(record.facts)) continue;
    }
    ASSIGN_OR_RETURN(PackedResponse kept, Keep(std::move(record.facts), record.body));
    adopted.push_back(std::move(kept));
  }
  return true;
}

/// Whether a response was not taken over before: a run that was killed while it took over another's
/// left both.
bool ResponsePacks::Members::IsNew(const PackedResponse& response) {
  const std::hash<std::string> hash;
  const size_t both = hash(response.key + '\n' + response.revision) * 31 + hash(response.sha256);
  return taken_over.insert(both).second;
}

/// Say in the folder that a pack is in the vault.
Status ResponsePacks::Members::ListPack(const std::string& name) const {
  const fs::path path = folder / kPackList;
  const Descriptor list(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!list.open()) return FileError(errno, "open", path);
  return WriteAll(list.number(), name + "\n", path);
}

Result<std::string> ResponsePacks::Members::CompressBody(std::string_view body) {
  std::shared_ptr<const ZSTD_CDict> with;
  {
    MutexLock lock(mutex);
    with = dictionary;
  }
  auto context = contexts.Take();
  std::string frame(ZSTD_compressBound(body.size()), '\0');
  const size_t size = with ? ZSTD_compress_usingCDict(context.get(), frame.data(), frame.size(),
                                                      body.data(), body.size(), with.get())
                           : ZSTD_compressCCtx(context.get(), frame.data(), frame.size(),
                                               body.data(), body.size(), options.level);
  if (ZSTD_isError(size)) return Internal("zstd: {}", ZSTD_getErrorName(size));
  frame.resize(size);
  contexts.GiveBack(std::move(context));
  return frame;
}

Status ResponsePacks::Members::BeginPack() {
  RETURN_IF_ERROR(file.Begin(folder / kOpenFile, dictionary_sha256));
  pack = kResponsePackMagic;
  pack += DigestBytes(dictionary_sha256);
  pack.append(16, '\0');  // where the facts are
  number = names.size();
  names.emplace_back();
  open = true;
  return {};
}

Status ResponsePacks::Members::EndPack() {
  if (!open) return {};
  const std::string frame = Compress(facts);
  std::string where;
  AppendNumber(where, pack.size());
  AppendNumber(where, frame.size());
  pack.replace(kPackHead - 16, 16, where);
  pack += frame;
  const uint64_t index = pack.size();
  AppendPackEntries(pack, entries);
  AppendNumber(pack, index);
  AppendNumber(pack, entries.size());
  pack += kResponsePackMagic;
  const std::string name = PackObject(Sha256Hex(pack));
  RETURN_IF_ERROR(vault.Put(name, pack), "{}", name);
  // The list first: a process killed here finds the responses twice, never not at all.
  RETURN_IF_ERROR(ListPack(name));
  std::error_code error;
  fs::remove(folder / kOpenFile, error);
  names[number] = name;
  pack.clear();
  facts.clear();
  entries.clear();
  bodies.clear();
  responses = 0;
  open = false;
  return {};
}

/// Make the dictionary of what was kept so far. Too few or too unlike bodies: none, once and for
/// all.
Status ResponsePacks::Members::Train() {
  trained = true;
  std::string made(options.dictionary_bytes, '\0');
  const size_t size =
      ZDICT_trainFromBuffer(made.data(), made.size(), sample.data(), sample_sizes.data(),
                            static_cast<unsigned>(sample_sizes.size()));
  sample = {};
  sample_sizes = {};
  if (ZDICT_isError(size) || size == 0) return {};
  made.resize(size);
  const std::string sha256 = Sha256Hex(made);
  RETURN_IF_ERROR(vault.Put(BodyObject(sha256), Compress(made)), "the dictionary");
  RETURN_IF_ERROR(EndPack());  // a pack has one dictionary
  dictionary_sha256 = sha256;
  dictionary.reset(ZSTD_createCDict(made.data(), made.size(), options.level), FreeZstd());
  return {};
}

Result<PackedResponse> ResponsePacks::Append(PackedResponse facts, std::string_view body) {
  {
    MutexLock lock(members_->mutex);
    if (!members_->taken_over.empty()) members_->taken_over = {};  // no more is taken over
  }
  return members_->Keep(std::move(facts), body);
}

Result<PackedResponse> ResponsePacks::Members::Keep(PackedResponse facts, std::string_view body) {
  Members& m = *this;
  facts.sha256 = Sha256Hex(body);
  facts.bytes = body.size();
  std::string frame;
  uint32_t dictionary_id = 0;
  if (!body.empty()) {
    ASSIGN_OR_RETURN(frame, m.CompressBody(body));
    dictionary_id = ZSTD_getDictID_fromFrame(frame.data(), frame.size());
  }
  MutexLock lock(m.mutex);
  if (!m.open) {
    RETURN_IF_ERROR(m.BeginPack());
  }
  if (dictionary_id != 0 && m.dictionary_sha256.empty())
    return Internal("a body compressed with a dictionary that the pack does not name");
  const auto [known, added] = m.bodies.try_emplace(facts.sha256);
  if (added) known->second = {m.pack.size(), frame.size()};
  facts.pack = static_cast<uint32_t>(m.number);
  facts.offset = known->second.offset;
  facts.length = known->second.length;
  const std::string line = FormatFacts(facts);
  const Status written = m.file.Append(line, frame);
  if (!written.ok()) {
    if (added) m.bodies.erase(known);
    return written;
  }
  if (added && !frame.empty()) {
    m.entries.push_back({facts.sha256, facts.offset, facts.length, facts.bytes});
    m.pack += frame;
  }
  m.facts += line;
  m.facts += '\n';
  ++m.responses;
  if (!m.trained && !body.empty()) {
    m.sample += body;
    m.sample_sizes.push_back(body.size());
    if (m.sample_sizes.size() >= m.options.training_bodies) {
      RETURN_IF_ERROR(m.Train());
    }
  }
  if (m.responses >= m.options.pack_responses || m.pack.size() >= m.options.pack_bytes) {
    RETURN_IF_ERROR(m.EndPack());
  }
  return facts;
}

Status ResponsePacks::Finish() {
  MutexLock lock(members_->mutex);
  return members_->EndPack();
}

std::vector<std::string> ResponsePacks::names() const {
  MutexLock lock(members_->mutex);
  return members_->names;
}

Result<PackContents> ParsePackContents(std::string_view pack) {
  ASSIGN_OR_RETURN(const std::vector<PackEntry> entries, ParsePackIndex(pack));
  if (!pack.starts_with(kResponsePackMagic) || pack.size() < kPackHead)
    return Corrupt("a pack without the facts of its responses");
  PackContents contents;
  contents.dictionary_sha256 = DigestText(pack.substr(8, kDigestBytes));
  const uint64_t offset = ReadNumber(pack, kPackHead - 16);
  const uint64_t length = ReadNumber(pack, kPackHead - 8);
  if (offset > pack.size() || length > pack.size() - offset)
    return Corrupt("the facts lie outside of the pack");
  ASSIGN_OR_RETURN(const std::string facts,
                   Decompress(pack.substr(offset, length), kAnySize, kMostFactsBytes),
                   "the facts of a pack");
  for (std::string_view rest = facts; !rest.empty();) {
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos) return Corrupt("the facts of a pack are cut short");
    ASSIGN_OR_RETURN(PackedResponse response, ParseFacts(rest.substr(0, end)));
    if (response.offset > pack.size() || response.length > pack.size() - response.offset)
      return Corrupt("the body of {} lies outside of its pack", response.key);
    contents.responses.push_back(std::move(response));
    rest.remove_prefix(end + 1);
  }
  return contents;
}

std::string DictionaryOfPack(std::string_view head) {
  if (head.size() < kPackDictionaryBytes || !head.starts_with(kResponsePackMagic)) return {};
  return DigestText(head.substr(8, kDigestBytes));
}

struct PackReader::Members {
  Result<std::string_view> DictionaryDigestOf(const std::string& pack);
  Result<const ZSTD_DDict*> DictionaryOf(const std::string& pack);
  Result<std::string_view> Frame(const PackPlace& place);

  const BlobStore& vault;
  const uint64_t window_bytes;
  DecompressionContext context{ZSTD_createDCtx()};
  std::map<std::string, std::string> of_pack = {};  // pack → digest of its dictionary
  std::map<std::string, DecompressionDictionary, std::less<>> dictionaries = {};
  std::string window_pack = {}, window = {};
  uint64_t window_at = 0;
};

PackReader::PackReader(const BlobStore& vault, uint64_t window_bytes)
    : members_(new Members{vault, window_bytes}) {}
PackReader::~PackReader() = default;

/// Empty: the pack has none.
Result<std::string_view> PackReader::Members::DictionaryDigestOf(const std::string& pack) {
  auto known = of_pack.find(pack);
  if (known == of_pack.end()) {
    ASSIGN_OR_RETURN(const std::string head, vault.Get(pack, 0, kPackDictionaryBytes));
    known = of_pack.emplace(pack, DictionaryOfPack(head)).first;
  }
  return std::string_view(known->second);
}

/// Null: the pack has none.
Result<const ZSTD_DDict*> PackReader::Members::DictionaryOf(const std::string& pack) {
  ASSIGN_OR_RETURN(const std::string_view digest, DictionaryDigestOf(pack));
  if (digest.empty()) return static_cast<const ZSTD_DDict*>(nullptr);
  auto made = dictionaries.find(digest);
  if (made == dictionaries.end()) {
    const std::string sha256(digest);
    ASSIGN_OR_RETURN(const std::string text, GetDictionary(vault, sha256), "{}", pack);
    made = dictionaries
               .emplace(sha256, DecompressionDictionary(ZSTD_createDDict(text.data(), text.size())))
               .first;
  }
  return static_cast<const ZSTD_DDict*>(made->second.get());
}

Result<std::string_view> PackReader::Members::Frame(const PackPlace& place) {
  const auto inside = [&] {
    return place.pack == window_pack && place.offset >= window_at &&
           place.length <= window.size() &&
           place.offset - window_at <= window.size() - place.length;
  };
  if (!inside()) {
    window_pack.clear();
    // A window that reaches over the end of the pack is refused: then only what is asked for.
    Result<std::string> read =
        vault.Get(place.pack, place.offset, std::max(window_bytes, place.length));
    if (!read.ok() && read.error().code == Code::kCorrupt)
      read = vault.Get(place.pack, place.offset, BlobStore::kWhole);
    RETURN_IF_ERROR(read.status(), "{}", place.pack);
    window = *std::move(read);
    window_pack = place.pack;
    window_at = place.offset;
    if (!inside()) return Corrupt("{}: is too short", place.pack);
  }
  return std::string_view(window).substr(place.offset - window_at, place.length);
}

Result<std::string> PackReader::Read(const PackPlace& place, std::string_view sha256) {
  Members& m = *members_;
  if (place.length == 0) return std::string();
  ASSIGN_OR_RETURN(const std::string_view frame, m.Frame(place));
  const ZSTD_DDict* dictionary = nullptr;
  if (ZSTD_getDictID_fromFrame(frame.data(), frame.size()) != 0) {
    ASSIGN_OR_RETURN(dictionary, m.DictionaryOf(place.pack));
  }
  ASSIGN_OR_RETURN(std::string body, DecompressFrame(m.context.get(), dictionary, frame),
                   "{} at byte {}", place.pack, place.offset);
  if (Sha256Hex(body) != sha256) {
    return Corrupt("{} at byte {}: the body's digest is not {}", place.pack, place.offset, sha256);
  }
  return body;
}

Result<PackedFrame> PackReader::ReadFrame(const PackPlace& place) {
  Members& m = *members_;
  PackedFrame frame;
  if (place.length == 0) return frame;
  ASSIGN_OR_RETURN(frame.bytes, m.Frame(place));
  if (ZSTD_getDictID_fromFrame(frame.bytes.data(), frame.bytes.size()) != 0) {
    ASSIGN_OR_RETURN(frame.dictionary_sha256, m.DictionaryDigestOf(place.pack));
  }
  return frame;
}

struct FrameDecoder::Members {
  // Changed by Add alone.
  std::vector<std::string> digests;
  std::vector<DecompressionDictionary> dictionaries;
  // Thread-safe.
  ContextPool<ZSTD_DCtx, ZSTD_createDCtx> contexts;
};

FrameDecoder::FrameDecoder() : members_(std::make_unique<Members>()) {
  members_->digests.emplace_back();
  members_->dictionaries.emplace_back();
}
FrameDecoder::~FrameDecoder() = default;

Result<uint32_t> FrameDecoder::Add(const BlobStore& vault, std::string_view dictionary_sha256) {
  Members& m = *members_;
  const auto known = std::find(m.digests.rbegin(), m.digests.rend(), dictionary_sha256);
  if (known == m.digests.rend()) {
    const std::string sha256(dictionary_sha256);
    ASSIGN_OR_RETURN(const std::string text, GetDictionary(vault, sha256));
    m.dictionaries.emplace_back(ZSTD_createDDict(text.data(), text.size()));
    m.digests.push_back(sha256);
    return static_cast<uint32_t>(m.digests.size() - 1);
  }
  return static_cast<uint32_t>(m.digests.rend() - known - 1);
}

Status FrameDecoder::Decode(std::string_view frame, uint32_t dictionary, std::string& body) const {
  Members& m = *members_;
  if (frame.empty()) {
    body.clear();
    return {};
  }
  DecompressionContext context = m.contexts.Take();
  Result<std::string> made =
      DecompressFrame(context.get(), m.dictionaries[dictionary].get(), frame);
  m.contexts.GiveBack(std::move(context));
  ASSIGN_OR_RETURN(body, std::move(made));
  return {};
}

}  // namespace catchment::net
