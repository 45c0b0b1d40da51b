#include "net/budget_store.h"

#include <algorithm>

namespace catchment::net {

const BudgetLimit* FindLimit(const BudgetLimits& limits, const BudgetKey& key) {
  for (const std::string& bucket : RestingBuckets(key.bucket)) {
    const auto found = limits.find(BudgetKey{key.api, bucket});
    if (found != limits.end()) return &found->second;
  }
  return nullptr;
}

int64_t BudgetShare::Of(int64_t limit) const {
  if (percent >= 100 || limit <= 0) return limit;
  return std::max<int64_t>(1, limit * percent / 100);
}

std::vector<std::string> RestingBuckets(const std::string& bucket) {
  std::vector<std::string> covering = {bucket};
  for (size_t slash = bucket.rfind('/'); slash != std::string::npos && slash > 0;
       slash = bucket.rfind('/', slash - 1)) {
    covering.push_back(bucket.substr(0, slash) + "/*");
  }
  if (bucket != "*") covering.emplace_back("*");
  return covering;
}

}  // namespace catchment::net
