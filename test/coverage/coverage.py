#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""coverage.py - which lines and branches of src/ the tests have run.

    coverage.py BUILD PROGRAM...

BUILD has been compiled with clang's source based coverage (`make coverage`
does it). Runs the programs, two at a time, prints a table, and fails when a
line of src/ was never run and exceptions does not say why, when an exception
holds no longer, or when less than BRANCHES per cent of the branches were
taken. A branch is one condition being true, or being false.

The counters are in files that the processes map, so that what a killed
process has run counts as well. clang counts where flow divides and works out
the rest: code behind the point where a process died counts as run. Programs
that kill at random moments are therefore left to `make fault`.
"""
import glob
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

BRANCHES = 95.0
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
CODE, EXPANSION, SKIPPED, GAP = range(4)


def tool(name):
    """The one that belongs to this clang."""
    return subprocess.run(["clang", "-print-prog-name=" + name], check=True,
                          stdout=subprocess.PIPE, text=True).stdout.strip()


def run(build, program):
    name = os.path.basename(program)
    env = dict(os.environ, SPLINTER_TEST_SMALL="1",
               LLVM_PROFILE_FILE=f"{build}/profile/{name}-%c%m.profraw")
    with open(f"{build}/{name}.log", "w", encoding="utf-8") as log:
        status = subprocess.run([program], stdin=subprocess.DEVNULL,
                                stdout=log, stderr=log, env=env,
                                check=False).returncode
    with open(f"{build}/{name}.log", encoding="utf-8",
              errors="replace") as log:
        failed = [line for line in log if line.startswith("not ok")]
    print(f"{name}: {'passed' if not status else f'status {status}'}",
          *failed, sep="\n  ", flush=True)
    return status == 0


def measure(build, programs):
    """Run them; what llvm-cov exports of the library. None if one failed."""
    os.makedirs(f"{build}/profile", exist_ok=True)
    for old in glob.glob(f"{build}/profile/*"):
        os.remove(old)
    with ThreadPoolExecutor(2) as pool:
        if not all(list(pool.map(lambda p: run(build, p), programs))):
            return None
    merged = f"{build}/profile/merged"
    subprocess.run([tool("llvm-profdata"), "merge", "-o", merged,
                    *glob.glob(f"{build}/profile/*.profraw")], check=True)
    library = glob.glob(f"{build}/libsplinter.so.*.*")[0]
    exported = subprocess.run(
        [tool("llvm-cov"), "export", library, "-instr-profile", merged],
        check=True, stdout=subprocess.PIPE).stdout
    return json.loads(exported)["data"][0]["functions"]


def ran(count):
    """A difference of counters that a dying process left negative is none."""
    return count if 0 < count < 1 << 62 else 0


class Source:
    """One file: its text, and how often its parts were run."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.lines = file.read().split("\n")
        self.regions = {}  # (from line, column, to line, column, kind)
        self.conditions = {}  # the same without a kind: [true, false]

    def text(self, at):
        """What stands there, on one line."""
        first, left, last, right = at
        lines = self.lines[first - 1:last]
        lines[-1] = lines[-1][:right - 1]
        lines[0] = lines[0][left - 1:]
        return " ".join(" ".join(lines).split())

    def line(self, number):
        return " ".join(self.lines[number - 1].split())

    def function(self, number):
        """The function around a line: its name begins a line."""
        for line in reversed(self.lines[:number]):
            found = re.match(r"(?:static |inline |\w+ \**)*?(\w+)\(", line)
            if found:
                return found[1]
        return "?"

    def is_code(self, number):
        text = self.lines[number - 1].strip()
        return bool(text) and not re.match(
            r"(/\*|\*|//|#|\w+:$|[{};]+$|} else {$|else$|do {?$)", text)

    def counts(self):
        """How often each line of code was run: as what begins it was."""
        counts = {}
        code = [at for at in self.regions if at[4] in (CODE, EXPANSION)]
        skipped = {line for at in self.regions if at[4] == SKIPPED
                   for line in range(at[0], at[2] + 1)}
        for number in range(1, len(self.lines) + 1):
            line = self.lines[number - 1]
            here = (number, len(line) - len(line.lstrip()) + 1)
            around = [at for at in code if at[:2] <= here < at[2:4]]
            if not around or number in skipped or not self.is_code(number):
                continue
            # The innermost.
            at = max(around, key=lambda at: (at[:2], -at[2], -at[3]))
            counts[number] = self.regions[at]
        return counts


def gather(functions):
    """A Source for each file of src/, counts of all copies added up."""
    sources = {}
    for function in functions:
        names = [os.path.relpath(name, TOP) for name in function["filenames"]]
        for name in names:
            if name.startswith("src/") and name not in sources:
                sources[name] = Source(os.path.join(TOP, name))
        for *at, count, file, _, kind in function["regions"]:
            if names[file] in sources:
                regions = sources[names[file]].regions
                at = (*at, kind)
                regions[at] = regions.get(at, 0) + ran(count)
        for *at, true, false, file, _, _ in function["branches"]:
            source = sources.get(names[file])
            # A constant is no condition.
            if not source or source.text(at) in ("true", "false", "0", "1"):
                continue
            sums = source.conditions.setdefault(tuple(at), [0, 0])
            sums[0] += ran(true)
            sums[1] += ran(false)
    return dict(sorted(sources.items()))


class Missing:
    """A line that was not run, or a condition that was not true, or false."""

    def __init__(self, name, source, number, never=None):
        self.place = f"{name}:{source.function(number)}"
        self.number = number
        self.text = source.line(number)
        self.never = never  # "never true: CONDITION", or None for a line
        self.key = (self.place, self.text, never)

    def __str__(self):
        where = f"{self.place}, line {self.number}: {self.text}"
        return f"{where}\n      {self.never}" if self.never else where


def missing(name, source):
    lines = [Missing(name, source, number)
             for number, count in sorted(source.counts().items()) if not count]
    branches = []
    for at, counts in sorted(source.conditions.items()):
        for count, what in zip(counts, ("true", "false")):
            if not count:
                branches.append(Missing(name, source, at[0],
                                        f"never {what}: {source.text(at)}"))
    return lines, branches


def exceptions():
    """{(place, text, never): whether it has to hold}. See the file's head."""
    found = {}
    with open(f"{HERE}/exceptions", encoding="utf-8") as file:
        text = re.sub(r"^#.*\n", "", file.read(), flags=re.M)
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        place, *rest = [line.strip() for line in paragraph.split("\n")]
        if not place:
            continue
        line = " ".join(rest[0].split())
        never = [text for text in rest[1:]
                 if text.startswith(("never ", "seldom "))]
        if not rest[1 + len(never):]:
            sys.exit(f"exceptions: {place}: {line}: without an argument")
        for what in never or [None]:
            seldom = bool(what) and what.startswith("seldom ")
            if seldom:
                what = what.replace("seldom", "never", 1)
                what = None if what == "never run" else what
            found[place, line, what] = not seldom
    return found


def report(sources):
    """Prints it all; whether it is enough."""
    excepted, used, bad = exceptions(), set(), []
    rows, left = [], []
    for name, source in sources.items():
        lines, branches = missing(name, source)
        rows.append((name, len(source.counts()), len(lines),
                     2 * len(source.conditions), len(branches)))
        used |= {item.key for item in lines + branches} & set(excepted)
        bad += [item for item in lines if item.key not in excepted]
        left += [item for item in branches if item.key not in excepted]
    rows.append(("all", *(sum(row[i] for row in rows) for i in range(1, 5))))
    print(f"\n{'':<16}{'lines':>7}{'not run':>9}{'%':>8}"
          f"{'branches':>10}{'not taken':>11}{'%':>8}")
    for name, lines, no_lines, branches, no_branches in rows:
        print(f"{name:<16}{lines:>7}{no_lines:>9}{share(lines, no_lines):>8}"
              f"{branches:>10}{no_branches:>11}"
              f"{share(branches, no_branches):>8}")
    show("Lines that no test has run, and no exception argues", bad)
    show("Branches that no test has taken, and no exception argues", left)
    stale = [": ".join(filter(None, key)) for key, holds in excepted.items()
             if key not in used and (holds or not there(sources, key))]
    show("Exceptions that hold no longer: run now, or not there", stale)
    lines, no_lines, branches, no_branches = rows[-1][1:]
    taken = 100 * (branches - no_branches) / branches
    print(f"\n{lines - no_lines} of {lines} lines run, "
          f"{no_lines - len(bad)} excepted; {branches - no_branches} of "
          f"{branches} branches taken ({taken:.1f} %, {BRANCHES:.0f} % "
          f"wanted), {no_branches - len(left)} excepted")
    return not bad and not stale and taken >= BRANCHES


def there(sources, key):
    """Whether an exception's text is still where it says."""
    place, line, _ = key
    name, _, function = place.partition(":")
    source = sources.get(name)
    return source and any(
        source.line(number) == line and source.function(number) == function
        for number in range(1, len(source.lines) + 1))


def share(count, no):
    return f"{100 * (count - no) / count:.1f}" if count else "-"


def show(title, items):
    if items:
        print(f"\n{title}:")
    for item in items:
        print(f"  {item}")


def main():
    build, *programs = sys.argv[1:]
    functions = measure(build, programs)
    if functions is None:
        sys.exit("A test failed: nothing measured.")
    library = glob.glob(f"{build}/libsplinter.so.*.*")[0]
    subprocess.run([tool("llvm-cov"), "show", library, "-format=html",
                    f"-instr-profile={build}/profile/merged",
                    "-show-branches=count", f"-output-dir={build}/html"],
                   check=True)
    good = report(gather(functions))
    print(f"Line by line: {build}/html/index.html")
    sys.exit(not good)


if __name__ == "__main__":
    main()
