"""What the tools that show that promises hold have in common: items, what a command said, one line an item
`name | figure | limit | ok` or `short`."""
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "release"
LOGS = ROOT / "build" / pathlib.Path(sys.argv[0]).name
SCALE = float(os.environ.get("SCALE", "1"))
ITEMS = []


class Outcome:
    def __init__(self, figure, limit, ok):
        self.figure, self.limit, self.ok = figure, limit, ok


def item(function):
    """Register an item. A function returns one Outcome, or a list of (name, Outcome)."""
    ITEMS.append(function)
    return function


class Said:
    """What a command said, its exit code and how long it took."""

    def __init__(self, name, command, environment=None, folder=ROOT, limit=7200):
        started = time.monotonic()
        LOGS.mkdir(parents=True, exist_ok=True)
        try:
            done = subprocess.run([str(word) for word in command], cwd=folder, env={**os.environ, **(environment or {})},
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                                  timeout=limit, check=False)
            self.code, self.text = done.returncode, done.stdout
        except (OSError, subprocess.TimeoutExpired) as error:
            self.code, self.text = 1, str(error)
        self.seconds = time.monotonic() - started
        with (LOGS / f"{name}.log").open("a") as log:
            log.write(f"$ {' '.join(map(str, command))}\n{self.text}\n(exit {self.code}, {self.seconds:.1f} s)\n\n")

    def find(self, pattern, default=""):
        match = re.search(pattern, self.text)
        return match.group(1) if match else default

    def last(self):
        lines = [line for line in self.text.splitlines() if line.strip()]
        return lines[-1].strip() if lines else ""


def passed(name, command, limit="all pass", **options):
    """An item that is one command, whose last line says the figure."""
    said = Said(name, command, **options)
    return Outcome(f"{said.last()[:160]} [{said.seconds / 60:.1f} min]", limit, said.code == 0)


def bench_outcomes(name, pattern=""):
    """Run the benchmarks whose names hold `pattern`. Their lines are `bench NAME FIGURE UNIT limit LIMIT ratio RATIO`; a ratio
    is the share of the limit used, at most 1."""
    said = Said(name, ["tools/bench", BUILD, pattern])
    outcomes = []
    for match in re.finditer(r"^bench (\S+) (\S+) (\S+) limit (\S+) ratio ([\d.]+)", said.text, re.MULTILINE):
        figure, value, unit, limit, ratio = match.groups()
        outcomes.append((f"bench {figure}", Outcome(f"{value} {unit}", limit, float(ratio) <= 1)))
    if said.code != 0 or not outcomes:
        outcomes.append(("bench", Outcome(said.last(), "every program runs", False)))
    return outcomes


def show(tool, usage):
    """The main program of a tool: run its items, or the named ones. Returns its exit code."""
    names = sys.argv[1:]
    if names[:1] in (["-h"], ["--help"]):
        print(usage.strip())
        return 0
    if "--list" in names:
        print("\n".join(function.__name__ for function in ITEMS))
        return 0
    unknown = set(names) - {function.__name__ for function in ITEMS}
    if unknown:
        print(f"{tool}: no item {', '.join(sorted(unknown))}; --list names them", file=sys.stderr)
        return 2
    short = shown = 0
    for function in ITEMS:
        if names and function.__name__ not in names:
            continue
        (LOGS / f"{function.__name__}.log").unlink(missing_ok=True)
        result = function()
        for name, outcome in result if isinstance(result, list) else [(function.__name__, result)]:
            shown += 1
            short += not outcome.ok
            print(f"{name} | {outcome.figure} | {outcome.limit} | {'ok' if outcome.ok else 'short'}", flush=True)
    print(f"{tool}: {shown - short} ok, {short} short")
    return 1 if short else 0
