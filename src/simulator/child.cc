#include "simulator/child.h"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

extern char** environ;

namespace catchment::simulator {
namespace {

// Blocks signals in this thread and reads them from a descriptor instead.
class SignalReader {
 public:
  SignalReader(std::initializer_list<int> signals) {
    sigemptyset(&set_);
    for (const int signal : signals) sigaddset(&set_, signal);
    pthread_sigmask(SIG_BLOCK, &set_, &before_);
    descriptor_ = signalfd(-1, &set_, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  ~SignalReader() {
    if (descriptor_ >= 0) close(descriptor_);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  SignalReader(const SignalReader&) = delete;
  SignalReader& operator=(const SignalReader&) = delete;

  int descriptor() const { return descriptor_; }
  const sigset_t& before() const { return before_; }
  bool Next(signalfd_siginfo& info) {
    return read(descriptor_, &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info));
  }

 private:
  sigset_t set_, before_;
  int descriptor_ = -1;
};

std::vector<std::string> Environment(
    std::span<const std::pair<std::string, std::string>> variables) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('='));
    const auto replaced = [&](const auto& variable) { return variable.first == name; };
    if (std::none_of(variables.begin(), variables.end(), replaced)) result.emplace_back(text);
  }
  for (const auto& [name, value] : variables) result.push_back(name + "=" + value);
  return result;
}

std::vector<char*> Pointers(std::span<const std::string> texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

Result<pid_t> Spawn(std::span<const std::string> argv, const std::vector<std::string>& environment,
                    const sigset_t& mask) {
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigmask(&attributes, &mask);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t child = 0;
  const int problem = posix_spawnp(&child, argv[0].c_str(), nullptr, &attributes,
                                   Pointers(argv).data(), Pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  if (problem == 0) return child;
  if (problem == ENOENT) return NotFound("cannot start '{}': no such program", argv[0]);
  if (problem == EACCES) return Denied("cannot start '{}': not allowed", argv[0]);
  return Unavailable("cannot start '{}': {}", argv[0], strerror(problem));
}

}  // namespace

Result<int> RunWithEnvironment(std::span<const std::string> argv,
                               std::span<const std::pair<std::string, std::string>> variables) {
  if (argv.empty()) return Invalid("no command to start");
  SignalReader signals({SIGINT, SIGTERM, SIGHUP, SIGQUIT});
  if (signals.descriptor() < 0) return Internal("signalfd: {}", strerror(errno));
  ASSIGN_OR_RETURN(const pid_t child, Spawn(argv, Environment(variables), signals.before()));
  const int ended = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
  while (ended >= 0) {
    pollfd watched[] = {{ended, POLLIN, 0}, {signals.descriptor(), POLLIN, 0}};
    if (poll(watched, 2, -1) < 0 && errno != EINTR) break;
    signalfd_siginfo info;
    while (signals.Next(info)) {
      // What a terminal sends (SI_KERNEL) reached the child already: it is in the same group.
      if (info.ssi_code != SI_KERNEL) kill(child, static_cast<int>(info.ssi_signo));
    }
    if ((watched[0].revents & POLLIN) != 0) break;
  }
  if (ended >= 0) close(ended);
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return Internal("waitpid: {}", strerror(errno));
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Result<int> WaitForStopSignal() {
  SignalReader signals({SIGINT, SIGTERM});
  if (signals.descriptor() < 0) return Internal("signalfd: {}", strerror(errno));
  signalfd_siginfo info;
  while (!signals.Next(info)) {
    pollfd watched{signals.descriptor(), POLLIN, 0};
    if (poll(&watched, 1, -1) < 0 && errno != EINTR) {
      return Internal("poll: {}", strerror(errno));
    }
  }
  return static_cast<int>(info.ssi_signo);
}

}  // namespace catchment::simulator
