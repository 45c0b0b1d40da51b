#include "app/signals.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>

namespace catchment::app {
namespace {

sigset_t StopSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGUSR2);  // wakes the watcher at the end
  return set;
}

}  // namespace

SignalWatcher::SignalWatcher() {
  const sigset_t set = StopSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  watcher_ = std::jthread([this](const std::stop_token& end) {
    pthread_setname_np(pthread_self(), "signals");
    const sigset_t wanted = StopSignals();
    while (!end.stop_requested()) {
      int got = 0;
      if (sigwait(&wanted, &got) != 0 || got == SIGUSR2) continue;
      if (signal_.exchange(got) != 0) _exit(128 + got);
      stop_.request_stop();
    }
  });
}

SignalWatcher::~SignalWatcher() {
  watcher_.request_stop();
  pthread_kill(watcher_.native_handle(), SIGUSR2);
}

}  // namespace catchment::app
