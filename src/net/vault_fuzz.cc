// Stored bytes that may be damaged: packs, frames, exchange lists.

#include <cstdint>
#include <cstdlib>

#include "net/memory_blob_store.h"
#include "net/response_packs.h"
#include "net/vault.h"
#include "net/vault_internal.h"

namespace catchment::net {

namespace {

void Expect(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto entries = ParsePackIndex(bytes); entries.ok()) {
    MemoryBlobStore store;
    (void)store.Put("pack", bytes);
    for (const PackEntry& entry : *entries) {
      Exchange exchange;
      exchange.sha256 = entry.sha256;
      exchange.object = "pack";
      exchange.offset = entry.offset;
      exchange.length = entry.length;
      exchange.bytes = entry.bytes;
      (void)ReadBody(store, exchange);
    }
  }
  (void)ParsePackContents(bytes);
  (void)Decompress(bytes, kAnySize, 1 << 20);
  (void)ParseExchangeList(bytes, "list");
  if (const auto exchange = ParseExchange(bytes); exchange.ok()) {
    const std::string line = FormatExchange(*exchange);
    const auto again = ParseExchange(line);
    Expect(again.ok() && FormatExchange(*again) == line);
  }
  return 0;
}

}  // namespace catchment::net
