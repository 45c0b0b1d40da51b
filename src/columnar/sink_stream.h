#pragma once

#include <arrow/io/interfaces.h>
#include <arrow/result.h>
#include <arrow/status.h>

#include "base/result.h"
#include "columnar/output_file.h"

namespace catchment::columnar {

/// Arrow's view of a sink of ours, which outlives it. The first failure is kept, because Arrow's
/// status cannot carry it.
class SinkStream final : public arrow::io::OutputStream {
 public:
  explicit SinkStream(ByteSink& sink) : sink_(sink) { set_mode(arrow::io::FileMode::WRITE); }
  arrow::Status Write(const void* data, int64_t size) override {
    Status status = sink_.Write({static_cast<const char*>(data), static_cast<size_t>(size)});
    if (status.ok()) return arrow::Status::OK();
    failure_ = std::move(status);
    return arrow::Status::IOError("write failed");
  }
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }
  arrow::Result<int64_t> Tell() const override { return sink_.bytes(); }
  const Status& failure() const { return failure_; }

 private:
  ByteSink& sink_;
  bool closed_ = false;
  Status failure_;
};

}  // namespace catchment::columnar
