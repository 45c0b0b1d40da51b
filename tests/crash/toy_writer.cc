// A program with a known list of boundaries, for kill_at's own test: a folder and two files from
// two threads and a child process.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <thread>

namespace {

bool WriteFile(const std::string& path) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  const bool good = file >= 0 && write(file, "text\n", 5) == 5 && fsync(file) == 0;
  if (file >= 0) close(file);
  return good;
}

}  // namespace

/// toy_writer FOLDER: 1 mkdir; 2 to 4 `a`; 5 `a` to `b`; 6 to 8 `c` from a thread; 9 to 11 `d` from
/// a child; exit 7.
int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string folder = argv[1];
  bool good = mkdir(folder.c_str(), 0755) == 0 && WriteFile(folder + "/a") &&
              rename((folder + "/a").c_str(), (folder + "/b").c_str()) == 0;
  std::thread thread([&] { good = WriteFile(folder + "/c") && good; });
  thread.join();
  const pid_t child = fork();
  if (child == 0) _exit(WriteFile(folder + "/d") ? 0 : 1);
  int status = 0;
  waitpid(child, &status, 0);
  printf("not a file, so no boundary\n");
  return good && status == 0 ? 7 : 1;
}
