#include "app/run_tables.h"

#include <arrow/api.h>

#include <functional>

#include "columnar/arrow_status.h"

namespace catchment::app {
namespace {

std::shared_ptr<arrow::Field> TimeField(const char* name) {
  return arrow::field(name, arrow::timestamp(arrow::TimeUnit::MILLI, "UTC"), false);
}
std::shared_ptr<arrow::Field> TextField(const char* name) {
  return arrow::field(name, arrow::utf8(), false);
}
std::shared_ptr<arrow::Field> NumberField(const char* name) {
  return arrow::field(name, arrow::float64(), false);
}
std::shared_ptr<arrow::Field> CountField(const char* name) {
  return arrow::field(name, arrow::int64(), false);
}

/// Cells of one row, from left to right.
class RowWriter {
 public:
  explicit RowWriter(arrow::RecordBatchBuilder& builder) : builder_(builder) {}
  RowWriter& operator<<(Time time) {
    const auto ms = std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch();
    return Add<arrow::TimestampBuilder>(int64_t{ms.count()});
  }
  RowWriter& operator<<(const std::string& text) { return Add<arrow::StringBuilder>(text); }
  RowWriter& operator<<(int64_t count) { return Add<arrow::Int64Builder>(count); }
  RowWriter& operator<<(double number) { return Add<arrow::DoubleBuilder>(number); }
  const arrow::Status& status() const { return status_; }

 private:
  template <typename Builder, typename Value>
  RowWriter& Add(const Value& value) {
    if (status_.ok()) status_ = builder_.GetFieldAs<Builder>(column_++)->Append(value);
    return *this;
  }

  arrow::RecordBatchBuilder& builder_;
  int column_ = 0;
  arrow::Status status_;
};

/// A table of so many rows, each written by `write`.
Result<columnar::Table> MakeRows(arrow::FieldVector fields, size_t rows,
                                 const std::function<void(size_t, RowWriter&)>& write) {
  ASSIGN_ARROW_OR_RETURN(auto builder,
                         arrow::RecordBatchBuilder::Make(arrow::schema(std::move(fields)),
                                                         arrow::default_memory_pool()));
  for (size_t i = 0; i < rows; ++i) {
    RowWriter row(*builder);
    write(i, row);
    ARROW_OR_RETURN(row.status());
  }
  ASSIGN_ARROW_OR_RETURN(const auto batch, builder->Flush());
  ASSIGN_ARROW_OR_RETURN(auto table, arrow::Table::FromRecordBatches({batch}));
  return columnar::Table::FromArrow(std::move(table));
}

}  // namespace

Result<columnar::Table> TasksTable(const core::RunRecord& record) {
  std::vector<const core::TaskRecord*> ran;
  for (const core::TaskRecord& task : record.tasks) {
    if (task.started) ran.push_back(&task);
  }
  return MakeRows({TextField("task"), TextField("kind"), TimeField("started"), TimeField("ended"),
                   NumberField("seconds")},
                  ran.size(), [&](size_t i, RowWriter& row) {
                    const core::TaskRecord& task = *ran[i];
                    const double seconds = static_cast<double>(task.duration.count()) / 1000;
                    row << task.name << task.kind << *task.started << *task.started + task.duration
                        << seconds;
                  });
}

Result<columnar::Table> MemoryTable(const core::RunRecord& record) {
  return MakeRows(
      {TimeField("at"), TextField("service"), CountField("pid"), NumberField("memory_mib")},
      record.memory.size(), [&](size_t i, RowWriter& row) {
        const core::MemorySample& sample = record.memory[i];
        row << sample.at << sample.tasks << record.pid
            << static_cast<double>(sample.rss) / (1024 * 1024);
      });
}

Result<columnar::Table> MachineTable(const core::RunRecord& record) {
  return MakeRows({TimeField("at"), TextField("instance_type")}, 1,
                  [&](size_t, RowWriter& row) { row << record.started << record.instance_type; });
}

Result<columnar::Table> ManifestTable(const lake::Manifest& manifest,
                                      const std::string& environment) {
  return MakeRows({CountField("publish"), TimeField("slot"), TextField("run"),
                   TimeField("published_at"), TextField("environment"), TextField("state")},
                  1, [&](size_t, RowWriter& row) {
                    row << manifest.number << manifest.slot_time << manifest.run.text
                        << manifest.published << environment << manifest.state.dump();
                  });
}

}  // namespace catchment::app
