#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/blob_store.h"
#include "net/transport.h"

namespace catchment::net {

/// What tells one request of a run from another.
struct ExchangeKey {
  std::string task;         ///< the collect task that asked
  std::string method;       ///< `GET`
  std::string url;          ///< NormaliseUrl, redactions applied, values of secret parameters `***`
  std::string body_sha256;  ///< of the request's body; empty if it had none
  /// Request headers that choose the answer (Range, CMR-Search-After, X-Amz-Target, If-None-Match,
  /// If-Modified-Since), as `name: value` in lower case and order of name, joined by line breaks;
  /// empty for most requests.
  std::string vary;
  int64_t ordinal = 0;  ///< n-th identical request of this task, from 0
  auto operator<=>(const ExchangeKey&) const = default;
};

/// One request and what came back, as kept for ever. Either a response or an error of the
/// transport.
struct Exchange {
  ExchangeKey key;
  Time received{};
  int status = 0;              ///< 0: the transport failed, see `error`
  Headers headers;             ///< those of KeptHeaders(), names in lower case, sorted
  std::optional<Error> error;  ///< never kDeadline or kCancelled: such exchanges are not recorded
  std::string sha256;          ///< of the decompressed body; empty with an error
  uint64_t bytes = 0;          ///< of the decompressed body
  std::string object;   ///< name in the blob store; empty for an empty body and before sealing
  uint64_t offset = 0;  ///< of the zstd frame in the object
  uint64_t length = 0;  ///< of the zstd frame
};

/// Names (globs, lower case) of the response headers that are kept; all others may hold secrets or
/// noise. Whoever reads another header adds it here: a recorded run sees these alone, so that its
/// replay sees the same.
std::span<const std::string_view> KeptHeaders();
/// Those of `headers` that are kept: names in lower case, sorted, a Location's secret parameters
/// `***`.
Headers FilterHeaders(const Headers& headers);

/// What a run's exchanges became in the vault.
struct SealedExchanges {
  std::string list_sha256;          ///< the exchange list; empty if there was no exchange
  std::vector<Exchange> exchanges;  ///< sorted by key
  std::vector<std::string>
      objects;                ///< names of the objects now relied on that this seal added, sorted
  uint64_t raw_bytes = 0;     ///< of distinct bodies added
  uint64_t stored_bytes = 0;  ///< of the objects added
};

/// A run's request ledger: an append-only file in its work folder, into which responses are spooled
/// (compressed) as they arrive, so that memory stays small and a killed run asks nothing twice; the
/// next run of its slot can read what it was told.
/// Format: docs/formats/vault.md. Thread-safe. One process owns it.
class ExchangeLog {
 public:
  /// Open `folder`/exchanges.log, creating both if absent. A torn record at the end (the process
  /// died writing) is cut off. kCorrupt: the file is damaged elsewhere; it is left untouched.
  /// kInvalid: a newer format.
  static Result<std::unique_ptr<ExchangeLog>> Open(const std::filesystem::path& folder);
  ~ExchangeLog();

  /// Append; `body` is that of the response. Replaces an earlier record of the same key. Fills
  /// sha256, bytes. The process may die afterwards without losing it (not the machine: see Sync).
  Status Append(Exchange exchange, std::string_view body);

  /// What an earlier process of this run recorded under `key`, if it is a 2xx or 304 answer; null
  /// otherwise. The exchange then counts as asked by this process.
  Result<std::optional<Response>> Reuse(const ExchangeKey& key);

  /// The 2xx answers that the file holds, by key, without their bodies. For whoever takes over what
  /// a dead run was told.
  std::vector<Exchange> Answers() const;
  /// A recorded answer with its body. kNotFound: no answer under `key`. kCorrupt: damaged.
  Result<Response> Read(const ExchangeKey& key) const;

  /// fdatasync of the file.
  Status Sync();

  /// Exchanges asked or reused by this process.
  int64_t size() const;

  /// Write all exchanges to the vault: bodies below 1 MiB into packs of up to 16 MiB, larger ones
  /// singly, and last the exchange list. Bodies of `known` (from earlier runs' lists) are not
  /// stored again. The same exchanges give the same bytes, whatever order they came in. The log
  /// stays as it is.
  Result<SealedExchanges> Seal(BlobStore& vault, std::span<const Exchange> known = {});

 private:
  struct Members;
  explicit ExchangeLog(std::unique_ptr<Members> members);
  std::unique_ptr<Members> members_;
};

/// Passes requests on and records what comes back; hands out the kept headers only. Requests with
/// record = false, and those that end by deadline or stop, are passed on only. Answers that the log
/// already has from an earlier process of the run are not asked again. A failure to record fails
/// the request and all after it, without asking: what is not in the vault must not be used. Answers
/// to Start are recorded, and `done` is called, on a thread of this transport.
class RecordingTransport final : public Transport {
 public:
  /// `inner` and `log` outlive this and all requests in flight.
  RecordingTransport(Transport& inner, ExchangeLog& log, std::string task);
  ~RecordingTransport() override;
  Result<Response> Send(const Request& request, const OpContext& context) override;
  void Start(Request request, const OpContext& context, Done done) override;

 private:
  struct Members;
  std::unique_ptr<Members> members_;
};

/// Answers from the vault, without network. Errors that were recorded are errors again. kNotFound:
/// the request is not among the task's exchanges, or was asked more often than recorded. Requests
/// with record = false are kNotFound: replay needs none of them (see OAuthTokens).
class ReplayTransport final : public Transport {
 public:
  /// `vault` outlives this.
  ReplayTransport(const BlobStore& vault, std::span<const Exchange> exchanges, std::string task);
  ~ReplayTransport() override;
  Result<Response> Send(const Request& request, const OpContext& context) override;

 private:
  struct Members;
  std::unique_ptr<Members> members_;
};

/// Read an exchange list, sorted by key. kNotFound; kCorrupt naming the object.
Result<std::vector<Exchange>> ReadExchanges(const BlobStore& vault, std::string_view list_sha256);

/// Read the body of an exchange and check its digest. Empty for an empty body. kNotFound, kCorrupt:
/// name the object.
Result<std::string> ReadBody(const BlobStore& vault, const Exchange& exchange);

/// Store one body by its content as a single object: an image, a file. Returns {sha256, object,
/// length} in an Exchange without key.
Result<Exchange> StoreBody(BlobStore& vault, std::string_view body);

/// The key of `request` without ordinal.
Result<ExchangeKey> KeyOf(const Request& request, std::string_view task);

/// One line of an exchange list, without line break, and back. kCorrupt: not such a line.
std::string FormatExchange(const Exchange& exchange);
Result<Exchange> ParseExchange(std::string_view line);

/// A whole decompressed list, `name` for messages. kCorrupt; kInvalid: a newer format.
Result<std::vector<Exchange>> ParseExchangeList(std::string_view list, std::string_view name);

/// A body in a pack.
struct PackEntry {
  std::string sha256;
  uint64_t offset = 0, length = 0;  ///< of the zstd frame
  uint64_t bytes = 0;               ///< decompressed
};
/// The entries of a pack of either format (packs of responses: net/response_packs.h), in order of
/// digest. kCorrupt: not a pack, damaged. kInvalid: a newer format.
Result<std::vector<PackEntry>> ParsePackIndex(std::string_view pack);

/// `vault/ab/abcd….zst` and `vault/packs/ab/abcd….pack`
std::string BodyObject(std::string_view sha256);
std::string PackObject(std::string_view sha256);

}  // namespace catchment::net
