#include "sources/earlier_answers.h"

#include <utility>

#include "net/url.h"

namespace catchment::sources {
namespace {

using nlohmann::json;

constexpr std::string_view kQuestion = "https://earlier.invalid/answers";
constexpr std::string_view kMark = "Catchment-Earlier";
/// No status of HTTP: what another process was told here is not true for this one.
constexpr int kEarlierStatus = 600;

/// Whether the world itself was asked, and not what stands before it.
bool AskedTheWorld(const std::string& url) {
  const Result<net::Url> parsed = net::ParseUrl(url);
  return parsed.ok() && !parsed->host.ends_with(".invalid");
}

/// What `*` of `pattern` stands for in `url`; null: they differ.
std::optional<std::string> Fill(std::string_view pattern, std::string_view url) {
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos)
    return pattern == url ? std::optional<std::string>("") : std::nullopt;
  const std::string_view head = pattern.substr(0, star), tail = pattern.substr(star + 1);
  if (url.size() <= head.size() + tail.size() || !url.starts_with(head) || !url.ends_with(tail))
    return std::nullopt;
  const std::string_view text = url.substr(head.size(), url.size() - head.size() - tail.size());
  if (text.find('/') != std::string_view::npos) return std::nullopt;
  return std::string(text);
}

}  // namespace

Result<net::Response> EarlierTransport::Send(const net::Request& request,
                                             const OpContext& context) {
  if (request.url == kQuestion) return Tell(request, context.clock->Now());
  if (request.headers.Find(kMark) != nullptr) return Recall(request);
  return inner_.Send(request, context);
}

void EarlierTransport::Start(net::Request request, const OpContext& context, Done done) {
  if (request.url == kQuestion || request.headers.Find(kMark) != nullptr)
    return done(Send(request, context));
  inner_.Start(std::move(request), context, std::move(done));
}

Status EarlierTransport::Load() {
  if (runs_) return {};
  ASSIGN_OR_RETURN(runs_, find_());
  for (const EarlierRuns::Run& run : runs_->runs) {
    for (net::Exchange& exchange : run.log->Answers()) {
      net::ExchangeKey& key = exchange.key;
      if (!AskedTheWorld(key.url)) continue;
      std::vector<Answer>& answers = answers_[{key.task, key.method, key.body_sha256, key.vary}];
      answers.push_back({&run, std::move(key), exchange.received});
    }
  }
  return {};
}

Result<json> EarlierTransport::Match(const json& question, Time now) {
  const std::string task = question.at("task");
  const Time oldest = now - std::chrono::milliseconds(question.at("limit_ms").get<int64_t>());
  json found = json::object();
  for (const auto& [name, request] : question.at("requests").items()) {
    const std::string url = request.at("url");
    const auto answers =
        answers_.find({task, request.at("method"), request.value("body", std::string()),
                       request.value("vary", std::string())});
    if (answers == answers_.end()) continue;
    const Answer* newest = nullptr;
    for (const Answer& answer : answers->second) {
      if (answer.received < oldest || !Fill(url, answer.key.url)) continue;
      if (newest == nullptr || answer.received > newest->received) newest = &answer;
    }
    if (newest == nullptr) continue;
    net::ExchangeKey key = newest->key;
    key.ordinal = 0;
    promised_[key] = newest;
    found[name] = *Fill(url, newest->key.url);
  }
  return found;
}

Result<net::Response> EarlierTransport::Tell(const net::Request& request, Time now) {
  const json question = json::parse(request.body, nullptr, false);
  if (!question.is_object()) return Internal("{}: no JSON object", request.Name());
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(Load(), "answers of earlier runs");
  json answer = json::object();
  if (!runs_->problems.empty()) answer["problems"] = runs_->problems;
  if (!runs_->runs.empty()) {
    ASSIGN_OR_RETURN(answer["answers"], Match(question, now));
    for (const EarlierRuns::Run& run : runs_->runs) answer["runs"].push_back(run.run);
  }
  net::Response response;
  response.status = kEarlierStatus;
  response.body = answer.empty() ? "" : answer.dump();
  response.received = now;
  return response;
}

Result<net::Response> EarlierTransport::Recall(const net::Request& request) {
  ASSIGN_OR_RETURN(const net::ExchangeKey key,
                   net::KeyOf(request, std::string(request.headers.Get(kMark))));
  MutexLock lock(mutex_);
  const auto promised = promised_.find(key);
  if (promised == promised_.end())
    return NotFound("{}: no earlier run was found to have its answer", request.Name());
  const Answer& answer = *promised->second;
  return answer.from->log->Read(answer.key);
}

Result<EarlierAnswers> AskEarlier(net::Transport& transport, const std::string& task,
                                  const std::map<std::string, net::Request>& requests,
                                  std::chrono::milliseconds limit, const OpContext& context) {
  json wanted = json::object();
  for (const auto& [name, request] : requests) {
    ASSIGN_OR_RETURN(const net::ExchangeKey key, net::KeyOf(request, task));
    wanted[name] = {{"method", key.method}, {"url", key.url}};
    if (!key.body_sha256.empty()) wanted[name]["body"] = key.body_sha256;
    if (!key.vary.empty()) wanted[name]["vary"] = key.vary;
  }
  net::Request question;
  question.method = "POST";
  question.url = kQuestion;
  question.service = "earlier";
  question.headers.Add("Content-Type", "application/json");
  question.body =
      json{{"task", task}, {"limit_ms", limit.count()}, {"requests", std::move(wanted)}}.dump();
  EarlierAnswers earlier;
  const Result<net::Response> response = transport.Send(question, context);
  if (!response.ok()) {
    if (response.error().code == Code::kNotFound) return earlier;
    return response.status();
  }
  if (response->body.empty()) return earlier;
  const json answer = json::parse(response->body, nullptr, false);
  if (!answer.is_object()) return Corrupt("{}: expected an object", question.Name());
  earlier.runs = answer.value("runs", earlier.runs);
  earlier.problems = answer.value("problems", earlier.problems);
  earlier.found = answer.value("answers", earlier.found);
  return earlier;
}

void MarkEarlier(net::Request& request, const std::string& task) {
  request.headers.Add(std::string(kMark), task);
}

}  // namespace catchment::sources
