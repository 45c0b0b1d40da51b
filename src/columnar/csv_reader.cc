#include <arrow/builder.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <set>

#include "base/text.h"
#include "columnar/arrow_status.h"
#include "columnar/cell_parser_internal.h"
#include "columnar/csv_file.h"
#include "columnar/csv_records_internal.h"
#include "columnar/schema.h"
#include "columnar/value_text_internal.h"

namespace catchment::columnar {
namespace {

/// A record that outlives the buffer, for inference.
struct HeldRecord {
  CsvRecord record;
  std::string raw;
  std::deque<std::string> texts;
};

/// One column of the result.
struct Column {
  std::shared_ptr<arrow::Field> field;
  std::optional<size_t> position;  // in the file; null: the file lacks it
  CellParser parse = nullptr;
  std::unique_ptr<arrow::ArrayBuilder> builder;
};

class CsvReader final : public BatchReader {
 public:
  CsvReader(std::unique_ptr<ByteReader> bytes, const CsvReadOptions& options)
      : options_(options), records_(std::move(bytes), options) {}

  Status Start() {
    if (options_.delimiter == '"' || options_.delimiter == '\n' || options_.delimiter == '\r') {
      return Invalid("{}: a CSV delimiter is neither a quote nor a line end", name());
    }
    if (options_.header) RETURN_IF_ERROR(ReadHeader());
    if (options_.schema == nullptr) RETURN_IF_ERROR(Infer());
    if (options_.schema != nullptr) RETURN_IF_ERROR(PlaceColumns());
    arrow::FieldVector fields;
    for (Column& column : columns_) {
      ASSIGN_OR_RETURN(column.parse, ParserFor(*column.field->type()), "{}: column \"{}\"", name(),
                       column.field->name());
      ASSIGN_ARROW_OR_RETURN(column.builder, arrow::MakeBuilder(column.field->type()));
      fields.push_back(column.field);
    }
    schema_ = arrow::schema(std::move(fields));
    return {};
  }

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  Result<std::shared_ptr<arrow::RecordBatch>> Next() override {
    int64_t rows = 0;
    while (rows < options_.batch_rows) {
      ASSIGN_OR_RETURN(const bool more, NextRecord());
      if (!more) break;
      RETURN_IF_ERROR(Append(*current_));
      ++rows;
      if (++rows_ > options_.max_rows) {
        return Invalid("{}: over {} rows", name(), options_.max_rows);
      }
    }
    if (rows == 0) return std::shared_ptr<arrow::RecordBatch>();
    arrow::ArrayVector arrays;
    for (Column& column : columns_) {
      ASSIGN_ARROW_OR_RETURN(auto array, column.builder->Finish());
      arrays.push_back(std::move(array));
    }
    return arrow::RecordBatch::Make(schema_, rows, std::move(arrays));
  }

 private:
  const std::string& name() const { return records_.name(); }

  Status ReadHeader() {
    CsvRecord record;
    ASSIGN_OR_RETURN(const bool found, records_.Next(record));
    if (!found) return Invalid("{}: empty; expected a header", name());
    std::set<std::string_view> seen;
    for (const CsvRecord::Field& field : record.fields) {
      header_.emplace_back(field.text);
      if (!seen.insert(field.text).second) {
        return Invalid("{}:{}: column \"{}\" is there twice", name(),
                       record.Place(header_.size() - 1), field.text);
      }
    }
    file_columns_ = header_.size();
    return {};
  }

  bool IsNull(const CsvRecord::Field& field) const {
    return !field.quoted &&
           std::ranges::find(options_.null_texts, field.text) != options_.null_texts.end();
  }

  /// Skips empty lines, which are no rows unless the file has one column.
  Result<bool> ReadRecord(CsvRecord& record) {
    while (true) {
      ASSIGN_OR_RETURN(const bool found, records_.Next(record));
      if (!found) return false;
      const bool empty =
          record.fields.size() == 1 && !record.fields[0].quoted && record.fields[0].text.empty();
      if (file_columns_ == 0) file_columns_ = record.fields.size();
      if (empty && file_columns_ > 1) continue;
      if (record.fields.size() != file_columns_) {
        return Invalid("{}:{}: {} fields, expected {}; {}", name(), record.line,
                       record.fields.size(), file_columns_,
                       record.fields.size() < file_columns_
                           ? "is the line cut short, or a delimiter missing?"
                           : "quote the texts that hold a delimiter");
      }
      return true;
    }
  }

  Result<bool> NextRecord() {
    if (next_held_ < held_.size()) {
      current_ = &held_[next_held_++].record;
      return true;
    }
    held_.clear();
    next_held_ = 0;
    current_ = &record_;
    return ReadRecord(record_);
  }

  Status Infer() {
    std::vector<TypeGuess> guesses;
    CsvRecord record;
    while (static_cast<int64_t>(held_.size()) < options_.infer_rows) {
      ASSIGN_OR_RETURN(const bool found, ReadRecord(record));
      if (!found) break;
      guesses.resize(file_columns_);
      for (size_t i = 0; i < record.fields.size(); ++i) {
        if (!IsNull(record.fields[i])) guesses[i].Add(record.fields[i].text);
      }
      Hold(record);
    }
    guesses.resize(file_columns_);
    for (size_t i = 0; i < file_columns_; ++i) {
      std::string column = options_.header ? header_[i] : fmt::format("column{}", i + 1);
      columns_.push_back({.field = arrow::field(std::move(column), guesses[i].Guess()),
                          .position = i,
                          .parse = nullptr,
                          .builder = nullptr});
    }
    inferred_ = true;
    return {};
  }

  void Hold(const CsvRecord& record) {
    HeldRecord& held = held_.emplace_back();
    held.record = record;
    held.raw = record.raw;
    held.record.raw = held.raw;
    for (CsvRecord::Field& field : held.record.fields)
      field.text = held.texts.emplace_back(field.text);
  }

  Status PlaceColumns() {
    std::vector<bool> used(header_.size());
    size_t position = 0;
    for (const auto& field : options_.schema->fields()) {
      Column column{.field = field, .position = std::nullopt, .parse = nullptr, .builder = nullptr};
      if (!options_.header) {
        column.position = position++;
      } else if (const auto found = std::ranges::find(header_, field->name());
                 found != header_.end()) {
        column.position = static_cast<size_t>(found - header_.begin());
        used[*column.position] = true;
      } else if (!options_.missing_columns_are_null || !field->nullable()) {
        return NoColumn(field->name());
      }
      columns_.push_back(std::move(column));
    }
    if (!options_.header) file_columns_ = columns_.size();
    for (size_t i = 0; i < used.size(); ++i) {
      if (used[i] || options_.ignore_unknown_columns) continue;
      return Invalid(
          "{}:1: column \"{}\" is not declared; declare it, or let unknown columns be ignored",
          name(), header_[i]);
    }
    return {};
  }

  Error NoColumn(const std::string& wanted) const {
    const std::string nearest = Nearest(wanted, header_);
    std::string remedy = fmt::format("did you mean \"{}\"?", nearest);
    if (nearest.empty() && header_.front().starts_with('<')) {
      remedy = kLooksLikeMarkup;
    } else if (nearest.empty()) {
      remedy = fmt::format("the first line has {}",
                           ShortText(fmt::format("{}", fmt::join(header_, ", "))));
    }
    return Invalid("{}:1: there is no column \"{}\"; {}", name(), wanted, remedy);
  }

  Status Append(const CsvRecord& record) {
    for (Column& column : columns_) {
      if (!column.position || IsNull(record.fields[*column.position])) {
        if (!column.field->nullable()) {
          return Invalid("{}:{}: column \"{}\": expected {}, found nothing; fill it in", name(),
                         record.Place(*column.position), column.field->name(),
                         TypeName(*column.field->type()));
        }
        ARROW_OR_RETURN(column.builder->AppendNull());
        continue;
      }
      const CsvRecord::Field& cell = record.fields[*column.position];
      if (!column.parse(cell.text, *column.builder)) return Mismatch(record, column, cell);
    }
    return {};
  }

  Error Mismatch(const CsvRecord& record, const Column& column,
                 const CsvRecord::Field& cell) const {
    return Invalid(
        "{}:{}: column \"{}\": expected {}{}, found \"{}\"{}", name(),
        record.Place(*column.position), column.field->name(), TypeName(*column.field->type()),
        inferred_ ? fmt::format(" (as the first {} rows; declare the type)", options_.infer_rows)
                  : "",
        ShortText(cell.text), inferred_ ? "" : "; mend the value, or declare the column as text");
  }

  const CsvReadOptions options_;
  CsvRecords records_;
  std::vector<std::string> header_;
  size_t file_columns_ = 0;  // 0: not known yet
  std::vector<Column> columns_;
  std::shared_ptr<arrow::Schema> schema_;
  bool inferred_ = false;
  std::deque<HeldRecord> held_;
  size_t next_held_ = 0;
  CsvRecord record_;
  const CsvRecord* current_ = nullptr;
  int64_t rows_ = 0;
};

Result<std::unique_ptr<BatchReader>> Open(std::unique_ptr<ByteReader> bytes,
                                          const CsvReadOptions& options) {
  auto reader = std::make_unique<CsvReader>(std::move(bytes), options);
  RETURN_IF_ERROR(reader->Start());
  return std::unique_ptr<BatchReader>(std::move(reader));
}

}  // namespace

Result<std::unique_ptr<BatchReader>> OpenCsv(const std::filesystem::path& path,
                                             const CsvReadOptions& options) {
  ASSIGN_OR_RETURN(auto bytes, OpenBytes(path, options.decompress));
  return Open(std::move(bytes), options);
}

Result<Table> ReadCsv(const std::filesystem::path& path, const CsvReadOptions& options) {
  ASSIGN_OR_RETURN(const auto reader, OpenCsv(path, options));
  return ReadAll(*reader);
}

Result<Table> ParseCsv(std::string_view bytes, std::string_view name,
                       const CsvReadOptions& options) {
  ASSIGN_OR_RETURN(auto source, OpenBytesInMemory(bytes, std::string(name), options.decompress));
  ASSIGN_OR_RETURN(const auto reader, Open(std::move(source), options));
  return ReadAll(*reader);
}

}  // namespace catchment::columnar
