#include "lake/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "base/ids.h"
#include "base/text.h"

namespace catchment::lake {
namespace {

constexpr size_t kLongestKey = 1000;
constexpr size_t kLongestPart = 250;

/// Whether `text` is well-formed UTF-8: no overlong form, no surrogate, nothing above U+10FFFF.
bool IsUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const unsigned char first = static_cast<unsigned char>(text[i]);
    const size_t length = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (length > 1 && (first < 0xC2 || first > 0xF4)) return false;
    if (i + length > text.size()) return false;
    uint32_t point = length == 1 ? first : first & (0x7F >> length);
    for (size_t k = 1; k < length; ++k) {
      const unsigned char next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xC0) != 0x80) return false;
      point = point << 6 | (next & 0x3F);
    }
    if ((length == 3 && point < 0x800) || (length == 4 && point < 0x10000)) return false;
    if ((point >= 0xD800 && point < 0xE000) || point > 0x10FFFF) return false;
    i += length;
  }
  return true;
}

}  // namespace

Status CheckKey(std::string_view key) {
  if (key.empty()) return Invalid("an object's name is empty");
  if (key.size() > kLongestKey) {
    return Invalid("object name '{}…' is longer than {} bytes", key.substr(0, 60), kLongestKey);
  }
  for (const char c : key) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '\\') {
      return Invalid("an object's name holds a control character or backslash (byte {})",
                     static_cast<int>(static_cast<unsigned char>(c)));
    }
  }
  if (!IsUtf8(key)) return Invalid("an object's name is not UTF-8");
  for (const std::string& part : Split(key, '/')) {
    if (part.empty()) {
      return Invalid("object name '{}' has an empty part; names are relative, without a final /",
                     key);
    }
    if (part == "." || part == "..")
      return Invalid("object name '{}' has the part '{}'", key, part);
    if (part.size() > kLongestPart) {
      return Invalid("object name '{}…' has a part longer than {} bytes", key.substr(0, 60),
                     kLongestPart);
    }
    if (part.starts_with(".tmp-")) {
      return Invalid("object name '{}': parts that start with .tmp- are kept for unfinished writes",
                     key);
    }
  }
  return {};
}

Result<bool> ReadStore::Exists(std::string_view key) const {
  const Result<uint64_t> size = Size(key);
  if (size.ok()) return true;
  if (size.error().code == Code::kNotFound) return false;
  return size.status();
}

Status WriteStore::PutFiles(
    std::span<const std::pair<std::string, std::filesystem::path>> keys_and_files) {
  for (const auto& [key, file] : keys_and_files) RETURN_IF_ERROR(PutFile(key, file));
  return {};
}

Result<StagingFile> StagingFile::Create(const std::filesystem::path& folder) {
  RETURN_IF_ERROR(MakeFolders(folder));
  const std::filesystem::path own = folder / (".tmp-" + NewRunId().text);
  if (mkdir(own.c_str(), 0777) != 0) return FileError(errno, "create folder", own);
  StagingFile file;
  file.path_ = own / "file";
  file.lock_ = Descriptor(open(own.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!file.lock_.open()) return FileError(errno, "open", own);
  // A file system without locks only loses the protection from `recover`.
  flock(file.lock_.number(), LOCK_SH | LOCK_NB);
  return file;
}

StagingFile::StagingFile(StagingFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), lock_(std::move(other.lock_)) {}

StagingFile& StagingFile::operator=(StagingFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(lock_, other.lock_);
  return *this;
}

StagingFile::~StagingFile() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_.parent_path(), ignored);
}

}  // namespace catchment::lake
