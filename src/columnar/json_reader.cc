#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <memory>
#include <unordered_map>

#include "base/text.h"
#include "columnar/arrow_status.h"
#include "columnar/cell_parser_internal.h"
#include "columnar/json_elements_internal.h"
#include "columnar/json_file.h"
#include "columnar/schema.h"
#include "columnar/value_text_internal.h"

namespace catchment::columnar {
namespace {

namespace dom = simdjson::dom;
using dom::element_type;

std::string KindOf(const dom::element& value) {
  switch (value.type()) {
    case element_type::ARRAY:
      return "a list";
    case element_type::OBJECT:
      return "an object";
    case element_type::STRING:
      return fmt::format("text \"{}\"", ShortText(value.get_string().value_unsafe()));
    case element_type::NULL_VALUE:
      return "null";
    default:
      return simdjson::to_string(value);
  }
}

// Inference: what was seen of one member.

struct Guess {
  bool is_bool = false, is_number = false, is_text = false, is_list = false, is_object = false;
  bool has_fraction = false;
  TypeGuess text;  // tells times from other text
  std::unique_ptr<Guess> element;
  std::vector<std::string> names;  // in order of first sight
  std::map<std::string, Guess, std::less<>> members;

  void Add(const dom::element& value);
  void AddElements(const dom::array& list);
  void AddMembers(const dom::object& object);
  int kinds() const { return is_bool + is_number + is_text + is_list + is_object; }
  std::shared_ptr<arrow::DataType> Type() const;
  arrow::FieldVector Fields() const;
};

void Guess::Add(const dom::element& value) {
  switch (value.type()) {
    case element_type::NULL_VALUE:
      return;
    case element_type::BOOL:
      is_bool = true;
      return;
    case element_type::INT64:
      is_number = true;
      return;
    case element_type::UINT64:
      is_number = has_fraction = true;
      return;
    case element_type::DOUBLE:
      is_number = has_fraction = true;
      return;
    case element_type::STRING:
      is_text = true;
      text.Add(value.get_string().value_unsafe());
      return;
    case element_type::ARRAY:
      is_list = true;
      if (element == nullptr) element = std::make_unique<Guess>();
      AddElements(value.get_array().value_unsafe());
      return;
    case element_type::OBJECT:
      is_object = true;
      AddMembers(value.get_object().value_unsafe());
      return;
  }
}

void Guess::AddElements(const dom::array& list) {
  for (const dom::element child : list) element->Add(child);
}

void Guess::AddMembers(const dom::object& object) {
  for (const auto& [name, child] : object) {
    const auto found = members.find(name);
    if (found == members.end()) names.emplace_back(name);
    (found == members.end() ? members[std::string(name)] : found->second).Add(child);
  }
}

std::shared_ptr<arrow::DataType> Guess::Type() const {
  if (kinds() != 1)
    return arrow::utf8();  // nothing was seen, or kinds that only JSON text can hold together
  if (is_bool) return arrow::boolean();
  if (is_number) return has_fraction ? arrow::float64() : arrow::int64();
  if (is_list) return arrow::list(arrow::field("element", element->Type()));
  if (is_object) return names.empty() ? arrow::utf8() : arrow::struct_(Fields());
  // Only times: a text of digits stays text, its writer had numbers at hand.
  const auto type = text.Guess();
  return type->id() == arrow::Type::TIMESTAMP ? type : arrow::utf8();
}

arrow::FieldVector Guess::Fields() const {
  arrow::FieldVector fields;
  for (const std::string& name : names)
    fields.push_back(arrow::field(name, members.find(name)->second.Type()));
  return fields;
}

// Filling columns.

/// Puts values into the builder of one field, at any depth.
class Filler {
 public:
  Filler(const arrow::Field& field, arrow::ArrayBuilder& builder, std::string path,
         bool any_as_text, bool ignore_unknown)
      : field_(field),
        builder_(builder),
        path_(std::move(path)),
        any_as_text_(any_as_text),
        ignore_unknown_(ignore_unknown) {}

  Status Start() {
    const arrow::DataType& type = *field_.type();
    if (type.id() == arrow::Type::LIST) {
      auto& list = static_cast<arrow::ListBuilder&>(builder_);
      return AddChild(*type.field(0), *list.value_builder(), path_ + "[]");
    }
    if (type.id() == arrow::Type::STRUCT) {
      auto& record = static_cast<arrow::StructBuilder&>(builder_);
      for (int i = 0; i < type.num_fields(); ++i) {
        const std::string& name = type.field(i)->name();
        if (!positions_.emplace(name, children_.size()).second)
          return Invalid("\"{}\": \"{}\" is there twice", path_, name);
        RETURN_IF_ERROR(AddChild(*type.field(i), *record.field_builder(i), path_ + "." + name));
      }
      seen_.resize(children_.size());
      return {};
    }
    RETURN_IF_ERROR(ParserFor(type).status(), "\"{}\"", path_);
    parse_ = *ParserFor(type);
    return {};
  }

  Status Null() {
    if (!field_.nullable()) {
      return Invalid("\"{}\": expected {}, found nothing", path_, TypeName(*field_.type()));
    }
    ARROW_OR_RETURN(builder_.AppendNull());
    return {};
  }

  Status Add(const dom::element& value) {
    if (value.is_null()) return Null();
    bool added = false;
    switch (field_.type()->id()) {
      case arrow::Type::LIST:
        return AddList(value);
      case arrow::Type::STRUCT:
        return AddObject(value);
      case arrow::Type::BOOL: {
        bool truth = false;
        added = value.get_bool().get(truth) == simdjson::SUCCESS &&
                static_cast<arrow::BooleanBuilder&>(builder_).Append(truth).ok();
        break;
      }
      case arrow::Type::DOUBLE: {
        double number = 0;
        added = value.is_number() && value.get_double().get(number) == simdjson::SUCCESS &&
                static_cast<arrow::DoubleBuilder&>(builder_).Append(number).ok();
        break;
      }
      case arrow::Type::INT64: {
        int64_t number = 0;
        added = value.is_int64() && value.get_int64().get(number) == simdjson::SUCCESS &&
                static_cast<arrow::Int64Builder&>(builder_).Append(number).ok();
        added = added || AddNumberAsText(value);
        break;
      }
      default:
        added = AddByText(value);
        break;
    }
    if (!added)
      return Invalid("\"{}\": expected {}, found {}; mend the value, or declare another type",
                     path_, TypeName(*field_.type()), KindOf(value));
    return {};
  }

  /// Fill all children from an object's members: also how a row is filled.
  Status AddMembers(const dom::object& members) {
    std::fill(seen_.begin(), seen_.end(), false);
    for (const auto& [name, value] : members) {
      const auto found = positions_.find(name);
      if (found == positions_.end()) {
        if (ignore_unknown_) continue;
        return Invalid("\"{}\" is not declared; declare it, or let unknown members be ignored",
                       path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name));
      }
      if (seen_[found->second]) continue;  // named twice: the first counts
      seen_[found->second] = true;
      RETURN_IF_ERROR(children_[found->second]->Add(value));
    }
    for (size_t i = 0; i < children_.size(); ++i) {
      if (!seen_[i]) RETURN_IF_ERROR(children_[i]->Null());
    }
    return {};
  }

 private:
  Status AddChild(const arrow::Field& field, arrow::ArrayBuilder& builder, std::string path) {
    if (path.starts_with('.')) path.erase(0, 1);
    children_.push_back(
        std::make_unique<Filler>(field, builder, std::move(path), any_as_text_, ignore_unknown_));
    return children_.back()->Start();
  }

  Status AddList(const dom::element& value) {
    dom::array list;
    if (value.get_array().get(list) != simdjson::SUCCESS) {
      return Invalid("\"{}\": expected a list, found {}", path_, KindOf(value));
    }
    ARROW_OR_RETURN(static_cast<arrow::ListBuilder&>(builder_).Append());
    for (const dom::element child : list) RETURN_IF_ERROR(children_[0]->Add(child));
    return {};
  }

  Status AddObject(const dom::element& value) {
    dom::object members;
    if (value.get_object().get(members) != simdjson::SUCCESS) {
      return Invalid("\"{}\": expected an object, found {}", path_, KindOf(value));
    }
    ARROW_OR_RETURN(static_cast<arrow::StructBuilder&>(builder_).Append());
    return AddMembers(members);
  }

  /// 3.0 for a column of whole numbers is one; 3.5 is not.
  bool AddNumberAsText(const dom::element& value) {
    double number = 0;
    if (!value.is_double() || value.get_double().get(number) != simdjson::SUCCESS) return false;
    if (number != std::floor(number) || std::abs(number) > 9007199254740992.0) return false;
    return parse_(fmt::format("{:.0f}", number), builder_);
  }

  bool AddByText(const dom::element& value) {
    const arrow::Type::type id = field_.type()->id();
    const bool takes_text = id == arrow::Type::STRING || id == arrow::Type::BINARY ||
                            id == arrow::Type::DATE32 || id == arrow::Type::TIMESTAMP ||
                            id == arrow::Type::DECIMAL128;
    if (value.is_string()) return takes_text && parse_(value.get_string().value_unsafe(), builder_);
    if (id == arrow::Type::STRING)
      return any_as_text_ && parse_(simdjson::to_string(value), builder_);
    if (!value.is_number() || (takes_text && id != arrow::Type::DECIMAL128)) return false;
    if (!value.is_double()) return parse_(simdjson::to_string(value), builder_);
    char text[32];
    char* const end = WriteDouble(value.get_double().value_unsafe(), text);
    return parse_({text, static_cast<size_t>(end - text)}, builder_) || AddNumberAsText(value);
  }

  const arrow::Field& field_;
  arrow::ArrayBuilder& builder_;
  const std::string path_;
  const bool any_as_text_, ignore_unknown_;
  CellParser parse_ = nullptr;
  std::vector<std::unique_ptr<Filler>> children_;
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
  };
  std::unordered_map<std::string, size_t, Hash, std::equal_to<>> positions_;
  std::vector<bool> seen_;
};

class JsonReader final : public BatchReader {
 public:
  JsonReader(std::unique_ptr<ByteReader> bytes, const JsonReadOptions& options)
      : options_(options), elements_(std::move(bytes), options) {}

  Status Start() {
    schema_ = options_.schema;
    const bool inferred = schema_ == nullptr;
    if (inferred) RETURN_IF_ERROR(Infer());
    if (static_cast<size_t>(schema_->num_fields()) > options_.max_columns) {
      return Invalid("{}: {} columns, over the limit of {}", elements_.name(),
                     schema_->num_fields(), options_.max_columns);
    }
    row_field_ = arrow::field("", arrow::struct_(schema_->fields()), false);
    ASSIGN_ARROW_OR_RETURN(builder_, arrow::MakeBuilder(row_field_->type()));
    filler_ = std::make_unique<Filler>(*row_field_, *builder_, "", inferred,
                                       options_.ignore_unknown_members);
    RETURN_IF_ERROR(filler_->Start(), "{}", elements_.name());
    return {};
  }

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  Result<std::shared_ptr<arrow::RecordBatch>> Next() override {
    int64_t rows = 0;
    while (rows < options_.batch_rows) {
      JsonElements::Element element;
      ASSIGN_OR_RETURN(const bool found, NextElement(element));
      if (!found) break;
      RETURN_IF_ERROR(AddRow(element), "{}:{}", elements_.name(), element.line);
      ++rows;
      if (++rows_ > options_.max_rows)
        return Invalid("{}: over {} rows", elements_.name(), options_.max_rows);
    }
    if (rows == 0) return std::shared_ptr<arrow::RecordBatch>();
    ASSIGN_ARROW_OR_RETURN(const auto built, builder_->Finish());
    ASSIGN_ARROW_OR_RETURN(const auto batch, arrow::RecordBatch::FromStructArray(built));
    return arrow::RecordBatch::Make(schema_, rows, batch->columns());
  }

 private:
  Result<bool> NextElement(JsonElements::Element& element) {
    if (held_.empty()) return elements_.Next(element);
    current_ = std::move(held_.front());
    held_.pop_front();
    element = {.text = std::string_view(current_.text).substr(0, current_.size),
               .line = current_.line};
    return true;
  }

  /// The element's text is followed by simdjson's padding.
  Result<dom::element> Parse(std::string_view text) {
    dom::element parsed;
    const auto error =
        parser_.parse(text.data(), text.size(), /*realloc_if_needed=*/false).get(parsed);
    if (error == simdjson::SUCCESS) return parsed;
    if (error == simdjson::NUMBER_ERROR)
      return Invalid("a number that no 64 bits hold, or that is none");
    return Corrupt("not JSON: {}", simdjson::error_message(error));
  }

  Status AddRow(const JsonElements::Element& element) {
    ASSIGN_OR_RETURN(const dom::element parsed, Parse(element.text));
    dom::object members;
    if (parsed.get_object().get(members) != simdjson::SUCCESS) return Invalid("expected an object");
    ARROW_OR_RETURN(static_cast<arrow::StructBuilder&>(*builder_).Append());
    return filler_->AddMembers(members);
  }

  Status Infer() {
    Guess guess;
    JsonElements::Element element;
    while (static_cast<int64_t>(held_.size()) < options_.infer_rows) {
      ASSIGN_OR_RETURN(const bool found, elements_.Next(element));
      if (!found) break;
      ASSIGN_OR_RETURN(const dom::element parsed, Parse(element.text), "{}:{}", elements_.name(),
                       element.line);
      guess.Add(parsed);
      if (guess.names.size() > options_.max_columns) {
        return Invalid("{}:{}: over {} different members", elements_.name(), element.line,
                       options_.max_columns);
      }
      Held held{
          .text = std::string(element.text), .size = element.text.size(), .line = element.line};
      held.text.resize(held.size + simdjson::SIMDJSON_PADDING);
      held_.push_back(std::move(held));
    }
    schema_ = arrow::schema(guess.Fields());
    return {};
  }

  struct Held {
    std::string text;  // with padding
    size_t size = 0;
    int64_t line = 0;
  };

  const JsonReadOptions options_;
  JsonElements elements_;
  dom::parser parser_;
  std::shared_ptr<arrow::Schema> schema_;
  std::shared_ptr<arrow::Field> row_field_;
  std::unique_ptr<arrow::ArrayBuilder> builder_;
  std::unique_ptr<Filler> filler_;
  std::deque<Held> held_;
  Held current_;
  int64_t rows_ = 0;
};

Result<std::unique_ptr<BatchReader>> Open(std::unique_ptr<ByteReader> bytes,
                                          const JsonReadOptions& options) {
  auto reader = std::make_unique<JsonReader>(std::move(bytes), options);
  RETURN_IF_ERROR(reader->Start());
  return std::unique_ptr<BatchReader>(std::move(reader));
}

}  // namespace

Result<std::unique_ptr<BatchReader>> OpenJson(const std::filesystem::path& path,
                                              const JsonReadOptions& options) {
  ASSIGN_OR_RETURN(auto bytes, OpenBytes(path, options.decompress));
  return Open(std::move(bytes), options);
}

Result<Table> ReadJson(const std::filesystem::path& path, const JsonReadOptions& options) {
  ASSIGN_OR_RETURN(const auto reader, OpenJson(path, options));
  return ReadAll(*reader);
}

Result<Table> ParseJson(std::string_view bytes, std::string_view name,
                        const JsonReadOptions& options) {
  ASSIGN_OR_RETURN(auto source, OpenBytesInMemory(bytes, std::string(name), options.decompress));
  ASSIGN_OR_RETURN(const auto reader, Open(std::move(source), options));
  return ReadAll(*reader);
}

}  // namespace catchment::columnar
