#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "base/text.h"
#include "core/yaml_internal.h"

namespace catchment::core {
namespace {

/// The parser's words, as what is to be done where they are known.
std::string YamlWords(const std::string& words) {
  if (words == "end of map flow not found") return "a { has no }, or a comma is missing";
  if (words == "end of sequence flow not found") return "a [ has no ], or a comma is missing";
  if (words == "end of map not found")
    return "expected NAME: VALUE, indented by spaces as the lines around it";
  return words;
}

constexpr size_t kLargestFile = size_t{1} << 20;
constexpr size_t kDeepest = 32;
constexpr size_t kMostNodes = 50'000;

Mark MarkFrom(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

/// Builds the tree while the library parses, so that limits hold before anything is expanded. After
/// the first refusal it ignores what follows.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(Problems& problems) : problems_(problems) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Begin(YamlNode::Kind::kScalar, mark, "", anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Refuse(MarkFrom(mark), "aliases (*name) are not supported; write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (YamlNode* node = Begin(YamlNode::Kind::kScalar, mark, tag, anchor)) {
      node->text = value;
      node->quoted = tag == "!";
      if (Expecting()) CheckKey(*node);
    }
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::kList, mark, tag, anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::kMap, mark, tag, anchor);
  }
  void OnMapEnd() override { Close(); }

  bool refused() const { return refused_; }
  YamlNode TakeRoot() { return std::move(root_); }

 private:
  struct Level {
    YamlNode* node;
    bool key_next = true;  // maps: the next node is a key
    std::set<std::string> keys;
  };

  void Refuse(Mark mark, std::string text) {
    if (!refused_) problems_.AddText(mark, std::move(text));
    refused_ = true;
  }

  /// Whether the node just begun is a map's key.
  bool Expecting() const { return key_; }

  void CheckKey(const YamlNode& key) {
    if (!levels_.back().keys.insert(key.text).second) {
      problems_.Add(key.mark, "key '{}' stands here twice", key.text);
    }
  }

  /// Put a new node into the open list or map; null after a refusal. Valid until its next sibling.
  YamlNode* Begin(YamlNode::Kind kind, const YAML::Mark& at, const std::string& tag,
                  YAML::anchor_t anchor) {
    if (refused_) return nullptr;
    const Mark mark = MarkFrom(at);
    if (anchor != 0) {
      Refuse(mark, "anchors (&name) are not supported; write the value out");
    } else if (!tag.empty() && tag != "!" && tag != "?") {
      Refuse(mark, fmt::format("tags ({}) are not supported", tag.substr(0, 60)));
    } else if (++nodes_ > kMostNodes) {
      Refuse(mark, fmt::format("the file has more than {} values", FormatCount(kMostNodes)));
    } else if (levels_.size() >= kDeepest) {
      Refuse(mark, fmt::format("the file is nested deeper than {} levels", kDeepest));
    }
    if (refused_) return nullptr;
    YamlNode node;
    node.kind = kind;
    node.mark = mark;
    key_ = false;
    if (levels_.empty()) {
      root_ = std::move(node);
      return &root_;
    }
    Level& level = levels_.back();
    if (level.node->kind == YamlNode::Kind::kList) {
      level.node->list.push_back(std::move(node));
      return &level.node->list.back();
    }
    key_ = level.key_next;
    level.key_next = !level.key_next;
    if (!key_) {
      level.node->map.back().value = std::move(node);
      return &level.node->map.back().value;
    }
    if (kind != YamlNode::Kind::kScalar) {
      Refuse(mark, "a key must be a plain text; placeholders in braces need quotes: \"{param.x}\"");
      return nullptr;
    }
    level.node->map.push_back({std::move(node), YamlNode{}});
    return &level.node->map.back().key;
  }

  void Open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag,
            YAML::anchor_t anchor) {
    if (YamlNode* node = Begin(kind, mark, tag, anchor)) levels_.push_back({node, true, {}});
  }

  void Close() {
    if (!refused_ && !levels_.empty()) levels_.pop_back();
  }

  Problems& problems_;
  YamlNode root_;
  std::vector<Level> levels_;
  size_t nodes_ = 0;
  bool refused_ = false;
  bool key_ = false;
};

/// Whether `text` is UTF-8 without NUL; texts end up in JSON, which must be.
bool IsCleanUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead == 0) return false;
    const size_t length = lead < 0x80   ? 1
                          : lead < 0xC2 ? 0
                          : lead < 0xE0 ? 2
                          : lead < 0xF0 ? 3
                          : lead < 0xF5 ? 4
                                        : 0;
    if (length == 0 || i + length > text.size()) return false;
    for (size_t j = 1; j < length; ++j) {
      if ((static_cast<unsigned char>(text[i + j]) & 0xC0) != 0x80) return false;
    }
    const auto second = length > 1 ? static_cast<unsigned char>(text[i + 1]) : 0;
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
        (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) {
      return false;
    }
    i += length;
  }
  return true;
}

nlohmann::json PlainScalar(const std::string& text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL")
    return nullptr;
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  std::string_view digits = text;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  const char first =
      digits.empty() ? '\0' : digits[digits.front() == '-' && digits.size() > 1 ? 1 : 0];
  if (first != '.' && (first < '0' || first > '9')) return text;
  int64_t whole = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), whole);
  if (error == std::errc() && end == digits.data() + digits.size()) return whole;
  double number = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (parsed.ec == std::errc() && parsed.ptr == digits.data() + digits.size()) return number;
  return text;
}

/// `{param.x}` without quotes.
bool LooksLikePlaceholder(const YamlNode& node) {
  return node.kind == YamlNode::Kind::kMap && node.map.size() == 1 && node.map[0].value.IsNull();
}

}  // namespace

bool YamlNode::IsNull() const {
  return kind == Kind::kScalar && !quoted && PlainScalar(text).is_null();
}

void Problems::AddText(Mark mark, std::string text) {
  problems_.push_back({file_, mark, std::move(text)});
}

std::vector<FileProblem> Problems::Take() {
  std::stable_sort(
      problems_.begin(), problems_.end(), [](const FileProblem& a, const FileProblem& b) {
        return std::pair(a.mark.line, a.mark.column) < std::pair(b.mark.line, b.mark.column);
      });
  return std::move(problems_);
}

std::optional<YamlNode> ReadYaml(std::string_view text, Problems& problems) {
  if (text.size() > kLargestFile) {
    problems.Add({}, "the file has {} bytes; at most 1 MiB is read",
                 FormatCount(static_cast<int64_t>(text.size())));
    return std::nullopt;
  }
  if (!IsCleanUtf8(text)) {
    problems.Add({}, "the file is not UTF-8 text");
    return std::nullopt;
  }
  TreeBuilder builder(problems);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) {
      problems.Add({1, 1}, "the file is empty");
      return std::nullopt;
    }
    TreeBuilder second(problems);
    if (!builder.refused() && parser.HandleNextDocument(second) && !second.refused()) {
      problems.Add({}, "the file holds more than one document (---)");
      return std::nullopt;
    }
  } catch (const YAML::Exception& failure) {
    problems.AddText(MarkFrom(failure.mark), fmt::format("not YAML: {}", YamlWords(failure.msg)));
    return std::nullopt;
  } catch (const std::exception& failure) {
    problems.AddText({}, fmt::format("not YAML: {}", failure.what()));
    return std::nullopt;
  }
  if (builder.refused()) return std::nullopt;
  return builder.TakeRoot();
}

nlohmann::json ToJson(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::kScalar) {
    return node.quoted ? nlohmann::json(node.text) : PlainScalar(node.text);
  }
  if (node.kind == YamlNode::Kind::kList) {
    nlohmann::json list = nlohmann::json::array();
    for (const YamlNode& element : node.list) list.push_back(ToJson(element));
    return list;
  }
  nlohmann::json map = nlohmann::json::object();
  for (const auto& [key, value] : node.map) map[key.text] = ToJson(value);
  return map;
}

std::string DidYouMean(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string nearest = word.size() > 100 ? "" : Nearest(word, candidates);
  return nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest);
}

const std::vector<YamlEntry>& Entries(const YamlNode& node, std::string_view what,
                                      Problems& problems) {
  static const std::vector<YamlEntry> none;
  if (node.kind == YamlNode::Kind::kMap) return node.map;
  if (!node.IsNull()) problems.Add(node.mark, "{}: expected a map of name: value", what);
  return none;
}

std::optional<std::string> ScalarText(const YamlNode& node, std::string_view what,
                                      Problems& problems) {
  if (node.kind == YamlNode::Kind::kScalar) return node.text;
  if (LooksLikePlaceholder(node)) {
    problems.Add(node.mark, "{}: put quotes around the placeholder: \"{{{}}}\"", what,
                 node.map[0].key.text);
  } else {
    problems.Add(node.mark, "{}: expected a text, found a {}", what,
                 node.kind == YamlNode::Kind::kList ? "list" : "map");
  }
  return std::nullopt;
}

MapReader::MapReader(const YamlNode& node, std::string what, Problems& problems)
    : node_(node), what_(std::move(what)), problems_(problems) {
  Entries(node_, what_, problems_);
}

const YamlNode* MapReader::Find(const std::string& key) {
  asked_.insert(key);
  for (const auto& [name, value] : node_.map) {
    if (name.text == key) return &value;
  }
  return nullptr;
}

const YamlNode* MapReader::Scalar(const std::string& key) {
  const YamlNode* const node = Find(key);
  if (node == nullptr || node->IsNull()) return nullptr;
  return ScalarText(*node, key, problems_) ? node : nullptr;
}

std::string MapReader::Text(const std::string& key, const std::string& fallback) {
  const YamlNode* const node = Scalar(key);
  return node == nullptr ? fallback : node->text;
}

bool MapReader::Bool(const std::string& key, bool fallback) {
  const YamlNode* const node = Scalar(key);
  if (node == nullptr) return fallback;
  const nlohmann::json value = ToJson(*node);
  if (value.is_boolean()) return value.get<bool>();
  problems_.Add(node->mark, "{}: expected true or false, found '{}'", key, node->text);
  return fallback;
}

std::optional<int64_t> MapReader::Int(const std::string& key) {
  const YamlNode* const node = Scalar(key);
  if (node == nullptr) return std::nullopt;
  const nlohmann::json value = ToJson(*node);
  if (value.is_number_integer() && value.get<int64_t>() >= 0) return value.get<int64_t>();
  problems_.Add(node->mark, "{}: expected a whole number, found '{}'", key, node->text);
  return std::nullopt;
}

std::optional<std::chrono::milliseconds> MapReader::Duration(const std::string& key) {
  const YamlNode* const node = Scalar(key);
  if (node == nullptr) return std::nullopt;
  const Result<std::chrono::milliseconds> duration = ParseDuration(node->text);
  if (duration.ok()) return *duration;
  problems_.Add(node->mark, "{}: {}", key, duration.error().message);
  return std::nullopt;
}

std::optional<Time> MapReader::Moment(const std::string& key) {
  const YamlNode* const node = Scalar(key);
  if (node == nullptr) return std::nullopt;
  const Result<Time> time = ParseTime(node->text);
  if (time.ok()) return *time;
  problems_.Add(node->mark, "{}: {}", key, time.error().message);
  return std::nullopt;
}

std::vector<std::string> MapReader::Texts(const std::string& key) {
  std::vector<std::string> texts;
  const YamlNode* const node = Find(key);
  if (node == nullptr || node->IsNull()) return texts;
  if (node->kind == YamlNode::Kind::kScalar) return {node->text};
  if (node->kind == YamlNode::Kind::kMap) {
    ScalarText(*node, key, problems_);
    return texts;
  }
  for (const YamlNode& element : node->list) {
    if (std::optional<std::string> text = ScalarText(element, key, problems_)) {
      texts.push_back(std::move(*text));
    }
  }
  return texts;
}

std::string MapReader::Choice(const std::string& key, const std::vector<std::string>& choices,
                              std::string fallback) {
  const YamlNode* const node = Scalar(key);
  if (node == nullptr) return fallback;
  if (std::find(choices.begin(), choices.end(), node->text) != choices.end()) return node->text;
  problems_.Add(node->mark, "{}: '{}' is not one of {}{}", key, node->text,
                fmt::join(choices, ", "), DidYouMean(node->text, choices));
  return fallback;
}

std::map<std::string, std::string> MapReader::TextMap(const std::string& key) {
  std::map<std::string, std::string> texts;
  const YamlNode* const node = Find(key);
  if (node == nullptr) return texts;
  for (const auto& [name, value] : Entries(*node, key, problems_)) {
    if (std::optional<std::string> text = ScalarText(value, name.text, problems_)) {
      texts[name.text] = std::move(*text);
    }
  }
  return texts;
}

nlohmann::json MapReader::Json(const std::string& key) {
  const YamlNode* const node = Find(key);
  return node == nullptr ? nlohmann::json::object() : ToJson(*node);
}

std::vector<std::pair<std::string, const YamlNode*>> MapReader::Rest() {
  std::vector<std::pair<std::string, const YamlNode*>> rest;
  for (const auto& [name, value] : node_.map) {
    if (asked_.insert(name.text).second) rest.emplace_back(name.text, &value);
  }
  return rest;
}

void MapReader::Finish() {
  const std::vector<std::string> known(asked_.begin(), asked_.end());
  for (const auto& [name, value] : node_.map) {
    if (asked_.contains(name.text)) continue;
    problems_.Add(name.mark, "unknown key '{}' in {}{}", name.text, what_,
                  DidYouMean(name.text, known));
  }
}

}  // namespace catchment::core
