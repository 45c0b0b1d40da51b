#include "app/task_bodies.h"

#include <algorithm>

#include "app/exec_task.h"
#include "app/read_task.h"
#include "app/source_task.h"
#include "app/sql_task.h"
#include "app/transform_task.h"

namespace catchment::app {
namespace {

Result<std::unique_ptr<core::TaskBody>> MakeBody(const core::Pipeline& pipeline,
                                                 const core::TaskSpec& task,
                                                 const TaskServices& services) {
  switch (task.kind) {
    case core::TaskKind::kSource:
      return MakeSourceTask(task, services);
    case core::TaskKind::kSql:
      return MakeSqlTask(pipeline, task);
    case core::TaskKind::kTransform:
      return MakeTransformTask(pipeline, task, services);
    case core::TaskKind::kRead:
      return MakeReadTask(task, services);
    case core::TaskKind::kExec:
      return MakeExecTask(pipeline, task, services);
  }
  return Internal("task '{}' has an unknown kind", task.name);
}

}  // namespace

Status CheckProgramsAllowed(const core::Environment& environment, const std::string& pipeline,
                            const std::string& what) {
  if (environment.reads.empty()) return {};
  if (std::find(environment.exec.begin(), environment.exec.end(), pipeline) !=
      environment.exec.end())
    return {};
  return Invalid(
      "{}: environment '{}' reads '{}', where programs run only for the pipelines listed under "
      "'exec:'",
      what, environment.name, environment.reads);
}

Result<std::map<std::string, std::unique_ptr<core::TaskBody>>> MakeTaskBodies(
    const core::Pipeline& pipeline, const TaskServices& services) {
  const core::Environment& environment = services.settings->environment;
  if (!pipeline.test_reads.empty() && !environment.reads.empty()) {
    return Invalid(
        "test_reads: environment '{}' cannot take answers over from '{}' yet; leave test_reads "
        "out, "
        "and it asks for itself",
        environment.name, environment.reads);
  }
  std::map<std::string, std::unique_ptr<core::TaskBody>> bodies;
  for (const core::TaskSpec& task : pipeline.tasks) {
    ASSIGN_OR_RETURN(bodies[task.name], MakeBody(pipeline, task, services));
  }
  return bodies;
}

}  // namespace catchment::app
