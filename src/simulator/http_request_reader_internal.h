#pragma once

#include <optional>
#include <string>

#include "simulator/http_server_internal.h"

namespace catchment::simulator {

/// Puts the bytes of one connection together to requests. A value of its connection's thread.
class HttpRequestReader {
 public:
  /// Append what came.
  void Take(std::string_view bytes) { buffer_.append(bytes); }
  /// The next whole request, if it is there. After a refusal there is none.
  std::optional<HttpRequest> Next();
  /// The status to refuse what came with; 0: none. For good.
  int refusal() const { return refusal_; }
  /// Bytes that are kept.
  size_t size() const { return buffer_.size(); }
  /// Whether the client waits for `100 Continue`. True once a request.
  bool TakeContinue();

 private:
  enum class Stage { kHead, kLength, kChunks };
  std::optional<HttpRequest> Refuse(int status);
  bool ReadHead();
  bool ReadLine(std::string_view line, HttpRequest& request) const;
  bool StartBody();
  bool ReadChunks();

  std::string buffer_;
  Stage stage_ = Stage::kHead;
  HttpRequest request_;
  size_t searched_ = 0;  // of the buffer, for the end of the head
  size_t length_ = 0;    // of the body, at kLength
  bool wants_continue_ = false;
  int refusal_ = 0;
};

}  // namespace catchment::simulator
