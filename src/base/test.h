#pragma once

// Shorthands for tests. Only tests include this.

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

#include "base/result.h"

namespace catchment {

/// A new folder under the system's temporary one, removed with everything in it at the end.
struct TemporaryFolder {
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "catchment-XXXXXX").string();
    path = mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::filesystem::path path;
};

}  // namespace catchment

#define ASSERT_OK(expression)                             \
  do {                                                    \
    const auto& status_ = (expression);                   \
    ASSERT_TRUE(status_.ok()) << status_.error().message; \
  } while (false)
#define EXPECT_OK(expression)                             \
  do {                                                    \
    const auto& status_ = (expression);                   \
    EXPECT_TRUE(status_.ok()) << status_.error().message; \
  } while (false)
#define ASSERT_OK_AND_ASSIGN(declaration, expression) \
  CATCHMENT_ASSERT_OK_AND_ASSIGN_(CATCHMENT_CONCAT(result_, __LINE__), declaration, expression)
#define CATCHMENT_ASSERT_OK_AND_ASSIGN_(result, declaration, expression) \
  auto result = (expression);                                            \
  ASSERT_TRUE(result.ok()) << result.error().message;                    \
  declaration = std::move(result).value()
/// The expression failed with `code_` and its message has `part` in it.
#define EXPECT_ERROR(expression, code_, part)                                                    \
  do {                                                                                           \
    const auto& failed_ = (expression);                                                          \
    ASSERT_FALSE(failed_.ok());                                                                  \
    EXPECT_EQ(failed_.error().code, code_) << failed_.error().message;                           \
    EXPECT_NE(failed_.error().message.find(part), std::string::npos) << failed_.error().message; \
  } while (false)
