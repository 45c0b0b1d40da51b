// Run a command and kill it, with all its children, just before its N-th mutating system call.
//
//   kill_at N [--log FILE] COMMAND [ARGUMENT…]
//
// N = 0 kills nothing and counts. The last line on standard error is always one of
//   kill_at: COUNT boundaries, exit CODE
//   kill_at: killed at boundary N: NAME PATH
// Exit: the command's own code; 128 + signal if a signal ended it; 137 if it was killed here; 125
// if kill_at itself failed. With --log each boundary is written to FILE as `number name path`.
//
// A boundary is a system call that can change what is on a disk: write and its kin (to regular
// files only), fsync, rename, link, unlink, mkdir, rmdir, truncate, fallocate, open with O_CREAT or
// O_TRUNC. A seccomp filter makes the kernel stop the caller at those alone, so that all others run
// at full speed. The calls of all processes and threads under the command are counted together, in
// the order in which they came.
//
// The kernel state is that of a process killed by SIGKILL between two calls: everything before the
// boundary has happened, the boundary has not. What a power failure loses beyond that (writes
// without fsync) is not tried here.

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <set>
#include <string>
#include <vector>

namespace {

constexpr int kOwnFailure = 125;

/// What of a call's arguments names the file: a descriptor, or a path in the process's memory.
enum class Subject { kDescriptor, kPathFirst, kPathSecond };
struct Boundary {
  int number;
  const char* name;
  Subject subject;
};
constexpr Boundary kBoundaries[] = {
    {SYS_write, "write", Subject::kDescriptor},
    {SYS_pwrite64, "pwrite64", Subject::kDescriptor},
    {SYS_writev, "writev", Subject::kDescriptor},
    {SYS_pwritev, "pwritev", Subject::kDescriptor},
    {SYS_pwritev2, "pwritev2", Subject::kDescriptor},
    {SYS_sendfile, "sendfile", Subject::kDescriptor},
    {SYS_fsync, "fsync", Subject::kDescriptor},
    {SYS_fdatasync, "fdatasync", Subject::kDescriptor},
    {SYS_ftruncate, "ftruncate", Subject::kDescriptor},
    {SYS_fallocate, "fallocate", Subject::kDescriptor},
    {SYS_truncate, "truncate", Subject::kPathFirst},
    {SYS_rename, "rename", Subject::kPathFirst},
    {SYS_renameat, "renameat", Subject::kPathSecond},
    {SYS_renameat2, "renameat2", Subject::kPathSecond},
    {SYS_link, "link", Subject::kPathFirst},
    {SYS_linkat, "linkat", Subject::kPathSecond},
    {SYS_symlink, "symlink", Subject::kPathFirst},
    {SYS_symlinkat, "symlinkat", Subject::kPathFirst},
    {SYS_unlink, "unlink", Subject::kPathFirst},
    {SYS_unlinkat, "unlinkat", Subject::kPathSecond},
    {SYS_mkdir, "mkdir", Subject::kPathFirst},
    {SYS_mkdirat, "mkdirat", Subject::kPathSecond},
    {SYS_rmdir, "rmdir", Subject::kPathFirst},
    {SYS_creat, "creat", Subject::kPathFirst},
    {SYS_open, "open", Subject::kPathFirst},
    {SYS_openat, "openat", Subject::kPathSecond},
};

[[noreturn]] void Fail(const char* what) {
  fprintf(stderr, "kill_at: %s: %s\n", what, strerror(errno));
  _exit(kOwnFailure);
}

/// Stop at the boundaries, let everything else pass. An open stops only when it may create or
/// truncate.
std::vector<sock_filter> Filter() {
  constexpr uint32_t kNumberAt = offsetof(seccomp_data, nr);
  constexpr uint32_t kArgumentsAt = offsetof(seccomp_data, args);
  std::vector<sock_filter> program;
  program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kNumberAt));
  for (const Boundary& boundary : kBoundaries) {
    const auto number = static_cast<uint32_t>(boundary.number);
    if (boundary.number == SYS_open || boundary.number == SYS_openat) {
      const uint32_t flags_at = kArgumentsAt + 8 * (boundary.number == SYS_open ? 1 : 2);
      program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 4));
      program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, flags_at));
      program.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_CREAT | O_TRUNC, 0, 1));
      program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE));
      program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    } else {
      program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
      program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE));
    }
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  return program;
}

[[noreturn]] void RunCommand(char** command) {
  setpgid(0, 0);
  if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) Fail("PTRACE_TRACEME");
  raise(SIGSTOP);  // the tracer sets its options before the filter is armed
  std::vector<sock_filter> program = Filter();
  const sock_fprog filter = {static_cast<unsigned short>(program.size()), program.data()};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) Fail("PR_SET_NO_NEW_PRIVS");
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) Fail("PR_SET_SECCOMP");
  execvp(command[0], command);
  Fail(command[0]);
}

std::string PathInMemory(pid_t thread, uint64_t address) {
  char text[1024];
  const std::string file = "/proc/" + std::to_string(thread) + "/mem";
  const int memory = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  const ssize_t size =
      memory < 0 ? -1 : pread(memory, text, sizeof(text), static_cast<off_t>(address));
  if (memory >= 0) close(memory);
  return size <= 0 ? "?" : std::string(text, strnlen(text, static_cast<size_t>(size)));
}

struct Call {
  const Boundary* boundary = nullptr;
  std::string path;
  bool counts = false;
};

/// The call at which `thread` stopped. Writes to pipes, sockets, terminals and devices do not
/// count.
Call StoppedCall(pid_t thread) {
  user_regs_struct registers = {};
  iovec where = {&registers, sizeof(registers)};
  if (ptrace(PTRACE_GETREGSET, thread, 1 /* NT_PRSTATUS */, &where) != 0) return {};
  const uint64_t arguments[] = {registers.rdi, registers.rsi};
  for (const Boundary& boundary : kBoundaries) {
    if (boundary.number != static_cast<int>(registers.orig_rax)) continue;
    if (boundary.subject != Subject::kDescriptor) {
      const size_t index = boundary.subject == Subject::kPathSecond ? 1 : 0;
      return {&boundary, PathInMemory(thread, arguments[index]), true};
    }
    const std::string link =
        "/proc/" + std::to_string(thread) + "/fd/" + std::to_string(arguments[0]);
    struct stat status = {};
    const bool file =
        stat(link.c_str(), &status) == 0 && (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode));
    char target[1024];
    const ssize_t size = readlink(link.c_str(), target, sizeof(target));
    return {&boundary, size > 0 ? std::string(target, static_cast<size_t>(size)) : "?", file};
  }
  return {};
}

class Tracer {
 public:
  Tracer(pid_t child, long kill_at, FILE* log) : child_(child), kill_at_(kill_at), log_(log) {
    tasks_.insert(child);
  }

  /// Follow the command to its end; return the exit code for kill_at itself.
  int Run() {
    int status = 0;
    if (waitpid(child_, &status, 0) != child_ || !WIFSTOPPED(status))
      Fail("the child did not start");
    const long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
                         PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
    if (ptrace(PTRACE_SETOPTIONS, child_, nullptr, options) != 0) Fail("PTRACE_SETOPTIONS");
    ptrace(PTRACE_CONT, child_, nullptr, nullptr);
    int result = kOwnFailure;
    while (true) {
      const pid_t task = waitpid(-1, &status, __WALL);
      if (task < 0 && errno == EINTR) continue;
      if (task < 0) break;  // no child is left
      if (WIFEXITED(status) || WIFSIGNALED(status)) {
        tasks_.erase(task);
        if (task == child_) result = ExitCode(status);
        continue;
      }
      if (!killed_) Stopped(task, status);
    }
    return killed_ ? 128 + SIGKILL : result;
  }

  long count() const { return count_; }
  bool killed() const { return killed_; }
  const std::string& killed_at() const { return killed_at_; }

 private:
  static int ExitCode(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  void Stopped(pid_t task, int status) {
    const bool is_new = tasks_.insert(task).second;
    const int event = status >> 16;
    int signal = WSTOPSIG(status);
    if (event == PTRACE_EVENT_SECCOMP) {
      if (Count(task)) return;
      signal = 0;
    } else if (event != 0 || (is_new && signal == SIGSTOP)) {
      signal = 0;  // a clone, fork or exec, or the stop with which a new task starts
    }
    ptrace(PTRACE_CONT, task, nullptr, static_cast<long>(signal));
  }

  /// Count the boundary at which `task` stands; true if everything was killed here.
  bool Count(pid_t task) {
    const Call call = StoppedCall(task);
    if (!call.counts) return false;
    ++count_;
    if (log_ != nullptr) {
      fprintf(log_, "%ld %s %s\n", count_, call.boundary->name, call.path.c_str());
    }
    if (count_ != kill_at_) return false;
    killed_ = true;
    killed_at_ = std::string(call.boundary->name) + " " + call.path;
    for (const pid_t victim : tasks_) kill(victim, SIGKILL);
    kill(-child_, SIGKILL);
    return true;
  }

  const pid_t child_;
  const long kill_at_;
  FILE* const log_;
  std::set<pid_t> tasks_;
  long count_ = 0;
  bool killed_ = false;
  std::string killed_at_;
};

}  // namespace

int main(int argc, char** argv) {
  int next = 1;
  char* end = nullptr;
  const long kill_at = argc > next ? strtol(argv[next], &end, 10) : -1;
  if (kill_at < 0 || end == nullptr || *end != '\0') {
    fprintf(stderr, "usage: kill_at N [--log FILE] COMMAND [ARGUMENT...]   N = 0: count only\n");
    return kOwnFailure;
  }
  ++next;
  FILE* log = nullptr;
  if (argc > next + 1 && strcmp(argv[next], "--log") == 0) {
    log = fopen(argv[next + 1], "we");
    if (log == nullptr) Fail(argv[next + 1]);
    next += 2;
  }
  if (argc <= next) {
    fprintf(stderr, "kill_at: no command\n");
    return kOwnFailure;
  }
  const pid_t child = fork();
  if (child < 0) Fail("fork");
  if (child == 0) RunCommand(argv + next);
  Tracer tracer(child, kill_at, log);
  const int result = tracer.Run();
  if (log != nullptr) fclose(log);
  if (tracer.killed()) {
    fprintf(stderr, "kill_at: killed at boundary %ld: %s\n", kill_at, tracer.killed_at().c_str());
  } else {
    fprintf(stderr, "kill_at: %ld boundaries, exit %d\n", tracer.count(), result);
  }
  return result;
}
