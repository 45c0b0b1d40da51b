#pragma once

#include <filesystem>
#include <string>

namespace catchment::app {

/// The machine's type as its firmware tells it on EC2 (`m5.large`), else `unknown`: no question
/// leaves the machine (docs/adr/0111). `firmware` is /sys/class/dmi/id.
std::string InstanceType(const std::filesystem::path& firmware);

}  // namespace catchment::app
