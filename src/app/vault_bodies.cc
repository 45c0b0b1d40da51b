#include "app/vault_bodies.h"

#include <algorithm>
#include <tuple>

#include "base/digest.h"
#include "sources/cmr/link_table.h"

namespace catchment::app {
namespace {

constexpr size_t kBodiesOfBlock = 512;
constexpr size_t kBodiesBetweenStops = 4096;

/// A pack that the dataset's own tables name has to be there.
Error Lacking(const Error& error) {
  return Corrupt("{}; `catchment verify` tells what else the vault lacks", error.message);
}

}  // namespace

VaultBodies::VaultBodies(const std::vector<VaultBody>& bodies, Options options)
    : options_(std::move(options)) {
  bodies_.reserve(bodies.size());
  order_.reserve(bodies.size());
  for (const VaultBody& body : bodies) {
    order_.push_back(static_cast<uint32_t>(bodies_.size()));
    bodies_.push_back({.body = body});
    bytes_ += body.bytes;
  }
  std::ranges::sort(order_, {}, [this](uint32_t number) {
    const VaultBody& body = bodies_[number].body;
    return std::tuple(body.pack, body.offset, number);
  });
}

Result<std::unique_ptr<VaultBodies>> VaultBodies::Open(const net::BlobStore& vault,
                                                       const std::vector<std::string>& packs,
                                                       const std::vector<VaultBody>& bodies,
                                                       Options options) {
  std::unique_ptr<VaultBodies> opened(new VaultBodies(bodies, std::move(options)));
  RETURN_IF_ERROR(opened->Copy(vault, packs));
  return opened;
}

Status VaultBodies::Copy(const net::BlobStore& vault, const std::vector<std::string>& packs) {
  ASSIGN_OR_RETURN(file_, stac::SpillFile::Open(options_.temp_dir));
  uint64_t needed = 0;
  for (const Copied& copied : bodies_) needed += copied.body.length;
  RETURN_IF_ERROR(stac::CheckSpace(options_.temp_dir, needed));
  net::PackReader reader(vault);
  size_t until_stop = 0;
  for (const uint32_t number : order_) {
    if (until_stop++ % kBodiesBetweenStops == 0 && options_.stop.stop_requested())
      return Cancelled("stopped while reading items");
    Copied& copied = bodies_[number];
    const VaultBody& body = copied.body;
    Result<net::PackedFrame> frame = reader.ReadFrame({packs[body.pack], body.offset, body.length});
    if (!frame.ok() && frame.error().code == Code::kNotFound) return Lacking(frame.error());
    if (!frame.ok()) return frame.status();
    ASSIGN_OR_RETURN(copied.dictionary, decoder_.Add(vault, frame->dictionary_sha256));
    copied.at = file_->bytes();
    RETURN_IF_ERROR(file_->Append(frame->bytes));
  }
  return file_->Flush();
}

size_t VaultBodies::blocks() const { return (order_.size() + kBodiesOfBlock - 1) / kBodiesOfBlock; }

Status VaultBodies::Scan(const std::function<Status(size_t, const stac::BodyBlock&)>& visit) {
  return stac::ScanBlocks(blocks(), options_.stop,
                          [&](size_t number) { return ScanBlock(number, visit); });
}

/// Bodies are compared with their digests here; later readings take them as they are.
Status VaultBodies::ScanBlock(
    size_t number, const std::function<Status(size_t, const stac::BodyBlock&)>& visit) const {
  const size_t begin = number * kBodiesOfBlock;
  const size_t end = std::min(order_.size(), begin + kBodiesOfBlock);
  std::vector<std::string> texts(end - begin);
  stac::BodyBlock block;
  for (size_t i = begin; i < end; ++i) {
    const Copied& copied = bodies_[order_[i]];
    const stac::BodyPlace place{.length = copied.body.bytes, .line = order_[i]};
    std::string& text = texts[i - begin];
    RETURN_IF_ERROR(Read(place, text));
    const std::string expected = sources::cmr::DigestTextOf(copied.body.sha256);
    if (Sha256Hex(text) != expected)
      return Corrupt("a body of the vault is not the recorded one, {}", expected);
    block.places.push_back(place);
    block.bodies.emplace_back(text);
  }
  return visit(number, block);
}

Status VaultBodies::Read(const stac::BodyPlace& place, std::string& body) const {
  const Copied& copied = bodies_[place.line];
  thread_local std::string frame;
  frame.resize(copied.body.length);
  RETURN_IF_ERROR(file_->Read(copied.at, frame));
  RETURN_IF_ERROR(decoder_.Decode(frame, copied.dictionary, body), "body {}",
                  sources::cmr::DigestTextOf(copied.body.sha256));
  return {};
}

}  // namespace catchment::app
