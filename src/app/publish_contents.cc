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
  if (!view_.tables.contains(table))
    return NotFound("publish {} has no table '{}'", view_.number, table);
  return lake::ReadTable(store_, lake::ViewOfTable(view_, table, /*added=*/true), table);
}

Result<nlohmann::json> PublishContents::Record() {
  MutexLock lock(mutex_);
  if (!record_) {
    ASSIGN_OR_RETURN(record_,
                     lake::GetRunRecord(store_, manifest_.dataset, manifest_.slot, manifest_.run));
  }
  return *record_;
}

Result<nlohmann::json> PublishContents::Parameters() {
  ASSIGN_OR_RETURN(const nlohmann::json record, Record());
  return record.value(nlohmann::json::json_pointer("/spec/parameters"), nlohmann::json::object());
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
  Result<nlohmann::json> given = Parameters();
  if (!given.ok() && given.error().code == Code::kNotFound) given = spec.parameters;
  RETURN_IF_ERROR(given.status());
  MutexLock lock(query_mutex_);
  RETURN_IF_ERROR(OpenEngine());
  return engine_->Query({std::move(text), file.string()},
                        MakeSqlParameters(*given, manifest_.slot_time));
}

}  // namespace catchment::app
