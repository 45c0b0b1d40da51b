#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "columnar/parquet_file.h"
#include "lake/exports.h"
#include "lake/json_fields_internal.h"
#include "lake/local_folder_internal.h"

namespace catchment::lake {
namespace {

namespace fs = std::filesystem;
constexpr char kAttribute[] = "user.catchment";
constexpr size_t kExportMarkLimit = 4096;

std::string MarkText(const ExportMark& mark) {
  nlohmann::json text = {{"catchment-dataset", mark.dataset},
                         {"catchment-publish", mark.publish},
                         {"catchment-rows", mark.rows}};
  if (!mark.publishes.empty())
    text["catchment-publish"] = fmt::format("{}", fmt::join(mark.publishes, "+"));
  return text.dump();
}

/// The numbers of `12+9`; none: it is not of that form.
std::vector<int64_t> ParsePublishes(std::string_view text) {
  std::vector<int64_t> numbers;
  while (true) {
    const std::string_view part = text.substr(0, text.find('+'));
    int64_t number = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
    if (error != std::errc() || end != part.data() + part.size() || number < 0) return {};
    numbers.push_back(number);
    if (part.size() == text.size()) return numbers;
    text.remove_prefix(part.size() + 1);
  }
}

/// Null if it is none of ours.
std::optional<ExportMark> ParseMark(std::string_view text) {
  const Result<nlohmann::json> document = ParseBoundedJson(text);
  if (!document.ok()) return std::nullopt;
  Result<Fields> fields = Fields::Of(*document, "mark");
  if (!fields.ok()) return std::nullopt;
  const Result<std::string> dataset = fields->Text("catchment-dataset");
  const Result<int64_t> rows = fields->Count("catchment-rows");
  if (!dataset.ok() || !rows.ok()) return std::nullopt;
  if (const Result<std::string> several = fields->Text("catchment-publish"); several.ok()) {
    const std::vector<int64_t> publishes = ParsePublishes(*several);
    if (publishes.size() < 2) return std::nullopt;
    return ExportMark{*dataset, 0, *rows, publishes};
  }
  const Result<int64_t> publish = fields->Count("catchment-publish");
  if (!publish.ok()) return std::nullopt;
  return ExportMark{*dataset, *publish, *rows};
}

/// What a Parquet file says of itself; nothing if it is none.
void LookAtFooter(int descriptor, ExportFound& found) {
  // By the descriptor that was opened: the path may lead elsewhere by now.
  const Result<columnar::ParquetInfo> info =
      columnar::InspectParquet(fmt::format("/proc/self/fd/{}", descriptor));
  if (!info.ok()) return;
  found.rows = info->rows;
  const auto key = info->metadata.find("catchment");
  if (key == info->metadata.end()) return;
  const Result<nlohmann::json> text = ParseBoundedJson(key->second);
  if (!text.ok() || !text->is_object()) return;
  const auto dataset = text->find("dataset");
  if (dataset == text->end() || !dataset->is_string()) return;
  // Written by `catchment stac write` for no dataset: a foreign file.
  if (dataset->get_ref<const std::string&>().empty()) return;
  found.mark = ExportMark{dataset->get<std::string>(), 0, info->rows};
}

/// `a/b.json` → `a/.b.json.catchment`
std::string MarkPath(std::string_view path) {
  const size_t slash = path.rfind('/');
  const size_t name = slash == std::string_view::npos ? 0 : slash + 1;
  return fmt::format("{}.{}.catchment", path.substr(0, name), path.substr(name));
}

class FolderExportRoot final : public ExportRoot {
 public:
  FolderExportRoot(RootFolder root, LocalExportRoot::Marks marks)
      : root_(std::move(root)), marks_(marks) {}

  Result<std::optional<ExportFound>> Find(std::string_view path) const override {
    const Result<Descriptor> file = root_.OpenFile(path);
    if (!file.ok()) {
      if (file.error().code == Code::kNotFound) return std::optional<ExportFound>();
      return file.status();
    }
    struct stat info {};
    if (fstat(file->number(), &info) != 0) return FileError(errno, "read", root_.Path(path));
    ExportFound found;
    found.bytes = static_cast<uint64_t>(info.st_size);
    char text[kExportMarkLimit];
    const ssize_t length = fgetxattr(file->number(), kAttribute, text, sizeof text);
    if (length >= 0) {
      found.mark = ParseMark({text, static_cast<size_t>(length)});
    } else if (errno == ENODATA || errno == ENOTSUP) {
      ASSIGN_OR_RETURN(found.mark, ReadMarkFile(path));
    } else if (errno != ERANGE) {
      return FileError(errno, "read the mark of", root_.Path(path));
    }
    if (!found.mark && path.ends_with(".parquet")) LookAtFooter(file->number(), found);
    return std::optional<ExportFound>(found);
  }

  Status Put(std::string_view path, const fs::path& file, const ExportMark& mark) override {
    const Descriptor source(open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!source.open()) return FileError(errno, "open", file);
    if (marks_ == LocalExportRoot::Marks::kFile) {
      // First, so that a kill between the two leaves a mark that is too new rather than too old:
      // the newer publish still owes the file, and no older one may take its place.
      ASSIGN_OR_RETURN(LocalTemporary beside, Temporary(MarkPath(path)));
      RETURN_IF_ERROR(beside.Write(MarkText(mark)));
      RETURN_IF_ERROR(Finish(beside, path));
    }
    if (file.parent_path().parent_path() == root_.path() / kStagingFolder)
      return MoveStaged(path, file, source, mark);
    // A copy, never a link: whoever edits an export must not edit the lake.
    ASSIGN_OR_RETURN(LocalTemporary temporary, Temporary(path));
    RETURN_IF_ERROR(temporary.CopyFrom(source.number()));
    RETURN_IF_ERROR(SetMark(temporary.descriptor(), path, mark));
    return Finish(temporary, path);
  }

  Result<StagingFile> NewStagingFile() override {
    return StagingFile::Create(root_.path() / kStagingFolder);
  }

  std::string Name() const override { return root_.path().string(); }

 private:
  Result<LocalTemporary> Temporary(std::string_view path) const {
    ASSIGN_OR_RETURN(FolderEntry target, root_.Walk(path, true));
    return LocalTemporary::Create(std::move(target), root_.Path(path).string());
  }

  Status SetMark(int descriptor, std::string_view path, const ExportMark& mark) const {
    if (marks_ != LocalExportRoot::Marks::kAttribute) return {};
    const std::string text = MarkText(mark);
    if (fsetxattr(descriptor, kAttribute, text.data(), text.size(), 0) != 0) {
      return FileError(errno, "mark", root_.Path(path));
    }
    return {};
  }

  /// A staging file has no other name and no other reader: it becomes the export itself.
  Status MoveStaged(std::string_view path, const fs::path& file, const Descriptor& source,
                    const ExportMark& mark) const {
    const std::string where = root_.Path(path).string();
    ASSIGN_OR_RETURN(const FolderEntry target, root_.Walk(path, true));
    RETURN_IF_ERROR(SetMark(source.number(), path, mark));
    RETURN_IF_ERROR(SyncDescriptor(source.number(), where));
    if (renameat(AT_FDCWD, file.c_str(), target.folder.number(), target.name.c_str()) != 0)
      return FileError(errno, "rename to", where);
    return SyncDescriptor(target.folder.number(), where);
  }

  Status Finish(LocalTemporary& temporary, std::string_view path) const {
    RETURN_IF_ERROR(temporary.Place(true));
    return SyncDescriptor(temporary.folder(), root_.Path(path).string());
  }

  Result<std::optional<ExportMark>> ReadMarkFile(std::string_view path) const {
    const Result<Descriptor> file = root_.OpenFile(MarkPath(path));
    if (!file.ok()) {
      if (file.error().code == Code::kNotFound) return std::optional<ExportMark>();
      return file.status();
    }
    char text[kExportMarkLimit];
    const ssize_t length = pread(file->number(), text, sizeof text, 0);
    if (length < 0) return FileError(errno, "read the mark of", root_.Path(path));
    return ParseMark({text, static_cast<size_t>(length)});
  }

  // Constant after construction.
  const RootFolder root_;
  const LocalExportRoot::Marks marks_;
};

/// Whether files below the root take extended attributes.
Result<LocalExportRoot::Marks> FindMarks(const RootFolder& root) {
  ASSIGN_OR_RETURN(FolderEntry target, root.Walk("probe", false));
  ASSIGN_OR_RETURN(const LocalTemporary probe,
                   LocalTemporary::Create(std::move(target), root.path().string()));
  const bool works = fsetxattr(probe.descriptor(), kAttribute, "{}", 2, 0) == 0;
  return works ? LocalExportRoot::Marks::kAttribute : LocalExportRoot::Marks::kFile;
}

}  // namespace

Result<std::unique_ptr<ExportRoot>> LocalExportRoot::Open(const fs::path& root) {
  ASSIGN_OR_RETURN(const RootFolder folder, RootFolder::Open(root, true));
  ASSIGN_OR_RETURN(const Marks marks, FindMarks(folder));
  return Open(root, marks);
}

Result<std::unique_ptr<ExportRoot>> LocalExportRoot::Open(const fs::path& root, Marks marks) {
  ASSIGN_OR_RETURN(RootFolder folder, RootFolder::Open(root, true));
  return std::unique_ptr<ExportRoot>(std::make_unique<FolderExportRoot>(std::move(folder), marks));
}

}  // namespace catchment::lake
