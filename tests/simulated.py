"""What tests of the real program in a simulated world share: the world beside them, what it saw, and a folder with a lake."""
import json
import os
import pathlib
import signal
import subprocess

PROJECT = pathlib.Path(__file__).resolve().parents[1]
COMMAND_LIMIT = 120


class Failure(Exception):
    """A promise was broken; the text says how."""


def catchment_of(build):
    program = pathlib.Path(build).resolve() / "src" / "cli" / "catchment"
    if not program.exists():
        raise Failure(f"{program} is missing; build first")
    return program


def without_settings():
    """This process' environment without variables of an installation."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CATCHMENT_")}


def with_entries(pipeline, section, entries):
    """The text of a pipeline file with more entries in one of its lists."""
    start = f"\n{section}:\n"
    if start not in pipeline:
        return f"{pipeline}{section}:\n{entries}"
    return pipeline.replace(start, start + entries, 1)


class World:
    """`catchment simulate` for the time of a `with`; `environment` is what its users need."""

    def __init__(self, catchment, world, work, changes=(), trace=None):
        self.command = [catchment, "simulate", "--world", PROJECT / "worlds" / f"{world}.yaml", "--json",
                        *(word for change in changes for word in ("--set", change)),
                        *(["--trace", trace] if trace else [])]
        self.work = work
        self.trace = pathlib.Path(trace) if trace else None
        self.read = 0
        self.environment = {}

    def __enter__(self):
        self.process = subprocess.Popen(self.command, cwd=self.work, stdout=subprocess.PIPE, text=True)
        text = ""
        for line in self.process.stdout:
            text += line
            if line.rstrip() == "}":
                break
        if "environment" not in text:
            raise Failure(f"{' '.join(map(str, self.command))[:2000]} ended with exit {self.process.wait()}")
        self.environment = {**without_settings(), **json.loads(text)["environment"]}
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def new_requests(self):
        """The requests since this was asked last. Those of a finished run are all there."""
        if not self.trace.exists():
            return []
        with self.trace.open("rb") as file:
            file.seek(self.read)
            data = file.read()
        whole = data[:data.rfind(b"\n") + 1]
        self.read += len(whole)
        return [json.loads(line) for line in whole.splitlines()]


class Lake:
    """A folder with a catchment.yaml, and the program in it."""

    def __init__(self, catchment, folder, environment, configuration, pipeline="azure-spot"):
        self.catchment, self.folder, self.environment, self.pipeline = catchment, folder, environment, pipeline
        folder.mkdir(parents=True)
        (folder / "catchment.yaml").write_text(configuration)

    def start(self, *arguments):
        return subprocess.Popen([self.catchment, *map(str, arguments)], cwd=self.folder, env=self.environment,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")

    def call(self, *arguments):
        """Run the program; returns its exit code and all it said."""
        process = self.start(*arguments)
        try:
            said = process.communicate(timeout=COMMAND_LIMIT)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            raise Failure(f"{' '.join(map(str, arguments))}: no end after {COMMAND_LIMIT} s: {process.communicate()[0][-600:]}") from None
        return process.returncode, said

    def must(self, *arguments):
        code, said = self.call(*arguments)
        if code != 0:
            raise Failure(f"{' '.join(map(str, arguments))}: exit {code}: {said.strip()[-600:]}")
        return said

    def query(self, sql):
        answer = json.loads(self.must("query", self.pipeline, sql, "--limit", "10000000", "--json"))
        return [row if isinstance(row, dict) else dict(zip(answer["columns"], row)) for row in answer["rows"]]

    def manifest(self, number):
        """Publish `number`, or None."""
        path = self.folder / "lake" / self.pipeline / "manifests" / f"{number:020}.json"
        return json.JSONDecoder().raw_decode(path.read_text())[0] if path.exists() else None
