#pragma once

#include "app/query.h"
#include "cli/verb.h"

namespace catchment::cli {

/// The options that choose a publish: --publish, --as-of, --as-published.
inline void AddPublishOptions(CLI::App& app, app::PublishChoice& choice) {
  auto* number =
      app.add_option("--publish", choice.number, "the publish of this number (default: the newest)")
          ->type_name("N");
  auto* slot = app.add_option("--as-of", choice.as_of_slot,
                              "as it was when the slot of this time was the newest")
                   ->type_name("TIME");
  auto* published =
      app.add_option("--as-published", choice.as_of_published, "as it was published at this time")
          ->type_name("TIME");
  number->excludes(slot)->excludes(published);
  slot->excludes(published);
}

}  // namespace catchment::cli
