#include <arrow/type.h>

#include "columnar/csv_file.h"
#include "columnar/text_output_internal.h"

namespace catchment::columnar {
namespace {

class CsvRows final : public RowFormat {
 public:
  CsvRows(const arrow::Schema& schema, const CsvFormat& format) : delimiter_(format.delimiter) {
    for (const auto& field : schema.fields()) {
      const auto own = format.null_texts.find(field->name());
      const std::string& null_text =
          own == format.null_texts.end() ? format.null_text : own->second;
      styles_.push_back({.kind = CellStyle::Kind::kCsv,
                         .delimiter = format.delimiter,
                         .null_text = null_text,
                         .quote_empty_text = format.quote_empty_text && null_text.empty()});
    }
  }

  CellStyle style(int column) const override { return styles_[static_cast<size_t>(column)]; }

  void AppendRows(const std::vector<ColumnText>& cells, size_t rows, int64_t,
                  std::string& out) const override {
    for (size_t row = 0; row < rows; ++row) {
      for (size_t column = 0; column < cells.size(); ++column) {
        if (column > 0) out += delimiter_;
        out += cells[column].cell(row);
      }
      out += '\n';
    }
  }

 private:
  const char delimiter_;
  std::vector<CellStyle> styles_;
};

std::string Header(const arrow::Schema& schema, const CsvFormat& format) {
  std::string header;
  for (int i = 0; i < schema.num_fields(); ++i) {
    const std::string& name = schema.field(i)->name();
    if (i > 0) header += format.delimiter;
    // A byte order mark at the very start would be skipped by readers.
    const bool quote =
        name.starts_with("\xEF\xBB\xBF") ||
        name.find_first_of(std::string("\"\n\r") + format.delimiter) != std::string::npos;
    if (quote) header += '"';
    for (const char c : name) header.append(c == '"' ? 2 : 1, c);
    if (quote) header += '"';
  }
  return header + '\n';
}

Status CheckFormat(const Table& table, const CsvFormat& format) {
  if (format.delimiter == '"' || format.delimiter == '\n' || format.delimiter == '\r') {
    return Invalid("a CSV delimiter is neither a quote nor a line end");
  }
  for (const auto& [name, text] : format.null_texts) {
    if (table.schema()->GetFieldIndex(name) < 0) {
      return Invalid("null text for column \"{}\", which does not exist", name);
    }
  }
  return CheckNames(*table.schema());
}

Result<int64_t> WriteRows(const Table& table, const CsvFormat& format, const PutText& put) {
  RETURN_IF_ERROR(CheckFormat(table, format));
  if (format.header) RETURN_IF_ERROR(put(Header(*table.schema(), format)));
  return FormatAll(table, CsvRows(*table.schema(), format), put);
}

}  // namespace

Result<std::string> FormatCsv(const Table& table, const CsvFormat& format) {
  return CollectText([&](const PutText& put) { return WriteRows(table, format, put); });
}

Result<WrittenText> WriteCsv(const Table& table, const std::filesystem::path& path,
                             const CsvFormat& format, const TextFileOptions& options) {
  return WriteText(path, options,
                   [&](const PutText& put) { return WriteRows(table, format, put); });
}

}  // namespace catchment::columnar
