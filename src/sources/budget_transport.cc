#include "sources/budget_transport.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace catchment::sources {
namespace {

using nlohmann::json;

constexpr std::string_view kHost = "https://budget.invalid/";
/// No status of HTTP: a ledger of requests hands out 2xx answers of an earlier process of the run
/// again, and a permit must not serve twice.
constexpr int kStatus = 600;
constexpr std::chrono::seconds kPermitLife{20};
constexpr int64_t kMostAtOnce = 16;
constexpr int kRounds = 4;

std::string BucketOf(const std::string& purse, const std::string& group, const std::string& name) {
  return purse + "/" + group + "/" + name;
}

/// Milliseconds before the caller's deadline. Not part of a question: a replay has another one.
int64_t LeftOf(const net::Request& request) {
  const std::string_view text = request.headers.Get("catchment-left");
  int64_t left = INT64_MAX;
  std::from_chars(text.data(), text.data() + text.size(), left);
  return left;
}

}  // namespace

Result<net::Response> BudgetTransport::Send(const net::Request& request, const OpContext& context) {
  if (!request.url.starts_with(kHost)) return inner_.Send(request, context);
  ASSIGN_OR_RETURN(const json answer, Answer(request, context));
  net::Response response;
  response.status = kStatus;
  response.body = answer.empty() ? "" : answer.dump();
  response.received = context.clock->Now();
  return response;
}

void BudgetTransport::Start(net::Request request, const OpContext& context, Done done) {
  if (!request.url.starts_with(kHost))
    return inner_.Start(std::move(request), context, std::move(done));
  done(Send(request, context));
}

Result<json> BudgetTransport::Answer(const net::Request& request, const OpContext& context) {
  const json question = json::parse(request.body, nullptr, false);
  if (!question.is_object()) return Internal("{}: no JSON object", request.Name());
  const std::string verb = request.url.substr(kHost.size());
  if (verb == "fate") return json{{"reason", request.headers.Get("catchment-reason")}};
  const PurseKey key(question.value("api", ""), question.value("purse", ""));
  MutexLock lock(mutex_);
  if (verb == "allowance") return Allowance(question, key, context.clock->Now());
  if (verb == "permit") return Permit(question, key, context.clock->Now(), LeftOf(request));
  if (verb == "tell") return Tell(question, key);
  if (verb == "announce") {
    for (const auto& [group, calls] : question.at("calls").items())
      purses_[key].groups[group].announced += calls.get<int64_t>();
    return json::object();
  }
  return Internal("{}: no such question", request.Name());
}

Status BudgetTransport::Look(const PurseKey& key, const std::string& group_name, Time now) {
  Purse& purse = purses_[key];
  Group& group = purse.groups[group_name];
  std::vector<net::BudgetKey> keys;
  for (const std::string& name : purse.names)
    keys.push_back({key.first, BucketOf(key.second, group_name, name)});
  ASSIGN_OR_RETURN(const std::vector<net::BudgetRoom> rooms, store_.Free(keys, now));
  group.looked = true;
  group.free.clear();
  bool all_rest = !rooms.empty();
  std::optional<Time> first_end;
  for (const net::BudgetRoom& room : rooms) {
    group.free.push_back(room.free);
    all_rest = all_rest && room.rests_until.has_value();
    if (room.rests_until && (!first_end || *room.rests_until < *first_end))
      first_end = room.rests_until;
  }
  if (all_rest) group.rests_until = first_end;
  return {};
}

Result<json> BudgetTransport::Allowance(const json& question, const PurseKey& key, Time now) {
  Purse& purse = purses_[key];
  purse.names = question.at("names").get<std::vector<std::string>>();
  std::sort(purse.names.begin(), purse.names.end());
  if (question.contains("ceiling")) purse.left = question["ceiling"].get<int64_t>();
  json free = json::object();
  for (const std::string group_name : question.at("groups")) {
    RETURN_IF_ERROR(Look(key, group_name, now));
    const Group& group = purse.groups[group_name];
    int64_t sum = 0;
    for (const int64_t calls : group.free) sum += calls;
    free[group_name] = sum;
  }
  return json{{"free", free}};
}

/// Take permits for calls to come from the buckets with most free calls; ties by name. None is no
/// error.
Status BudgetTransport::Refill(const PurseKey& key, const std::string& group_name, Time now) {
  Purse& purse = purses_[key];
  Group& group = purse.groups[group_name];
  int64_t wanted = std::clamp<int64_t>(group.announced, 1, kMostAtOnce);
  if (purse.left) wanted = std::min(wanted, *purse.left);
  for (int round = 0; round < kRounds; ++round) {
    if (!group.looked) {
      RETURN_IF_ERROR(Look(key, group_name, now));
    }
    std::vector<net::BudgetSpend> spends;
    std::vector<int64_t> free = group.free;
    while (static_cast<int64_t>(spends.size()) < wanted) {
      const auto most = std::max_element(free.begin(), free.end());
      if (most == free.end() || *most <= 0) break;
      --*most;
      const std::string& name = purse.names[static_cast<size_t>(most - free.begin())];
      spends.push_back({.key = {key.first, BucketOf(key.second, group_name, name)}});
    }
    if (spends.empty() && round > 0) return {};
    if (!spends.empty()) {
      const Status taken = store_.TakeBatch(spends, now);
      if (taken.ok()) {
        group.free = std::move(free);
        const size_t prefix = BucketOf(key.second, group_name, "").size();
        for (const net::BudgetSpend& spend : spends)
          group.taken.push_back({spend.key.bucket.substr(prefix), now});
        return {};
      }
      if (taken.error().code != Code::kExhausted) return taken;
      wanted = std::max<int64_t>(1, wanted / 2);  // others spend from the same buckets
    }
    group.looked = false;
  }
  return {};
}

Result<json> BudgetTransport::Permit(const json& question, const PurseKey& key, Time now,
                                     int64_t left_ms) {
  const std::string group_name = question.value("group", "");
  Purse& purse = purses_[key];
  Group& group = purse.groups[group_name];
  if (purse.denied || group.denied) return json{{"stop", "credentials"}};
  if (left_ms <= 0) return json{{"stop", "deadline"}};
  if (question.contains("name")) {
    const std::string name = question["name"];
    const net::BudgetSpend spend{.key = {key.first, BucketOf(key.second, group_name, name)}};
    const Status taken = store_.TakeBatch({&spend, 1}, now);
    if (taken.ok()) return json{{"name", name}};
    if (taken.error().code != Code::kExhausted) return taken;
    return json{{"stop", "budget"}};
  }
  if (purse.left && *purse.left <= 0) return json{{"stop", "budget"}};
  while (!group.taken.empty() && group.taken.front().at + kPermitLife < now)
    group.taken.pop_front();
  if (!group.rests_until || *group.rests_until <= now) {
    group.rests_until.reset();
    if (group.taken.empty()) {
      RETURN_IF_ERROR(Refill(key, group_name, now));
    }
  }
  if (group.rests_until) {
    const int64_t wait_ms =
        std::chrono::ceil<std::chrono::milliseconds>(*group.rests_until - now).count();
    if (wait_ms >= left_ms) return json{{"stop", "budget"}};
    return json{{"wait_ms", std::max<int64_t>(wait_ms, 1)}};
  }
  if (group.taken.empty()) return json{{"stop", "budget"}};
  json answer = {{"name", group.taken.front().name}};
  group.taken.pop_front();
  if (group.announced > 0 && question.value("attempt", 0) == 0) --group.announced;
  if (purse.left) --*purse.left;
  if (!purse.facts.empty()) answer["facts"] = purse.facts;
  return answer;
}

Result<json> BudgetTransport::Tell(const json& question, const PurseKey& key) {
  Purse& purse = purses_[key];
  const std::string group_name = question.value("group", "");
  const std::string name = question.value("name", "");
  const std::string what = question.value("what", "");
  if (what == "fact") {
    const std::string fact = question.value("fact", "");
    if (std::find(purse.facts.begin(), purse.facts.end(), fact) == purse.facts.end())
      purse.facts.push_back(fact);
    return json::object();
  }
  if (what == "denied") {
    (group_name.empty() ? purse.denied : purse.groups[group_name].denied) = true;
    return json::object();
  }
  if (what != "rest") return Internal("'{}' cannot be told", what);
  ASSIGN_OR_RETURN(const Time until, ParseTime(question.value("until", "")));
  Group& group = purse.groups[group_name];
  if (name.empty()) {
    group.rests_until = std::max(group.rests_until.value_or(until), until);
  } else {
    std::erase_if(group.taken, [&](const Taken& taken) { return taken.name == name; });
    const auto at = std::lower_bound(purse.names.begin(), purse.names.end(), name);
    const auto index = static_cast<size_t>(at - purse.names.begin());
    if (index < group.free.size() && *at == name) group.free[index] = 0;
  }
  RETURN_IF_ERROR(
      store_.Rest({key.first, BucketOf(key.second, group_name, name.empty() ? "*" : name)}, until));
  return json::object();
}

}  // namespace catchment::sources
