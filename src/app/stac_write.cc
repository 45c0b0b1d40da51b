#include "app/stac_write.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/digest.h"
#include "base/file.h"
#include "base/text.h"
#include "core/exit_code.h"
#include "core/values.h"
#include "stac/collection.h"
#include "stac/item_bodies.h"
#include "stac/item_sort.h"
#include "stac/write_items.h"

namespace catchment::app {
namespace {

constexpr uint64_t kMaxDocumentBytes = 16u << 20;
constexpr size_t kMaxKeptBody = 1u << 20;
constexpr size_t kMaxListed = 20;

/// The words of a request, understood.
struct WritePlan {
  stac::WriteItemsOptions options;
  stac::CollectionText collection;  ///< its id is empty: none
  bool split = false;
};

Result<WritePlan> MakePlan(const StacWriteRequest& request) {
  WritePlan plan;
  const auto order = stac::ParseItemOrder(request.sort);
  if (!order) return Invalid("--sort {}: expected hilbert, datetime or input", request.sort);
  plan.options.order = *order;
  const auto rule = stac::ParseOnDuplicate(request.on_duplicate);
  if (!rule) {
    return Invalid("--on-duplicate {}: expected latest, first or error", request.on_duplicate);
  }
  plan.options.on_duplicate = *rule;
  ASSIGN_OR_RETURN(plan.options.file.level, stac::ParseZstdLevel(request.compression),
                   "--compression {}", request.compression);
  plan.options.file.row_group_rows = request.row_group_rows;
  ASSIGN_OR_RETURN(plan.options.max_quarantine, core::ParseShare(request.max_quarantine),
                   "--max-quarantine");
  ASSIGN_OR_RETURN(plan.options.memory_bytes, ParseByteSize(request.memory), "--memory");
  plan.options.writer = "catchment " CATCHMENT_VERSION;
  plan.options.stop = request.from.stop;
  if (!request.split_by.empty() && request.split_by != "collection")
    return Invalid("--split-by {}: expected collection", request.split_by);
  plan.split = !request.split_by.empty();
  const bool has_place = request.output.find("{collection}") != std::string::npos;
  if (plan.split && !has_place) {
    return Invalid(
        "--split-by collection: the output needs {{collection}} in its name, e.g. -o "
        "'out/{{collection}}.parquet'");
  }
  if (!plan.split && has_place)
    return Invalid("--output {}: {{collection}} needs --split-by collection", request.output);
  if (plan.split && !request.collection_file.empty())
    return Invalid("--collection is of one file; it does not go with --split-by");
  if (!request.collection_file.empty()) {
    ASSIGN_OR_RETURN(const std::string text, ReadFile(request.collection_file, kMaxDocumentBytes),
                     "--collection");
    ASSIGN_OR_RETURN(plan.collection, stac::ReadCollectionText(text), "--collection {}",
                     request.collection_file);
  }
  plan.options.collection = plan.collection.id;
  return plan;
}

Result<stac::ItemIndex> LookAtInputs(const StacInputs& from, stac::ItemBodies& bodies, bool infer,
                                     bool by_collection) {
  stac::IndexOptions options{.infer = infer, .by_collection = by_collection, .progress = {}};
  if (from.progress) {
    options.progress = [&](uint64_t bytes) {
      from.progress("MiB looked at", static_cast<int64_t>(bytes >> 20),
                    static_cast<int64_t>(bodies.bytes() >> 20));
    };
  }
  return stac::IndexItems(bodies, options);
}

Result<stac::ItemSchema> SchemaFor(const StacWriteRequest& request, const WritePlan& plan,
                                   const stac::ItemIndex& index, const std::string& group) {
  stac::ItemSchema schema;
  if (request.schema == "infer") {
    const auto seen = index.seen.find(group);
    if (seen == index.seen.end() || seen->second.items() == 0) {
      return Invalid("no input holds an item; --schema FILE writes a file without rows");
    }
    ASSIGN_OR_RETURN(schema, seen->second.Finish({.max_columns = request.max_columns,
                                                  .collection = plan.collection.id}));
  } else {
    ASSIGN_OR_RETURN(const std::string text, ReadFile(request.schema, kMaxDocumentBytes),
                     "--schema");
    ASSIGN_OR_RETURN(schema, stac::LoadItemSchema(text), "--schema {}", request.schema);
    if (schema.leaves() > request.max_columns) {
      return Invalid("--schema {}: {} columns, over --max-columns {}", request.schema,
                     schema.leaves(), request.max_columns);
    }
  }
  if (!plan.collection.id.empty())
    schema.collections = {{plan.collection.id, plan.collection.document}};
  return schema;
}

/// `misfit /properties/eo:cloud_cover in 7 items (first HLS…: expected double, found text "x")`.
std::vector<std::string> QuarantineReasons(const std::vector<stac::LeftOut>& left_out,
                                           const stac::ItemIndex& index,
                                           const stac::ItemBodies& bodies) {
  struct Group {
    int64_t count = 0;
    std::string first;
  };
  std::map<std::pair<std::string_view, std::string>, Group> groups;
  for (const stac::LeftOut& left : left_out) {
    Group& group = groups[{stac::QuarantineReasonName(left.why.reason), left.why.pointer}];
    if (group.count++ > 0) continue;
    const stac::ItemEntry& entry = index.entries[left.entry];
    group.first = fmt::format(
        "{}{}: {}", entry.id.empty() ? "" : std::string(entry.id) + ", ",
        fmt::format("{} line {}", bodies.name(entry.body.input), entry.body.line), left.why.detail);
  }
  std::vector<std::pair<int64_t, std::string>> lines;
  for (const auto& [key, group] : groups) {
    lines.emplace_back(group.count, fmt::format("{}{}{} in {} item{} (first {})", key.first,
                                                key.second.empty() ? "" : " ", key.second,
                                                FormatCount(group.count),
                                                group.count == 1 ? "" : "s", group.first));
  }
  std::ranges::stable_sort(lines, [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<std::string> reasons;
  for (auto& [count, line] : lines) {
    if (reasons.size() < kMaxListed) reasons.push_back(std::move(line));
  }
  return reasons;
}

/// One line an item: where it came from, what is wrong, and its text.
Status AppendQuarantine(const std::vector<stac::LeftOut>& left_out, const stac::ItemIndex& index,
                        const stac::ItemBodies& bodies, AtomicFile& file) {
  std::string body;
  for (const stac::LeftOut& left : left_out) {
    const stac::ItemEntry& entry = index.entries[left.entry];
    nlohmann::ordered_json line = {{"input", bodies.name(entry.body.input)},
                                   {"line", entry.body.line},
                                   {"id", entry.id},
                                   {"reason", stac::QuarantineReasonName(left.why.reason)},
                                   {"pointer", left.why.pointer},
                                   {"detail", left.why.detail}};
    if (left.why.reason != stac::QuarantineReason::kTooLarge) {
      RETURN_IF_ERROR(bodies.Read(entry.body, body));
      line["body_sha256"] = Sha256Hex(body);
      if (body.size() <= kMaxKeptBody) line["body"] = body;
    }
    RETURN_IF_ERROR(file.Write(
        line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n"));
  }
  return {};
}

Result<std::string> OutputOf(const StacWriteRequest& request, const std::string& collection) {
  if (request.split_by.empty()) return request.output;
  const std::string name = collection.empty() ? "no-collection" : collection;
  if (name.find('/') != std::string::npos || name == "." || name == ".." ||
      name.find('\0') != std::string::npos) {
    return Invalid("collection \"{}\" cannot be part of a file's name", collection);
  }
  std::string path = request.output;
  constexpr std::string_view kPlace = "{collection}";
  for (size_t at = path.find(kPlace); at != path.npos; at = path.find(kPlace, at + name.size())) {
    path.replace(at, kPlace.size(), name);
  }
  return path;
}

/// Writes one file after the other.
class StacWriter {
 public:
  StacWriter(const StacWriteRequest& request, WritePlan plan, const stac::ItemBodies& bodies,
             const stac::ItemIndex& index)
      : request_(request), plan_(std::move(plan)), bodies_(bodies), index_(index) {}

  Result<StacFileAnswer> Write(const std::string& collection, const std::string& group,
                               std::vector<uint32_t> which) {
    StacFileAnswer answer{.collection = collection};
    ASSIGN_OR_RETURN(answer.file, OutputOf(request_, collection));
    ASSIGN_OR_RETURN(const stac::ItemSchema schema, SchemaFor(request_, plan_, index_, group));
    const auto total = static_cast<int64_t>(which.size());
    if (request_.from.progress) {
      plan_.options.progress = [this, total](int64_t items) {
        request_.from.progress("items written", items, total);
      };
    }
    ASSIGN_OR_RETURN(
        const stac::WriteItemsReport report,
        stac::WriteItems(bodies_, index_, std::move(which), schema, answer.file, plan_.options));
    answer.written = report.written;
    answer.items = report.items;
    answer.equal = report.equal;
    answer.rows = report.file.rows;
    answer.bytes = report.file.bytes;
    answer.sha256 = report.file.sha256;
    answer.quarantined = static_cast<int64_t>(report.quarantined.size());
    answer.reasons = QuarantineReasons(report.quarantined, index_, bodies_);
    for (const auto& [pointer, seen] : report.unknown_members) {
      if (answer.unknown.size() == kMaxListed) break;
      answer.unknown.push_back(fmt::format("{} in {} item{} (first {})", pointer,
                                           FormatCount(seen.count), seen.count == 1 ? "" : "s",
                                           seen.first_id));
    }
    if (quarantine_) {
      RETURN_IF_ERROR(AppendQuarantine(report.quarantined, index_, bodies_, *quarantine_));
    }
    return answer;
  }

  Status OpenQuarantine() {
    if (request_.quarantine_file.empty()) return {};
    ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Open(request_.quarantine_file), "--quarantine");
    quarantine_.emplace(std::move(file));
    return {};
  }
  Status CloseQuarantine() { return quarantine_ ? quarantine_->Commit(true) : Status(); }

 private:
  const StacWriteRequest& request_;
  WritePlan plan_;
  const stac::ItemBodies& bodies_;
  const stac::ItemIndex& index_;
  std::optional<AtomicFile> quarantine_;
};

}  // namespace

Result<StacWriteAnswer> StacWrite(const StacWriteRequest& request) {
  ASSIGN_OR_RETURN(WritePlan plan, MakePlan(request));
  ASSIGN_OR_RETURN(const auto bodies, OpenStacInputs(request.from));
  const bool split = plan.split;
  ASSIGN_OR_RETURN(const stac::ItemIndex index,
                   LookAtInputs(request.from, *bodies, /*infer=*/request.schema == "infer", split));
  std::vector<std::vector<uint32_t>> groups(split ? index.collections.size() : 1);
  for (uint32_t i = 0; i < index.entries.size(); ++i) {
    groups[split ? index.entries[i].collection : 0].push_back(i);
  }
  StacWriter writer(request, std::move(plan), *bodies, index);
  RETURN_IF_ERROR(writer.OpenQuarantine());
  StacWriteAnswer answer;
  for (size_t group = 0; group < groups.size(); ++group) {
    if (split && groups[group].empty()) continue;
    const std::string collection = split ? index.collections[group] : std::string();
    ASSIGN_OR_RETURN(StacFileAnswer file,
                     writer.Write(collection, collection, std::move(groups[group])));
    if (!file.written) {
      answer.exit_code = core::kExitHeld;
    } else if (file.quarantined > 0 && answer.exit_code == 0) {
      answer.exit_code = core::kExitGaps;
    }
    answer.files.push_back(std::move(file));
  }
  RETURN_IF_ERROR(writer.CloseQuarantine());
  return answer;
}

Result<std::unique_ptr<stac::ItemBodies>> OpenStacInputs(const StacInputs& from) {
  stac::ItemBodiesOptions options;
  options.temp_dir = from.temp_dir.empty() ? std::filesystem::temp_directory_path()
                                           : std::filesystem::path(from.temp_dir);
  options.stop = from.stop;
  return stac::ItemBodies::Open(from.inputs, options);
}

Result<std::string> StacSchema(const StacInputs& from, int64_t max_columns) {
  ASSIGN_OR_RETURN(const auto bodies, OpenStacInputs(from));
  ASSIGN_OR_RETURN(const stac::ItemIndex index,
                   LookAtInputs(from, *bodies, /*infer=*/true, /*by_collection=*/false));
  const auto seen = index.seen.find("");
  if (seen == index.seen.end() || seen->second.items() == 0)
    return Invalid("no input holds an item");
  ASSIGN_OR_RETURN(const stac::ItemSchema schema,
                   seen->second.Finish({.max_columns = max_columns, .collection = {}}));
  return stac::FormatItemSchema(schema);
}

Result<uint64_t> ParseByteSize(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  static constexpr std::pair<std::string_view, double> kUnits[] = {
      {"", 1},     {"B", 1},         {"kB", 1e3},      {"MB", 1e6},
      {"GB", 1e9}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
  for (const auto& [name, factor] : kUnits) {
    if (error == std::errc() && unit == name && value >= 0 && value * factor < 1e18)
      return static_cast<uint64_t>(value * factor);
  }
  return Invalid("\"{}\": expected a size such as 384MiB or 1GiB", text);
}

}  // namespace catchment::app
