#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/catalogue.h"
#include "core/pipeline.h"

namespace catchment::core {

/// One thing wrong with a file, where, and what to do.
struct FileProblem {
  std::string file;
  Mark mark;
  std::string message;

  /// `pipelines/x/pipeline.yaml:12:5: unknown key 'sorce'; did you mean 'source'?`
  std::string ToString() const;
};

/// kInvalid with one problem a line, in the order of the file. Not to be called without problems.
Error ProblemsError(const std::vector<FileProblem>& problems);

struct PipelineText {
  Pipeline pipeline;  ///< meaningful only if there are no problems
  std::vector<FileProblem> problems;
};

/// What a parse may look at beside the text.
struct PipelineSurroundings {
  /// Whether a file beside the pipeline file exists, by relative name; unset: not checked.
  std::function<bool(const std::string& name)> file_exists;
  /// Names that `{name}` may use beside the built-in ones, e.g. what a path builder gives.
  std::vector<std::string> names = {"layout"};
  /// Variables of environments that `{env.x}` may use; unset: any.
  std::optional<std::vector<std::string>> variables;
};

/// Parse a pipeline file and find everything that is wrong with it.
///
/// Limits: 1 MiB, 32 levels, 50,000 nodes; anchors and aliases are refused. All problems are
/// returned at once, in order of the file; a syntax error is the only one then.
PipelineText ReadPipelineText(std::string_view text, const std::filesystem::path& file,
                              const Catalogue& catalogue, const PipelineSurroundings& around = {});

/// The same as one result. Files named in it must exist beside `file`. kInvalid: one problem a
/// line.
Result<Pipeline> ParsePipeline(std::string_view text, const std::filesystem::path& file,
                               const Catalogue& catalogue);

/// Read and parse `file`. kNotFound: there is none.
Result<Pipeline> LoadPipeline(const std::filesystem::path& file, const Catalogue& catalogue);

}  // namespace catchment::core
