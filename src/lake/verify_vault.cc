#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "lake/object_internal.h"
#include "lake/vault_blob_store.h"
#include "lake/verify_vault_internal.h"
#include "net/frame_digest.h"
#include "net/response_packs.h"
#include "net/vault.h"

namespace catchment::lake {
namespace {

constexpr size_t kNamesOfFinding = 3;
constexpr std::string_view kPackExtension = ".pack";

/// `vault/ab/abcd….zst` → `abcd…`
std::string_view DigestInName(std::string_view object) {
  object.remove_prefix(object.rfind('/') + 1);
  return object.substr(0, object.find('.'));
}

/// Of the pack's own bytes, or of those that a single body's frame holds.
Result<std::string> DigestOfObject(const std::filesystem::path& path, std::string_view object) {
  if (object.ends_with(kPackExtension)) return DigestOfFile(path);
  net::FrameDigest digest;
  RETURN_IF_ERROR(ReadInPieces(path, [&](std::string_view piece) { return digest.Update(piece); }));
  return digest.Finish();
}

/// What the loss means.
std::string Meaning(const std::vector<std::string>& runs, int64_t more_runs,
                    const std::vector<std::string>& tables) {
  std::string text;
  if (!runs.empty()) {
    text = fmt::format("{}{} cannot be replayed any more", fmt::join(runs, ", "),
                       more_runs > 0 ? fmt::format(" and {} more", more_runs) : "");
  }
  if (!tables.empty()) {
    text += fmt::format("{}bodies that table {} names cannot be read again",
                        text.empty() ? "" : ", ", fmt::join(tables, ", "));
  }
  return text + "; what is published is not touched";
}

}  // namespace

std::string VaultCheck::Key(std::string_view object) const {
  return fmt::format("{}/{}", dataset_, object);
}

Status VaultCheck::CheckRun(const Manifest& manifest) {
  if (manifest.exchanges.empty()) return {};
  ++report_.runs;
  std::set<std::string> lists;
  for (const auto& [task, list] : manifest.exchanges) lists.insert(list);
  const Relying who{.run = fmt::format("run {} of slot {}", manifest.run.text, manifest.slot.text),
                    .table = {}};
  const VaultBlobStore vault(store_, dataset_);
  for (const std::string& list : lists) {
    // What a list names is only known of a good one.
    ASSIGN_OR_RETURN(const bool good, Check(net::BodyObject(list), 0, true, who));
    if (!good) continue;
    ASSIGN_OR_RETURN(const std::vector<net::Exchange> exchanges, net::ReadExchanges(vault, list));
    std::map<std::string, uint64_t> ends;
    for (const net::Exchange& exchange : exchanges) {
      if (exchange.object.empty()) continue;
      uint64_t& end = ends[exchange.object];
      end = std::max(end, exchange.offset + exchange.length);
    }
    for (const auto& [object, end] : ends)
      RETURN_IF_ERROR(Check(object, end, options_.digests, who).status());
  }
  return {};
}

Status VaultCheck::CheckPacks(std::string_view table, const std::set<std::string>& packs) {
  const Relying who{.run = {}, .table = fmt::format("'{}'", table)};
  for (const std::string& pack : packs)
    RETURN_IF_ERROR(Check(pack, 0, options_.digests, who).status());
  return {};
}

/// Whether an object is as it was written; its first `end` bytes are relied on.
Result<bool> VaultCheck::Check(const std::string& object, uint64_t end, bool digest,
                               const Relying& who) {
  const auto [at, added] = seen_.try_emplace(object);
  Seen& seen = at->second;
  if (added) {
    RETURN_IF_ERROR(context_.Check());
    ASSIGN_OR_RETURN(seen, Look(object, digest), "verify {}", Key(object));
    ++report_.vault_objects;
    report_.vault_bytes += static_cast<int64_t>(seen.bytes);
    if (options_.progress) options_.progress(report_);
  }
  if (seen.damage.empty() && seen.bytes < end)
    seen.damage = fmt::format("it has {} bytes, and {} are relied on", seen.bytes, end);
  if (!seen.dictionary.empty())
    RETURN_IF_ERROR(Check(net::BodyObject(seen.dictionary), 0, digest, who).status());
  if (seen.damage.empty()) return true;
  const auto keep = [](std::vector<std::string>& names, const std::string& name) {
    if (name.empty() || std::find(names.begin(), names.end(), name) != names.end()) return true;
    if (names.size() == kNamesOfFinding) return false;
    names.push_back(name);
    return true;
  };
  if (!keep(seen.runs, who.run)) ++seen.more_runs;
  keep(seen.tables, who.table);
  return false;
}

Result<VaultCheck::Seen> VaultCheck::Look(const std::string& object, bool digest) const {
  Seen seen;
  const std::string key = Key(object);
  const Result<uint64_t> size = store_.Size(key);
  if (!size.ok()) {
    if (size.error().code != Code::kNotFound) return size.status();
    seen.damage = "it is missing";
    return seen;
  }
  seen.bytes = *size;
  if (digest) {
    ASSIGN_OR_RETURN(const std::filesystem::path path, store_.Fetch(key));
    const Result<std::string> got = DigestOfObject(path, object);
    if (!got.ok() && got.error().code != Code::kCorrupt) return got.status();
    if (!got.ok()) {
      seen.damage = got.error().message;
    } else if (*got != DigestInName(object)) {
      seen.damage = fmt::format("SHA-256 is {}, its name says {}", *got, DigestInName(object));
    }
  }
  if (seen.damage.empty() && object.ends_with(kPackExtension)) {
    ASSIGN_OR_RETURN(const std::string head,
                     store_.GetRange(key, 0, std::min(seen.bytes, net::kPackDictionaryBytes)));
    seen.dictionary = net::DictionaryOfPack(head);
  }
  return seen;
}

void VaultCheck::Finish() {
  for (const auto& [object, seen] : seen_) {
    if (seen.damage.empty()) continue;
    report_.findings.push_back(
        {Key(object),
         fmt::format("{}; {}", seen.damage, Meaning(seen.runs, seen.more_runs, seen.tables)),
         std::string(kFromBackup)});
  }
}

}  // namespace catchment::lake
