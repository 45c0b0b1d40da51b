#include "net/fake_transport.h"

namespace catchment::net {

Result<Response> FakeTransport::Send(const Request& request, const OpContext& context) {
  RETURN_IF_ERROR(context.Check(), "{}", request.Name());
  {
    MutexLock lock(mutex_);
    requests_.push_back(request);
  }
  Result<Response> answer = server_(request);
  if (answer.ok() && context.clock != nullptr && answer->received == Time()) {
    answer->received = context.clock->Now();
  }
  return answer;
}

std::vector<Request> FakeTransport::requests() const {
  MutexLock lock(mutex_);
  return requests_;
}

Response Answer(int status, std::string body, Headers headers) {
  return Response{status, std::move(headers), std::move(body), Time()};
}

}  // namespace catchment::net
