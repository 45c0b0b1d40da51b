#include "net/faulty_transport.h"

namespace catchment::net {

std::optional<Result<Response>> FaultyTransport::Judge(const Request& request,
                                                       const OpContext& context) {
  int64_t nth;
  {
    MutexLock lock(mutex_);
    nth = ++requests_;
  }
  std::optional<Result<Response>> answer = fault_(nth, request);
  if (answer && answer->ok() && context.clock != nullptr) {
    answer->value().received = context.clock->Now();
  }
  return answer;
}

Result<Response> FaultyTransport::Send(const Request& request, const OpContext& context) {
  if (auto answer = Judge(request, context)) return *std::move(answer);
  return inner_.Send(request, context);
}

void FaultyTransport::Start(Request request, const OpContext& context, Done done) {
  if (auto answer = Judge(request, context)) return done(*std::move(answer));
  inner_.Start(std::move(request), context, std::move(done));
}

int64_t FaultyTransport::requests() const {
  MutexLock lock(mutex_);
  return requests_;
}

FaultyTransport::Fault FailFirst(int64_t count, Error error) {
  return [count, error = std::move(error)](int64_t nth,
                                           const Request&) -> std::optional<Result<Response>> {
    if (nth > count) return std::nullopt;
    return Result<Response>(error);
  };
}

FaultyTransport::Fault AnswerFirst(int64_t count, Response response) {
  return [count, response = std::move(response)](
             int64_t nth, const Request&) -> std::optional<Result<Response>> {
    if (nth > count) return std::nullopt;
    return Result<Response>(response);
  };
}

FaultyTransport::Fault FailAlways(Error error) { return FailFirst(INT64_MAX, std::move(error)); }

}  // namespace catchment::net
