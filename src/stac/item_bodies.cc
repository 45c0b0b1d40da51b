#include "stac/item_bodies.h"

#include <arrow/util/thread_pool.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/descriptor.h"
#include "base/file.h"
#include "base/parallel_for.h"
#include "columnar/compress.h"
#include "stac/item_key.h"
#include "stac/item_text.h"
#include "stac/json_tokens_internal.h"
#include "stac/spill_file.h"

namespace catchment::stac {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kBlockBytes = 4u << 20;
constexpr size_t kTailBytes = 64u << 10;  // read past a block's end, for its last line
constexpr uint64_t kUsualRatio = 10;      // of packed items

struct Input {
  std::string name;
  int descriptor = -1;  ///< of a plain file
  uint64_t end = 0;     ///< of a plain file
  timespec changed{};   ///< of a plain file
  bool plain = false;
};

/// A part of a plain file: the lines that begin in it; or places in the spill file.
struct Block {
  uint32_t input = 0;
  uint64_t begin = 0, end = 0;
  std::vector<BodyPlace> places;
  uint32_t lines = 0;  ///< of a part of a plain file, known once it was read
};

std::string_view WithoutSpace(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

/// Whether a plain file begins as NDJSON does: an item alone on its first line, and more behind it.
bool BeginsWithAnItemOnALine(std::string_view head) {
  if (head.starts_with("\xEF\xBB\xBF")) return false;
  const size_t line_end = head.find('\n');
  if (line_end == head.npos) return false;
  const std::string_view line = WithoutSpace(head.substr(0, line_end));
  return line.starts_with('{') && line.ends_with('}') && ItemKeyReader().Read(line).has_value();
}

/// Items of files.
class FileBodies final : public ItemBodies {
 public:
  explicit FileBodies(ItemBodiesOptions options) : options_(std::move(options)) {}
  Status Add(const std::string& text);
  Status Flush() { return spill_ ? spill_->Flush() : Status(); }

  size_t blocks() const override { return blocks_.size(); }
  Status Scan(const std::function<Status(size_t, const BodyBlock&)>& visit) override;
  uint32_t first_line(size_t block) const override;
  Status Read(const BodyPlace& place, std::string& body) const override;
  Status Unchanged() const override;
  const std::string& name(uint32_t input) const override { return inputs_[input].name; }
  uint64_t bytes() const override { return bytes_; }

 private:
  Status AddPlain(Input input, uint64_t size);
  Status AddSpooled(const Input& input, std::unique_ptr<columnar::ByteReader> packed);
  Status VisitPart(Block& block, size_t number,
                   const std::function<Status(size_t, const BodyBlock&)>& visit) const;
  Status VisitPlaces(const Block& block, size_t number,
                     const std::function<Status(size_t, const BodyBlock&)>& visit) const;

  const ItemBodiesOptions options_;
  std::vector<Input> inputs_;
  std::vector<Descriptor> files_;
  std::unique_ptr<SpillFile> spill_;
  std::vector<Block> blocks_;
  uint64_t bytes_ = 0;
};

Status FileBodies::Add(const std::string& text) {
  Input input{.name = text == "-" ? "standard input" : text};
  const fs::path path = text == "-" ? "/dev/stdin" : text;
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.open()) return FileError(errno, "open", input.name);
  struct stat info {};
  if (fstat(file.number(), &info) != 0) return FileError(errno, "open", input.name);
  if (S_ISDIR(info.st_mode)) return FileError(EISDIR, "open", input.name);
  if (S_ISREG(info.st_mode) && text != "-") {
    const auto size = static_cast<uint64_t>(info.st_size);
    std::string head(std::min<uint64_t>(size, 1u << 20), '\0');
    ASSIGN_OR_RETURN(const size_t got, ReadAt(file.number(), head, 0, input.name));
    head.resize(got);
    const bool packed =
        columnar::CompressionOfBytes(head.substr(0, 4)) != columnar::Compression::kNone;
    if (!packed && BeginsWithAnItemOnALine(head)) {
      input.descriptor = file.number();
      input.changed = info.st_mtim;
      files_.push_back(std::move(file));
      return AddPlain(std::move(input), size);
    }
    RETURN_IF_ERROR(CheckSpace(options_.temp_dir, packed ? size * kUsualRatio : size));
  }
  ASSIGN_OR_RETURN(auto bytes, columnar::OpenBytes(path));
  return AddSpooled(input, std::move(bytes));
}

Status FileBodies::AddPlain(Input input, uint64_t size) {
  input.plain = true;
  input.end = size;
  const auto number = static_cast<uint32_t>(inputs_.size());
  inputs_.push_back(std::move(input));
  for (uint64_t begin = 0; begin < size; begin += kBlockBytes) {
    blocks_.push_back({.input = number,
                       .begin = begin,
                       .end = std::min(size, begin + kBlockBytes),
                       .places = {}});
  }
  bytes_ += size;
  return {};
}

Status FileBodies::AddSpooled(const Input& input, std::unique_ptr<columnar::ByteReader> packed) {
  if (!spill_) {
    ASSIGN_OR_RETURN(spill_, SpillFile::Open(options_.temp_dir));
  }
  const auto number = static_cast<uint32_t>(inputs_.size());
  inputs_.push_back(input);
  // Whoever converts an item says that it nests too deep.
  ItemTexts items(std::move(packed), {.max_item_bytes = options_.max_item_bytes});
  ItemText item;
  Block block{.input = number, .places = {}};
  uint64_t in_block = 0;
  while (true) {
    if (options_.stop.stop_requested()) return Cancelled("stopped while reading {}", input.name);
    ASSIGN_OR_RETURN(const bool more, items.Next(item), "{}", input.name);
    if (!more || in_block >= kBlockBytes) {
      if (!block.places.empty()) blocks_.push_back(std::move(block));
      block = {.input = number, .places = {}};
      in_block = 0;
    }
    if (!more) return {};
    const size_t length = item.too_large ? 0 : item.body.size();
    block.places.push_back(
        {.offset = spill_->bytes(),
         .length = static_cast<uint32_t>(item.too_large ? options_.max_item_bytes + 1 : length),
         .input = number,
         .line = static_cast<uint32_t>(item.line)});
    if (!item.too_large) RETURN_IF_ERROR(spill_->Append(item.body));
    in_block += length;
    bytes_ += length;
  }
}

Status FileBodies::Scan(const std::function<Status(size_t, const BodyBlock&)>& visit) {
  return ScanBlocks(blocks_.size(), options_.stop, [&](size_t number) {
    Block& block = blocks_[number];
    return inputs_[block.input].plain ? VisitPart(block, number, visit)
                                      : VisitPlaces(block, number, visit);
  });
}

Status FileBodies::VisitPart(Block& block, size_t number,
                             const std::function<Status(size_t, const BodyBlock&)>& visit) const {
  const Input& input = inputs_[block.input];
  // A line belongs to the part in which it begins; one byte more tells whether one begins first.
  const uint64_t from = block.begin == 0 ? 0 : block.begin - 1;
  std::string text;
  const auto read_more = [&](uint64_t wanted) -> Result<size_t> {
    const size_t have = text.size();
    text.resize(have + wanted);
    auto got = ReadAt(input.descriptor, std::span(text).subspan(have), from + have, input.name);
    text.resize(have + (got.ok() ? *got : 0));
    return got;
  };
  RETURN_IF_ERROR(read_more(block.end - from + kTailBytes).status());
  size_t at = 0;
  if (block.begin > 0) {
    at = text.find('\n');
    if (at == text.npos || from + at + 1 >= block.end) return visit(number, {});
    ++at;
  }
  std::vector<std::pair<size_t, size_t>> found;  // offset in `text`, length
  BodyBlock bodies;
  uint32_t lines = 0;
  while (from + at < block.end) {
    size_t line_end = text.find('\n', at);
    while (line_end == text.npos && text.size() - at <= options_.max_item_bytes) {
      const size_t seen = text.size();
      ASSIGN_OR_RETURN(const size_t got, read_more(std::max<uint64_t>(kTailBytes, seen - at)));
      if (got == 0) break;
      line_end = text.find('\n', seen);
    }
    const size_t limit = line_end == text.npos ? text.size() : line_end;
    const std::string_view body = WithoutSpace(std::string_view(text).substr(at, limit - at));
    ++lines;
    if (!body.empty()) {
      const auto offset = static_cast<size_t>(body.data() - text.data());
      const size_t length = std::min(body.size(), options_.max_item_bytes + 1);
      found.emplace_back(offset, length);
      bodies.places.push_back({.offset = from + offset,
                               .length = static_cast<uint32_t>(length),
                               .input = block.input,
                               .line = lines});
    }
    if (line_end == text.npos) break;
    at = line_end + 1;
  }
  for (const auto& [offset, length] : found) {
    bodies.bodies.push_back(std::string_view(text).substr(offset, length));
  }
  block.lines = lines;
  return visit(number, bodies);
}

Status FileBodies::VisitPlaces(const Block& block, size_t number,
                               const std::function<Status(size_t, const BodyBlock&)>& visit) const {
  const uint64_t from = block.places.front().offset;
  uint64_t to = from;
  for (const BodyPlace& place : block.places) {
    if (place.length <= options_.max_item_bytes) to = place.offset + place.length;
  }
  std::string text(to - from, '\0');
  RETURN_IF_ERROR(spill_->Read(from, text), "{}", inputs_[block.input].name);
  BodyBlock bodies{.places = block.places, .bodies = {}};
  for (const BodyPlace& place : block.places) {
    const bool kept = place.length <= options_.max_item_bytes;
    bodies.bodies.push_back(kept ? std::string_view(text).substr(place.offset - from, place.length)
                                 : std::string_view());
  }
  return visit(number, bodies);
}

uint32_t FileBodies::first_line(size_t block) const {
  uint32_t lines = 0;
  const uint32_t input = blocks_[block].input;
  if (!inputs_[input].plain) return 0;
  for (size_t i = block; i > 0 && blocks_[i - 1].input == input; --i) {
    lines += blocks_[i - 1].lines;
  }
  return lines;
}

Status FileBodies::Read(const BodyPlace& place, std::string& body) const {
  const Input& input = inputs_[place.input];
  if (place.length > options_.max_item_bytes && !input.plain) {
    body.assign(place.length, ' ');  // not kept; too large, whatever it is
    return {};
  }
  body.resize(place.length);
  if (!input.plain) return spill_->Read(place.offset, body).WithContext(input.name);
  ASSIGN_OR_RETURN(const size_t got, ReadAt(input.descriptor, body, place.offset, input.name));
  if (got == place.length) return {};
  return Corrupt("{}: became shorter while it was read; run again", input.name);
}

Status FileBodies::Unchanged() const {
  for (const Input& input : inputs_) {
    struct stat info {};
    if (!input.plain || fstat(input.descriptor, &info) != 0) continue;
    if (static_cast<uint64_t>(info.st_size) != input.end ||
        info.st_mtim.tv_sec != input.changed.tv_sec ||
        info.st_mtim.tv_nsec != input.changed.tv_nsec) {
      return Corrupt("{}: changed while it was read; run again", input.name);
    }
  }
  return {};
}

}  // namespace

Status ScanBlocks(size_t count, const std::stop_token& stop,
                  const std::function<Status(size_t)>& scan) {
  const auto threads = static_cast<size_t>(arrow::GetCpuThreadPoolCapacity());
  return ParallelFor(count, threads, [&](size_t number) -> Status {
    if (stop.stop_requested()) return Cancelled("stopped while reading items");
    return scan(number);
  });
}

Result<std::unique_ptr<ItemBodies>> ItemBodies::Open(const std::vector<std::string>& inputs,
                                                     const ItemBodiesOptions& options) {
  if (inputs.empty()) return Invalid("no input");
  auto bodies = std::make_unique<FileBodies>(options);
  for (const std::string& input : inputs) RETURN_IF_ERROR(bodies->Add(input));
  RETURN_IF_ERROR(bodies->Flush());
  return std::unique_ptr<ItemBodies>(std::move(bodies));
}

}  // namespace catchment::stac
