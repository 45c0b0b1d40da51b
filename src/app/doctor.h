#pragma once

#include <string>
#include <vector>

#include "app/settings.h"

namespace catchment::app {

/// One thing that an installation needs, and how it is.
struct Diagnosis {
  std::string check;
  bool well = true;
  std::string found;
  std::string remedy;  ///< what to do if it is not well
};

/// Look at everything that a run depends on: libraries, time zones, configuration, state, roots,
/// pipelines, worlds. Changes nothing but that a missing state folder is made.
std::vector<Diagnosis> Diagnose(const SettingsRequest& request);

}  // namespace catchment::app
