#pragma once

#include <fmt/format.h>

#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/pipeline_parse.h"

namespace catchment::core {

struct YamlEntry;

/// A YAML value with its place in the file. A value type; independent of the YAML library.
struct YamlNode {
  enum class Kind { kScalar, kList, kMap };
  Kind kind = Kind::kScalar;
  Mark mark;
  std::string text;     ///< scalar
  bool quoted = false;  ///< scalar: a text whatever it looks like
  std::vector<YamlNode> list;
  std::vector<YamlEntry> map;  ///< keys are scalars, each once

  bool IsNull() const;
};

/// One key of a map and its value.
struct YamlEntry {
  YamlNode key, value;
};

/// What is wrong with one file so far.
class Problems {
 public:
  explicit Problems(std::string file) : file_(std::move(file)) {}
  template <typename... Args>
  void Add(Mark mark, fmt::format_string<Args...> text, Args&&... args) {
    AddText(mark, fmt::format(text, std::forward<Args>(args)...));
  }
  void AddText(Mark mark, std::string text);
  /// All, in order of the file.
  std::vector<FileProblem> Take();
  bool empty() const { return problems_.empty(); }

 private:
  std::string file_;
  std::vector<FileProblem> problems_;
};

/// Parse one YAML document of at most 1 MiB, 32 levels and 50,000 nodes; anchors, aliases and tags
/// are refused. Null, with a problem added, if it cannot be used.
std::optional<YamlNode> ReadYaml(std::string_view text, Problems& problems);

/// The node as JSON: plain scalars become null, booleans and numbers where they look like it
/// (YAML's core schema), all others texts.
nlohmann::json ToJson(const YamlNode& node);

/// `; did you mean 'x'?`, or nothing.
std::string DidYouMean(std::string_view word, const std::vector<std::string>& candidates);

/// Reads the keys of one map. Each getter names a key and says a problem if its value is of another
/// kind; Finish() says which keys nobody asked for. The node outlives the reader.
class MapReader {
 public:
  /// `what` names the map in messages: `task 'price'`. A node that is no map is a problem.
  MapReader(const YamlNode& node, std::string what, Problems& problems);

  /// The value of `key`; null if it is absent.
  const YamlNode* Find(const std::string& key);
  bool Has(const std::string& key) { return Find(key) != nullptr; }
  std::string Text(const std::string& key, const std::string& fallback = "");
  bool Bool(const std::string& key, bool fallback);
  std::optional<int64_t> Int(const std::string& key);
  std::optional<std::chrono::milliseconds> Duration(const std::string& key);
  std::optional<Time> Moment(const std::string& key);
  /// A list of texts, or one text.
  std::vector<std::string> Texts(const std::string& key);
  /// A text out of `choices`.
  std::string Choice(const std::string& key, const std::vector<std::string>& choices,
                     std::string fallback);
  /// A map of texts.
  std::map<std::string, std::string> TextMap(const std::string& key);
  /// Any value; an empty object if absent.
  nlohmann::json Json(const std::string& key);
  /// Keys not asked for so far, in order of the file; they count as asked for then.
  std::vector<std::pair<std::string, const YamlNode*>> Rest();
  /// Report keys that nobody asked for.
  void Finish();

  Mark MarkOf(const std::string& key) {
    return Find(key) != nullptr ? Find(key)->mark : node_.mark;
  }
  Mark mark() const { return node_.mark; }
  bool ok() const { return node_.kind == YamlNode::Kind::kMap; }

 private:
  const YamlNode* Scalar(const std::string& key);

  const YamlNode& node_;
  const std::string what_;
  Problems& problems_;
  std::set<std::string> asked_;
};

/// The entries of a map, or none with a problem.
const std::vector<YamlEntry>& Entries(const YamlNode& node, std::string_view what,
                                      Problems& problems);

/// A scalar's text; a problem if it is none. `{param.x}` without quotes is a map to YAML: the
/// message says so.
std::optional<std::string> ScalarText(const YamlNode& node, std::string_view what,
                                      Problems& problems);

}  // namespace catchment::core
