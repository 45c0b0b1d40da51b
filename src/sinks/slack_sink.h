#pragma once

#include <string>
#include <vector>

#include "net/retry.h"
#include "sinks/sink.h"

namespace catchment::sinks {

struct SlackOptions {
  std::vector<std::string> url;      ///< references of the webhook's URL, the first that resolves
  std::string text_column = "text";  ///< of a batch
  net::RetryPolicy retry = {.tries = 3, .cap = std::chrono::seconds(5)};
};

/// Posts texts to a Slack webhook. Its URL is a secret: no message shows it, and it is not
/// recorded.
///
/// As a sink it posts the cells of one column, one message a row. Slack has no key of a message:
/// when an answer is lost, the next delivery posts again. Thread-safe.
class SlackSink final : public Sink, public Notifier {
 public:
  /// What `services` has outlives this.
  SlackSink(SlackOptions options, const SinkServices& services)
      : options_(std::move(options)), services_(services) {}

  Status Deliver(const SinkBatch& batch, const OpContext& context) override;
  /// `&`, `<` and `>` are escaped, so that no text calls people; cut at 30,000 bytes.
  Status Notify(std::string_view text, const OpContext& context) override;

 private:
  // Constant after construction.
  const SlackOptions options_;
  const SinkServices services_;
};

/// `slack`.
SinkEntry SlackSinkEntry();

}  // namespace catchment::sinks
