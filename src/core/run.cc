#include "core/run.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <set>

#include "core/exit_code.h"
#include "core/lease_keeper.h"
#include "core/resource_monitor_internal.h"
#include "core/slot_decision_internal.h"
#include "core/task_board_internal.h"
#include "core/task_pool_internal.h"
#include "core/task_recorder_internal.h"

namespace catchment::core {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

/// How a run ended.
struct Ending {
  int exit_code = kExitDone;
  RunState state = RunState::kDone;
  SlotState slot = SlotState::kPublished;
  std::string message;
};

/// One task's end, as a worker hands it back.
struct TaskEnd {
  size_t index = 0;
  Time started;
  milliseconds duration{0};
  Result<TaskOutput> output;
};

int64_t PeakMemory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} * 1024;
}

/// The state of a run and slot that an error ended.
Ending EndingOf(const Error& error) {
  Ending ending{ExitCodeOf(error.code), RunState::kFailed, SlotState::kFailed, error.message};
  if (error.code == Code::kExhausted) {
    ending.state = RunState::kDeferred;
    ending.slot = SlotState::kDeferred;
  } else if (error.code == Code::kCancelled) {
    ending.state = RunState::kCancelled;
  }
  return ending;
}

/// One run. Everything but the bodies happens on the caller's thread; the lease keeper's thread
/// only renews and stops.
class Run {
 public:
  Run(const RunSpec& spec, const RunDependencies& dependencies, const OpContext& context)
      : spec_(spec),
        pipeline_(*spec.definition),
        with_(dependencies),
        clock_(*context.clock),
        forward_stop_(context.stop, [this] { stop_.request_stop(); }),
        tasks_(pipeline_) {
    context_ = spec.time_limit ? context.Within(*spec.time_limit) : context;
    context_.stop = stop_.get_token();
    if (context_.prefix.empty()) {
      context_.prefix = fmt::format("[{} {}]", spec.dataset.text, spec.slot.id.text);
    }
  }

  RunResult Execute();

 private:
  // Each step returns an ending if the run is over.
  using MaybeEnding = std::optional<Ending>;
  MaybeEnding CheckSlot();
  Ending FinishPublished();
  MaybeEnding Claim();
  MaybeEnding Begin();
  Ending Work();
  MaybeEnding RunTasks(bool again);
  MaybeEnding CheckCollected();
  Result<PublishResult> Publish();
  Ending PublishUntilDone();
  Ending AfterPublish(const PublishResult& published);

  // Tasks.
  std::function<TaskEnd()> Job(size_t index);
  MaybeEnding Accept(TaskEnd end);
  MaybeEnding AcceptFailure(size_t index, const Error& error);

  // Ends.
  int StopSignal() const;
  Ending Fail(const Error& error);
  RunResult Finish(const Ending& ending);
  void ReleaseSlot(const Ending& ending);
  SlotRow RowOf(SlotState state, std::string note) const;
  void RecordDeadRun();

  std::vector<Gap> AllGaps() const;
  void FillRecord();
  void Step(const std::string& step);
  void Note(const std::string& task, const std::string& text);
  OpContext LastContext() const;

  // Constant after construction.
  const RunSpec& spec_;
  const Pipeline& pipeline_;
  const RunDependencies& with_;
  const Clock& clock_;
  OpContext context_;
  // Thread-safe themselves.
  std::stop_source stop_;
  std::atomic<bool> lease_lost_ = false;
  std::stop_callback<std::function<void()>> forward_stop_;
  // Used by the caller's thread alone.
  SlotStanding standing_;
  std::shared_ptr<const Head> head_;
  std::optional<Lease> lease_;
  std::optional<StoredLease> taken_over_;  // of a dead run
  bool begun_ = false;
  RunRecord record_;
  TaskBoard tasks_;
  std::vector<Gap> own_gaps_, publish_gaps_;
  std::optional<int64_t> published_;
  bool publishes_ = false;                  // the publish is this run's
  std::optional<ResourceMonitor> monitor_;  // last: its thread ends before what it uses goes
};

RunResult Run::Execute() {
  record_.run = spec_.run;
  record_.pipeline = spec_.pipeline;
  record_.dataset = spec_.dataset;
  record_.slot = spec_.slot.id;
  record_.slot_start = spec_.slot.start;
  record_.environment = spec_.environment;
  record_.started = clock_.Now();
  record_.simulated = spec_.simulated;
  record_.attempt = spec_.attempt;
  record_.instance_type = with_.instance_type;
  Step("claim");
  if (MaybeEnding ending = CheckSlot()) return Finish(*ending);
  if (MaybeEnding ending = Claim()) return Finish(*ending);
  const LeaseKeeper keeper(
      with_.lease_ttl, [this] { return with_.ledger->Renew(*lease_); },
      [this](const Error&) {
        lease_lost_ = true;
        stop_.request_stop();
      });
  // The slot may have been published between the look at it and the claim.
  const MaybeEnding settled = CheckSlot();
  RecordDeadRun();
  if (settled) return Finish(*settled);
  if (MaybeEnding ending = Begin()) return Finish(*ending);
  return Finish(Work());
}

Run::MaybeEnding Run::CheckSlot() {
  Result<SlotStanding> standing = with_.publisher->Standing(spec_, context_);
  if (!standing.ok()) return Fail(standing.error());
  standing_ = std::move(standing).value();
  Result<SlotDecision> decision = DecideOnSlot(spec_, standing_, clock_.Now());
  if (!decision.ok()) return Fail(decision.error());
  own_gaps_ = std::move(decision->gaps);
  switch (decision->kind) {
    case SlotDecision::Kind::kCollect:
      return std::nullopt;
    case SlotDecision::Kind::kTooOld:
      return Ending{kExitUsage, RunState::kFailed, SlotState::kLost, decision->message};
    case SlotDecision::Kind::kPublished:
      break;
  }
  return FinishPublished();
}

/// The slot needs nothing; exports and deliveries that a dead run left are owed all the same.
Ending Run::FinishPublished() {
  published_ = standing_.publishes.back();
  Ending ending{kExitDone, RunState::kDone, SlotState::kPublished,
                fmt::format("already published as {}", *published_)};
  const Result<FinishResult> finished = with_.publisher->Finish(spec_, context_);
  if (!finished.ok()) return Fail(finished.error());
  for (const std::string& note : finished->notes) Note("", note);
  if (finished->exports_owed > 0) {
    ending.exit_code = PublishedExitCode(false, true);
    ending.message += "; exports are owed";
  }
  return ending;
}

Run::MaybeEnding Run::Claim() {
  const SlotClaim claim{.pipeline = spec_.pipeline,
                        .dataset = spec_.dataset,
                        .slot = spec_.slot,
                        .holder = with_.machine->Self(spec_.run.text),
                        .ttl = with_.lease_ttl,
                        .overlap = pipeline_.schedule.overlap};
  record_.host = claim.holder.host;
  record_.pid = claim.holder.pid;
  while (true) {
    Result<ClaimResult> claimed = with_.ledger->Claim(claim);
    if (!claimed.ok()) return Fail(claimed.error());
    if (claimed->lease) {
      lease_ = std::move(claimed->lease);
      taken_over_ = std::move(claimed->taken_over);
      return std::nullopt;
    }
    const std::string busy = LeaseHeld(*claimed->other).message;
    if (claim.overlap == Overlap::kSkip) {
      return Ending{kExitDone, RunState::kSkipped, SlotState::kSkipped,
                    fmt::format("skipped: {}", busy)};
    }
    Step("queue");
    // Other processes end on their own time: the machine's clock, whatever the data's says.
    SystemClock().Sleep(with_.queue_pause, context_.stop);
    if (const Status status = context_.Check(); !status.ok()) return Fail(status.error());
  }
}

/// A run whose process died cannot say so itself. What it published, the lake says.
void Run::RecordDeadRun() {
  if (!taken_over_) return;
  Result<RunRecord> record = with_.runs->Get(RunId{taken_over_->lease.holder.run});
  if (!record.ok() || record->state != RunState::kRunning) return;
  record->ended = clock_.Now();
  record->message = "its process ended without a word";
  record->state = RunState::kLost;
  if (record->run == standing_.published_by) {
    record->published = standing_.publishes.back();
    record->gap_units = standing_.published_gaps;
    record->exit_code = PublishedExitCode(record->gap_units > 0, false);
    record->message = fmt::format("published as {}; its process ended before it could say so",
                                  *record->published);
    record->state = RunState::kDone;
  }
  record->message += fmt::format("; continued by {}", spec_.run.text);
  const Status status = with_.runs->Finish(*record);
  if (!status.ok()) Note("", status.ToString());
}

Run::MaybeEnding Run::Begin() {
  record_.tasks = tasks_.records();
  const Status status = with_.runs->Begin(record_);
  if (!status.ok()) return Fail(status.error());
  begun_ = true;
  monitor_.emplace(clock_, with_.memory_period, ResidentMemory);
  return std::nullopt;
}

Ending Run::Work() {
  // Failing to finish older exports does not keep new data from being collected.
  const Result<FinishResult> leftovers = with_.publisher->Finish(spec_, context_);
  if (!leftovers.ok()) Note("", leftovers.error().message);
  Result<std::shared_ptr<const Head>> head = with_.publisher->LoadHead(spec_, standing_, context_);
  if (!head.ok()) return Fail(head.error());
  head_ = std::move(head).value();
  record_.head = head_ ? head_->number() : 0;
  Step("collect");
  if (MaybeEnding ending = RunTasks(false)) return *ending;
  if (MaybeEnding ending = CheckCollected()) return *ending;
  return PublishUntilDone();
}

/// Carry out all tasks, or `again` those that derive. Returns when none runs any more.
Run::MaybeEnding Run::RunTasks(bool again) {
  std::set<size_t> waiting;
  for (size_t i = 0; i < tasks_.size(); ++i) {
    if (again && !with_.bodies.at(tasks_.record(i).name)->derives()) continue;
    tasks_.record(i).state = TaskState::kPending;
    waiting.insert(i);
  }
  const int workers =
      std::clamp<int>(spec_.workers, 1, static_cast<int>(std::max<size_t>(tasks_.size(), 1)));
  TaskRecorder recorder(*with_.runs, spec_.run);
  TaskPool<TaskEnd> pool(workers);
  MaybeEnding ending;
  size_t running = 0;
  const auto start_ready = [&] {
    const bool stopped = ending.has_value() || !context_.Check().ok();
    for (auto it = waiting.begin(); it != waiting.end() && !stopped;) {
      if (!tasks_.Ready(*it)) {
        ++it;
        continue;
      }
      tasks_.record(*it).state = TaskState::kRunning;
      pool.Start(Job(*it));
      ++running;
      it = waiting.erase(it);
    }
  };
  start_ready();
  while (running > 0) {
    TaskEnd end = pool.WaitForOne();
    --running;
    const size_t index = end.index;
    MaybeEnding failed = Accept(std::move(end));
    if (failed &&
        (!ending || MostSevere(ending->exit_code, failed->exit_code) != ending->exit_code)) {
      ending = std::move(failed);
    }
    start_ready();
    recorder.Add(tasks_.record(index));
  }
  if (const Status status = recorder.Flush(); !status.ok()) Note("", status.ToString());
  for (const size_t index : waiting) tasks_.record(index).state = TaskState::kSkipped;
  if (const Status status = context_.Check(); !status.ok()) return Fail(status.error());
  return ending;
}

std::function<TaskEnd()> Run::Job(size_t index) {
  const std::string& name = tasks_.record(index).name;
  RunEvent event;
  event.kind = RunEvent::Kind::kTaskStarted;
  event.task = name;
  event.total = tasks_.size();
  if (with_.on_event) with_.on_event(event);
  TaskInput wanted{.needs = tasks_.NeedsOf(index),
                   .head = head_,
                   .spec = &spec_,
                   .task = &pipeline_.tasks[index]};
  return [this, index, body = with_.bodies.at(name), input = std::move(wanted),
          context = context_.Named(name)] {
    TaskEnd end{index, clock_.Now(), milliseconds(0), TaskOutput{}};
    monitor_->TaskStarted(input.task->name);
    const auto begin = Steady::now();
    end.output = body->Run(input, context);
    end.duration = std::chrono::floor<milliseconds>(Steady::now() - begin);
    monitor_->TaskEnded(input.task->name);
    return end;
  };
}

Run::MaybeEnding Run::Accept(TaskEnd end) {
  TaskRecord& record = tasks_.record(end.index);
  record.started = end.started;
  record.duration = end.duration;
  ++record.attempts;
  MaybeEnding ending;
  if (end.output.ok()) {
    const std::vector<std::string> notes = end.output->notes;
    tasks_.Accept(end.index, std::move(end.output).value());
    for (const std::string& note : notes) Note(record.name, note);
  } else {
    ending = AcceptFailure(end.index, end.output.error());
  }
  const TaskSpec& task = pipeline_.tasks[end.index];
  if (!ending && record.state == TaskState::kUnavailable && task.required) {
    const SourceReport& report = *tasks_.ReportOf(task.name);
    const CollectOutcome outcome{&report, true};
    ending = Ending{CollectExitCode({&outcome, 1}), RunState::kFailed, SlotState::kFailed,
                    fmt::format("{}: {}", task.name, report.reason)};
    if (ending->exit_code == kExitExhausted) {
      ending->state = RunState::kDeferred;
      ending->slot = SlotState::kDeferred;
    }
  }
  RunEvent event;
  event.kind = RunEvent::Kind::kTaskDone;
  event.task = record.name;
  event.state = record.state;
  event.rows = record.rows;
  event.text = record.message;
  event.total = tasks_.size();
  event.done = tasks_.ended();
  if (with_.on_event) with_.on_event(event);
  return ending;
}

Run::MaybeEnding Run::AcceptFailure(size_t index, const Error& error) {
  const TaskSpec& task = pipeline_.tasks[index];
  TaskRecord& record = tasks_.record(index);
  record.message = error.message;
  record.state = TaskState::kFailed;
  const bool ends_run = task.required || error.code == Code::kInvalid ||
                        error.code == Code::kCancelled || !context_.Check().ok();
  if (!ends_run) {
    tasks_.AcceptUnavailable(index, error);
    return std::nullopt;
  }
  Error named = error;
  const std::string name = fmt::format("task '{}'", task.name);
  if (!named.message.starts_with(name)) named.message = name + ": " + error.message;
  return Fail(named);
}

/// A run of which no source obtained anything has nothing to say.
Run::MaybeEnding Run::CheckCollected() {
  const int code = CollectExitCode(tasks_.Outcomes());
  if (code == kExitDone) return std::nullopt;
  return Ending{code, RunState::kFailed, SlotState::kFailed,
                fmt::format("no source obtained anything: {}", tasks_.UnavailableReasons())};
}

Result<PublishResult> Run::Publish() {
  const PublishRequest request{.spec = &spec_,
                               .standing = standing_,
                               .head = head_,
                               .outputs = tasks_.Outputs(),
                               .reports = tasks_.Reports(),
                               .gaps = AllGaps(),
                               .record = record_};
  return with_.publisher->Publish(request, context_);
}

Ending Run::PublishUntilDone() {
  monitor_->Stop();
  for (int tries = 1;; ++tries) {
    Step("publish");
    FillRecord();
    // Whoever lost the lease must not publish: another run may fill the slot at this moment.
    if (const Status held = with_.ledger->Renew(*lease_); !held.ok()) {
      lease_lost_ = lease_lost_ || held.error().code == Code::kNotFound;
      return Fail(held.error());
    }
    const Result<PublishResult> published = Publish();
    if (published.ok()) return AfterPublish(*published);
    if (published.error().code != Code::kExists) return Fail(published.error());
    if (tries >= with_.publish_tries) {
      return Fail(Unavailable("other runs published first, {} times in a row; try later", tries));
    }
    Note("", "another run published first; deriving again");
    Result<SlotStanding> standing = with_.publisher->Standing(spec_, context_);
    if (!standing.ok()) return Fail(standing.error());
    standing_ = std::move(standing).value();
    Result<std::shared_ptr<const Head>> head =
        with_.publisher->LoadHead(spec_, standing_, context_);
    if (!head.ok()) return Fail(head.error());
    head_ = std::move(head).value();
    Step("derive");
    if (MaybeEnding ending = RunTasks(true)) return *ending;
  }
}

Ending Run::AfterPublish(const PublishResult& published) {
  publish_gaps_ = published.gaps;
  record_.rows = published.rows;
  for (const ContractVerdict& verdict : published.verdicts) {
    if (!verdict.passed) {
      Note("",
           fmt::format("contract: {}: {}: {}", verdict.table, verdict.check, verdict.explanation));
    }
  }
  if (published.held) {
    return {kExitHeld, RunState::kHeld, SlotState::kHeld, published.message};
  }
  for (const std::string& note : published.notes) Note("", note);
  published_ = published.number;
  publishes_ = published_.has_value();
  const bool any_gap = !AllGaps().empty();
  if (!published_) {
    return {PublishedExitCode(any_gap, false), RunState::kDone, SlotState::kDeferred,
            published.message};
  }
  // What is written from here on is read from the publish; the memory is better used for that.
  tasks_.ForgetTables();
  head_.reset();
  Step("export");
  const Result<FinishResult> finished = with_.publisher->Finish(spec_, context_);
  std::string owed;
  if (!finished.ok()) {
    owed = finished.error().message;
  } else {
    for (const std::string& note : finished->notes) Note("", note);
    if (finished->exports_owed > 0) {
      owed = fmt::format("{} exports are owed{}{}", finished->exports_owed,
                         finished->notes.empty() ? "" : ": ",
                         finished->notes.empty() ? "" : finished->notes.front());
    }
  }
  Ending ending{PublishedExitCode(any_gap, !owed.empty()), RunState::kDone, SlotState::kPublished,
                fmt::format("published as {}", *published_)};
  if (any_gap) ending.message += fmt::format(" with gaps: {} units", GapUnits(AllGaps()));
  if (!owed.empty()) {
    ending.message += fmt::format("; {}; catchment recover finishes them", owed);
    if (const int signal_number = StopSignal(); signal_number != 0)
      ending.exit_code = SignalExitCode(signal_number);
  }
  return ending;
}

/// The signal that ends this run; 0: none does.
int Run::StopSignal() const {
  return stop_.stop_requested() && with_.stop_signal ? with_.stop_signal() : 0;
}

/// The ending of an error; a stop and a lost lease explain the errors they cause.
Ending Run::Fail(const Error& error) {
  if (lease_lost_) {
    Ending ending = EndingOf(Locked("the slot's lease was lost to another run: {}", error.message));
    ending.exit_code = kExitLocked;
    return ending;
  }
  if (stop_.stop_requested()) {
    const int signal_number = StopSignal();
    Ending ending = EndingOf(Cancelled("stopped: {}", error.message));
    if (signal_number != 0) {
      ending.exit_code = SignalExitCode(signal_number);
      ending.message = fmt::format("stopped by signal {}", signal_number);
    }
    return ending;
  }
  if (!context_.Check().ok()) {
    return EndingOf(Deadline("time limit reached{}",
                             spec_.time_limit
                                 ? fmt::format(" ({})", FormatDuration(*spec_.time_limit))
                                 : std::string()));
  }
  return EndingOf(error);
}

std::vector<Gap> Run::AllGaps() const {
  std::vector<Gap> gaps = own_gaps_;
  const std::vector<Gap> of_reports = tasks_.Gaps();
  gaps.insert(gaps.end(), of_reports.begin(), of_reports.end());
  gaps.insert(gaps.end(), publish_gaps_.begin(), publish_gaps_.end());
  return gaps;
}

/// What is known of the run so far.
void Run::FillRecord() {
  record_.published = published_;
  record_.peak_rss = PeakMemory();
  if (begun_) record_.tasks = tasks_.records();
  record_.reports = tasks_.Reports();
  record_.gaps = AllGaps();
  record_.gap_units = GapUnits(record_.gaps);
  if (head_) record_.head = head_->number();
  if (monitor_) record_.memory = monitor_->samples();
  record_.calls = record_.bytes = record_.expected = record_.answered = 0;
  for (const SourceReport& report : record_.reports) {
    record_.calls += report.calls;
    record_.bytes += report.bytes;
    for (const CoverageRow& row : report.coverage) {
      record_.expected += row.expected;
      record_.answered += row.answered;
    }
  }
}

/// What must be written even after a stop or the time limit.
OpContext Run::LastContext() const {
  OpContext context = context_;
  context.stop = {};
  context.deadline = Steady::now() + std::chrono::seconds(20);
  return context;
}

SlotRow Run::RowOf(SlotState state, std::string note) const {
  return {.pipeline = spec_.pipeline,
          .dataset = spec_.dataset,
          .slot = spec_.slot.id,
          .start = spec_.slot.start,
          .state = state,
          .run = spec_.run,
          .published = published_,
          .note = std::move(note)};
}

void Run::ReleaseSlot(const Ending& ending) {
  const SlotRow row = RowOf(ending.slot, ending.message);
  const bool marks_without_lease = ending.slot == SlotState::kSkipped ||
                                   ending.slot == SlotState::kLost || published_.has_value();
  Status status;
  if (lease_ && !lease_lost_) {
    status = with_.ledger->Release(*lease_, row);
  } else if (!lease_ && marks_without_lease &&
             !(ending.slot == SlotState::kLost && standing_.published())) {
    status = with_.ledger->Mark(row);
  }
  if (!status.ok()) Note("", status.ToString());
}

RunResult Run::Finish(const Ending& ending) {
  Step("record");
  if (monitor_) monitor_->Stop();
  FillRecord();
  record_.ended = clock_.Now();
  record_.state = ending.state;
  record_.exit_code = ending.exit_code;
  record_.message = ending.message;
  std::string message = ending.message;
  if (begun_) {
    // The run store last: a run that it calls running is looked after if its process dies.
    const Status status = with_.publisher->Record(spec_, record_, LastContext());
    if (!status.ok()) Note("", status.ToString());
    if (const Status finished = with_.runs->Finish(record_); !finished.ok()) {
      Note("", finished.ToString());
      message += fmt::format(
          "; how it ended could not be recorded ({}): `catchment recover` does, once it can",
          finished.error().message);
    }
  }
  ReleaseSlot(ending);
  return {ending.exit_code, std::move(message), published_, publishes_, std::move(record_)};
}

void Run::Step(const std::string& step) {
  RunEvent event;
  event.kind = RunEvent::Kind::kStep;
  event.step = step;
  event.total = tasks_.size();
  if (with_.on_event) with_.on_event(event);
}

void Run::Note(const std::string& task, const std::string& text) {
  RunEvent event;
  event.kind = RunEvent::Kind::kNote;
  event.task = task;
  event.text = text;
  if (with_.on_event) with_.on_event(event);
  // The note has been shown; that it cannot be stored too is no reason to end the run.
  if (begun_) {
    (void)with_.runs->AddMessage(spec_.run, {clock_.Now(), "info", task, text}).ok();
  }
}

}  // namespace

RunResult ExecuteRun(const RunSpec& spec, const RunDependencies& dependencies,
                     const OpContext& context) {
  for (const TaskSpec& task : spec.definition->tasks) {
    if (!dependencies.bodies.contains(task.name)) {
      RunResult result;
      result.exit_code = kExitFailed;
      result.message = fmt::format("task '{}' has no body: a bug of ours", task.name);
      return result;
    }
  }
  return Run(spec, dependencies, context).Execute();
}

}  // namespace catchment::core
