#include "app/exec_task.h"

#include "app/table_artifact.h"
#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "columnar/csv_file.h"
#include "columnar/json_file.h"
#include "columnar/parquet_file.h"

namespace catchment::app {
namespace {

namespace fs = std::filesystem;

class ExecTask final : public core::TaskBody {
 public:
  ExecTask(const core::Pipeline& pipeline, const core::TaskSpec& task, const TaskServices& services)
      : pipeline_(pipeline), task_(task), services_(services) {}

  bool derives() const override { return false; }

  Result<core::TaskOutput> Run(const core::TaskInput& input, const OpContext& context) override {
    const fs::path folder = services_.work_folder / task_.name;
    const fs::path in = folder / "in", out = folder / "out";
    RETURN_IF_ERROR(PrepareFolders(in, out));
    for (const auto& [name, artifact] : input.needs) {
      columnar::ParquetOptions options;
      options.durable = false;
      RETURN_IF_ERROR(
          columnar::WriteParquet(TableOf(*artifact), in / (name + ".parquet"), options));
    }
    ProcessSpec process;
    for (const std::string& part : task_.command) {
      ASSIGN_OR_RETURN(std::string text, core::ExpandPlaceholders(part, input.spec->placeholders));
      process.argv.push_back(std::move(text));
    }
    process.working_folder = pipeline_.folder.empty() ? fs::path(".") : pipeline_.folder;
    process.variables = {{"CATCHMENT_SLOT", input.spec->slot.id.text},
                         {"CATCHMENT_RUN", input.spec->run.text},
                         {"CATCHMENT_PIPELINE", pipeline_.name},
                         {"CATCHMENT_TASK", task_.name},
                         {"CATCHMENT_IN", in.string()},
                         {"CATCHMENT_OUT", out.string()}};
    ASSIGN_OR_RETURN(const ProcessResult result, RunProcess(process, context), "task '{}'",
                     task_.name);
    if (result.exit_code != 0) return Failed(result);
    return ReadOutput(out);
  }

 private:
  static Status PrepareFolders(const fs::path& in, const fs::path& out) {
    std::error_code error;
    fs::remove_all(out, error);  // of an earlier try
    for (const fs::path& folder : {in, out}) {
      fs::create_directories(folder, error);
      if (error) return FileError(error.value(), "create folder", folder);
    }
    return {};
  }

  Error Failed(const ProcessResult& result) const {
    const std::string_view said = Trim(result.errors);
    return MakeError(result.exit_code == 75 ? Code::kUnavailable : Code::kInternal,
                     "task '{}': {} ended with exit code {}{}{}", task_.name, task_.command[0],
                     result.exit_code, said.empty() ? "" : ": ",
                     said.substr(said.size() > 500 ? said.size() - 500 : 0));
  }

  Result<core::TaskOutput> ReadOutput(const fs::path& out) const {
    core::TaskOutput output;
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(out, error)) {
      const fs::path& path = entry.path();
      ASSIGN_OR_RETURN(columnar::Table table, ReadTableFile(path));
      const std::string name = path.stem().string();
      output.tables[name == task_.name ? "" : name] = MakeArtifact(std::move(table));
    }
    for (const std::string& name : task_.outputs) {
      if (!output.tables.contains(name))
        return Invalid("task '{}': {} ended well, but wrote no {} to CATCHMENT_OUT", task_.name,
                       task_.command[0], name);
    }
    return output;
  }

  Result<columnar::Table> ReadTableFile(const fs::path& path) const {
    const std::string extension = path.extension().string();
    if (extension == ".parquet") return columnar::Table::FromParquetFiles({path});
    if (extension == ".csv") return columnar::ReadCsv(path);
    if (extension == ".ndjson" || extension == ".json") return columnar::ReadJson(path);
    return Invalid("task '{}' wrote {}; expected .parquet, .csv, .ndjson or .json", task_.name,
                   path.filename().string());
  }

  const core::Pipeline& pipeline_;
  const core::TaskSpec& task_;
  const TaskServices& services_;
};

}  // namespace

Result<std::unique_ptr<core::TaskBody>> MakeExecTask(const core::Pipeline& pipeline,
                                                     const core::TaskSpec& task,
                                                     const TaskServices& services) {
  RETURN_IF_ERROR(CheckProgramsAllowed(services.settings->environment, pipeline.name,
                                       "task '" + task.name + "'"));
  return std::unique_ptr<core::TaskBody>(std::make_unique<ExecTask>(pipeline, task, services));
}

}  // namespace catchment::app
