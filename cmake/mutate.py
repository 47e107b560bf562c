#!/usr/bin/env python3
"""Plants the bugs of the mutant lists one at a time, and demands that the named test notices each.

Usage: mutate.py [--quick] [filter]     only mutants whose file, test or reason holds the filter

--quick: those of tests/mutants.txt alone, which every test run plants; without it those of tests/more_mutants.txt and
tests/ascend/mutants.txt too.

Each bug is edited into a copy of include/crest/, or of examples/ for a file named examples/..., never into the working
tree; only the named test is built against that copy.
    killed             the test ran, and GoogleTest reported a failure: the only good verdict
    survived           the test passed
    crashed, timeout   the test ended without a verdict of its own
    does-not-compile   the edit is no program
Every named test must be green on the unedited tree first. Tests are built by clang++ -O0, which takes a third of the
time of g++ -Og; by the latter where there is no clang++. One mutant per processor at a time.
"""
import itertools
import os
import queue
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
QUICK = ["tests/mutants.txt"]
LISTS = [*QUICK, "tests/more_mutants.txt", "tests/ascend/mutants.txt"]
SCRATCH = ROOT / "build" / "mutants"
COMPILER = {"CMAKE_CXX_COMPILER": "clang++", "CMAKE_CXX_FLAGS": "-O0"}
if not shutil.which("clang++"):
    COMPILER = {"CMAKE_CXX_FLAGS": "-Og"}


@dataclass
class Mutant:
    """One bug. `place` is where it is listed, `test` an executable in tests/, `only` a GoogleTest filter."""
    place: str
    file: str = ""
    old: list = field(default_factory=list)
    new: list = field(default_factory=list)
    test: str = ""
    only: str = "*"
    why: str = ""

    def add(self, line):
        key, _, value = line.partition(" ")
        if key == "-":
            self.old.append(value)
        elif key == "+":
            self.new.append(value)
        elif key == "test:":
            self.test, _, only = value.partition(" ")
            self.only = only or "*"
        elif key in ("file:", "why:"):
            setattr(self, key[:-1], value)
        else:
            raise SystemExit(f"{self.place}: what is '{line}'?")

    def edit(self, text):
        old = "\n".join(self.old)
        if not (self.file and old and self.test and self.why) or text.count(old) != 1:
            raise SystemExit(f"{self.place}: '{old}' must occur once in {self.file}, with a test and a why; "
                             f"it occurs {text.count(old)} times")
        return text.replace(old, "\n".join(self.new))

    def __str__(self):
        return f"{self.file} ({self.test} {self.only}): {self.why}"


def parse(text, name):
    """The mutants of the list `name`: blocks separated by blank lines; '#' begins a comment line."""
    mutants, mutant = [], None
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#"):
            continue
        if not line.strip():
            mutant = None
            continue
        if mutant is None:
            mutant = Mutant(f"{name}:{number}")
            mutants.append(mutant)
        mutant.add(line)
    return mutants


def verdict(code, output):
    """What a finished test run says of a mutant."""
    if code == 0:
        return "survived"
    return "killed" if "[  FAILED  ]" in output else "crashed"


def source(file, root):
    """Where the `file` of a mutant lies below the folder that holds include/ and examples/."""
    return root / file if file.startswith("examples/") else root / "include" / "crest" / file


def run(command, timeout=None):
    """(exit code, output); the code is None when the time ran out."""
    try:
        done = subprocess.run(command, timeout=timeout, text=True, errors="replace",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout
    except subprocess.TimeoutExpired:
        return None, ""


class Workshop:
    """A copy of the headers and a build folder that compiles the tests against it."""

    def __init__(self, name):
        self.include = SCRATCH / name / "include"
        self.build = SCRATCH / name / "build"
        shutil.rmtree(self.include, ignore_errors=True)
        # copyfile: with the old time stamps, what an earlier run built from an edited header would look up to date.
        shutil.copytree(ROOT / "include", self.include, copy_function=shutil.copyfile)
        shutil.rmtree(self.include.parent / "examples", ignore_errors=True)
        shutil.copytree(ROOT / "examples", self.include.parent / "examples", copy_function=shutil.copyfile,
                        ignore=shutil.ignore_patterns("data"))
        options = {"CREST_INCLUDE_DIR": self.include, "CREST_EXAMPLES_ROOT": self.include.parent,
                   "CREST_BUILD_EXAMPLES": "OFF", "CREST_BUILD_BENCH": "OFF",
                   "CMAKE_BUILD_TYPE": "None", **COMPILER}
        code, output = run(["cmake", "-S", ROOT, "-B", self.build, *(f"-D{k}={v}" for k, v in options.items())])
        if code != 0:
            raise SystemExit(output)

    def make(self, test):
        return run(["cmake", "--build", self.build, "--target", test, "--parallel", "1"])

    def test(self, test, only, timeout):
        command = [self.build / "tests" / test, f"--gtest_filter={only}", "--gtest_fail_fast", "--gtest_brief=1"]
        return run(command, timeout)

    def judge(self, mutant, timeout):
        header = source(mutant.file, self.include.parent)
        original = header.read_text()
        header.write_text(mutant.edit(original))
        try:
            if self.make(mutant.test)[0] != 0:
                return "does-not-compile"
            code, output = self.test(mutant.test, mutant.only, timeout)
            return "timeout" if code is None else verdict(code, output)
        finally:
            header.write_text(original)


class Workshops:
    """As many as there are processors; each job borrows one."""

    def __init__(self):
        count = len(os.sched_getaffinity(0))
        self.pool = ThreadPoolExecutor(count)
        self.idle = queue.SimpleQueue()
        for workshop in self.pool.map(Workshop, map(str, range(count))):
            self.idle.put(workshop)

    def map(self, job, items):
        def borrow(item):
            workshop = self.idle.get()
            try:
                return job(workshop, item)
            finally:
                self.idle.put(workshop)
        return self.pool.map(borrow, items)


def must_be_green(workshop, case):
    """Builds and runs one test on the unedited headers; returns its time in seconds."""
    test, only = case
    code, output = workshop.make(test)
    if code == 0:
        start = time.monotonic()
        code, output = workshop.test(test, only, timeout=600)
    if code != 0 or "[  PASSED  ] 0 tests" in output:
        raise SystemExit(f"{output}\n{test} {only} is not green on the unedited tree")
    return time.monotonic() - start


def judge_all(mutants):
    workshops = Workshops()
    cases = sorted({(m.test, m.only) for m in mutants})
    seconds = dict(zip(cases, workshops.map(must_be_green, cases)))
    print(f"{len(cases)} tests are green on the unedited tree", flush=True)

    def judge(workshop, mutant):
        result = workshop.judge(mutant, timeout=20 + 10 * seconds[mutant.test, mutant.only])
        print(f"{result:17}{mutant}", flush=True)
        return result

    return list(workshops.map(judge, mutants))


def main():
    quick, wanted = "--quick" in sys.argv, [a for a in sys.argv[1:] if a != "--quick"]
    lists = [parse((ROOT / name).read_text(), name) for name in (QUICK if quick else LISTS)]
    mutants = [m for m in itertools.chain(*lists) if all(word in str(m) for word in wanted)]
    for mutant in mutants:
        mutant.edit(source(mutant.file, ROOT).read_text())
    results = judge_all(mutants)
    killed = results.count("killed")
    print(f"{killed} killed, {len(results) - killed} not killed")
    return 0 if results and killed == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
