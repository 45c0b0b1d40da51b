#include "app/publish_contents.h"

#include "app/run_tables.h"
#include "app/sql_values.h"
#include "base/file.h"
#include "columnar/sql.h"
#include "lake/run_record.h"
#include "lake/table_read.h"

namespace catchment::app {

Result<std::unique_ptr<PublishContents>> PublishContents::Load(const lake::ReadStore& store,
                                                               const std::string& dataset,
                                                               int64_t publish) {
  ASSIGN_OR_RETURN(lake::Manifest manifest, lake::ReadManifest(store, dataset, publish));
  ASSIGN_OR_RETURN(lake::View view, lake::LoadView(store, dataset, publish));
  return std::unique_ptr<PublishContents>(
      new PublishContents(store, std::move(manifest), std::move(view)));
}

Result<columnar::Table> PublishContents::Rows(const std::string& table) {
  MutexLock lock(mutex_);
  if (const auto known = read_.find(table); known != read_.end()) return known->second;
  ASSIGN_OR_RETURN(columnar::Table rows, lake::ReadTable(store_, view_, table));
  return read_.emplace(table, std::move(rows)).first->second;
}

Result<columnar::Table> PublishContents::Added(const std::string& table) const {
  const auto found = view_.tables.find(table);
  if (found == view_.tables.end())
    return NotFound("publish {} has no table '{}'", view_.number, table);
  lake::View added;
  added.dataset = view_.dataset;
  added.number = view_.number;
  lake::TableView& kept = added.tables.emplace(table, found->second).first->second;
  std::erase_if(kept.files,
                [&](const lake::LiveFile& file) { return file.publish != view_.number; });
  return lake::ReadTable(store_, added, table);
}

Result<nlohmann::json> PublishContents::Record() {
  MutexLock lock(mutex_);
  if (!record_) {
    ASSIGN_OR_RETURN(record_,
                     lake::GetRunRecord(store_, manifest_.dataset, manifest_.slot, manifest_.run));
  }
  return *record_;
}

Result<columnar::Table> PublishContents::OfRun(const std::string& table) {
  ASSIGN_OR_RETURN(const nlohmann::json json, Record(), "run.{}", table);
  ASSIGN_OR_RETURN(const core::RunRecord record, core::RunRecordFromJson(json), "run.{}", table);
  if (table == "tasks") return TasksTable(record);
  if (table == "memory") return MemoryTable(record);
  if (table == "machine") return MachineTable(record);
  if (table == "manifest") return ManifestTable(manifest_, record.environment);
  return NotFound("there is no table run.{}; there are tasks, memory, machine and manifest", table);
}

Status PublishContents::OpenEngine() {
  if (engine_ != nullptr) return {};
  ASSIGN_OR_RETURN(auto engine, columnar::SqlEngine::Open());
  for (const auto& [name, table] : view_.tables) {
    RETURN_IF_ERROR(engine->AddLazyTable("", name, [this, name = name] { return Rows(name); }));
    RETURN_IF_ERROR(
        engine->AddLazyTable("publish", name, [this, name = name] { return Added(name); }));
  }
  for (const char* name : {"tasks", "memory", "machine", "manifest"}) {
    RETURN_IF_ERROR(engine->AddLazyTable("run", name, [this, name] { return OfRun(name); }));
  }
  engine_ = std::move(engine);
  return {};
}

Result<columnar::Table> PublishContents::Select(const std::filesystem::path& file,
                                                const core::RunSpec& spec) {
  ASSIGN_OR_RETURN(std::string text, ReadFile(file, 1 << 20));
  nlohmann::json given = spec.parameters;
  const Result<nlohmann::json> record = Record();
  if (record.ok()) {
    given = record->value(nlohmann::json::json_pointer("/spec/parameters"), given);
  } else if (record.error().code != Code::kNotFound) {
    return record.status();
  }
  MutexLock lock(query_mutex_);
  RETURN_IF_ERROR(OpenEngine());
  return engine_->Query({std::move(text), file.string()},
                        MakeSqlParameters(given, manifest_.slot_time));
}

}  // namespace catchment::app
