#include <arrow/type.h>

#include "columnar/json_file.h"
#include "columnar/text_output_internal.h"

namespace catchment::columnar {
namespace {

class JsonRows final : public RowFormat {
 public:
  JsonRows(const arrow::Schema& schema, const JsonFormat& format) : format_(format) {
    for (const std::string& name : schema.field_names()) {
      std::string member;
      AppendJsonText(name, member);
      members_.push_back(member + ':');
    }
  }

  CellStyle style(int) const override { return {}; }

  void AppendRows(const std::vector<ColumnText>& cells, size_t rows, int64_t first,
                  std::string& out) const override {
    const bool lines = format_.shape == JsonShape::kLines;
    for (size_t row = 0; row < rows; ++row) {
      if (!lines && (row > 0 || first > 0)) out += ',';
      char separator = '{';
      for (size_t column = 0; column < cells.size(); ++column) {
        const std::string_view cell = cells[column].cell(row);
        if (format_.skip_nulls && cell == "null") continue;
        out += separator;
        out += members_[column];
        out += cell;
        separator = ',';
      }
      if (separator == '{') out += '{';
      out += lines ? "}\n" : "}";
    }
  }

 private:
  const JsonFormat format_;
  std::vector<std::string> members_;
};

Result<int64_t> WriteRows(const Table& table, const JsonFormat& format, const PutText& put) {
  RETURN_IF_ERROR(CheckNames(*table.schema()));
  const bool array = format.shape == JsonShape::kArray;
  if (array) RETURN_IF_ERROR(put("["));
  ASSIGN_OR_RETURN(const int64_t rows, FormatAll(table, JsonRows(*table.schema(), format), put));
  if (array) RETURN_IF_ERROR(put("]"));
  return rows;
}

}  // namespace

Result<std::string> FormatJson(const Table& table, const JsonFormat& format) {
  return CollectText([&](const PutText& put) { return WriteRows(table, format, put); });
}

Result<WrittenText> WriteJson(const Table& table, const std::filesystem::path& path,
                              const JsonFormat& format, const TextFileOptions& options) {
  return WriteText(path, options,
                   [&](const PutText& put) { return WriteRows(table, format, put); });
}

}  // namespace catchment::columnar
