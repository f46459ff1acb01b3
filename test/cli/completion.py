#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""completion.py - what test_completion.sh needs beside the shells.

completion.py table PROGRAM STORE
    What the program's help says has to be offered: a line each of a command
    line, a choice and its summary, with tabs between.

completion.py keys bash|zsh SETUP [ROWS]
    Types into an interactive shell. SETUP is what it reads first: it sets the
    prompt to "ready> ", and binds Ctrl-T to write the line to the file $typed
    and then "(done)" to the terminal. Each line of standard input is KEY, a
    tab, and what to type; KEY is "tab" or "list" (Ctrl-G), pressed behind it.
    Prints what was typed, a tab, and for "tab" what the line is then, for
    "list" each line that is shown.
"""

import fcntl
import json
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time

DEADLINE = time.monotonic() + 120
DONE = b"(done)"
UP = re.compile(rb"\x1b\[[0-9]*A")
ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|[\x07\r]")


# --- What help says -------------------------------------------------------

def output(*words):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, timeout=60,
                          encoding="utf-8").stdout


def options(text, indent):
    """{--option: summary} of lines like "    --timeout TIME  summary"."""
    found = re.findall(r"^%s(--[a-z-]+)(?: [A-Z]+)? +(.*)$" % indent, text,
                       re.M)
    return dict(found)


def table(program, store):
    name = os.path.basename(program)
    rows = [json.loads(line) for line in
            output(program, "help", "--json").splitlines()]
    commands = {row["name"]: row["summary"] for row in rows}

    def say(line, choices):
        for choice, summary in sorted(choices.items()):
            print("%s\t%s\t%s" % (line, choice, summary))

    say(name + " ", commands)
    say(name + " --", options(output(program, "--help"), "  (?:-.,|   ) "))
    for row in rows:
        command = row["name"]
        # Nothing else begins like this, or they would be expected as well.
        say("%s %s" % (name, command), {c: s for c, s in commands.items()
                                        if c.startswith(command)})
        if "alias" in row:
            say("%s %s" % (name, row["alias"]),
                {row["alias"]: row["summary"]})
        wanted = options(output(program, "help", "ext", command), " +")
        if sorted(wanted) != sorted(row["options"].split()):
            sys.exit("help and help --json differ about %s" % command)
        say("%s %s --" % (name, command), wanted)
    say(name + " help ", dict(commands, ext=""))
    say(name + " help ext ", commands)
    settings = json.loads(output(program, "--use", store, "config", "--json"))
    say(name + " config ", dict.fromkeys([*settings, "av"], ""))


# --- Typing ---------------------------------------------------------------

class Failure(Exception):
    pass


class Shell:
    """An interactive shell at a terminal that is large enough for lists."""

    def __init__(self, name, setup, rows, folder):
        self.typed = os.path.join(folder, "typed")
        self.screen = b""
        environment = dict(os.environ, TERM="xterm", typed=self.typed,
                           ZDOTDIR=folder, HISTFILE="")
        words = {"bash": ["bash", "--noprofile", "--rcfile", setup, "-i"],
                 "zsh": ["zsh", "-d", "-i"]}[name]
        if name == "zsh":
            shutil.copy(setup, os.path.join(folder, ".zshrc"))
        self.child, self.master = pty.fork()
        if not self.child:
            fcntl.ioctl(0, termios.TIOCSWINSZ,
                        struct.pack("HHHH", rows, 250, 0, 0))
            os.execvpe(words[0], words, environment)
        self.until(b"ready> ")

    def until(self, text):
        """Waits for the text; returns what came before it."""
        while text not in self.screen:
            if time.monotonic() > DEADLINE:
                raise Failure("no %r; the screen is %r" % (text, self.screen))
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.screen += os.read(self.master, 65536)
                except OSError as error:
                    raise Failure("the shell has ended; the screen is %r" %
                                  self.screen) from error
        before, _, self.screen = self.screen.partition(text)
        return before

    def press(self, key, text):
        """Returns the line, and the lines that were shown below it."""
        os.write(self.master, b"\x05\x15" + text +
                 {b"tab": b"\t", b"list": b"\x07"}[key])
        os.write(self.master, b"\x14")
        shown = self.until(DONE)
        with open(self.typed, "rb") as file:
            line = file.read()
        # The list ends where the cursor goes up, to the line again.
        shown = ESCAPES.sub(b"", UP.sub(b"\n", shown)).split(b"\n")
        return line, [l.strip() for l in shown
                      if l.strip() and not l.strip().endswith(text.strip())]

    def end(self):
        os.close(self.master)
        os.waitpid(self.child, 0)


def keys(name, setup, rows="1000"):
    out = sys.stdout.buffer
    with tempfile.TemporaryDirectory() as folder:
        shell = Shell(name, setup, int(rows), folder)
        try:
            for case in sys.stdin.buffer.read().splitlines():
                key, _, text = case.partition(b"\t")
                line, shown = shell.press(key, text)
                for result in [line] if key == b"tab" else shown:
                    out.write(text + b"\t" + result + b"\n")
        except Failure as failure:
            out.flush()
            sys.exit("%s: %s" % (name, failure))
        finally:
            shell.end()


def main():
    {"table": table, "keys": keys}[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    main()
