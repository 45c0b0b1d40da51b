#include "stac/item_text.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

namespace catchment::stac {
namespace {

constexpr size_t kReadBytes = 1u << 20;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool IsTextSpace(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

std::string_view TrimItem(std::string_view text) {
  while (!text.empty() && IsTextSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsTextSpace(text.back())) text.remove_suffix(1);
  return text;
}

/// Follows brackets and quotes through text that comes in pieces.
struct BracketState {
  int64_t open = 0;
  bool in_text = false, escaped = false;

  /// The first place in [at, end) that a comma or a closing bracket makes the end of a value begun
  /// at no depth; `end` if none.
  const char* FindEnd(const char* at, const char* end) {
    while (at < end) {
      if (in_text) {
        if (escaped) {
          escaped = false;
          ++at;
          continue;
        }
        while (at < end && *at != '"' && *at != '\\') ++at;
        if (at == end) return end;
        escaped = *at == '\\';
        in_text = escaped;
        ++at;
        continue;
      }
      const char c = *at;
      if (c == '"') {
        in_text = true;
      } else if (c == '{' || c == '[') {
        ++open;
      } else if (c == '}' || c == ']') {
        if (open == 0) return at;
        --open;
      } else if (c == ',' && open == 0) {
        return at;
      }
      ++at;
    }
    return end;
  }
};

}  // namespace

/// A window on the input: [begin, end) of `buffer` is not used up yet. `Peek`ing further than the
/// end reads more; what lies before `begin` may go.
struct ItemTexts::State {
  enum class Form { kUnknown, kLines, kSingle, kElements, kTail, kDone };

  std::unique_ptr<columnar::ByteReader> bytes;
  ItemTextOptions options;
  std::string buffer;
  size_t begin = 0, end = 0;
  bool at_end = false;
  Form form = Form::kUnknown;
  bool in_object = false, first_element = true;
  size_t single_bytes = 0;
  int64_t line = 1;

  Result<bool> More();
  Result<char> PeekSpaceless();
  Status Recognize();
  Result<bool> NextLine(ItemText& item);
  Result<bool> NextElement(ItemText& item);
  Result<bool> FindFeatures();
  Status CheckTail();
  void Use(size_t until) {
    line += std::count(buffer.data() + begin, buffer.data() + until, '\n');
    begin = until;
  }
  Error Unexpected(std::string_view expected, std::string_view found) const {
    return Corrupt("{}:{}: expected {}, found {}", bytes->name(), line, expected, found);
  }
};

/// Read more behind the end; false: there is no more.
Result<bool> ItemTexts::State::More() {
  if (at_end) return false;
  if (begin > 0 && begin >= buffer.size() / 2) {
    std::memmove(buffer.data(), buffer.data() + begin, end - begin);
    end -= begin;
    begin = 0;
  }
  if (buffer.size() - end < kReadBytes) buffer.resize(std::max(buffer.size() * 2, kReadBytes * 2));
  ASSIGN_OR_RETURN(const size_t read,
                   bytes->Read(std::span<char>(buffer.data() + end, kReadBytes)));
  end += read;
  at_end = read == 0;
  return !at_end;
}

/// The next character that is no white space, which is used up; 0 at the end.
Result<char> ItemTexts::State::PeekSpaceless() {
  while (true) {
    size_t at = begin;
    while (at < end && IsTextSpace(buffer[at])) ++at;
    Use(at);
    if (begin < end) return buffer[begin];
    ASSIGN_OR_RETURN(const bool more, More());
    if (!more) return '\0';
  }
}

/// Tell the form by the first bytes: as many as the first object's members before its items, or
/// the first item.
Status ItemTexts::State::Recognize() {
  while (end - begin < kByteOrderMark.size()) {
    ASSIGN_OR_RETURN(const bool more, More());
    if (!more) break;
  }
  if (std::string_view(buffer).substr(begin, end - begin).starts_with(kByteOrderMark)) {
    begin += kByteOrderMark.size();
  }
  ASSIGN_OR_RETURN(const char first, PeekSpaceless());
  if (first == '[') {
    Use(begin + 1);
    form = Form::kElements;
    return {};
  }
  form = Form::kLines;
  if (first != '{') return {};
  ASSIGN_OR_RETURN(const bool collection, FindFeatures());
  if (collection) {
    form = Form::kElements;
    in_object = true;
  }
  return {};
}

/// Walk over the first object's members. True: stands behind the bracket of its `features`. False:
/// nothing is used up; it is an item, and `form` says whether the only one.
Result<bool> ItemTexts::State::FindFeatures() {
  // Positions relative to begin, since reading more may move the buffer.
  size_t at = 1, key_begin = 0;
  int64_t open = 1;
  bool in_text = false, escaped = false, key_next = true, item = false;
  std::string key, text;
  char last = '{';
  for (;; ++at) {
    if (at > options.max_item_bytes) return false;
    if (begin + at >= end) {
      ASSIGN_OR_RETURN(const bool more, More());
      if (!more) return false;
    }
    const char c = buffer[begin + at];
    if (in_text) {
      if (c == '\n') return false;  // a line that is cut
      if (escaped) {
        escaped = false;
      } else if (c == '\\') {
        escaped = true;
      } else if (c == '"') {
        in_text = false;
        last = '"';
        if (open != 1) continue;
        const std::string_view found(buffer.data() + begin + key_begin, at - key_begin);
        if (key_next) {
          key = found;
        } else if (key == "type" && found == "Feature") {
          item = true;
        }
      }
      continue;
    }
    if (IsTextSpace(c)) continue;
    // An object over several lines, unless this line begins another.
    const bool line_start = buffer[begin + at - 1] == '\n';
    if (c == '{' && line_start && last != ',' && last != ':' && last != '[') return false;
    if (c == '"') {
      in_text = true;
      key_begin = at + 1;
    } else if (c == '{' || c == '[') {
      if (c == '[' && open == 1 && !key_next && key == "features" && !item) {
        Use(begin + at + 1);
        return true;
      }
      ++open;
    } else if (c == '}' || c == ']') {
      if (--open == 0) break;
    } else if (open == 1 && (c == ':' || c == ',')) {
      key_next = c == ',';
    }
    last = c;
  }
  // The first object is whole. Over several lines, it is the only item.
  const std::string_view object(buffer.data() + begin, at + 1);
  if (object.find('\n') != object.npos) {
    form = Form::kSingle;
    single_bytes = at + 1;
  }
  return false;
}

Result<bool> ItemTexts::State::NextLine(ItemText& item) {
  while (true) {
    size_t searched = 0;
    const char* stop = nullptr;
    bool too_large = false;
    while (true) {
      stop = static_cast<const char*>(
          std::memchr(buffer.data() + begin + searched, '\n', end - begin - searched));
      if (stop != nullptr) break;
      searched = end - begin;
      if (searched > options.max_item_bytes + kReadBytes) {
        // Keep what is shown of it, pass over the rest.
        too_large = true;
        searched = options.max_item_bytes;
        end = begin + searched;
      }
      ASSIGN_OR_RETURN(const bool more, More());
      if (!more) break;
    }
    if (stop == nullptr && begin == end) return false;
    const size_t size = stop == nullptr ? end - begin : stop - (buffer.data() + begin);
    const std::string_view body = TrimItem(std::string_view(buffer.data() + begin, size));
    item = {body, line, too_large || body.size() > options.max_item_bytes};
    begin += size + (stop == nullptr ? 0 : 1);
    ++line;
    if (!body.empty()) return true;
  }
}

Result<bool> ItemTexts::State::NextElement(ItemText& item) {
  ASSIGN_OR_RETURN(const char first, PeekSpaceless());
  if (first == '\0') return Unexpected("an item or ]", "the end");
  if (first == ']' && first_element) {
    Use(begin + 1);
    form = Form::kTail;
    return false;
  }
  first_element = false;
  const int64_t item_line = line;
  BracketState brackets;
  size_t searched = 0;
  bool too_large = false;
  while (true) {
    const char* from = buffer.data() + begin + searched;
    const char* stop = brackets.FindEnd(from, buffer.data() + end);
    searched = stop - (buffer.data() + begin);
    if (begin + searched < end) break;
    if (searched > options.max_item_bytes + kReadBytes) {
      too_large = true;
      line += std::count(buffer.data() + begin + options.max_item_bytes, buffer.data() + end, '\n');
      searched = options.max_item_bytes;
      end = begin + searched;
    }
    ASSIGN_OR_RETURN(const bool more, More());
    if (!more) return Unexpected("a comma or ]", "the end");
  }
  const char stop = buffer[begin + searched];
  const std::string_view body = TrimItem(std::string_view(buffer.data() + begin, searched));
  if (stop == '}') return Unexpected("a comma or ]", "}");
  if (body.empty()) return Unexpected("an item", std::string_view(&stop, 1));
  item = {body, item_line, too_large || body.size() > options.max_item_bytes};
  Use(begin + searched + 1);
  if (stop == ']') form = Form::kTail;
  return true;
}

/// What may follow the last item: the collection's other members and its end.
Status ItemTexts::State::CheckTail() {
  BracketState brackets;
  while (in_object) {
    const char* from = buffer.data() + begin;
    const char* stop = brackets.FindEnd(from, buffer.data() + end);
    const bool found = stop != buffer.data() + end;
    Use(stop - buffer.data() + (found ? 1 : 0));
    if (found && *stop == '}') break;
    if (found && *stop == ']') return Unexpected("}", "]");
    if (found) continue;
    ASSIGN_OR_RETURN(const bool more, More());
    if (!more) return Unexpected("}", "the end");
  }
  ASSIGN_OR_RETURN(const char rest, PeekSpaceless());
  if (rest != '\0') return Unexpected("the end", std::string_view(&rest, 1));
  return {};
}

ItemTexts::ItemTexts(std::unique_ptr<columnar::ByteReader> bytes, const ItemTextOptions& options)
    : state_(std::make_unique<State>()) {
  state_->bytes = std::move(bytes);
  state_->options = options;
}
ItemTexts::~ItemTexts() = default;
ItemTexts::ItemTexts(ItemTexts&&) noexcept = default;
ItemTexts& ItemTexts::operator=(ItemTexts&&) noexcept = default;

Result<bool> ItemTexts::Next(ItemText& item) {
  State& state = *state_;
  if (state.form == State::Form::kUnknown) RETURN_IF_ERROR(state.Recognize());
  if (state.form == State::Form::kSingle) {
    const size_t size = state.single_bytes;
    item = {std::string_view(state.buffer.data() + state.begin, size), state.line,
            size > state.options.max_item_bytes};
    state.Use(state.begin + size);
    state.form = State::Form::kTail;
    return true;
  }
  if (state.form == State::Form::kLines) return state.NextLine(item);
  if (state.form == State::Form::kElements) {
    ASSIGN_OR_RETURN(const bool more, state.NextElement(item));
    if (more) return true;
  }
  if (state.form == State::Form::kTail) {
    RETURN_IF_ERROR(state.CheckTail());
    state.form = State::Form::kDone;
  }
  return false;
}

}  // namespace catchment::stac
