#include <algorithm>
#include <charconv>
#include <set>

#include "base/text.h"
#include "simulator/retail_catalogue_internal.h"
#include "simulator/retail_service_internal.h"

namespace catchment::simulator {
namespace {

constexpr size_t kMaxViews = 64;
// On an index of a view: the item is served under another meter. Lists stay far below 2^31 records.
constexpr uint32_t kInsertedMark = uint32_t{1} << 31;
constexpr std::string_view kPath = "/api/retail/prices";

// Names in $filter and the item's field each stands for.
constexpr std::pair<std::string_view, std::string_view> kFilterFields[] = {
    {"serviceName", "serviceName"},   {"priceType", "type"},
    {"meterName", "meterName"},       {"armRegionName", "armRegionName"},
    {"armSkuName", "armSkuName"},     {"productName", "productName"},
    {"skuName", "skuName"},           {"location", "location"},
    {"meterId", "meterId"},           {"serviceFamily", "serviceFamily"},
    {"currencyCode", "currencyCode"}, {"serviceId", "serviceId"},
    {"productId", "productId"},       {"skuId", "skuId"},
};

// Reads the words of a $filter one after the other.
class FilterReader {
 public:
  explicit FilterReader(std::string_view text) : rest_(text) {}

  bool AtEnd() { return Skip(), rest_.empty(); }
  std::string Word() {
    Skip();
    size_t end = 0;
    while (end < rest_.size() && (isalnum(static_cast<unsigned char>(rest_[end])) != 0)) ++end;
    std::string word(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return word;
  }
  bool Mark(char mark) {
    Skip();
    if (rest_.empty() || rest_.front() != mark) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::optional<std::string> Quoted() {
    if (!Mark('\'')) return std::nullopt;
    std::string value;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c != '\'') {
        value += c;
      } else if (rest_.empty() || rest_.front() != '\'') {
        return value;
      } else {
        value += '\'';
        rest_.remove_prefix(1);
      }
    }
    return std::nullopt;
  }

 private:
  void Skip() {
    while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
  }
  std::string_view rest_;
};

Result<std::string> ItemField(const std::string& name) {
  for (const auto& [in_filter, in_item] : kFilterFields) {
    if (name == in_filter) return std::string(in_item);
  }
  return Invalid("no property '{}' to filter by", name);
}

Result<RetailFilter::Condition> ReadCondition(FilterReader& reader) {
  RetailFilter::Condition condition;
  std::string word = reader.Word();
  condition.contains = ToLower(word) == "contains";
  if (condition.contains) {
    if (!reader.Mark('(')) return Invalid("expected '(' after contains");
    word = reader.Word();
  }
  ASSIGN_OR_RETURN(condition.field, ItemField(word));
  if (condition.contains ? !reader.Mark(',') : ToLower(reader.Word()) != "eq") {
    return Invalid("expected {} after '{}'", condition.contains ? "','" : "eq", word);
  }
  const std::optional<std::string> value = reader.Quoted();
  if (!value) return Invalid("expected a quoted value for '{}'", word);
  if (condition.contains && !reader.Mark(')')) return Invalid("expected ')'");
  condition.value = *value;
  return condition;
}

HttpResponse RefuseList(std::string_view message) {
  nlohmann::ordered_json body;
  body["Error"]["Code"] = "BadRequest";
  body["Error"]["Message"] = message;
  return {.status = 400,
          .content_type = "application/json; charset=utf-8",
          .headers = {},
          .body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
}

struct RetailQuery {
  int64_t skip = 0;
  bool skip_is_valid = true;
  std::string filter;
  std::string currency = "USD";
  bool primary_only = false;
};

std::string Unquote(const std::string& text) {
  const bool quoted = text.size() >= 2 && text.front() == '\'' && text.back() == '\'';
  return quoted ? text.substr(1, text.size() - 2) : text;
}

RetailQuery ReadQuery(const HttpRequest& request) {
  RetailQuery query;
  for (const auto& [name, value] : ParseQuery(request.query)) {
    if (name == "$skip") {
      const auto [end, error] =
          std::from_chars(value.data(), value.data() + value.size(), query.skip);
      query.skip_is_valid =
          error == std::errc() && end == value.data() + value.size() && query.skip >= 0;
    } else if (name == "$filter") {
      query.filter = value;
    } else if (name == "currencyCode") {
      query.currency = Unquote(value);
    } else if (name == "meterRegion") {
      query.primary_only = Unquote(value) == "primary";
    }
  }
  return query;
}

// The next page's address: the request's own parameters, host and port as the service writes them.
std::string NextLink(const HttpRequest& request, int64_t skip) {
  std::string link = fmt::format("https://prices.azure.com:443{}?", kPath);
  for (const std::string& part : Split(request.query, '&')) {
    const std::string name = PercentDecode(std::string_view(part).substr(0, part.find('=')), true);
    if (part.empty() || name == "$skip") continue;
    link += (name == "$filter" ? "$filter" + part.substr(std::min(part.find('='), part.size()))
                               : part) +
            "&";
  }
  return link + fmt::format("$skip={}", skip);
}

std::string Quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// A copy of an item under another meter: what appears in the list while it is being read.
std::string AnotherMeter(std::string_view item) {
  std::string changed(item);
  const std::optional<std::string_view> meter = FieldText(changed, "meterId");
  if (meter && !meter->empty()) {
    char& digit = changed[static_cast<size_t>(meter->data() - changed.data())];
    digit = digit == 'f' ? 'e' : 'f';
  }
  return changed;
}

void ReplaceFieldType(std::string& item, const std::string& field) {
  const std::optional<std::string_view> text = FieldText(item, field);
  if (!text) return;
  const auto at = static_cast<size_t>(text->data() - item.data());
  const bool was_text = at > 0 && item[at - 1] == '"';
  if (was_text) {
    item.replace(at - 1, text->size() + 2, "12345");
  } else {
    item.replace(at, text->size(), "\"" + std::string(*text) + "\"");
  }
}

}  // namespace

std::string RetailFilter::Crawl() const {
  const auto has = [&](std::string_view field, bool contains, std::string_view value) {
    return std::any_of(conditions.begin(), conditions.end(), [&](const Condition& condition) {
      return condition.field == field && condition.contains == contains && condition.value == value;
    });
  };
  if (!has("serviceName", false, "Virtual Machines") || !has("type", false, "Consumption")) {
    return "";
  }
  if (conditions.size() == 2) return "all";
  return conditions.size() == 3 && has("meterName", true, "Spot") ? "spot" : "";
}

bool RetailFilter::Accepts(std::string_view item) const {
  return std::all_of(conditions.begin(), conditions.end(), [&](const Condition& condition) {
    const std::optional<std::string_view> text = FieldText(item, condition.field);
    if (!text) return false;
    return condition.contains ? text->find(condition.value) != std::string_view::npos
                              : *text == condition.value;
  });
}

Result<RetailFilter> ParseRetailFilter(std::string_view text) {
  RetailFilter filter;
  FilterReader reader(text);
  while (!reader.AtEnd()) {
    if (!filter.conditions.empty() && ToLower(reader.Word()) != "and") {
      return Invalid("expected 'and' between conditions");
    }
    ASSIGN_OR_RETURN(RetailFilter::Condition condition, ReadCondition(reader));
    filter.uses_contains |= condition.contains;
    filter.conditions.push_back(std::move(condition));
  }
  return filter;
}

Result<std::unique_ptr<RetailService>> RetailService::Load(const PricesWorld& world,
                                                           uint64_t seed) {
  int64_t page_size = 1000;
  Result<RecordList> records = [&]() -> Result<RecordList> {
    if (!world.pages.empty()) return ReadRecordedPages(world.pages, page_size);
    if (!world.items.empty()) return ReadItems(world.items);
    return GeneratePrices(*world.generate, world.page_size > 0 ? world.page_size : page_size, seed);
  }();
  RETURN_IF_ERROR(records, "services.prices.data");
  if (world.page_size > 0) page_size = world.page_size;
  RETURN_IF_ERROR(records->Apply(world.changes, "services.prices"));
  std::unique_ptr<RetailService> service(new RetailService(
      std::move(*records), std::max<int64_t>(1, page_size), world.past_end_is_400));
  return service;
}

FaultSubject RetailService::Describe(const HttpRequest& request) const {
  const RetailQuery query = ReadQuery(request);
  FaultSubject subject{request.path, request.target, query.skip, ""};
  if (const auto filter = ParseRetailFilter(query.filter); filter.ok()) {
    subject.filter = filter->Crawl();
  }
  return subject;
}

ServiceAnswer RetailService::Answer(const HttpRequest& request, const ActiveFaults& active,
                                    Time now) {
  if (request.path != kPath) {
    return {{.status = 404, .content_type = "text/plain", .headers = {}, .body = "Not Found"}, ""};
  }
  if (request.method != "GET" && request.method != "HEAD") {
    return {{.status = 405, .content_type = "", .headers = {}, .body = ""}, ""};
  }
  RetailQuery query = ReadQuery(request);
  if (!query.skip_is_valid) return {RefuseList("Invalid OData parameters supplied: $skip"), ""};
  if (query.currency != "USD")
    return {RefuseList("The simulated world has prices in USD only"), ""};
  const Result<RetailFilter> filter = ParseRetailFilter(query.filter);
  if (!filter.ok()) {
    return {RefuseList("Invalid OData parameters supplied: " + filter.error().message), ""};
  }
  if (filter->uses_contains && active.Find("refuse_contains") != nullptr) {
    return {RefuseList("Invalid OData parameters supplied: contains"), ""};
  }
  Alter(active);
  int64_t size = page_size_;
  if (const Fault* fault = active.Find("page_size")) {
    size = std::max<int64_t>(1, fault->size.value_or(page_size_ / 2));
  }
  if (active.Find("round_skip") != nullptr) query.skip -= query.skip % size;
  Result<Page> page =
      CutPage(query.filter, *filter, query.primary_only, records_.EpochAt(now), query.skip, size);
  if (!page.ok()) return {RefuseList(page.error().message), ""};
  const bool past_end = query.skip > 0 && query.skip >= page->total;
  if (past_end && past_end_is_400_) {
    return {RefuseList("Invalid OData parameters supplied: $skip is past the end"), ""};
  }
  return {Render(*page, request, query.skip, size, active), ""};
}

void RetailService::Alter(const ActiveFaults& active) {
  const MutexLock lock(mutex_);
  for (const Fault* fault : active.faults) {
    if (fault->answer != "insert_items" && fault->answer != "remove_items" &&
        fault->answer != "repeat_items") {
      continue;
    }
    if (std::find(alterations_.begin(), alterations_.end(), fault) != alterations_.end()) continue;
    alterations_.push_back(fault);
    views_.clear();
  }
}

Result<RetailService::Page> RetailService::CutPage(const std::string& filter_text,
                                                   const RetailFilter& filter, bool primary_only,
                                                   size_t epoch, int64_t skip, int64_t size) {
  const std::string key = fmt::format("{}|{}|{}", epoch, primary_only, filter_text);
  const MutexLock lock(mutex_);
  auto view = views_.find(key);
  if (view == views_.end()) {
    if (views_.size() >= kMaxViews)
      return Invalid("the simulator keeps {} filters only", kMaxViews);
    view = views_.emplace(key, MakeView(filter, primary_only, epoch)).first;
  }
  Page page;
  page.total = static_cast<int64_t>(view->second.size());
  const int64_t first = std::min(skip, page.total);
  const int64_t last = std::min(page.total, first + size);
  page.items.assign(view->second.begin() + first, view->second.begin() + last);
  return page;
}

std::vector<uint32_t> RetailService::MakeView(const RetailFilter& filter, bool primary_only,
                                              size_t epoch) const {
  std::vector<uint32_t> view;
  for (const uint32_t index : records_.epoch(epoch).order) {
    const std::string_view item = records_.Record(index);
    if (!filter.Accepts(item)) continue;
    if (primary_only && FieldText(item, "isPrimaryMeterRegion") != "true") continue;
    view.push_back(index);
  }
  for (const Fault* fault : alterations_) ApplyAlteration(*fault, view);
  return view;
}

void RetailService::ApplyAlteration(const Fault& fault, std::vector<uint32_t>& view) const {
  const auto total = static_cast<int64_t>(view.size());
  const int64_t at = std::min(fault.at, total);
  const int64_t count = std::min(fault.count, total - at);
  const auto first = view.begin() + at;
  if (fault.answer == "remove_items") {
    view.erase(first, first + count);
    return;
  }
  std::vector<uint32_t> more(first, first + count);
  int64_t to = at;
  if (fault.answer == "repeat_items") {
    to = std::min(total, at + fault.distance.value_or(page_size_));
  } else {  // new to the list: a mark that Render turns into another meter
    for (uint32_t& index : more) index |= kInsertedMark;
  }
  view.insert(view.begin() + to, more.begin(), more.end());
}

HttpResponse RetailService::Render(const Page& page, const HttpRequest& request, int64_t skip,
                                   int64_t size, const ActiveFaults& active) const {
  const bool empty = active.Find("empty_page") != nullptr;
  const auto count = empty ? 0 : static_cast<int64_t>(page.items.size());
  HttpResponse response;
  std::string& body = response.body;
  size_t bytes = 1024 + request.query.size();
  for (const uint32_t index : page.items)
    bytes += records_.Record(index & ~kInsertedMark).size() + 1;
  body.reserve(bytes);
  body =
      "{\"BillingCurrency\":\"USD\",\"CustomerEntityId\":\"Default\",\"CustomerEntityType\":"
      "\"Retail\",\"Items\":[";
  const Fault* wrong_type = active.Find("field_type");
  for (int64_t i = 0; i < count; ++i) {
    const uint32_t index = page.items[static_cast<size_t>(i)];
    if (i > 0) body += ',';
    std::string_view item = records_.Record(index & ~kInsertedMark);
    std::string changed;
    if ((index & kInsertedMark) != 0) {
      changed = AnotherMeter(item);
      item = changed;
    }
    if (wrong_type != nullptr && i == std::min(wrong_type->at, count - 1)) {
      changed = std::string(item);
      ReplaceFieldType(changed, wrong_type->field.empty() ? "retailPrice" : wrong_type->field);
      item = changed;
    }
    body += item;
  }
  const bool more = !empty && skip + count < page.total && active.Find("link_null") == nullptr;
  const std::string link = more ? Quoted(NextLink(request, skip + size)) : std::string("null");
  const int64_t claimed = count + (active.Find("wrong_count") != nullptr ? 1 : 0);
  body += fmt::format("],\"NextPageLink\":{},\"Count\":{}}}", link, claimed);
  return response;
}

std::vector<std::pair<std::string, std::string>> RetailService::SpotPairs() const {
  using Pair = std::pair<std::string, std::string>;
  std::map<Pair, Pair> pairs;  // lower case → as spelled
  std::set<uint32_t> indices;
  for (size_t epoch = 0; epoch < records_.epochs(); ++epoch) {
    indices.insert(records_.epoch(epoch).order.begin(), records_.epoch(epoch).order.end());
  }
  for (const uint32_t index : indices) {
    const std::string_view item = records_.Record(index);
    const auto field = [&](std::string_view name) {
      return FieldText(item, name).value_or(std::string_view());
    };
    if (!field("meterName").ends_with(" Spot") || field("type") != "Consumption" ||
        field("productName").find("Windows") != std::string_view::npos ||
        field("armRegionName").empty() || field("armSkuName").empty()) {
      continue;
    }
    const Pair spelled(field("armRegionName"), field("armSkuName"));
    pairs.try_emplace({ToLower(spelled.first), ToLower(spelled.second)}, spelled);
  }
  std::vector<Pair> list;
  for (auto& [lower, spelled] : pairs) list.push_back(std::move(spelled));
  return list;
}

}  // namespace catchment::simulator
