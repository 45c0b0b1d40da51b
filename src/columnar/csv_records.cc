#include <simdjson.h>

#include <algorithm>
#include <cstring>

#include "columnar/csv_records_internal.h"

namespace catchment::columnar {
namespace {

constexpr size_t kReadBytes = 1 << 20;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

std::string CsvRecord::PlaceOf(size_t offset) const {
  const std::string_view before = raw.substr(0, offset);
  const auto lines = std::ranges::count(before, '\n');
  const std::string_view in_line = before.substr(before.rfind('\n') + 1);  // npos + 1 is 0
  const auto column = 1 + std::ranges::count_if(in_line, [](char c) { return (c & 0xC0) != 0x80; });
  return fmt::format("{}:{}", line + lines, column);
}

CsvRecords::CsvRecords(std::unique_ptr<ByteReader> bytes, const CsvReadOptions& options)
    : bytes_(std::move(bytes)),
      delimiter_(options.delimiter),
      max_field_bytes_(options.max_field_bytes),
      max_columns_(options.max_columns) {}

Status CsvRecords::Refill() {
  const size_t rest = size_ - begin_;
  std::memmove(buffer_.data(), buffer_.data() + begin_, rest);
  begin_ = 0;
  size_ = rest;
  // A record that does not fit is scanned again from its start: doubling keeps that linear.
  const size_t wanted = size_ + std::max(kReadBytes, rest);
  if (buffer_.size() < wanted) buffer_.resize(wanted);
  ASSIGN_OR_RETURN(const size_t got, bytes_->Read(std::span(buffer_).subspan(size_)));
  size_ += got;
  at_end_ = got == 0;
  return {};
}

Result<bool> CsvRecords::Next(CsvRecord& record) {
  if (!started_) {
    while (!at_end_ && size_ - begin_ < kByteOrderMark.size()) RETURN_IF_ERROR(Refill());
    if (std::string_view(buffer_.data(), size_).starts_with(kByteOrderMark))
      begin_ = kByteOrderMark.size();
    started_ = true;
  }
  while (true) {
    if (begin_ == size_ && at_end_) return false;
    ASSIGN_OR_RETURN(const Scan scan, ScanRecord(record));
    if (scan == Scan::kRecord) break;
    if (size_ - begin_ > 4 * max_field_bytes_) {
      return Invalid("{}:{}: a record of over {} bytes; is a quote missing?", name(), line_,
                     4 * max_field_bytes_);
    }
    RETURN_IF_ERROR(Refill());
  }
  if (!simdjson::validate_utf8(record.raw.data(), record.raw.size())) {
    return Corrupt("{}:{}: not UTF-8; convert the file first", name(), record.line);
  }
  if (const size_t nul = record.raw.find('\0'); nul != std::string_view::npos) {
    return Invalid(
        "{}:{}: a NUL byte, which no text has: is the file damaged, or UTF-16? Write it again as "
        "UTF-8",
        name(), record.PlaceOf(nul));
  }
  RETURN_IF_ERROR(Unquote(record));
  begin_ += record.raw.size();
  line_ += std::ranges::count(record.raw, '\n');
  return true;
}

/// Find the fields of the record at begin_. Quoted ones are given with their inner quotes as they
/// stand.
Result<CsvRecords::Scan> CsvRecords::ScanRecord(CsvRecord& record) {
  record.line = line_;
  record.fields.clear();
  const char* const text = buffer_.data();
  size_t at = begin_;
  while (true) {
    if (record.fields.size() == max_columns_) {
      return Invalid("{}:{}: over {} fields in one record", name(), line_, max_columns_);
    }
    if (at < size_ && text[at] == '"') {
      ASSIGN_OR_RETURN(const Scan scan, ScanQuoted(at, record));
      if (scan == Scan::kNeedsMore) return scan;
    } else {
      const size_t first = at;
      while (at < size_ && text[at] != delimiter_ && text[at] != '\n') ++at;
      if (at == size_ && !at_end_) return Scan::kNeedsMore;
      size_t last = at;
      if ((at == size_ || text[at] == '\n') && last > first && text[last - 1] == '\r') --last;
      record.fields.push_back(
          {{text + first, last - first}, false, static_cast<uint32_t>(first - begin_)});
    }
    if (record.fields.back().text.size() > max_field_bytes_) {
      return Invalid("{}:{}: a field of over {} bytes", name(),
                     record.Place(record.fields.size() - 1), max_field_bytes_);
    }
    const bool more = at < size_ && text[at] == delimiter_;
    if (at < size_) ++at;
    if (!more) break;
  }
  record.raw = {text + begin_, at - begin_};
  return Scan::kRecord;
}

Result<CsvRecords::Scan> CsvRecords::ScanQuoted(size_t& at, CsvRecord& record) {
  const char* const text = buffer_.data();
  const size_t quote = at;
  size_t end = at + 1;
  while (true) {
    const void* const found = end < size_ ? std::memchr(text + end, '"', size_ - end) : nullptr;
    if (found == nullptr) {
      if (!at_end_) return Scan::kNeedsMore;
      return Corrupt("{}:{}: a quoted field begins here and never ends; close the quote", name(),
                     line_);
    }
    end = static_cast<size_t>(static_cast<const char*>(found) - text);
    if (end + 1 == size_ && !at_end_) return Scan::kNeedsMore;
    if (end + 1 < size_ && text[end + 1] == '"') {
      end += 2;
      continue;
    }
    break;
  }
  record.fields.push_back(
      {{text + quote + 1, end - quote - 1}, true, static_cast<uint32_t>(quote - begin_)});
  at = end + 1;
  if (at + 1 == size_ && text[at] == '\r' && !at_end_) return Scan::kNeedsMore;
  if (at < size_ && text[at] == '\r' && (at + 1 == size_ || text[at + 1] == '\n')) ++at;
  if (at < size_ && text[at] != delimiter_ && text[at] != '\n') {
    record.raw = {text + begin_, at - begin_};
    return Invalid(
        "{}:{}: expected a delimiter or the line's end after a quoted field; quotes inside one are "
        "doubled",
        name(), record.Place(record.fields.size() - 1));
  }
  return Scan::kRecord;
}

Status CsvRecords::Unquote(CsvRecord& record) {
  size_t needed = 0;
  for (const CsvRecord::Field& field : record.fields) {
    if (field.quoted) needed += field.text.size();
  }
  if (needed == 0) return {};
  unquoted_.clear();
  unquoted_.reserve(needed);  // views into it must stay
  for (CsvRecord::Field& field : record.fields) {
    if (!field.quoted || field.text.find('"') == std::string_view::npos) continue;
    const size_t first = unquoted_.size();
    for (size_t i = 0; i < field.text.size(); ++i) {
      unquoted_ += field.text[i];
      if (field.text[i] == '"') ++i;  // the second of a pair
    }
    field.text = std::string_view(unquoted_).substr(first);
  }
  return {};
}

}  // namespace catchment::columnar
