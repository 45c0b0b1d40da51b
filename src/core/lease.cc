#include "core/lease.h"

#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>

#include "base/descriptor.h"
#include "base/text.h"

namespace catchment::core {
namespace {

/// The first line of a small file of /proc; empty if it cannot be read.
std::string ReadLine(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.open()) return "";
  std::array<char, 1024> buffer;
  const ssize_t length = read(file.number(), buffer.data(), buffer.size());
  if (length <= 0) return "";
  const std::string_view text(buffer.data(), static_cast<size_t>(length));
  return std::string(text.substr(0, text.find('\n')));
}

std::string HostName() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

std::string ProcessSpace() {
  std::array<char, 128> target{};
  const ssize_t length = readlink("/proc/self/ns/pid", target.data(), target.size() - 1);
  return length > 0 ? std::string(target.data(), static_cast<size_t>(length)) : "";
}

struct ProcessStat {
  char state = 0;       // 0: no such process
  int64_t started = 0;  // clock ticks since boot
};

/// Fields 3 and 22 of /proc/PID/stat; the name in field 2 may hold anything, so count from its ')'.
ProcessStat StatOf(int64_t pid) {
  const std::string line = ReadLine(fmt::format("/proc/{}/stat", pid));
  const size_t close = line.rfind(')');
  if (close == std::string::npos || close + 2 >= line.size()) return {};
  const std::vector<std::string> fields = Split(std::string_view(line).substr(close + 2), ' ');
  ProcessStat stat;
  if (fields.size() < 20 || fields[0].empty()) return {};
  stat.state = fields[0][0];
  std::from_chars(fields[19].data(), fields[19].data() + fields[19].size(), stat.started);
  return stat;
}

}  // namespace

LeaseHolder LocalMachine::Self(const std::string& run) const {
  const int64_t pid = getpid();
  return {.run = run,
          .host = HostName(),
          .boot = ReadLine("/proc/sys/kernel/random/boot_id"),
          .space = ProcessSpace(),
          .pid = pid,
          .started = StatOf(pid).started};
}

std::chrono::milliseconds LocalMachine::SinceBoot() const {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::milliseconds(now.tv_nsec / 1'000'000);
}

bool LocalMachine::Lives(const LeaseHolder& holder) const {
  const ProcessStat stat = StatOf(holder.pid);
  if (stat.state == 0) {
    // Without a readable /proc a signal tells at least whether the id is in use.
    return StatOf(getpid()).state == 0 && kill(static_cast<pid_t>(holder.pid), 0) == 0;
  }
  return stat.state != 'Z' && stat.state != 'X' && stat.started == holder.started;
}

Time LocalMachine::Now() const {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

LeaseStanding StandingOf(const StoredLease& stored, const Machine& machine) {
  const LeaseHolder self = machine.Self("");
  const LeaseHolder& holder = stored.lease.holder;
  const std::chrono::milliseconds now = machine.SinceBoot();
  if (holder.boot == self.boot) {
    if (holder.space == self.space && !machine.Lives(holder)) return LeaseStanding::kDead;
    return now - stored.renewed > stored.lease.ttl ? LeaseStanding::kDead : LeaseStanding::kLive;
  }
  if (holder.host == self.host) return LeaseStanding::kDead;  // the machine started anew since
  const bool seen_before = stored.seen_beat == stored.beat && stored.seen_boot == self.boot;
  if (!seen_before) return LeaseStanding::kObserve;
  return now - stored.seen > stored.lease.ttl ? LeaseStanding::kDead : LeaseStanding::kLive;
}

Error LeaseHeld(const StoredLease& stored) {
  const LeaseHolder& holder = stored.lease.holder;
  return Locked("{} is held by run {} (pid {} on {}, since {}); wait until it has ended",
                stored.lease.name, holder.run, holder.pid, holder.host,
                FormatTime(std::chrono::floor<std::chrono::seconds>(stored.since)));
}

}  // namespace catchment::core
