#include "state/database.h"

#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "base/file.h"
#include "base/test.h"
#include "core/lease.h"
#include "net/memory_budget_store.h"
#include "state/sqlite_budget_store.h"
#include "state/sqlite_lease_store.h"
#include "state/sqlite_run_store.h"
#include "state/sqlite_slot_ledger.h"

namespace catchment::state {
namespace {

TEST(DatabaseTest, AFailedTransactionLeavesNothing) {
  TemporaryFolder folder;
  ASSERT_OK_AND_ASSIGN(auto database, Database::Open(folder.path / "state.db"));
  const Status status = database->Write([](Connection& connection) -> Status {
    RETURN_IF_ERROR(connection.Run("INSERT INTO budget_rests VALUES ('a', 'b', 1)"));
    return Invalid("no");
  });
  EXPECT_ERROR(status, Code::kInvalid, "no");
  ASSERT_OK(database->Read([](Connection& connection) -> Status {
    ASSIGN_OR_RETURN(Rows rows, connection.Query("SELECT count(*) FROM budget_rests"));
    ASSIGN_OR_RETURN(const bool any, rows.Next());
    EXPECT_TRUE(any);
    EXPECT_EQ(rows.Int(0), 0);
    return {};
  }));
}

TEST(DatabaseTest, AFileThatIsNoDatabaseIsLeftUntouched) {
  TemporaryFolder folder;
  const std::string text(5000, 'x');
  std::ofstream(folder.path / "state.db") << text;
  EXPECT_ERROR(Database::Open(folder.path / "state.db"), Code::kCorrupt, "not a database");
  EXPECT_EQ(*ReadFile(folder.path / "state.db"), text);
}

TEST(DatabaseTest, ADatabaseOfAnotherProgramIsLeftUntouched) {
  TemporaryFolder folder;
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open((folder.path / "state.db").c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "CREATE TABLE theirs (a)", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(other);
  const std::string before = *ReadFile(folder.path / "state.db");
  EXPECT_ERROR(Database::Open(folder.path / "state.db"), Code::kCorrupt,
               "no state database of ours");
  EXPECT_EQ(*ReadFile(folder.path / "state.db"), before);
}

TEST(DatabaseTest, ANewerSchemaIsRefused) {
  TemporaryFolder folder;
  {
    ASSERT_OK_AND_ASSIGN(auto database, Database::Open(folder.path / "state.db"));
    ASSERT_OK(database->Write(
        [](Connection& connection) { return connection.Run("PRAGMA user_version=99"); }));
  }
  EXPECT_ERROR(Database::Open(folder.path / "state.db"), Code::kInvalid,
               "written by a newer version (schema 99");
}

TEST(DatabaseTest, DamageIsFoundByCheckAndNotPassedOver) {
  TemporaryFolder folder;
  const auto file = folder.path / "state.db";
  {
    ASSERT_OK_AND_ASSIGN(auto database, Database::Open(file));
    SqliteRunStore runs(*database);
    for (int i = 0; i < 200; ++i) {
      core::RunRecord record;
      record.run.text = fmt::format("run-{:04}", i);
      record.message = std::string(200, 'm');
      ASSERT_OK(runs.Begin(record));
    }
    EXPECT_OK(database->Check());
  }
  {
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    for (int page = 2; page < 12; ++page) {
      bytes.seekp(page * 4096);
      bytes << std::string(64, '\xAA');
    }
  }
  auto database = Database::Open(file);
  if (database.ok())
    EXPECT_ERROR((*database)->Check(), Code::kCorrupt, "backup");
  else
    EXPECT_EQ(database.error().code, Code::kCorrupt);
}

TEST(DatabaseTest, AfterAFailureItOpensTheFileAnew) {
  TemporaryFolder folder;
  ASSERT_OK_AND_ASSIGN(auto database, Database::Open(folder.path / "state.db"));
  // A table that is gone is our bug; the connection stays usable afterwards.
  EXPECT_FALSE(
      database->Write([](Connection& c) { return c.Run("INSERT INTO nowhere VALUES (1)"); }).ok());
  EXPECT_OK(database->Write([](Connection& c) { return c.Run("DELETE FROM messages"); }));
}

/// Run `work` in `count` processes; how many of them returned true.
int InProcesses(int count, const std::function<bool(int)>& work) {
  std::vector<pid_t> children;
  for (int i = 0; i < count; ++i) {
    const pid_t pid = fork();
    if (pid == 0) _exit(work(i) ? 0 : 1);
    children.push_back(pid);
  }
  int succeeded = 0;
  for (const pid_t pid : children) {
    int status = 0;
    waitpid(pid, &status, 0);
    succeeded += WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 1 : 0;
  }
  return succeeded;
}

TEST(DatabaseProcessTest, FiftyProcessesMayCreateAndWriteOneFile) {
  TemporaryFolder folder;
  const auto file = folder.path / "state.db";
  EXPECT_EQ(InProcesses(50,
                        [&](int process) {
                          auto database = Database::Open(file);
                          if (!database.ok()) return false;
                          SqliteRunStore runs(**database);
                          core::RunRecord record;
                          record.run.text = fmt::format("run-{}", process);
                          const std::vector<core::TaskRecord> tasks(1);
                          return runs.Begin(record).ok() &&
                                 runs.TasksDone(record.run, tasks).ok() && runs.Finish(record).ok();
                        }),
            50);
  ASSERT_OK_AND_ASSIGN(auto database, Database::Open(file));
  EXPECT_EQ(SqliteRunStore(*database).List({}, 1000)->size(), 50u);
  EXPECT_OK(database->Check());
}

// A26: calls of concurrent runs were missing from the quota record.
TEST(DatabaseProcessTest, ProcessesTogetherTakeNoMoreThanABudget) {
  TemporaryFolder folder;
  const auto file = folder.path / "state.db";
  EXPECT_EQ(
      InProcesses(
          20,
          [&](int) {
            auto database = Database::Open(file);
            if (!database.ok()) return false;
            SqliteBudgetStore store(**database, {{{"scores", "*"}, {10, std::chrono::hours(1)}}});
            const net::BudgetSpend spend[] = {{{"scores", "a"}, 1, ""}};
            return store.TakeBatch(spend, Time{}).ok();
          }),
      10);
}

TEST(DatabaseProcessTest, OfManyProcessesOneClaimsASlotAndItsDeathFreesIt) {
  TemporaryFolder folder;
  const auto file = folder.path / "state.db";
  const core::LocalMachine machine;
  const auto claim = [&](const std::string& run) {
    auto database = Database::Open(file);
    if (!database.ok()) return false;
    SqliteSlotLedger ledger(**database, machine, "local");
    core::SlotClaim wanted{.pipeline = {"p"},
                           .dataset = {"p"},
                           .slot = {{"2024-01"}, Time{}, Time{}},
                           .holder = machine.Self(run)};
    return ledger.Claim(wanted).ok();
  };
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const pid_t holder = fork();
  if (holder == 0) {
    const char done = claim("holder") ? 'y' : 'n';
    if (write(pipe_ends[1], &done, 1) != 1) _exit(1);
    pause();
  }
  char claimed = 'n';
  ASSERT_EQ(read(pipe_ends[0], &claimed, 1), 1);
  EXPECT_EQ(claimed, 'y');
  EXPECT_EQ(InProcesses(8, [&](int i) { return claim(fmt::format("run-{}", i)); }), 0);
  kill(holder, SIGKILL);
  waitpid(holder, nullptr, 0);
  EXPECT_TRUE(claim("next"));
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

TEST(LocalMachineTest, KnowsItsOwnProcess) {
  const core::LocalMachine machine;
  core::LeaseHolder self = machine.Self("run");
  EXPECT_EQ(self.pid, getpid());
  EXPECT_TRUE(machine.Lives(self));
  self.started += 1;  // the same id, another process
  EXPECT_FALSE(machine.Lives(self));
  EXPECT_GT(machine.SinceBoot().count(), 0);
}

}  // namespace
}  // namespace catchment::state
