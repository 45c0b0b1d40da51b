#include "columnar/schema.h"

#include <arrow/array.h>
#include <arrow/chunked_array.h>
#include <arrow/compute/cast.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "base/digest.h"
#include "base/text.h"
#include "columnar/arrow_status.h"
#include "columnar/initialize.h"
#include "columnar/value_text_internal.h"

namespace catchment::columnar {
namespace {

constexpr int kMaxDepth = 32;
constexpr std::string_view kFieldId = "PARQUET:field_id";

struct NamedType {
  std::string_view name;
  std::shared_ptr<arrow::DataType> (*make)();
};

std::shared_ptr<arrow::DataType> MakeTs() {
  return arrow::timestamp(arrow::TimeUnit::MILLI, "UTC");
}
std::shared_ptr<arrow::DataType> MakeTime64() { return arrow::time64(arrow::TimeUnit::MICRO); }

template <const std::shared_ptr<arrow::DataType>& (*Make)()>
std::shared_ptr<arrow::DataType> Copy() {
  return Make();
}

// The first name of a type is the one that is written.
constexpr NamedType kTypes[] = {
    {"text", Copy<arrow::utf8>},
    {"bytes", Copy<arrow::binary>},
    {"bool", Copy<arrow::boolean>},
    {"int8", Copy<arrow::int8>},
    {"int16", Copy<arrow::int16>},
    {"int32", Copy<arrow::int32>},
    {"int64", Copy<arrow::int64>},
    {"uint8", Copy<arrow::uint8>},
    {"uint16", Copy<arrow::uint16>},
    {"uint32", Copy<arrow::uint32>},
    {"uint64", Copy<arrow::uint64>},
    {"float32", Copy<arrow::float32>},
    {"float64", Copy<arrow::float64>},
    {"date32", Copy<arrow::date32>},
    {"ts", MakeTs},
    {"time64[us]", MakeTime64},
    {"null", Copy<arrow::null>},
    {"string", Copy<arrow::utf8>},
    {"utf8", Copy<arrow::utf8>},
    {"int", Copy<arrow::int64>},
    {"double", Copy<arrow::float64>},
    {"date", Copy<arrow::date32>},
    {"timestamp", MakeTs},
};

bool IsPlainName(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return c == '_' || c == '.' || c == '-' || std::isalnum(static_cast<unsigned char>(c)) ||
           (c & 0x80);
  });
}

std::string FieldName(const std::string& name) {
  if (IsPlainName(name)) return name;
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string ChildName(const arrow::Field& field) {
  return TypeName(*field.type()) + (field.nullable() ? "" : "!");
}

/// Reads the text form of types. One object a text.
class TypeParser {
 public:
  explicit TypeParser(std::string_view text) : whole_(text), rest_(text) {}

  Result<std::shared_ptr<arrow::DataType>> Parse() {
    ASSIGN_OR_RETURN(auto type, ParseType(0));
    Skip();
    if (!rest_.empty()) return Fail(fmt::format("unexpected \"{}\"", rest_));
    return type;
  }

 private:
  Error Fail(std::string_view why) const {
    return Invalid(
        "type \"{}\": {}; types are text, bytes, bool, int8 to int64, uint8 to uint64, float32, "
        "float64, "
        "date32, ts, timestamp[us, UTC], decimal(p,s), list<T>, struct<name:T>",
        whole_, why);
  }
  void Skip() {
    while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
  }
  bool Take(char wanted) {
    Skip();
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::string_view Until(std::string_view stops) {
    Skip();
    const size_t end = std::min(rest_.find_first_of(stops), rest_.size());
    const std::string_view part = Trim(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return part;
  }

  Result<std::shared_ptr<arrow::DataType>> ParseType(int depth) {
    if (depth > kMaxDepth) return Fail("nested too deeply");
    Skip();
    if (rest_.starts_with("time64[us]")) {
      rest_.remove_prefix(10);
      return MakeTime64();
    }
    const std::string name = ToLower(Until("<([,>:! )]"));
    if (name == "list") return ParseList(depth);
    if (name == "struct") return ParseStruct(depth);
    if (name == "decimal") return ParseDecimal();
    if (name == "timestamp" && Take('[')) return ParseTimestamp();
    std::vector<std::string> names = {"list", "struct", "decimal", "timestamp"};
    for (const NamedType& type : kTypes) {
      if (type.name == name) return type.make();
      names.emplace_back(type.name);
    }
    const std::string nearest = Nearest(name, names);
    return Fail(nearest.empty()
                    ? fmt::format("unknown type \"{}\"", name)
                    : fmt::format("unknown type \"{}\"; did you mean \"{}\"?", name, nearest));
  }

  Result<std::shared_ptr<arrow::DataType>> ParseList(int depth) {
    if (!Take('<')) return Fail("expected < after list");
    ASSIGN_OR_RETURN(auto element, ParseType(depth + 1));
    const bool required = Take('!');
    if (!Take('>')) return Fail("expected > after the list's type");
    return arrow::list(arrow::field("element", element, !required));
  }

  Result<std::string> ParseFieldName() {
    if (!Take('"')) return std::string(Until(":"));
    std::string name;
    while (!rest_.empty() && rest_.front() != '"') {
      if (rest_.front() == '\\' && rest_.size() > 1) rest_.remove_prefix(1);
      name += rest_.front();
      rest_.remove_prefix(1);
    }
    if (!Take('"')) return Fail("a quoted name does not end");
    return name;
  }

  Result<std::shared_ptr<arrow::DataType>> ParseStruct(int depth) {
    if (!Take('<')) return Fail("expected < after struct");
    arrow::FieldVector fields;
    if (Take('>')) return arrow::struct_(fields);
    do {
      ASSIGN_OR_RETURN(std::string name, ParseFieldName());
      if (!Take(':')) return Fail("expected : after a field's name");
      ASSIGN_OR_RETURN(auto type, ParseType(depth + 1));
      const bool required = Take('!');
      fields.push_back(arrow::field(std::move(name), type, !required));
    } while (Take(','));
    if (!Take('>')) return Fail("expected > after the struct's fields");
    return arrow::struct_(fields);
  }

  std::optional<int> ParseInt(std::string_view text) const {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
  }

  Result<std::shared_ptr<arrow::DataType>> ParseDecimal() {
    if (!Take('(')) return Fail("expected (precision,scale) after decimal");
    const std::optional<int> precision = ParseInt(Until(",)"));
    const std::optional<int> scale = Take(',') ? ParseInt(Until(")")) : 0;
    if (!Take(')') || !precision || !scale || *precision < 1 || *precision > 38 || *scale < 0 ||
        *scale > *precision) {
      return Fail("a decimal has a precision of 1 to 38 and a scale of 0 to the precision");
    }
    return arrow::decimal128(*precision, *scale);
  }

  Result<std::shared_ptr<arrow::DataType>> ParseTimestamp() {
    const std::string_view unit_name = Until(",]");
    const std::string zone(Take(',') ? Until("]") : "");
    std::optional<arrow::TimeUnit::type> unit;
    if (unit_name == "s") unit = arrow::TimeUnit::SECOND;
    if (unit_name == "ms") unit = arrow::TimeUnit::MILLI;
    if (unit_name == "us") unit = arrow::TimeUnit::MICRO;
    if (unit_name == "ns") unit = arrow::TimeUnit::NANO;
    if (!unit || !Take(']')) return Fail("expected timestamp[s|ms|us|ns] or timestamp[us, UTC]");
    return arrow::timestamp(*unit, zone);
  }

  const std::string_view whole_;
  std::string_view rest_;
};

std::string UnitName(arrow::TimeUnit::type unit) {
  switch (unit) {
    case arrow::TimeUnit::SECOND:
      return "s";
    case arrow::TimeUnit::MILLI:
      return "ms";
    case arrow::TimeUnit::MICRO:
      return "us";
    case arrow::TimeUnit::NANO:
      return "ns";
  }
  return "us";
}

}  // namespace

std::string TypeName(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::STRING_VIEW:
      return "text";
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::BINARY_VIEW:
      return "bytes";
    case arrow::Type::BOOL:
      return "bool";
    case arrow::Type::FLOAT:
      return "float32";
    case arrow::Type::DOUBLE:
      return "float64";
    case arrow::Type::DATE32:
      return "date32";
    case arrow::Type::DICTIONARY:
      return TypeName(*static_cast<const arrow::DictionaryType&>(type).value_type());
    case arrow::Type::TIMESTAMP: {
      const auto& time = static_cast<const arrow::TimestampType&>(type);
      if (time.unit() == arrow::TimeUnit::MILLI && time.timezone() == "UTC") return "ts";
      if (time.timezone().empty()) return fmt::format("timestamp[{}]", UnitName(time.unit()));
      return fmt::format("timestamp[{}, {}]", UnitName(time.unit()), time.timezone());
    }
    case arrow::Type::DECIMAL32:
    case arrow::Type::DECIMAL64:
    case arrow::Type::DECIMAL128: {
      const auto& decimal = static_cast<const arrow::DecimalType&>(type);
      return fmt::format("decimal({},{})", decimal.precision(), decimal.scale());
    }
    case arrow::Type::LIST:
    case arrow::Type::LARGE_LIST:
      return fmt::format("list<{}>", ChildName(*type.field(0)));
    case arrow::Type::STRUCT: {
      std::string text = "struct<";
      for (int i = 0; i < type.num_fields(); ++i) {
        if (i > 0) text += ',';
        text += FieldName(type.field(i)->name()) + ":" + ChildName(*type.field(i));
      }
      return text + ">";
    }
    default:
      return type.ToString();  // int8…uint64, time64[us] and null have the same names there
  }
}

Result<std::shared_ptr<arrow::DataType>> TypeFromName(std::string_view name) {
  return TypeParser(name).Parse();
}

nlohmann::json SchemaToJson(const arrow::Schema& schema) {
  nlohmann::json json = nlohmann::json::array();
  for (const auto& field : schema.fields()) {
    nlohmann::json entry = {{"name", field->name()}, {"type", TypeName(*field->type())}};
    if (!field->nullable()) entry["nullable"] = false;
    if (field->HasMetadata()) {
      const auto id = field->metadata()->Get(std::string(kFieldId));
      if (id.ok()) entry["id"] = std::atoi(id->c_str());
    }
    json.push_back(std::move(entry));
  }
  return json;
}

Result<std::shared_ptr<arrow::Schema>> SchemaFromJson(const nlohmann::json& json) {
  if (!json.is_array()) return Invalid("a schema is an array of columns {{\"name\", \"type\"}}");
  arrow::FieldVector fields;
  for (const nlohmann::json& entry : json) {
    const size_t number = fields.size() + 1;
    if (!entry.is_object() || !entry.contains("name") || !entry["name"].is_string() ||
        !entry.contains("type") || !entry["type"].is_string()) {
      return Invalid("schema, column {}: needs a name and a type, both text", number);
    }
    const auto name = entry["name"].get<std::string>();
    ASSIGN_OR_RETURN(auto type, TypeFromName(entry["type"].get<std::string>()), "column \"{}\"",
                     name);
    const auto nullable = entry.find("nullable");
    if (nullable != entry.end() && !nullable->is_boolean()) {
      return Invalid("schema, column \"{}\": nullable is true or false", name);
    }
    std::shared_ptr<const arrow::KeyValueMetadata> metadata;
    if (const auto id = entry.find("id"); id != entry.end()) {
      if (!id->is_number_integer())
        return Invalid("schema, column \"{}\": id is a whole number", name);
      metadata = arrow::key_value_metadata({std::string(kFieldId)}, {id->dump()});
    }
    fields.push_back(
        arrow::field(name, type, nullable == entry.end() || nullable->get<bool>(), metadata));
  }
  return arrow::schema(fields);
}

std::string SchemaFingerprint(const arrow::Schema& schema) {
  std::string text;
  for (const auto& field : schema.fields()) {
    text += fmt::format("{}:{}\n", FieldName(field->name()), ChildName(*field));
  }
  return Sha256Hex(text);
}

Status CheckEvolution(const arrow::Schema& old, const arrow::Schema& next) {
  constexpr std::string_view kRemedy = "publish under a new table name";
  for (const auto& before : old.fields()) {
    const auto after = next.GetFieldByName(before->name());
    if (after == nullptr) {
      return Invalid("column \"{}\" ({}) is gone; a table's columns stay: keep it, or {}",
                     before->name(), TypeName(*before->type()), kRemedy);
    }
    if (TypeName(*before->type()) != TypeName(*after->type())) {
      return Invalid(
          "column \"{}\" was {} and is now {}; a column's type stays: cast it back, or {}",
          before->name(), TypeName(*before->type()), TypeName(*after->type()), kRemedy);
    }
    if (before->nullable() && !after->nullable()) {
      return Invalid(
          "column \"{}\" ({}) was nullable and is now not null, but older rows may hold nulls; "
          "keep it "
          "nullable, or {}",
          before->name(), TypeName(*before->type()), kRemedy);
    }
  }
  for (const auto& after : next.fields()) {
    if (old.GetFieldByName(after->name()) == nullptr && !after->nullable()) {
      return Invalid(
          "column \"{}\" ({}) is new and not null, but older rows lack it; make it nullable, or {}",
          after->name(), TypeName(*after->type()), kRemedy);
    }
  }
  return {};
}

namespace {

/// The first row that a cast refuses; null: it refuses them all, whatever they hold.
std::optional<int64_t> FirstRefused(const arrow::ChunkedArray& column,
                                    const std::shared_ptr<arrow::DataType>& type) {
  const auto casts = [&](int64_t begin, int64_t rows) {
    return arrow::compute::Cast(column.Slice(begin, rows), type).ok();
  };
  if (!casts(0, 0)) return std::nullopt;
  int64_t begin = 0;
  for (int64_t rows = column.length(); rows > 1;) {
    const int64_t half = rows / 2;
    const bool later = casts(begin, half);
    begin += later ? half : 0;
    rows = later ? rows - half : half;
  }
  return begin;
}

std::string ValueOf(const arrow::ChunkedArray& column, int64_t row) {
  for (const std::shared_ptr<arrow::Array>& chunk : column.chunks()) {
    if (row < chunk->length()) return RenderValue(*chunk, row);
    row -= chunk->length();
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<arrow::ChunkedArray>> CastColumn(
    const std::shared_ptr<arrow::ChunkedArray>& column,
    const std::shared_ptr<arrow::DataType>& type) {
  RETURN_IF_ERROR(Initialize());
  const arrow::Result<arrow::Datum> cast = arrow::compute::Cast(column, type);
  if (cast.ok()) return cast->chunked_array();
  std::string what =
      fmt::format("cannot turn {} into {}", TypeName(*column->type()), TypeName(*type));
  // Arrow would write a large number with all of its digits.
  if (const auto row = FirstRefused(*column, type))
    what += fmt::format(": row {} holds {}", *row + 1, ShortText(ValueOf(*column, *row)));
  return Invalid("{}", what);
}

Result<std::shared_ptr<arrow::Table>> CastToSchema(const std::shared_ptr<arrow::Table>& rows,
                                                   const std::shared_ptr<arrow::Schema>& schema) {
  if (rows->schema()->Equals(*schema, /*check_metadata=*/false)) {
    bool nulls = false;
    for (int i = 0; i < schema->num_fields(); ++i) {
      nulls |= !schema->field(i)->nullable() && rows->column(i)->null_count() > 0;
    }
    if (!nulls) return arrow::Table::Make(schema, rows->columns(), rows->num_rows());
  }
  RETURN_IF_ERROR(Initialize());
  arrow::ChunkedArrayVector columns;
  for (const auto& field : schema->fields()) {
    const std::vector<int> found = rows->schema()->GetAllFieldIndices(field->name());
    if (found.size() > 1)
      return Invalid("column \"{}\" is there {} times", field->name(), found.size());
    std::shared_ptr<arrow::ChunkedArray> column;
    if (found.empty()) {
      if (!field->nullable()) {
        return Invalid("column \"{}\" ({}, not null) is missing", field->name(),
                       TypeName(*field->type()));
      }
      ASSIGN_ARROW_OR_RETURN(auto nulls, arrow::MakeArrayOfNull(field->type(), rows->num_rows()));
      column = std::make_shared<arrow::ChunkedArray>(std::move(nulls));
    } else {
      column = rows->column(found.front());
      if (!column->type()->Equals(*field->type())) {
        ASSIGN_OR_RETURN(column, CastColumn(column, field->type()), "column \"{}\"", field->name());
      }
    }
    if (!field->nullable() && column->null_count() > 0) {
      return Invalid("column \"{}\" is declared not null and has {} nulls", field->name(),
                     column->null_count());
    }
    columns.push_back(std::move(column));
  }
  return arrow::Table::Make(schema, std::move(columns), rows->num_rows());
}

}  // namespace catchment::columnar
