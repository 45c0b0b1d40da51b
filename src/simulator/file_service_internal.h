#pragma once

#include <filesystem>
#include <memory>

#include "base/result.h"
#include "simulator/service_internal.h"
#include "simulator/world.h"

namespace catchment::simulator {

/// GET and HEAD of the files of one folder. Nothing outside it is served, neither by `..` nor by a
/// link.
class FileService final : public Service {
 public:
  /// kNotFound: no such folder.
  static Result<std::unique_ptr<FileService>> Load(const FilesWorld& world);

  std::string_view name() const override { return "files"; }
  FaultSubject Describe(const HttpRequest& request) const override;
  ServiceAnswer Answer(const HttpRequest& request, const ActiveFaults& active, Time now) override;

 private:
  FileService(std::filesystem::path folder, bool etag) : folder_(std::move(folder)), etag_(etag) {}
  const std::filesystem::path folder_;  // canonical
  const bool etag_;
};

}  // namespace catchment::simulator
