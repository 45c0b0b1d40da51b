#include "simulator/http_request_reader_internal.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace catchment::simulator {
namespace {

constexpr size_t kMaxHeaderBytes = 64 << 10;
constexpr size_t kMaxBodyBytes = 16 << 20;

// All of `text` as a number, or nullopt.
std::optional<size_t> WholeNumber(std::string_view text, int base) {
  size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<HttpRequest> HttpRequestReader::Next() {
  if (refusal_ != 0) return std::nullopt;
  if (stage_ == Stage::kHead && (!ReadHead() || !StartBody())) return std::nullopt;
  if (stage_ == Stage::kChunks && !ReadChunks()) return std::nullopt;
  if (stage_ == Stage::kLength) {
    if (buffer_.size() < length_) return std::nullopt;
    request_.body.assign(buffer_, 0, length_);
    buffer_.erase(0, length_);
  }
  stage_ = Stage::kHead;
  searched_ = 0;
  wants_continue_ = false;
  return std::exchange(request_, {});
}

bool HttpRequestReader::TakeContinue() { return std::exchange(wants_continue_, false); }

std::optional<HttpRequest> HttpRequestReader::Refuse(int status) {
  refusal_ = status;
  return std::nullopt;
}

bool HttpRequestReader::ReadHead() {
  const size_t end = buffer_.find("\r\n\r\n", searched_);
  if (end == std::string::npos) {
    searched_ = buffer_.size() < 3 ? 0 : buffer_.size() - 3;
    if (buffer_.size() > kMaxHeaderBytes) Refuse(400);
    return false;
  }
  std::string_view head = std::string_view(buffer_).substr(0, end);
  bool first = true;
  while (!head.empty() || first) {
    const size_t stop = std::min(head.find('\n'), head.size());
    const std::string_view line = Trim(head.substr(0, stop));
    head.remove_prefix(std::min(stop + 1, head.size()));
    if (first) {
      const size_t one = line.find(' '), two = line.find(' ', one + 1);
      if (one == std::string_view::npos || two == std::string_view::npos || line[one + 1] != '/' ||
          !line.substr(two + 1).starts_with("HTTP/1.") ||
          line.find(' ', two + 1) != std::string_view::npos) {
        Refuse(400);
        return false;
      }
      request_.method = line.substr(0, one);
      request_.target = line.substr(one + 1, two - one - 1);
      first = false;
    } else if (!ReadLine(line, request_)) {
      Refuse(400);
      return false;
    }
  }
  const size_t mark = request_.target.find('?');
  request_.path = PercentDecode(std::string_view(request_.target).substr(0, mark), false);
  if (mark != std::string::npos) request_.query = request_.target.substr(mark + 1);
  buffer_.erase(0, end + 4);
  return true;
}

bool HttpRequestReader::ReadLine(std::string_view line, HttpRequest& request) const {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return false;
  auto& header = request.headers.emplace_back(line.substr(0, colon), Trim(line.substr(colon + 1)));
  for (char& c : header.first) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return true;
}

bool HttpRequestReader::StartBody() {
  wants_continue_ = request_.Header("expect") == "100-continue";
  if (ToLower(request_.Header("transfer-encoding")) == "chunked") {
    stage_ = Stage::kChunks;
    return true;
  }
  const std::string_view text = request_.Header("content-length");
  const std::optional<size_t> length = text.empty() ? 0 : WholeNumber(text, 10);
  if (!length || *length > kMaxBodyBytes) {
    Refuse(length ? 413 : 400);
    return false;
  }
  length_ = *length;
  stage_ = Stage::kLength;
  return true;
}

// SIZE CRLF BYTES CRLF … 0 CRLF CRLF; a size may be followed by `;` and extensions.
bool HttpRequestReader::ReadChunks() {
  while (true) {
    const size_t end = buffer_.find("\r\n");
    if (end == std::string::npos) {
      if (buffer_.size() > kMaxHeaderBytes) Refuse(400);
      return false;
    }
    const std::string_view line = std::string_view(buffer_).substr(0, end);
    const std::optional<size_t> length = WholeNumber(line.substr(0, line.find(';')), 16);
    if (!length || *length > kMaxBodyBytes - request_.body.size()) {
      Refuse(length ? 413 : 400);
      return false;
    }
    if (buffer_.size() < end + 2 + *length + 2) return false;
    request_.body.append(buffer_, end + 2, *length);
    buffer_.erase(0, end + 2 + *length + 2);
    if (*length == 0) return true;
  }
}

}  // namespace catchment::simulator
