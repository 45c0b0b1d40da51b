#include "core/fake_lease_store.h"
#include "core/fake_run_store.h"
#include "core/fake_slot_ledger.h"
#include "core/lease_store_contract.h"
#include "core/run_store_contract.h"
#include "core/slot_ledger_contract.h"

namespace catchment::core {
namespace {

class FakeLeaseWorld final : public LeaseWorld {
 public:
  std::unique_ptr<LeaseStore> Open(const Machine& machine) override {
    return std::make_unique<FakeLeaseStore>(book_, machine);
  }

 private:
  FakeLeaseBook book_;
};

class FakeSlotWorld final : public SlotWorld {
 public:
  std::unique_ptr<SlotLedger> Open(const Machine& machine) override {
    return std::make_unique<FakeSlotLedger>(book_, machine);
  }

 private:
  FakeSlotBook book_;
};

/// Lends one store to all who open it.
class FakeRunWorld final : public RunWorld {
 public:
  std::unique_ptr<RunStore> Open() override { return std::make_unique<Lent>(store_); }

 private:
  class Lent final : public RunStore {
   public:
    explicit Lent(RunStore& store) : store_(store) {}
    Status Begin(const RunRecord& record) override { return store_.Begin(record); }
    Status TasksDone(const RunId& run, std::span<const TaskRecord> tasks) override {
      return store_.TasksDone(run, tasks);
    }
    Status Finish(const RunRecord& record) override { return store_.Finish(record); }
    Status AddMessage(const RunId& run, const RunMessage& message) override {
      return store_.AddMessage(run, message);
    }
    Result<RunRecord> Get(const RunId& run) const override { return store_.Get(run); }
    Result<std::vector<RunRecord>> List(const RunFilter& filter, size_t limit) const override {
      return store_.List(filter, limit);
    }
    Result<std::vector<RunMessage>> Logs(const RunId& run) const override {
      return store_.Logs(run);
    }
    Result<std::vector<PipelineStatus>> StatusOfPipelines() const override {
      return store_.StatusOfPipelines();
    }

   private:
    RunStore& store_;
  };
  FakeRunStore store_;
};

INSTANTIATE_TEST_SUITE_P(Fake, LeaseStoreContract, testing::Values([] {
                           return std::unique_ptr<LeaseWorld>(std::make_unique<FakeLeaseWorld>());
                         }));
INSTANTIATE_TEST_SUITE_P(Fake, SlotLedgerContract, testing::Values([] {
                           return std::unique_ptr<SlotWorld>(std::make_unique<FakeSlotWorld>());
                         }));
INSTANTIATE_TEST_SUITE_P(Fake, RunStoreContract, testing::Values([] {
                           return std::unique_ptr<RunWorld>(std::make_unique<FakeRunWorld>());
                         }));

TEST(RunRecordTest, ARecordWrittenBeforeMemoryWasSampledIsRead) {
  RunRecord record;
  record.run.text = "r";
  record.pipeline.text = "p";
  record.instance_type = "m5.large";
  record.memory = {{Time{std::chrono::hours(1)}, "price+interruption", 5 << 20}};
  nlohmann::json json = ToJson(record);
  ASSERT_OK_AND_ASSIGN(const RunRecord same, RunRecordFromJson(json));
  EXPECT_EQ(same.memory, record.memory);
  EXPECT_EQ(same.instance_type, "m5.large");
  json.erase("memory");
  json.erase("instance_type");
  ASSERT_OK_AND_ASSIGN(const RunRecord old, RunRecordFromJson(json));
  EXPECT_TRUE(old.memory.empty());
  EXPECT_EQ(old.instance_type, "unknown");
}

}  // namespace
}  // namespace catchment::core
