#include "cli/rows_report.h"

#include "base/text.h"

namespace catchment::cli {

void ReportRows(const app::RowsAnswer& answer, const Session& session) {
  if (session.format.json) {
    nlohmann::ordered_json document = {{"version", 1},
                                       {"verb", session.name},
                                       {"columns", answer.columns},
                                       {"rows", answer.rows},
                                       {"total", answer.total}};
    return PrintText(
        document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  }
  PrintText(Render({answer.columns, answer.cells}));
  const auto shown = static_cast<int64_t>(answer.cells.size());
  if (shown < answer.total) {
    PrintText(fmt::format("({} of {} rows; --limit shows more)", FormatCount(shown),
                          FormatCount(answer.total)));
  }
}

}  // namespace catchment::cli
