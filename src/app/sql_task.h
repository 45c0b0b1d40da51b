#pragma once

#include <arrow/type_fwd.h>

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "columnar/sql.h"
#include "core/task.h"

namespace catchment::app {

/// A derive task: one SELECT over the needed tables (`price`, `placement.scores`), `head.<table>`,
/// `$slot` and
/// `$param_x`. Before the first publish a table of the head has no rows, and the columns that its
/// contract gives types for, or those of the needed task that it is published from.
Result<std::unique_ptr<core::TaskBody>> MakeSqlTask(const core::Pipeline& pipeline,
                                                    const core::TaskSpec& task);

/// The columns of `head.<table>` before it is published: those that its contract declares, else
/// those of the needed table it is published from. Null: not known. kInvalid: the contract names a
/// type that is none.
Result<std::shared_ptr<arrow::Schema>> ColumnsBeforePublish(
    const core::Pipeline& pipeline, const std::string& table,
    const std::function<std::shared_ptr<arrow::Schema>(const std::string& from)>& needed);

/// What the run of a SQL task would say of its text (kInvalid: file, line and column), and the
/// columns of what it gives. `columns` knows those of tables by the names that the text may use:
/// `price`, `placement.scores`, `head.snapshot`. Null: those of a table that it reads, or the value
/// of a parameter, are not known, and nothing is said.
Result<std::shared_ptr<arrow::Schema>> BindSqlTask(
    const core::Pipeline& pipeline, const core::TaskSpec& task,
    const columnar::SqlParameters& parameters,
    const std::function<std::shared_ptr<arrow::Schema>(const std::string& table)>& columns);

}  // namespace catchment::app
