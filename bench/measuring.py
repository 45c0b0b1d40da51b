"""What the benchmarks of whole processes share: run a child and account for it, take medians, print figures."""
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))


class Ran:
    """A finished child: wall seconds, CPU seconds and peak resident MiB by the kernel's account, exit code, output."""

    def __init__(self, command, folder, environment=None, limit=600):
        log = pathlib.Path(folder) / "bench-output.txt"
        with log.open("w+") as out:
            started = time.perf_counter()
            child = subprocess.Popen([str(word) for word in command], cwd=folder, stdout=out, stderr=subprocess.STDOUT,
                                     stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})})
            _, status, usage = os.wait4(child.pid, 0)
            self.seconds = time.perf_counter() - started
            child.returncode = os.waitstatus_to_exitcode(status)
        self.code = child.returncode
        self.cpu = usage.ru_utime + usage.ru_stime
        self.mib = usage.ru_maxrss / 1024
        self.text = log.read_text(errors="replace")

    def check(self, codes=(0,)):
        if self.code not in codes:
            sys.exit(f"a command ended with exit code {self.code}:\n{self.text[-2000:]}")
        return self


class Series:
    """The rounds of one contestant."""

    def __init__(self):
        self.rounds = []

    def add(self, ran):
        self.rounds.append(ran)

    def median(self, what="seconds"):
        return statistics.median(getattr(ran, what) for ran in self.rounds)

    def peak(self):
        return max(ran.mib for ran in self.rounds)

    def describe(self, name):
        print(f"  {name:<12} wall {self.median():.3f} s  cpu {self.median('cpu'):.3f} s  peak {self.peak():.1f} MiB")


def figure(name, value, unit, limit, share):
    """Print a figure. `share` is how much of the limit is used: at most 1 holds."""
    print(f"bench {name} {value:.4g} {unit} limit {limit} ratio {share:.3f} {'ok' if share <= 1 else 'short'}", flush=True)


def at_most(name, value, unit, most):
    figure(name, value, unit, f"<={most:g}", value / most)


def program(build, name="catchment"):
    path = pathlib.Path(build).resolve() / "src" / "cli" / name
    if not path.exists():
        sys.exit(f"{path} is missing; build first")
    return path


def peers(*packages):
    """The Python that has the peers, made on first use under build/bench-venv; None, with a line why, without them."""
    python = ROOT / "build" / "bench-venv" / "bin" / "python"
    test = "import " + ", ".join(packages)
    if python.exists() and subprocess.run([python, "-c", test], capture_output=True, check=False).returncode == 0:
        return python
    made = subprocess.run([sys.executable, "-m", "venv", python.parent.parent], capture_output=True, check=False)
    if made.returncode == 0:
        made = subprocess.run([python, "-m", "pip", "install", "-q", *packages], capture_output=True, check=False)
    if made.returncode == 0:
        return python
    print(f"  peers are absent ({', '.join(packages)} could not be installed); compared with the limit alone")
    return None


def fresh_copy(source, target):
    """`target` becomes a copy of the folder `source`; what was written is on disk before anything is timed."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    os.sync()
