#pragma once

#include <functional>
#include <vector>

#include "core/publisher.h"

namespace catchment::core {

/// A lake that counts. What it answers can be set; what it was asked can be looked at. For one
/// thread.
class FakePublisher final : public Publisher {
 public:
  Result<SlotStanding> Standing(const RunSpec&, const OpContext&) override {
    if (!standing_error.ok()) return standing_error;
    return standing;
  }
  Result<std::shared_ptr<const Head>> LoadHead(const RunSpec&, const SlotStanding&,
                                               const OpContext&) override {
    if (!head_error.ok()) return head_error;
    return std::shared_ptr<const Head>(std::make_shared<Numbered>(head));
  }
  /// Publishes as head + 1; `conflicts` times another run is first.
  Result<PublishResult> Publish(const PublishRequest& request, const OpContext&) override {
    requests.push_back(request);
    if (conflicts > 0) {
      --conflicts;
      ++head;
      return Exists("manifest {} exists", head);
    }
    if (!publish_error.ok()) return publish_error;
    PublishResult published = result;
    if (!published.held && !nothing_yet) published.number = ++head;
    return published;
  }
  Result<FinishResult> Finish(const RunSpec&, const OpContext&) override {
    ++finishes;
    if (on_finish) on_finish();
    if (!finish_error.ok()) return finish_error;
    return finish;
  }
  Status Record(const RunSpec&, const RunRecord& record, const OpContext&) override {
    recorded.push_back(record);
    return {};
  }

  SlotStanding standing;
  int64_t head = 0;
  int conflicts = 0;
  bool nothing_yet = false;
  PublishResult result;
  FinishResult finish;
  std::function<void()> on_finish;
  Status standing_error, head_error, publish_error, finish_error;
  int finishes = 0;
  std::vector<PublishRequest> requests;
  std::vector<RunRecord> recorded;

 private:
  class Numbered final : public Head {
   public:
    explicit Numbered(int64_t number) : number_(number) {}
    int64_t number() const override { return number_; }

   private:
    const int64_t number_;
  };
};

}  // namespace catchment::core
