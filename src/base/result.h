#pragma once

#include <fmt/format.h>

#include <cassert>
#include <chrono>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

namespace catchment {

/// What the caller can do about a failure. docs/patterns.md has the table with exit codes.
enum class Code {
  kInvalid,      ///< correct the request
  kNotFound,     ///< create it or go without
  kExists,       ///< reload and decide again
  kLocked,       ///< wait; the message names the holder
  kDenied,       ///< ask for credentials
  kExhausted,    ///< defer until `retry_after`
  kUnavailable,  ///< try again: the only code that is retried
  kDeadline,     ///< stop, the time is used
  kCancelled,    ///< stop quietly
  kCorrupt,      ///< use none of it; verify
  kInternal,     ///< report our bug
};

/// The code's name as it stands in records and JSON, e.g. "unavailable".
std::string_view CodeName(Code code);

struct Error {
  Code code = Code::kInternal;
  std::string message;
  /// When trying again makes sense, counted from now; only with kExhausted and kUnavailable.
  std::optional<std::chrono::seconds> retry_after;
};

/// Success, or an Error. Nothing of ours throws.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return !error_.has_value(); }
  const Error& error() const {
    assert(error_);
    return *error_;
  }
  /// Put `context` and ": " in front of the message, if this is an error.
  Status WithContext(std::string_view context) && {
    if (error_) error_->message = fmt::format("{}: {}", context, error_->message);
    return std::move(*this);
  }
  std::string ToString() const { return ok() ? "ok" : error_->message; }

 private:
  std::optional<Error> error_;
};

/// A value, or an Error.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(Error error) : value_(std::move(error)) {}  // NOLINT(google-explicit-constructor)
  Result(Status status) : value_(status.error()) {}  // NOLINT(google-explicit-constructor)
  template <typename U>
    requires std::is_convertible_v<U&&, T> && (!std::is_same_v<std::remove_cvref_t<U>, Error>) &&
             (!std::is_same_v<std::remove_cvref_t<U>, Status>) &&
             (!std::is_same_v<std::remove_cvref_t<U>, Result<T>>)
  Result(U&& value) : value_(T(std::forward<U>(value))) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return std::holds_alternative<T>(value_); }
  const Error& error() const { return std::get<Error>(value_); }
  Status status() const { return ok() ? Status() : Status(error()); }
  T& value() & {
    assert(ok());
    return std::get<T>(value_);
  }
  const T& value() const& {
    assert(ok());
    return std::get<T>(value_);
  }
  T&& value() && {
    assert(ok());
    return std::get<T>(std::move(value_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  Result WithContext(std::string_view context) && {
    if (!ok()) {
      Error& error = std::get<Error>(value_);
      error.message = fmt::format("{}: {}", context, error.message);
    }
    return std::move(*this);
  }

 private:
  std::variant<T, Error> value_;
};

template <typename... Args>
Error MakeError(Code code, fmt::format_string<Args...> text, Args&&... args) {
  return Error{code, fmt::format(text, std::forward<Args>(args)...), std::nullopt};
}
#define CATCHMENT_ERROR_MAKER(Name)                                     \
  template <typename... Args>                                           \
  Error Name(fmt::format_string<Args...> text, Args&&... args) {        \
    return MakeError(Code::k##Name, text, std::forward<Args>(args)...); \
  }
CATCHMENT_ERROR_MAKER(Invalid)
CATCHMENT_ERROR_MAKER(NotFound)
CATCHMENT_ERROR_MAKER(Exists)
CATCHMENT_ERROR_MAKER(Locked)
CATCHMENT_ERROR_MAKER(Denied)
CATCHMENT_ERROR_MAKER(Exhausted)
CATCHMENT_ERROR_MAKER(Unavailable)
CATCHMENT_ERROR_MAKER(Deadline)
CATCHMENT_ERROR_MAKER(Cancelled)
CATCHMENT_ERROR_MAKER(Corrupt)
CATCHMENT_ERROR_MAKER(Internal)
#undef CATCHMENT_ERROR_MAKER

namespace internal {
inline std::string FormatContext() { return {}; }
template <typename... Args>
std::string FormatContext(fmt::format_string<Args...> text, Args&&... args) {
  return fmt::format(text, std::forward<Args>(args)...);
}
template <typename Failed>
Status AddContext(Failed&& failed, const std::string& context) {
  Status status = Status(failed.error());
  return context.empty() ? status : std::move(status).WithContext(context);
}
}  // namespace internal

}  // namespace catchment

#define CATCHMENT_CONCAT_(a, b) a##b
#define CATCHMENT_CONCAT(a, b) CATCHMENT_CONCAT_(a, b)

/// RETURN_IF_ERROR(expression) or RETURN_IF_ERROR(expression, "read {}", key)
#define RETURN_IF_ERROR(expression, ...)                                                           \
  do {                                                                                             \
    if (auto status_ = (expression); !status_.ok()) {                                              \
      return ::catchment::internal::AddContext(status_,                                            \
                                               ::catchment::internal::FormatContext(__VA_ARGS__)); \
    }                                                                                              \
  } while (false)

/// ASSIGN_OR_RETURN(auto value, expression) or with a context: (…, "read {}", key)
#define ASSIGN_OR_RETURN(declaration, expression, ...)                                      \
  CATCHMENT_ASSIGN_OR_RETURN_(CATCHMENT_CONCAT(result_, __LINE__), declaration, expression, \
                              ##__VA_ARGS__)
#define CATCHMENT_ASSIGN_OR_RETURN_(result, declaration, expression, ...)                        \
  auto result = (expression);                                                                    \
  if (!result.ok()) {                                                                            \
    return ::catchment::internal::AddContext(result,                                             \
                                             ::catchment::internal::FormatContext(__VA_ARGS__)); \
  }                                                                                              \
  declaration = std::move(result).value()
