#include "app/instance_type.h"

#include <algorithm>
#include <cctype>

#include "base/file.h"
#include "base/text.h"

namespace catchment::app {
namespace {

std::string FirstLine(const std::filesystem::path& file) {
  const Result<std::string> text = ReadFile(file, 4096);
  if (!text.ok()) return "";
  return std::string(Trim(text->substr(0, text->find('\n'))));
}

/// `c6gn.16xlarge`, `u-6tb1.metal`; old machines say `HVM domU`.
bool IsInstanceType(const std::string& text) {
  const size_t dot = text.find('.');
  return dot != std::string::npos && dot > 0 && dot + 1 < text.size() && text.size() <= 64 &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-';
         });
}

}  // namespace

std::string InstanceType(const std::filesystem::path& firmware) {
  const std::string name = FirstLine(firmware / "product_name");
  const bool on_ec2 = FirstLine(firmware / "sys_vendor") == "Amazon EC2" ||
                      FirstLine(firmware / "board_vendor") == "Amazon EC2";
  return on_ec2 && IsInstanceType(name) ? name : "unknown";
}

}  // namespace catchment::app
