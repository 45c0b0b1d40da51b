// net_pages_bench [ROUNDS] [PAGES] [CONNECTIONS]
//
// Fetch 2,000 pages of 100 kB at 50 connections from net_pages_server (30 ms an answer), by turns
// with ours and with the peers that are installed: `curl --parallel`, and Go's net/http if the
// program net_pages_go stands beside this one. Every client is a process of its own; wall time and
// peak memory are the kernel's account of it. Ideal = PAGES / CONNECTIONS × 30 ms. Prints the
// median of the rounds.

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "../figures.h"
#include "net/curl_transport.h"
#include "net/parallel.h"

namespace {

using namespace catchment;
using namespace catchment::net;

/// The client under test: every body is received whole and counted.
int FetchPages(const std::string& base, int pages, int connections) {
  auto transport = CurlTransport::Open();
  if (!transport.ok()) return 1;
  SystemClock clock;
  OpContext context;
  context.clock = &clock;
  int next = 0;
  uint64_t bytes = 0;
  ParallelWork work;
  work.next = [&]() -> std::optional<Request> {
    if (next == pages) return std::nullopt;
    return Request{.url = base + "/page/" + std::to_string(next++)};
  };
  work.accept = [&](size_t, const Request& request, Result<Response> answer) {
    if (!answer.ok()) return answer.status();
    bytes += answer->body.size();
    return StatusFromResponse(request, *answer);
  };
  const Status status = SendParallel(**transport, {.in_flight = connections}, context, work);
  if (!status.ok()) fprintf(stderr, "%s\n", status.error().message.c_str());
  return status.ok() && bytes == uint64_t{100'000} * pages ? 0 : 1;
}

struct Outcome {
  double seconds = 0;
  double cpu_seconds = 0;
  double peak_mib = 0;
};

std::optional<Outcome> RunClient(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& part : command) arguments.push_back(const_cast<char*>(part.c_str()));
  arguments.push_back(nullptr);
  const auto begin = std::chrono::steady_clock::now();
  const pid_t child = fork();
  if (child == 0) {
    const int null = open("/dev/null", O_WRONLY);
    dup2(null, STDOUT_FILENO);
    if (command[0] == "curl") dup2(null, STDERR_FILENO);  // its progress, which -s leaves on
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  int state = 0;
  rusage usage = {};
  if (wait4(child, &state, 0, &usage) != child || state != 0) return std::nullopt;
  const auto seconds = [](timeval time) { return time.tv_sec + time.tv_usec / 1e6; };
  return Outcome{std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(),
                 seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss / 1024.0};
}

/// net_pages_server as a child; ends with its standard input.
struct ServerProcess {
  explicit ServerProcess(const std::filesystem::path& program) {
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) exit(1);
    child = fork();
    if (child == 0) {
      dup2(in[0], STDIN_FILENO);
      dup2(out[1], STDOUT_FILENO);
      execl(program.c_str(), program.c_str(), nullptr);
      _exit(127);
    }
    close(in[0]);
    close(out[1]);
    input = in[1];
    FILE* reader = fdopen(out[0], "r");
    if (fscanf(reader, "%d", &port) != 1) exit(1);
    fclose(reader);
  }
  ~ServerProcess() {
    close(input);
    waitpid(child, nullptr, 0);
  }
  pid_t child = 0;
  int input = -1, port = 0;
};

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 5 && std::string(argv[1]) == "--client") {
    return FetchPages(argv[2], atoi(argv[3]), atoi(argv[4]));
  }
  const int rounds = argc > 1 ? std::max(1, atoi(argv[1])) : 5;
  const int pages = argc > 2 ? std::max(1, atoi(argv[2])) : 2000;
  const int connections = argc > 3 ? std::max(1, atoi(argv[3])) : 50;
  const auto self = std::filesystem::canonical("/proc/self/exe");
  const ServerProcess server(self.parent_path() / "net_pages_server");
  const std::string base = "http://127.0.0.1:" + std::to_string(server.port);
  const std::string count = std::to_string(pages), width = std::to_string(connections);

  std::vector<std::pair<std::string, std::vector<std::string>>> clients = {
      {"catchment", {self.string(), "--client", base, count, width}},
      {"curl",
       {"curl", "-sS", "--fail", "--parallel", "--parallel-max", width, "-o", "/dev/null",
        base + "/page/[1-" + count + "]"}}};
  const auto go = self.parent_path() / "net_pages_go";
  if (std::filesystem::exists(go)) clients.push_back({"go", {go.string(), base, count, width}});

  std::map<std::string, std::vector<Outcome>> outcomes;
  for (int round = 0; round <= rounds; ++round) {  // the first one warms up
    for (const auto& [name, command] : clients) {
      const std::optional<Outcome> outcome = RunClient(command);
      if (!outcome) {
        printf("%s: failed or not installed\n", name.c_str());
      } else if (round > 0) {
        outcomes[name].push_back(*outcome);
      }
    }
  }
  double ours = 1e9;  // that of no round
  const double ideal = static_cast<double>(pages) / connections * 0.030;
  printf("%d pages of 100 kB, %d connections, ideal %.3f s, median of %d rounds\n", pages,
         connections, ideal, rounds);
  for (const auto& [name, rows] : outcomes) {
    std::vector<double> wall, cpu, peak;
    for (const Outcome& row : rows) {
      wall.push_back(row.seconds);
      cpu.push_back(row.cpu_seconds);
      peak.push_back(row.peak_mib);
    }
    printf("%-10s wall %.3f s  ratio %.3f  cpu %.3f s  peak %.1f MiB\n", name.c_str(), Median(wall),
           Median(wall) / ideal, Median(cpu), Median(peak));
    if (name == "catchment") ours = Median(wall) / ideal;
  }
  bench::AtMost("pages_vs_ideal", ours, "times", 1.1);
}
