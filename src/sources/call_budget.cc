#include "sources/call_budget.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace catchment::sources {
namespace {

using nlohmann::json;

Result<json> Parse(const std::string& body) {
  if (body.empty()) return json::object();
  json answer = json::parse(body, nullptr, false);
  if (!answer.is_object()) return Corrupt("a recorded decision on a budget cannot be read");
  return answer;
}

}  // namespace

struct CallBudget::Question {
  const char* verb;
  json body;
  std::string reason = {};
};

CallBudget::CallBudget(net::Transport& transport, std::string api, std::string purse,
                       const OpContext& context, OpContext::Steady::time_point deadline)
    : transport_(transport),
      api_(std::move(api)),
      purse_(std::move(purse)),
      context_(context),
      deadline_(std::min(deadline, context.deadline)) {
  // What a call became is written down even after the deadline, and a replay has none.
  context_.deadline = OpContext::Steady::time_point::max();
}

Result<std::string> CallBudget::Send(const Question& question) {
  net::Request request;
  request.method = "POST";
  request.url = std::string("https://budget.invalid/") + question.verb;
  request.service = "budget";
  request.headers.Add("Content-Type", "application/json");
  if (!question.reason.empty()) request.headers.Add("Catchment-Reason", question.reason);
  json body = question.body;
  body["api"] = api_;
  body["purse"] = purse_;
  request.body = body.dump();
  OpContext until = context_;
  until.deadline = deadline_;
  if (deadline_ != OpContext::Steady::time_point::max())
    request.headers.Add("Catchment-Left", fmt::format("{}", until.Left().count()));
  ASSIGN_OR_RETURN(net::Response response, transport_.Send(request, context_));
  return std::move(response.body);
}

Result<std::map<std::string, int64_t>> CallBudget::Allowance(const std::vector<std::string>& groups,
                                                             const std::vector<std::string>& names,
                                                             std::optional<int64_t> ceiling) {
  json question = {{"groups", groups}, {"names", names}};
  if (ceiling) question["ceiling"] = *ceiling;
  ASSIGN_OR_RETURN(const std::string body, Send({"allowance", std::move(question)}));
  ASSIGN_OR_RETURN(const json answer, Parse(body));
  std::map<std::string, int64_t> free;
  const json sums = answer.value("free", json::object());
  for (const auto& [group, calls] : sums.items()) {
    if (calls.is_number_integer()) free[group] = calls.get<int64_t>();
  }
  return free;
}

Status CallBudget::Announce(const std::map<std::string, int64_t>& calls) {
  return Send({"announce", {{"calls", calls}}}).status();
}

Result<CallBudget::Permit> CallBudget::Ask(const std::string& group, const std::string& call,
                                           int attempt, const std::string& name) {
  json question = {{"group", group}, {"call", call}, {"attempt", attempt}};
  if (!name.empty()) question["name"] = name;
  ASSIGN_OR_RETURN(const std::string body, Send({"permit", std::move(question)}));
  ASSIGN_OR_RETURN(const json answer, Parse(body));
  Permit permit;
  if (answer.contains("name")) {
    permit.kind = Permit::Kind::kTaken;
    permit.name = answer.value("name", "");
    permit.facts = answer.value("facts", std::vector<std::string>());
  } else if (answer.contains("wait_ms")) {
    permit.kind = Permit::Kind::kWait;
    permit.wait = std::chrono::milliseconds(answer.value("wait_ms", int64_t{1}));
  } else {
    permit.reason = answer.value("stop", "failed");
  }
  return permit;
}

Status CallBudget::TellRest(const std::string& group, const std::string& name,
                            const std::string& call, int attempt, Time until) {
  return Send({"tell",
               {{"what", "rest"},
                {"group", group},
                {"name", name},
                {"call", call},
                {"attempt", attempt},
                {"until", FormatTime(until)}}})
      .status();
}

Status CallBudget::TellFact(const std::string& fact, const std::string& call, int attempt) {
  return Send({"tell", {{"what", "fact"}, {"fact", fact}, {"call", call}, {"attempt", attempt}}})
      .status();
}

Status CallBudget::TellDenied(const std::string& group, const std::string& call, int attempt) {
  return Send(
             {"tell", {{"what", "denied"}, {"group", group}, {"call", call}, {"attempt", attempt}}})
      .status();
}

Result<std::string> CallBudget::Fate(const std::string& call, int attempt,
                                     std::string_view reason) {
  ASSIGN_OR_RETURN(const std::string body,
                   Send({"fate", {{"call", call}, {"attempt", attempt}}, std::string(reason)}));
  ASSIGN_OR_RETURN(const json answer, Parse(body));
  return answer.value("reason", std::string(reason));
}

}  // namespace catchment::sources
