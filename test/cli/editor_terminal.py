# SPDX-License-Identifier: Apache-2.0
"""What at_editor.py, at_editor_terminal.py and at_history.py have in common:
the driver, built with libedit and without, and a terminal to run it at.
"""

import fcntl
import os
import pty
import re
import select
import shlex
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unicodedata

HERE = os.path.dirname(os.path.abspath(__file__))
CLI = os.path.join(HERE, "..", "..", "cli")
SLOW = 10 if os.environ.get("WRAP") or os.environ.get("CFLAGS") else 1
PROMPT = "dröver # "
UP, DOWN, RIGHT, LEFT = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D"
HOME, END, DELETE = "\x1b[H", "\x1b[F", "\x1b[3~"


class Failure(Exception):
    pass


def require(condition, what):
    if not condition:
        raise Failure(what)


class Screen:
    """As much of a terminal as libedit asks for of an xterm."""

    SEQUENCE = re.compile(r"\x1b(?:\[([?0-9;]*)([@-~])|([=>78cM]|\([A-Z0-9]))")

    def __init__(self, lines, columns):
        self.lines, self.columns = lines, columns
        self.cells = [self.blank() for _ in range(lines)]
        self.row = self.column = 0
        self.wraps = self.dim = self.inserts = False
        self.bells = 0
        self.left = b""

    def blank(self):
        return [(" ", False)] * self.columns

    def resize(self, lines, columns):
        for row in self.cells:
            del row[columns:]
            row.extend([(" ", False)] * (columns - len(row)))
        while len(self.cells) > lines:
            if self.row < lines:
                del self.cells[-1]
            else:
                del self.cells[0]
                self.row -= 1
        self.lines, self.columns = lines, columns
        while len(self.cells) < lines:
            self.cells.append(self.blank())
        self.column = min(self.column, columns - 1)
        self.wraps = False

    def feed(self, data):
        data = self.left + data
        text = data.decode("utf-8", "surrogateescape")
        # what is cut within a character or a sequence comes later
        cut = len(text)
        while cut and 0xdc80 <= ord(text[cut - 1]) and len(text) - cut < 4:
            cut -= 1
        escape = text.rfind("\x1b", 0, cut)
        if escape >= 0 and not self.SEQUENCE.match(text, escape):
            cut = escape
        self.left = text[cut:].encode("utf-8", "surrogateescape")
        at = 0
        while at < cut:
            if text[at] == "\x1b":
                match = self.SEQUENCE.match(text, at)
                require(match, f"unknown sequence {text[at:at + 9]!r}")
                self.obey(match)
                at = match.end()
            else:
                self.put(text[at])
                at += 1

    def put(self, char):
        if char == "\r":
            self.column, self.wraps = 0, False
        elif char == "\n":
            self.line_feed()
            self.wraps = False
        elif char == "\b":
            self.column, self.wraps = max(0, self.column - 1), False
        elif char == "\t":
            self.column = min(self.columns - 1, (self.column | 7) + 1)
        elif char == "\a":
            self.bells += 1
        elif char == "\0":
            pass  # what slow terminals were given time with
        else:
            self.draw(char)

    def line_feed(self):
        if self.row + 1 < self.lines:
            self.row += 1
        else:
            del self.cells[0]
            self.cells.append(self.blank())

    def draw(self, char):
        if unicodedata.combining(char):
            return
        wide = unicodedata.east_asian_width(char) in "WF"
        if self.wraps or (wide and self.column + 2 > self.columns):
            self.column, self.wraps = 0, False
            self.line_feed()
        if self.inserts:
            self.cells[self.row].insert(self.column, (" ", False))
            self.cells[self.row].pop()
        self.cells[self.row][self.column] = (char, self.dim)
        if wide:
            self.cells[self.row][self.column + 1] = ("", self.dim)
        self.column += 1 + wide
        if self.column >= self.columns:
            self.column, self.wraps = self.columns - 1, True

    def obey(self, match):
        parameters, final = match.group(1), match.group(2)
        if match.group() == "\x1bM":
            self.row = max(0, self.row - 1)
        if final is None or parameters.startswith("?"):
            return
        numbers = [int(n or 0) for n in parameters.split(";")]
        count = max(1, numbers[0])
        row = self.cells[self.row]
        self.wraps = self.wraps and final == "m"
        if final == "A":
            self.row = max(0, self.row - count)
        elif final == "B":
            self.row = min(self.lines - 1, self.row + count)
        elif final == "C":
            self.column = min(self.columns - 1, self.column + count)
        elif final == "D":
            self.column = max(0, self.column - count)
        elif final == "G":
            self.column = min(self.columns, count) - 1
        elif final == "H":
            numbers += [1]
            self.row = min(self.lines, count) - 1
            self.column = min(self.columns, max(1, numbers[1])) - 1
        elif final == "K":
            require(numbers[0] == 0, "clears another part of the row")
            row[self.column:] = self.blank()[self.column:]
        elif final == "J":
            first = self.row if numbers[0] == 0 else -1
            if first >= 0:
                row[self.column:] = self.blank()[self.column:]
            for i in range(first + 1, self.lines):
                self.cells[i] = self.blank()
        elif final == "P":
            del row[self.column:self.column + count]
            row.extend([(" ", False)] * (self.columns - len(row)))
        elif final == "@":
            row[self.column:self.column] = [(" ", False)] * count
            del row[self.columns:]
        elif final in "hl" and numbers == [4]:
            self.inserts = final == "h"
        elif final == "m":
            for number in numbers:
                self.dim = number == 2 or (self.dim and number != 0)
        else:
            raise Failure(f"unknown sequence {match.group()!r}")

    def text(self, row):
        return "".join(char for char, _ in self.cells[row]).rstrip()

    def all(self):
        rows = [self.text(row) for row in range(self.lines)]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def dimmed(self):
        return "".join(char for row in self.cells
                       for char, dim in row if dim).strip()


class Terminal:
    """A terminal whose session we lead, and the driver run at it."""

    def __init__(self, directory, lines=24, columns=80):
        self.directory = directory
        self.deadline = time.monotonic() + 20 * SLOW
        self.child = None
        self.screen = Screen(lines, columns)
        self.master, self.slave = pty.openpty()
        os.set_blocking(self.master, False)
        os.setsid()
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        self.set_size(lines, columns)
        self.before = termios.tcgetattr(self.slave)
        self.report_path = os.path.join(directory, "report")
        open(self.report_path, "w").close()

    def set_size(self, lines, columns):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ,
                    struct.pack("HHHH", lines, columns, 0, 0))

    def start(self, *arguments, driver="with", stdin=None, stdout=None,
              **environment):
        def prepare():
            os.setpgid(0, 0)
            os.tcsetpgrp(0, os.getpid())
            for number in (signal.SIGTTOU, signal.SIGPIPE, signal.SIGINT,
                           signal.SIGQUIT):
                signal.signal(number, signal.SIG_DFL)

        variables = dict(os.environ, TERM="xterm", LC_ALL="C.UTF-8",
                         HOME=self.directory,
                         ASAN_OPTIONS="handle_sigbus=0")
        variables.pop("EDITRC", None)
        variables.update(environment)
        variables = {k: v for k, v in variables.items() if v is not None}
        wrap = shlex.split(os.environ.get("WRAP", ""))
        self.child = subprocess.Popen(
            wrap + [os.path.join(self.directory, "..", driver), "edit",
                    self.report_path] + list(arguments),
            stdin=self.slave if stdin is None else stdin,
            stdout=self.slave if stdout is None else stdout,
            stderr=self.slave, env=variables,
            preexec_fn=None if stdin is not None else prepare)

    def begin(self, *arguments, **others):
        self.start(*arguments, **others)
        self.until_row(PROMPT.rstrip())

    def look(self):
        """What comes within a moment is on the screen."""
        if select.select([self.master], [], [], 0.02)[0]:
            self.screen.feed(os.read(self.master, 65536))
            return True
        return False

    def until(self, condition, what):
        while not condition():
            require(time.monotonic() < self.deadline,
                    f"{what}; the screen is {self.screen.all()}, "
                    f"the report {self.report()}")
            self.look()

    def until_row(self, text, row=None):
        """Until a row, or the one of the cursor, has exactly this."""
        self.until(lambda: self.screen.text(
            self.screen.row if row is None else row) == text,
                   f"no {text!r}")

    def until_line(self, text):
        """Until this is the line, with the cursor at the bar."""
        at = text.index("|")
        shown = (PROMPT + text[:at] + text[at + 1:]).rstrip()
        self.until(lambda: self.screen.text(self.screen.row) == shown and
                   self.screen.column == len(PROMPT) + at,
                   f"no {text!r}, cursor at {self.screen.column}")

    def until_shown(self, text):
        self.until(lambda: any(text in row for row in self.screen.all()),
                   f"no {text!r}")

    def until_rows(self, *rows):
        self.until(lambda: self.screen.all()[-len(rows):] == list(rows),
                   f"not {rows}")

    def type(self, keys):
        data = keys if isinstance(keys, bytes) else keys.encode()
        while data:
            try:
                data = data[os.write(self.master, data):]
            except BlockingIOError:
                pass
            self.look()
            require(time.monotonic() < self.deadline, "it reads nothing")

    def report(self):
        with open(self.report_path, encoding="ascii") as file:
            found = file.read().split("\n")[:-1]
        return [b"=" + bytes.fromhex(row[5:]) if row.startswith("line ")
                else row for row in found]

    def lines(self):
        return [row[1:].decode("utf-8", "surrogateescape")
                for row in self.report() if isinstance(row, bytes)]

    def until_lines(self, *lines):
        self.until(lambda: self.lines() == list(lines), f"not {lines}")

    def enter(self, keys, line):
        """Types a line and looks what the program gets."""
        count = len(self.lines())
        self.type(keys + "\r")
        self.until(lambda: len(self.lines()) > count, "no line")
        require(self.lines()[count] == line, f"it is {self.lines()[count]!r}")
        if self.report()[0] == "editing":
            self.until(self.is_raw, "it does not read on")

    def status(self):
        """How the driver ended or stopped."""
        found = []

        def changed():
            pid, status = os.waitpid(self.child.pid,
                                     os.WNOHANG | os.WUNTRACED)
            if pid:
                found.append(status)
            return pid

        self.until(changed, "the driver goes on")
        return found[0]

    def is_raw(self):
        return not termios.tcgetattr(self.slave)[3] & termios.ICANON

    def require_restored(self):
        require(termios.tcgetattr(self.slave) == self.before,
                "the terminal is not as it was")

    def require_end(self, *last):
        """It has ended by itself, and these are the last of its reports."""
        status = self.status()
        require(status == 0, f"wait status {status:#x}")
        self.require_restored()
        report = self.report()
        require(not any("changed" in str(row) for row in report),
                f"the report is {report}")
        require(report[-1] == "closed" and
                tuple(report[-1 - len(last):-1]) == last,
                f"the report is {report}")

    def quit(self):
        self.type("\x04")
        self.require_end("end")


# --- What scenarios need ---------------------------------------------------


def history_file(t, *lines):
    path = os.path.join(t.directory, "history")
    with open(path, "wb") as file:
        file.write(b"".join(line if isinstance(line, bytes)
                            else line.encode() + b"\n" for line in lines))
    return path


def editrc(t, text):
    with open(os.path.join(t.directory, ".editrc"), "w",
              encoding="utf-8") as file:
        file.write(text)


def right(text, hint, columns=80):
    left = PROMPT + text
    return left + " " * (columns - 2 - len(hint) - len(left)) + hint


# --- Running them ----------------------------------------------------------


def play(scenario, directory):
    """In a process of its own, which may lead a session. Returns a remark."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        with os.fdopen(reader) as pipe:
            remark = pipe.read()
        os.waitpid(pid, 0)
        return remark
    os.close(reader)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    terminal = Terminal(directory)
    try:
        scenario(terminal)
    except (Failure, subprocess.SubprocessError, OSError) as failure:
        os.write(writer, f"{type(failure).__name__}: {failure}".encode(
            errors="backslashreplace"))
    finally:
        if terminal.child and terminal.child.poll() is None:
            terminal.child.kill()
        os._exit(0)


def build(directory):
    compiler = shlex.split(os.environ.get("CC", "cc"))
    flags = shlex.split(os.environ.get("CFLAGS", "-O1 -g"))
    sources = [os.path.join(HERE, "editor_driver.c")] + [
        os.path.join(CLI, name) for name in sorted(os.listdir(CLI))
        if re.fullmatch(r"(edit(_.*)?|editor|history|file|pack)\.c", name)]
    common = compiler + flags + ["-std=c11", "-D_DEFAULT_SOURCE"] + sources
    subprocess.run(common + ["-DSPLINTER_EDIT=1", "-o",
                             os.path.join(directory, "with"), "-ledit"],
                   check=True)
    subprocess.run(common + ["-o", os.path.join(directory, "without")],
                   check=True)


def run(scenarios):
    """Those that are named on the command line, or all; TAP on stdout."""
    names = sys.argv[1:]
    chosen = [s for s in scenarios if not names or s.__name__ in names]
    failed = 0
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))  # and leave nothing
    with tempfile.TemporaryDirectory(prefix="splinter-editor.") as directory:
        build(directory)
        for number, scenario in enumerate(chosen, 1):
            name = scenario.__name__
            own = os.path.join(directory, name)
            os.mkdir(own)
            remark = play(scenario, own)
            print(f"{'not ' if remark else ''}ok {number} - "
                  f"{name.replace('_', ' ')}")
            if remark:
                failed += 1
                print("# " + remark.replace("\n", "\n# "))
            sys.stdout.flush()
    print(f"1..{len(chosen)}")
    return failed != 0
