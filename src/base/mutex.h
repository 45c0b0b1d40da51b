#pragma once

#include <mutex>

// Clang's thread-safety annotations; nothing elsewhere. std::mutex carries none, hence the
// wrappers.
#if defined(__clang__)
#define CATCHMENT_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define CATCHMENT_THREAD_ANNOTATION(x)
#endif
#define GUARDED_BY(x) CATCHMENT_THREAD_ANNOTATION(guarded_by(x))
#define REQUIRES(...) CATCHMENT_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) CATCHMENT_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))

namespace catchment {

/// std::mutex with annotations; usable with std::condition_variable_any.
class CATCHMENT_THREAD_ANNOTATION(capability("mutex")) Mutex {
 public:
  void lock() CATCHMENT_THREAD_ANNOTATION(acquire_capability()) { mutex_.lock(); }
  void unlock() CATCHMENT_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }
  bool try_lock() CATCHMENT_THREAD_ANNOTATION(try_acquire_capability(true)) {
    return mutex_.try_lock();
  }

 private:
  std::mutex mutex_;
};

/// Holds a Mutex for its scope.
class CATCHMENT_THREAD_ANNOTATION(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) CATCHMENT_THREAD_ANNOTATION(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() CATCHMENT_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace catchment
