#include "sinks/line_protocol.h"

#include <algorithm>

namespace catchment::sinks {
namespace {

constexpr std::string_view kInMeasurement = ", ", kInTag = ",= ";

/// `text` as a measurement, tag or name of a field.
std::string Escaped(std::string_view text, std::string_view special) {
  std::string escaped;
  for (const char c : text) {
    const bool breaks = c == '\n' || c == '\r' || c == '\t' || c == '\0';
    const char written = breaks ? ' ' : c;
    if (special.find(written) != std::string_view::npos) escaped += '\\';
    escaped += written;
  }
  // It would escape what follows.
  if (escaped.ends_with('\\')) escaped.back() = '/';
  return escaped;
}

void AppendText(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

void AppendField(const RowValue& value, std::string& out) {
  struct Writer {
    std::string& out;
    void operator()(std::monostate) const {}
    void operator()(bool truth) const { out += truth ? "true" : "false"; }
    void operator()(int64_t number) const { out += fmt::format("{}i", number); }
    void operator()(double number) const { out += fmt::format("{}", number); }
    void operator()(std::string_view text) const { AppendText(text, out); }
  };
  std::visit(Writer{out}, value);
}

}  // namespace

Result<LineWriter> LineWriter::Make(const LineShape& shape,
                                    const std::vector<std::string>& columns) {
  LineWriter writer;
  writer.measurement_ = Escaped(shape.measurement, kInMeasurement);
  const auto take = [&](std::vector<std::string> names, std::vector<Column>& taken) -> Status {
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    for (const std::string& name : names) {
      const auto found = std::find(columns.begin(), columns.end(), name);
      if (found == columns.end()) return NotFound("there is no column '{}'", name);
      taken.push_back({Escaped(name, kInTag), static_cast<size_t>(found - columns.begin())});
    }
    return {};
  };
  std::vector<std::string> fields = shape.fields;
  if (fields.empty()) {
    for (const std::string& column : columns) {
      if (std::find(shape.tags.begin(), shape.tags.end(), column) == shape.tags.end()) {
        fields.push_back(column);
      }
    }
  }
  RETURN_IF_ERROR(take(shape.tags, writer.tags_), "tags");
  RETURN_IF_ERROR(take(std::move(fields), writer.fields_), "fields");
  if (writer.fields_.empty()) return Invalid("no column is a field");
  return writer;
}

bool LineWriter::Append(const RowValues& rows, int64_t row, Time time, std::string& out) const {
  const size_t begin = out.size();
  out += measurement_;
  for (const Column& tag : tags_) {
    const std::string value = TextOf(rows.at(row, tag.index));
    if (!value.empty()) out += fmt::format(",{}={}", tag.name, Escaped(value, kInTag));
  }
  char separator = ' ';
  for (const Column& field : fields_) {
    const RowValue value = rows.at(row, field.index);
    if (std::holds_alternative<std::monostate>(value)) continue;
    out += separator;
    out += field.name + "=";
    AppendField(value, out);
    separator = ',';
  }
  if (separator == ' ') {
    out.resize(begin);
    return false;
  }
  const auto nanoseconds =
      std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch());
  out += fmt::format(" {}\n", nanoseconds.count());
  return true;
}

}  // namespace catchment::sinks
