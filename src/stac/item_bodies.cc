#include "stac/item_bodies.h"

#include <arrow/util/parallel.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "base/file.h"
#include "columnar/arrow_status.h"
#include "columnar/compress.h"
#include "stac/item_key.h"
#include "stac/item_text.h"
#include "stac/json_tokens_internal.h"

namespace catchment::stac {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kBlockBytes = 4u << 20;
constexpr size_t kTailBytes = 64u << 10;  // read past a block's end, for its last line
constexpr uint64_t kUsualRatio = 10;      // of packed items

/// A descriptor that is closed in the end.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  int get() const { return number_; }

 private:
  int number_;
};

/// Fill `buffer` from `offset`; less only at the end of the file.
Result<size_t> ReadAtOffset(int descriptor, std::span<char> buffer, uint64_t offset,
                            const std::string& name) {
  size_t done = 0;
  while (done < buffer.size()) {
    const ssize_t got = pread(descriptor, buffer.data() + done, buffer.size() - done,
                              static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError(errno, "read", name);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

uint64_t FreeBytes(const fs::path& folder) {
  struct statvfs info {};
  if (statvfs(folder.c_str(), &info) != 0) return UINT64_MAX;
  return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
}

Error NoSpace(const fs::path& folder, uint64_t need) {
  constexpr double kGiB = 1 << 30;
  return Unavailable("no space in {}: need about {:.1f} GiB, have {:.1f} GiB", folder.string(),
                     static_cast<double>(need) / kGiB,
                     static_cast<double>(FreeBytes(folder)) / kGiB);
}

/// Items copied one after the other to a file that has no name any more.
class Spool {
 public:
  static Result<std::unique_ptr<Spool>> Open(const fs::path& folder) {
    std::string pattern = (folder / "catchment-items-XXXXXX").string();
    const int number = mkostemp(pattern.data(), O_CLOEXEC);
    if (number < 0) return FileError(errno, "create a temporary file", folder);
    unlink(pattern.c_str());
    return std::unique_ptr<Spool>(new Spool(folder, number));
  }
  int descriptor() const { return descriptor_.get(); }
  uint64_t bytes() const { return written_ + buffer_.size(); }

  Status Append(std::string_view body) {
    buffer_ += body;
    return buffer_.size() >= kBlockBytes ? Flush() : Status();
  }
  Status Flush() {
    size_t done = 0;
    while (done < buffer_.size()) {
      const ssize_t got = write(descriptor_.get(), buffer_.data() + done, buffer_.size() - done);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && (errno == ENOSPC || errno == EDQUOT)) return NoSpace(folder_, 2 * bytes());
      if (got < 0) return FileError(errno, "write", folder_);
      done += static_cast<size_t>(got);
    }
    written_ += done;
    buffer_.clear();
    return {};
  }

 private:
  Spool(fs::path folder, int number) : folder_(std::move(folder)), descriptor_(number) {}
  fs::path folder_;
  Descriptor descriptor_;
  uint64_t written_ = 0;
  std::string buffer_;
};

struct Input {
  std::string name;
  int descriptor = -1;  ///< of the file, or of the spool
  uint64_t end = 0;     ///< of a plain file
  timespec changed{};   ///< of a plain file
  bool plain = false;
};

/// A part of a plain file: the lines that begin in it; or places in the spool.
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

}  // namespace

struct ItemBodies::State {
  ItemBodiesOptions options;
  std::vector<Input> inputs;
  std::vector<Descriptor> files;
  std::unique_ptr<Spool> spool;
  std::vector<Block> blocks;
  uint64_t bytes = 0;

  Status Add(const std::string& text);
  Status AddPlain(Input input, uint64_t size);
  Status AddSpooled(const Input& input, std::unique_ptr<columnar::ByteReader> bytes);
  Status CheckSpace(uint64_t packed);
  Status VisitPart(Block& block, size_t number,
                   const std::function<Status(size_t, const BodyBlock&)>& visit) const;
  Status VisitPlaces(const Block& block, size_t number,
                     const std::function<Status(size_t, const BodyBlock&)>& visit) const;
};

ItemBodies::ItemBodies(std::unique_ptr<State> state) : state_(std::move(state)) {}
ItemBodies::~ItemBodies() = default;

Result<std::unique_ptr<ItemBodies>> ItemBodies::Open(const std::vector<std::string>& inputs,
                                                     const ItemBodiesOptions& options) {
  if (inputs.empty()) return Invalid("no input");
  auto state = std::make_unique<State>();
  state->options = options;
  for (const std::string& input : inputs) RETURN_IF_ERROR(state->Add(input));
  if (state->spool) RETURN_IF_ERROR(state->spool->Flush());
  return std::unique_ptr<ItemBodies>(new ItemBodies(std::move(state)));
}

Status ItemBodies::State::Add(const std::string& text) {
  Input input{.name = text == "-" ? "standard input" : text};
  const fs::path path = text == "-" ? "/dev/stdin" : text;
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return FileError(errno, "open", input.name);
  struct stat info {};
  if (fstat(file.get(), &info) != 0) return FileError(errno, "open", input.name);
  if (S_ISDIR(info.st_mode)) return FileError(EISDIR, "open", input.name);
  if (S_ISREG(info.st_mode) && text != "-") {
    const auto size = static_cast<uint64_t>(info.st_size);
    std::string head(std::min<uint64_t>(size, 1u << 20), '\0');
    ASSIGN_OR_RETURN(const size_t got, ReadAtOffset(file.get(), head, 0, input.name));
    head.resize(got);
    const bool packed =
        columnar::CompressionOfBytes(head.substr(0, 4)) != columnar::Compression::kNone;
    if (!packed && BeginsWithAnItemOnALine(head)) {
      input.descriptor = file.get();
      input.changed = info.st_mtim;
      files.push_back(std::move(file));
      return AddPlain(std::move(input), size);
    }
    RETURN_IF_ERROR(CheckSpace(packed ? size * kUsualRatio : size));
  }
  ASSIGN_OR_RETURN(auto bytes, columnar::OpenBytes(path));
  return AddSpooled(input, std::move(bytes));
}

Status ItemBodies::State::AddPlain(Input input, uint64_t size) {
  input.plain = true;
  input.end = size;
  const auto number = static_cast<uint32_t>(inputs.size());
  inputs.push_back(std::move(input));
  for (uint64_t begin = 0; begin < size; begin += kBlockBytes) {
    blocks.push_back({.input = number,
                      .begin = begin,
                      .end = std::min(size, begin + kBlockBytes),
                      .places = {}});
  }
  bytes += size;
  return {};
}

Status ItemBodies::State::CheckSpace(uint64_t need) {
  return FreeBytes(options.temp_dir) < need ? Status(NoSpace(options.temp_dir, need)) : Status();
}

Status ItemBodies::State::AddSpooled(const Input& input,
                                     std::unique_ptr<columnar::ByteReader> packed) {
  if (!spool) {
    RETURN_IF_ERROR(MakeFolders(options.temp_dir));
    ASSIGN_OR_RETURN(spool, Spool::Open(options.temp_dir));
  }
  const auto number = static_cast<uint32_t>(inputs.size());
  inputs.push_back(input);
  inputs.back().descriptor = spool->descriptor();
  // Whoever converts an item says that it nests too deep.
  ItemTexts items(std::move(packed), {.max_item_bytes = options.max_item_bytes});
  ItemText item;
  Block block{.input = number, .places = {}};
  uint64_t in_block = 0;
  while (true) {
    if (options.stop.stop_requested()) return Cancelled("stopped while reading {}", input.name);
    ASSIGN_OR_RETURN(const bool more, items.Next(item), "{}", input.name);
    if (!more || in_block >= kBlockBytes) {
      if (!block.places.empty()) blocks.push_back(std::move(block));
      block = {.input = number, .places = {}};
      in_block = 0;
    }
    if (!more) return {};
    const size_t length = item.too_large ? 0 : item.body.size();
    block.places.push_back(
        {.offset = spool->bytes(),
         .length = static_cast<uint32_t>(item.too_large ? options.max_item_bytes + 1 : length),
         .input = number,
         .line = static_cast<uint32_t>(item.line)});
    if (!item.too_large) RETURN_IF_ERROR(spool->Append(item.body));
    in_block += length;
    bytes += length;
  }
}

size_t ItemBodies::blocks() const { return state_->blocks.size(); }

Status ItemBodies::Scan(const std::function<Status(size_t, const BodyBlock&)>& visit) {
  State& state = *state_;
  std::vector<Status> results(state.blocks.size());
  std::atomic<bool> failed{false};
  ARROW_OR_RETURN(arrow::internal::ParallelFor(static_cast<int>(state.blocks.size()), [&](int i) {
    const auto number = static_cast<size_t>(i);
    if (failed.load()) return arrow::Status::OK();
    if (state.options.stop.stop_requested()) {
      results[number] = Cancelled("stopped while reading items");
    } else {
      Block& block = state.blocks[number];
      results[number] = state.inputs[block.input].plain ? state.VisitPart(block, number, visit)
                                                        : state.VisitPlaces(block, number, visit);
    }
    if (!results[number].ok()) failed.store(true);
    return arrow::Status::OK();
  }));
  for (Status& result : results) RETURN_IF_ERROR(std::move(result));
  return {};
}

Status ItemBodies::State::VisitPart(
    Block& block, size_t number,
    const std::function<Status(size_t, const BodyBlock&)>& visit) const {
  const Input& input = inputs[block.input];
  // A line belongs to the part in which it begins; one byte more tells whether one begins first.
  const uint64_t from = block.begin == 0 ? 0 : block.begin - 1;
  std::string text;
  const auto read_more = [&](uint64_t wanted) -> Result<size_t> {
    const size_t have = text.size();
    text.resize(have + wanted);
    auto got =
        ReadAtOffset(input.descriptor, std::span(text).subspan(have), from + have, input.name);
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
    while (line_end == text.npos && text.size() - at <= options.max_item_bytes) {
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
      const size_t length = std::min(body.size(), options.max_item_bytes + 1);
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

Status ItemBodies::State::VisitPlaces(
    const Block& block, size_t number,
    const std::function<Status(size_t, const BodyBlock&)>& visit) const {
  const uint64_t from = block.places.front().offset;
  uint64_t to = from;
  for (const BodyPlace& place : block.places) {
    if (place.length <= options.max_item_bytes) to = place.offset + place.length;
  }
  std::string text(to - from, '\0');
  const std::string& name = inputs[block.input].name;
  ASSIGN_OR_RETURN(const size_t got,
                   ReadAtOffset(inputs[block.input].descriptor, text, from, name));
  if (got != text.size()) return Internal("{}: its temporary copy is too short", name);
  BodyBlock bodies{.places = block.places, .bodies = {}};
  for (const BodyPlace& place : block.places) {
    const bool kept = place.length <= options.max_item_bytes;
    bodies.bodies.push_back(kept ? std::string_view(text).substr(place.offset - from, place.length)
                                 : std::string_view());
  }
  return visit(number, bodies);
}

uint32_t ItemBodies::first_line(size_t block) const {
  uint32_t lines = 0;
  const uint32_t input = state_->blocks[block].input;
  if (!state_->inputs[input].plain) return 0;
  for (size_t i = block; i > 0 && state_->blocks[i - 1].input == input; --i) {
    lines += state_->blocks[i - 1].lines;
  }
  return lines;
}

Status ItemBodies::Read(const BodyPlace& place, std::string& body) const {
  const Input& input = state_->inputs[place.input];
  if (place.length > state_->options.max_item_bytes && !input.plain) {
    body.assign(place.length, ' ');  // not kept; too large, whatever it is
    return {};
  }
  body.resize(place.length);
  ASSIGN_OR_RETURN(const size_t got,
                   ReadAtOffset(input.descriptor, body, place.offset, input.name));
  if (got == place.length) return {};
  return Corrupt("{}: became shorter while it was read; run again", input.name);
}

Status ItemBodies::Unchanged() const {
  for (const Input& input : state_->inputs) {
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

const std::string& ItemBodies::name(uint32_t input) const { return state_->inputs[input].name; }
uint64_t ItemBodies::bytes() const { return state_->bytes; }

}  // namespace catchment::stac
