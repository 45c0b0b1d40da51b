#pragma once

#include <curl/curl.h>

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "net/body_decoder.h"
#include "net/curl_transport.h"
#include "net/transport.h"
#include "net/url.h"

namespace catchment::net {

/// One request while it is with libcurl, through all its redirects. Belongs to the I/O thread.
class CurlTransfer {
 public:
  CurlTransfer(const CurlOptions& options, Request request, OpContext context,
               Transport::Done done);
  ~CurlTransfer();
  CurlTransfer(const CurlTransfer&) = delete;
  CurlTransfer& operator=(const CurlTransfer&) = delete;

  /// Set up `easy`, which outlives the transfer, for the first hop.
  Status Begin(CURL* easy);

  /// libcurl is done with this hop. Null: set up for the next one (a redirect), to be added again.
  /// Else the outcome.
  std::optional<Result<Response>> Finish(CURLcode code);

  Error CancelledError() const;
  const OpContext& context() const { return context_; }
  CURL* easy() const { return easy_; }
  const Transport::Done& done() const { return done_; }
  /// The answer is here.
  void SayArrived() const {
    if (request_.arrived) request_.arrived();
  }

  /// What cancels it; set by the loop.
  std::optional<std::stop_callback<std::function<void()>>> stop_callback;

 private:
  static size_t OnHeader(char* data, size_t size, size_t count, void* self);
  static size_t OnBody(char* data, size_t size, size_t count, void* self);
  static int OnConnected(void* self, char* address, char* local, int port, int local_port);

  Status SetUpHop();
  Status SetUpUrl();
  Status SetUpMethod();
  Status SetUpHeaders(const std::string& host);
  bool TakeHeader(std::string_view line);
  bool TakeBody(std::string_view piece);
  bool TakeConnection(std::string_view address);
  Error ErrorOf(CURLcode code) const;
  Status CheckWhole();
  std::optional<Result<Response>> FollowRedirect(const std::string& location);
  /// Remember why the transfer is stopped from within a callback; false, for convenience.
  bool Refuse(Error error);

  const CurlOptions& options_;
  Request request_;
  const OpContext context_;
  const Transport::Done done_;
  const OpContext::Steady::time_point begin_;
  CURL* easy_ = nullptr;
  curl_slist* header_list_ = nullptr;
  char error_text_[CURL_ERROR_SIZE] = {};

  Url real_;                  // of this hop
  bool to_loopback_ = false;  // where this hop really goes
  bool plain_ = false;
  bool by_deadline_ = false;  // what limits this hop: the deadline, or the request's time-out
  int redirects_ = 0;
  int connections_ = 0;  // that it was about to be sent on, this one included

  Response response_;
  std::unique_ptr<BodyDecoder> decoder_;
  std::optional<Error> refused_;
  int header_fields_ = 0;
  size_t header_bytes_ = 0;
  uint64_t wire_bytes_ = 0;
};

}  // namespace catchment::net
