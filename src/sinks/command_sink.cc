#include "sinks/command_sink.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "columnar/json_file.h"

namespace catchment::sinks {
namespace {

constexpr int kTryLater = 75;
constexpr size_t kKeptErrors = 8 << 10;

/// A descriptor, closed at the end.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  ~Descriptor() { Close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  void Close() {
    if (number_ >= 0) close(number_);
    number_ = -1;
  }
  void Set(int number) {
    Close();
    number_ = number;
  }
  int number() const { return number_; }

 private:
  int number_;
};

std::vector<std::string> Environment(const SinkBatch& batch) {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (std::strncmp(*variable, "CATCHMENT_PUBLISH", 17) != 0) variables.emplace_back(*variable);
  }
  const auto set = [&](std::string_view name, std::string_view value) {
    const std::string prefix = fmt::format("{}=", name);
    std::erase_if(variables,
                  [&](const std::string& variable) { return variable.starts_with(prefix); });
    variables.push_back(fmt::format("{}={}", name, value));
  };
  set("CATCHMENT_DATASET", batch.dataset);
  set("CATCHMENT_TABLE", batch.table);
  set("CATCHMENT_PUBLISH", std::to_string(batch.publish));
  set("CATCHMENT_SLOT", batch.slot);
  set("CATCHMENT_PUBLISHED_AT", FormatTime(batch.published_at));
  return variables;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// A running program, in a process group of its own. Killed by the destructor if it still runs.
class Child {
 public:
  ~Child() {
    if (process_ > 0) {
      kill(-process_, SIGKILL);
      waitpid(process_, nullptr, 0);
    }
  }

  Status Start(std::vector<std::string> command, std::vector<std::string> variables) {
    // Sockets rather than pipes: a send to a program that reads no further can then be told not to
    // raise SIGPIPE.
    int input[2], errors[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, input) != 0)
      return Unavailable("no socket: {}", strerror(errno));
    input_.Set(input[1]);
    const Descriptor child_input(input[0]);
    if (pipe2(errors, O_CLOEXEC) != 0) return Unavailable("no pipe: {}", strerror(errno));
    errors_.Set(errors[0]);
    const Descriptor child_errors(errors[1]);
    fcntl(input_.number(), F_SETFL, O_NONBLOCK);
    fcntl(errors_.number(), F_SETFL, O_NONBLOCK);

    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, child_input.number(), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, child_errors.number(), STDERR_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    std::vector<char*> arguments = Pointers(command), environment = Pointers(variables);
    const int error = posix_spawnp(&process_, arguments[0], &actions, &attributes, arguments.data(),
                                   environment.data());
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (error == 0) return {};
    process_ = 0;
    if (error == ENOENT) return NotFound("there is no program '{}'", command[0]);
    return Invalid("cannot start '{}': {}", command[0], strerror(error));
  }

  /// Feed `text` and wait for the end; the exit status as waitpid gives it.
  Result<int> Finish(std::string_view text, const OpContext& context) {
    while (true) {
      RETURN_IF_ERROR(context.Check());
      Drain();
      if (text.empty()) input_.Close();
      int status = 0;
      if (waitpid(process_, &status, WNOHANG) == process_) {
        kill(-process_, SIGKILL);  // what it left behind
        process_ = 0;
        Drain();
        return status;
      }
      pollfd wanted[2] = {{errors_.number(), POLLIN, 0}, {input_.number(), POLLOUT, 0}};
      poll(wanted, text.empty() ? 1 : 2, 20);
      if (text.empty() || (wanted[1].revents & (POLLOUT | POLLERR | POLLHUP)) == 0) continue;
      const ssize_t sent = send(input_.number(), text.data(), text.size(), MSG_NOSIGNAL);
      if (sent > 0) text.remove_prefix(static_cast<size_t>(sent));
      if (sent < 0 && errno != EAGAIN && errno != EINTR)
        text = {};  // it reads no further; its exit status tells
    }
  }

  /// The last line that is not empty.
  std::string LastError() const {
    const std::string_view text = Trim(kept_errors_);
    const size_t line = text.rfind('\n');
    return std::string(text.substr(line == std::string_view::npos ? 0 : line + 1).substr(0, 500));
  }

 private:
  void Drain() {
    char buffer[4096];
    for (ssize_t size = 0; (size = read(errors_.number(), buffer, sizeof buffer)) > 0;) {
      kept_errors_.append(buffer, static_cast<size_t>(size));
      if (kept_errors_.size() > 2 * kKeptErrors)
        kept_errors_.erase(0, kept_errors_.size() - kKeptErrors);
    }
  }

  pid_t process_ = 0;
  Descriptor input_, errors_;
  std::string kept_errors_;
};

}  // namespace

Status CommandSink::Deliver(const SinkBatch& batch, const OpContext& context) {
  const std::string name = fmt::format("sink command '{}'", options_.command[0]);
  ASSIGN_OR_RETURN(
      const std::string rows,
      columnar::FormatJson(batch.rows, {.shape = columnar::JsonShape::kLines, .skip_nulls = false}),
      "{}", name);
  Child child;
  RETURN_IF_ERROR(child.Start(options_.command, Environment(batch)), "{}", name);
  const Result<int> status = child.Finish(rows, context.Within(options_.timeout));
  if (!status.ok()) {
    if (status.error().code == Code::kDeadline && context.Check().ok()) {
      return Unavailable("{}: killed after {}", name, FormatDuration(options_.timeout));
    }
    return Status(status.error()).WithContext(name);
  }
  if (WIFEXITED(*status) && WEXITSTATUS(*status) == 0) return {};
  const std::string said = child.LastError();
  const std::string tail = said.empty() ? "" : ": " + said;
  if (WIFSIGNALED(*status))
    return Unavailable("{}: ended by signal {}{}", name, WTERMSIG(*status), tail);
  if (WEXITSTATUS(*status) == kTryLater) return Unavailable("{}: exit 75, try later{}", name, tail);
  return Invalid("{}: exit {}{}", name, WEXITSTATUS(*status), tail);
}

SinkEntry CommandSinkEntry() {
  SinkEntry entry;
  entry.kind = "command";
  entry.help = "Run a program with the rows as NDJSON on its standard input";
  entry.keys = {{"command", "list", true, "program and arguments; no shell"},
                {"timeout", "duration", false, "the program is killed after it; 5m"}};
  entry.runs_programs = true;
  entry.make = [](const nlohmann::json& keys,
                  const SinkServices&) -> Result<std::unique_ptr<Sink>> {
    CommandSinkOptions options;
    const auto command = keys.find("command");
    if (command != keys.end() && command->is_string()) {
      options.command.push_back(command->get<std::string>());
    } else if (command != keys.end() && command->is_array()) {
      for (const nlohmann::json& part : *command) {
        if (!part.is_string()) return Invalid("sink command: command: expected a list of texts");
        options.command.push_back(part);
      }
    }
    if (options.command.empty() || options.command[0].empty()) {
      return Invalid("sink command: command: expected a program and its arguments");
    }
    if (const auto timeout = keys.find("timeout"); timeout != keys.end()) {
      if (!timeout->is_string())
        return Invalid("sink command: timeout: expected a duration such as 5m");
      ASSIGN_OR_RETURN(options.timeout, ParseDuration(timeout->get_ref<const std::string&>()),
                       "sink command: timeout");
    }
    return std::unique_ptr<Sink>(std::make_unique<CommandSink>(std::move(options)));
  };
  return entry;
}

}  // namespace catchment::sinks
