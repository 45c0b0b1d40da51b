#include "base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/descriptor.h"
#include "base/file.h"

namespace catchment {
namespace {

std::vector<std::string> MakeEnvironment(const ProcessSpec& spec) {
  std::vector<std::string> texts;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto same = [&](const auto& variable) { return text.starts_with(variable.first + "="); };
    if (std::none_of(spec.variables.begin(), spec.variables.end(), same)) texts.emplace_back(text);
  }
  for (const auto& [name, value] : spec.variables) texts.push_back(name + "=" + value);
  return texts;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// Set `input` to a file in memory that holds `text`, to be read from its beginning. A program that
/// reads none of it, or ends halfway, hurts nobody.
Status OpenInput(std::string_view text, Descriptor& input) {
  input = Descriptor(memfd_create("input", MFD_CLOEXEC));
  const auto failed = [] {
    return Unavailable("cannot hold a program's input: {}", std::strerror(errno));
  };
  if (!input.open()) return failed();
  RETURN_IF_ERROR(WriteAll(input.number(), text, "a program's input"));
  if (lseek(input.number(), 0, SEEK_SET) != 0) return failed();
  return {};
}

/// Why a program could not be started, and what to do about it.
Error NotStarted(const ProcessSpec& spec, int error_number) {
  namespace fs = std::filesystem;
  const std::string& name = spec.argv[0];
  std::error_code error;
  if (!spec.working_folder.empty() && !fs::is_directory(spec.working_folder, error))
    return FileError(ENOENT, "start " + name + " in", spec.working_folder);
  const bool is_path = name.find('/') != std::string::npos;
  const fs::path path = spec.working_folder / name;  // an absolute one stays as it is
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      if (!is_path) {
        const char* const search = std::getenv("PATH");
        return Invalid("there is no program '{}' in PATH ({}); install it, or name it by its path",
                       name, search == nullptr ? "not set" : search);
      }
      if (!fs::exists(path, error)) {
        return Invalid("there is no program {}; install it, or correct its path", path.string());
      }
      return Invalid("program {}: what its first line names to run it is not there", path.string());
    case EACCES:
    case ENOEXEC:
      return Invalid(
          "program '{}' is no file that may be run; make it executable (chmod +x), or name the one "
          "that is meant",
          name);
    default:
      return FileError(error_number, "start", name);
  }
}

/// A running child with the read ends of its output.
struct Child {
  pid_t pid = -1;
  Descriptor pid_file, output, errors;
};

Status Spawn(const ProcessSpec& spec, Child& child) {
  std::array<int, 2> out, err;
  if (pipe2(out.data(), O_CLOEXEC) != 0)
    return Unavailable("cannot make a pipe: {}", std::strerror(errno));
  const Descriptor out_write(out[1]);
  child.output = Descriptor(out[0]);
  if (pipe2(err.data(), O_CLOEXEC) != 0)
    return Unavailable("cannot make a pipe: {}", std::strerror(errno));
  const Descriptor err_write(err[1]);
  child.errors = Descriptor(err[0]);
  Descriptor input;
  if (spec.standard_input.empty()) {
    RETURN_IF_ERROR(OpenInput(spec.input, input));
  }

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (input.open()) {
    posix_spawn_file_actions_adddup2(&actions, input.number(), 0);
  } else {
    posix_spawn_file_actions_addopen(&actions, 0, spec.standard_input.c_str(), O_RDONLY, 0);
  }
  posix_spawn_file_actions_adddup2(&actions, out_write.number(), 1);
  posix_spawn_file_actions_adddup2(&actions, err_write.number(), 2);
  if (!spec.working_folder.empty()) {
    posix_spawn_file_actions_addchdir_np(&actions, spec.working_folder.c_str());
  }
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, defaults;
  sigemptyset(&none);
  sigfillset(&defaults);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::vector<std::string> arguments = spec.argv;
  std::vector<std::string> environment = MakeEnvironment(spec);
  const int failed = posix_spawnp(&child.pid, arguments[0].c_str(), &actions, &attributes,
                                  Pointers(arguments).data(), Pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failed != 0) return NotStarted(spec, failed);
  child.pid_file = Descriptor(static_cast<int>(syscall(SYS_pidfd_open, child.pid, 0)));
  return {};
}

/// Read what is there; returns false at the end of the stream.
bool Drain(int descriptor, std::string& text, uint64_t limit, bool keep_end) {
  std::array<char, 16384> buffer;
  const ssize_t got = read(descriptor, buffer.data(), buffer.size());
  if (got <= 0) return got < 0 && errno == EINTR;
  const auto length = static_cast<size_t>(got);
  if (keep_end) {
    text.append(buffer.data(), length);
    if (text.size() > limit) text.erase(0, text.size() - limit);
  } else if (text.size() < limit) {
    text.append(buffer.data(), std::min<size_t>(length, limit - text.size()));
  }
  return true;
}

/// The state as waitpid gives it.
int Reap(pid_t pid) {
  int state = 0;
  while (waitpid(pid, &state, 0) < 0 && errno == EINTR) {
  }
  return state;
}

void EndGroup(const Child& child) {
  kill(-child.pid, SIGTERM);
  pollfd wait{child.pid_file.number(), POLLIN, 0};
  poll(&wait, 1, 2000);
  kill(-child.pid, SIGKILL);
  Reap(child.pid);
}

}  // namespace

Result<ProcessResult> RunProcess(const ProcessSpec& spec, const OpContext& context) {
  if (spec.argv.empty() || spec.argv[0].empty()) return Invalid("no program to start");
  RETURN_IF_ERROR(context.Check());
  Child child;
  RETURN_IF_ERROR(Spawn(spec, child));

  // A stop request wakes the poll below.
  std::array<int, 2> wake;
  if (pipe2(wake.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    const int failure = errno;
    EndGroup(child);
    return Unavailable("cannot make a pipe: {}", std::strerror(failure));
  }
  const Descriptor wake_read(wake[0]), wake_write(wake[1]);
  const std::stop_callback on_stop(context.stop,
                                   [&] { (void)!write(wake_write.number(), "x", 1); });

  ProcessResult result;
  bool ended = false;
  while (!ended || child.output.open() || child.errors.open()) {
    if (const Status status = context.Check(); !status.ok()) {
      EndGroup(child);
      return status;
    }
    std::array<pollfd, 4> waits = {{{child.output.number(), POLLIN, 0},
                                    {child.errors.number(), POLLIN, 0},
                                    {ended ? -1 : child.pid_file.number(), POLLIN, 0},
                                    {wake_read.number(), POLLIN, 0}}};
    // After its end only what is already in the pipes counts: a grandchild may hold them open.
    const int64_t left = ended ? 0 : std::min<int64_t>(context.Left().count(), 1 << 30);
    const int ready = poll(waits.data(), waits.size(), static_cast<int>(left));
    if (ready == 0 && ended) break;
    if (waits[0].revents != 0 &&
        !Drain(child.output.number(), result.output, spec.output_limit, false))
      child.output.Close();
    if (waits[1].revents != 0 &&
        !Drain(child.errors.number(), result.errors, spec.output_limit, true))
      child.errors.Close();
    if (waits[2].revents != 0) ended = true;
  }
  const int state = Reap(child.pid);
  if (WIFSIGNALED(state)) result.signal = WTERMSIG(state);
  result.exit_code = result.signal != 0 ? 128 + result.signal : WEXITSTATUS(state);
  return result;
}

}  // namespace catchment
