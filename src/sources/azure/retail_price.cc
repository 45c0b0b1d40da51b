#include "sources/azure/retail_price.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <tuple>
#include <unordered_map>

#include "base/text.h"

namespace catchment::sources::azure {
namespace {

constexpr std::array<std::pair<std::string_view, MeterTest>, 5> kTests = {{
    {"equals", MeterTest::kEquals},
    {"differs", MeterTest::kDiffers},
    {"contains", MeterTest::kContains},
    {"starts_with", MeterTest::kStartsWith},
    {"ends_with", MeterTest::kEndsWith},
}};

Result<MeterRule> RuleFromJson(const nlohmann::json& json, std::string_view list) {
  if (!json.is_object() || !json.contains("field") || !json["field"].is_string()) {
    return Invalid("meter rules: {}: each rule is an object with a text `field`", list);
  }
  MeterRule rule;
  const std::string field = json["field"];
  rule.name =
      json.contains("name") && json["name"].is_string() ? json["name"].get<std::string>() : field;
  const std::optional<RetailField> known = RetailFieldOf(field);
  if (!known)
    return Invalid("meter rules: {}: {}: no text field '{}' is read of an item", list, rule.name,
                   field);
  rule.field = *known;
  int tests = 0;
  for (const auto& [key, value] : json.items()) {
    if (key == "name" || key == "field") continue;
    if (key == "fold_case" || key == "ignore_space") {
      if (!value.is_boolean())
        return Invalid("meter rules: {}: {}: {} is true or false", list, rule.name, key);
      (key == "fold_case" ? rule.fold_case : rule.ignore_space) = value.get<bool>();
      continue;
    }
    const auto test = std::find_if(kTests.begin(), kTests.end(),
                                   [&](const auto& known) { return known.first == key; });
    if (test == kTests.end()) {
      return Invalid(
          "meter rules: {}: {}: unknown key '{}'; use one of equals, differs, contains, "
          "starts_with, "
          "ends_with, fold_case, ignore_space",
          list, rule.name, key);
    }
    ++tests;
    rule.test = test->second;
    for (const nlohmann::json& text : value.is_array() ? value : nlohmann::json::array({value})) {
      if (!text.is_string())
        return Invalid("meter rules: {}: {}: {} takes a text or a list of texts", list, rule.name,
                       key);
      rule.values.push_back(text);
    }
  }
  if (tests != 1 || rule.values.empty()) {
    return Invalid("meter rules: {}: {}: exactly one test with at least one text is needed", list,
                   rule.name);
  }
  if (rule.fold_case) {
    for (std::string& value : rule.values) value = ToLower(value);
  }
  return rule;
}

bool Matches(const MeterRule& rule, std::string_view text, std::string& scratch) {
  if (rule.fold_case || rule.ignore_space) {
    scratch.clear();
    for (const char letter : text) {
      if (rule.ignore_space && letter == ' ') continue;
      scratch.push_back(rule.fold_case && letter >= 'A' && letter <= 'Z'
                            ? static_cast<char>(letter + 32)
                            : letter);
    }
    text = scratch;
  }
  const auto meets = [&](const std::string& value) {
    switch (rule.test) {
      case MeterTest::kContains:
        return text.find(value) != std::string_view::npos;
      case MeterTest::kStartsWith:
        return text.starts_with(value);
      case MeterTest::kEndsWith:
        return text.ends_with(value);
      default:
        return text == value;
    }
  };
  return std::any_of(rule.values.begin(), rule.values.end(), meets) !=
         (rule.test == MeterTest::kDiffers);
}

/// An item and the page that holds its texts.
struct Candidate {
  const RetailPage* page = nullptr;
  const RetailPage::Item* item = nullptr;

  std::string_view Text(RetailField field) const { return page->Text(*item, field); }
};

/// Whether `a` wins over `b`.
bool Wins(const Candidate& a, const Candidate& b) {
  if (a.item->primary != b.item->primary) return a.item->primary;
  if (a.item->starts != b.item->starts) return a.item->starts > b.item->starts;
  if (a.item->ends != b.item->ends)
    return a.item->ends > b.item->ends;  // an open end is the latest
  for (const RetailField field :
       {RetailField::kMeterId, RetailField::kSkuId, RetailField::kProduct}) {
    const int order = a.Text(field).compare(b.Text(field));
    if (order != 0) return order < 0;
  }
  return a.item->price < b.item->price;
}

bool IsMachine(std::string_view sku) {
  const size_t at = sku.find('_');
  if (at == std::string_view::npos || at + 1 == sku.size()) return false;
  const std::string tier = ToLower(sku.substr(0, at));
  return tier == "standard" || tier == "basic";
}

/// The region's display name as its newest item gives it; of items equally new the bytewise
/// smallest that is not empty, so that the order of arrival does not matter.
struct RegionName {
  Time starts = Time::min();
  std::string name;
};

/// Collects candidates; the fields are what becomes the result.
class Chooser {
 public:
  Chooser(const MeterRules& rules, Time slot) : rules_(rules), slot_(slot) {}

  void Add(const Candidate& candidate, const PriceInput& wanted) {
    const RetailPage::Item& item = *candidate.item;
    const bool spot = AnyMatches(rules_.spot, candidate);
    if (spot ? !wanted.spot : !wanted.on_demand) return;
    ++choice_.items;
    if (const std::string_view reason = ReasonToDrop(candidate); !reason.empty()) {
      ++choice_.dropped[std::string(reason)];
      return;
    }
    ++choice_.candidates;
    const std::string_view region = candidate.Text(RetailField::kRegion),
                           sku = candidate.Text(RetailField::kSku);
    const bool windows = AnyMatches(rules_.windows, candidate);
    key_.clear();
    AppendLower(region);
    const size_t region_length = key_.size();
    RegionName& name = names_[std::string_view(key_).substr(0, region_length)];
    const std::string_view location = candidate.Text(RetailField::kLocation);
    if (item.starts > name.starts || (item.starts == name.starts && !location.empty() &&
                                      (name.name.empty() || location < name.name))) {
      name.starts = item.starts;
      name.name = location;
    }
    key_.push_back('\n');
    AppendLower(sku);
    const auto [place, inserted] = pairs_.try_emplace(key_);
    Pair& pair = place->second;
    if (inserted) pair.region_length = region_length;
    if (pair.region.empty() || region < pair.region) pair.region = region;
    if (pair.sku.empty() || sku < pair.sku) pair.sku = sku;
    Candidate& best = pair.best[windows ? 1 : 0][spot ? 0 : 1];
    if (best.item == nullptr || Wins(candidate, best)) best = candidate;
  }

  PriceChoice Finish() && {
    for (const auto& [key, pair] : pairs_) {
      const std::string region = key.substr(0, pair.region_length),
                        sku = key.substr(pair.region_length + 1);
      const std::string& name = names_.find(region)->second.name;
      choice_.pairs.emplace(std::pair(region, sku),
                            PricedPair{std::string(pair.region), std::string(pair.sku),
                                       name.empty() ? std::nullopt : std::optional(name)});
      for (const int system : {0, 1}) {
        for (const int kind : {0, 1}) {
          const Candidate& best = pair.best[system][kind];
          if (best.item == nullptr) continue;
          choice_.prices.push_back({region, sku, static_cast<OperatingSystem>(system),
                                    static_cast<PriceKind>(kind), best.item->price,
                                    std::string(best.Text(RetailField::kMeterId))});
        }
      }
    }
    std::sort(choice_.prices.begin(), choice_.prices.end(),
              [](const ChosenPrice& a, const ChosenPrice& b) {
                return std::tie(a.region, a.sku, a.operating_system, a.kind) <
                       std::tie(b.region, b.sku, b.operating_system, b.kind);
              });
    return std::move(choice_);
  }

 private:
  struct Pair {
    std::string_view region, sku;  // spellings
    Candidate best[2][2];          // operating system, kind
    size_t region_length = 0;
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  struct NameMap : std::unordered_map<std::string, RegionName, Hash, std::equal_to<>> {
    RegionName& operator[](std::string_view key) {
      const auto found = find(key);
      return found != end() ? found->second : emplace(std::string(key), RegionName()).first->second;
    }
  };

  bool AnyMatches(const std::vector<MeterRule>& rules, const Candidate& candidate) {
    return std::any_of(rules.begin(), rules.end(), [&](const MeterRule& rule) {
      return Matches(rule, candidate.Text(rule.field), scratch_);
    });
  }

  /// The name of what drops the item; empty: it is a candidate.
  std::string_view ReasonToDrop(const Candidate& candidate) {
    for (const MeterRule& rule : rules_.drop) {
      if (Matches(rule, candidate.Text(rule.field), scratch_)) return rule.name;
    }
    if (candidate.Text(RetailField::kRegion).empty()) return "region";
    if (!IsMachine(candidate.Text(RetailField::kSku))) return "sku";
    if (!(candidate.item->price > 0)) return "price";
    if (candidate.item->ends < slot_) return "ended";
    if (candidate.item->starts > slot_) return "future";
    return {};
  }

  void AppendLower(std::string_view text) {
    for (const char letter : text) {
      key_.push_back(letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter);
    }
  }

  const MeterRules& rules_;
  const Time slot_;
  std::string scratch_, key_;
  NameMap names_;
  std::unordered_map<std::string, Pair> pairs_;
  PriceChoice choice_;
};

}  // namespace

Result<MeterRules> ParseMeterRules(std::string_view json) {
  const nlohmann::json parsed =
      nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false, /*ignore_comments=*/true);
  if (!parsed.is_object()) return Invalid("meter rules: not a JSON object");
  MeterRules rules;
  for (const auto& [list, entries] : parsed.items()) {
    std::vector<MeterRule>* target = list == "drop"      ? &rules.drop
                                     : list == "windows" ? &rules.windows
                                     : list == "spot"    ? &rules.spot
                                                         : nullptr;
    if (target == nullptr)
      return Invalid("meter rules: unknown key '{}'; use drop, windows, spot", list);
    if (!entries.is_array()) return Invalid("meter rules: {}: expected a list of rules", list);
    for (const nlohmann::json& entry : entries) {
      ASSIGN_OR_RETURN(MeterRule rule, RuleFromJson(entry, list));
      target->push_back(std::move(rule));
    }
  }
  if (rules.spot.empty())
    return Invalid("meter rules: `spot` is missing: nothing would tell spot prices from others");
  return rules;
}

PriceChoice ChoosePrices(std::span<const PriceInput> inputs, const MeterRules& rules, Time slot) {
  Chooser chooser(rules, slot);
  for (const PriceInput& input : inputs) {
    for (const RetailPage& page : input.pages) {
      for (const RetailPage::Item& item : page.items) chooser.Add({&page, &item}, input);
    }
  }
  return std::move(chooser).Finish();
}

}  // namespace catchment::sources::azure
