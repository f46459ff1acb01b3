#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Types random keys at the prompt, at a terminal of its own.

usage: fuzz_prompt.py [--seed N] [--seconds S] [--runs N] [--only N] PROGRAM

As fuzz_process.py, but always on files: what an edited line becomes cannot be
foreseen, so nothing of others may be within its reach. No key that makes a
path is ever typed.
"""
import fcntl
import os
import pty
import random
import select
import struct
import subprocess
import sys
import termios
import time

sys.dont_write_bytecode = True
# pylint: disable=wrong-import-position
from fuzz_process import (RUN_LIMIT_S, Case, Fuzzer,
                          Maker, limit_child, run)

# Keys that move, edit, complete, recall and search.
KEYS = [b"\t", b"\t", b"\t\t", b"\r", b"\n", b"\x01", b"\x02", b"\x05", b"\x06",
        b"\x08", b"\x0b", b"\x0c", b"\x0e", b"\x10", b"\x12", b"\x14",
        b"\x15", b"\x16", b"\x17", b"\x19", b"\x1b", b"\x1d", b"\x7f",
        b"\x1b[A", b"\x1b[B", b"\x1b[C", b"\x1b[D", b"\x1b[H", b"\x1b[F",
        b"\x1b[3~", b"\x1b[200~", b"\x1b[201~", b"\x1bb", b"\x1bf", b"\x1bd",
        b"\x1b\x7f", b"\x1bu", b"\x1bc", b"\x1bl", b"\x18\x18", b"\x00",
        b"\x03", b"\xc3\xa9", b"\xe6\x97\xa5", b"e\xcc\x81", b"\xff", b"\xc3",
        b"'", b'"', b"\\", b" ", b"#", b"se", b"--", b"w" * 90]
LETTERS = [bytes([byte]) for byte in b"abcdefghijklmnopqrstuvwxyzXYZ.,<>_-:%!"]
# These stop the program or the terminal, and that is what they are for.
FORBIDDEN = b"\x04\x11\x13\x1a\x1c/@"


class TypedCase(Case):
    """One run at a terminal: its words, and what is typed."""

    def __init__(self, maker, directory):
        super().__init__(maker, directory)
        chance = maker.chance
        self.name = "splinterp_cli"
        self.words = [] if maker.one_in(4) else [b"--use", maker.stores[0]]
        self.environment["TERM"] = chance.choice(
            ["xterm", "vt100", "dumb", "xterm-256color", "no-such", ""])
        self.size = chance.choice([(24, 80), (5, 20), (1, 4), (50, 200),
                                   (0, 0)])
        self.typed = self.keys(maker)

    @staticmethod
    def keys(maker):
        """Lines being typed, with other keys between."""
        chance = maker.chance
        typed = []
        for _ in range(chance.randrange(1, 8)):
            line = maker.line() + b"\r"
            while line:
                size = chance.randrange(1, len(line) + 1)
                typed.append(line[:size])
                line = line[size:]
                while maker.one_in(3):
                    typed.append(chance.choice(KEYS))
                if maker.one_in(12):
                    typed.append(b"\x1b" + chance.choice(LETTERS))
        return [bytes(byte for byte in key if byte not in FORBIDDEN)
                for key in typed]

    def __str__(self):
        return "%s %r, TERM=%s LC_ALL=%s, %d lines of %d\ntyped %r" % (
            self.name, self.words, self.environment["TERM"],
            self.environment["LC_ALL"], *self.size, b"".join(self.typed))


def lead_session():
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    limit_child()


class Typist:
    """Types at a program, reads what it writes, and waits for its end."""

    def __init__(self, case, program, directory):
        self.keys = [key for key in case.typed if key]
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ,
                    struct.pack("HHHH", *case.size, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.screen = b""
        self.child = subprocess.Popen(
            [os.fsencode(program)] + case.words, cwd=directory,
            env=case.environment, stdin=self.slave, stdout=self.slave,
            stderr=self.slave, preexec_fn=lead_session)

    def close(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        os.close(self.master)
        os.close(self.slave)

    def read(self, seconds):
        """What is written within that time; true if there was something."""
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        self.screen += os.read(self.master, 65536)
        return True

    def wait_for_prompt(self, end):
        """Before it, Ctrl-C does what it does to any program.

        On a terminal that is too narrow for it only the mode shows.
        """
        while self.child.poll() is None and time.monotonic() < end:
            if (self.screen.partition(b"ctrl-d.\r\n")[2] or
                    not self.is_as_before()):
                return
            self.read(0.01)

    def type_all(self):
        """Then whatever leaves the prompt; false when it is not left."""
        end = time.monotonic() + RUN_LIMIT_S
        self.wait_for_prompt(end)
        leave = [b"\x03", b"\x04", b"\r", b"\x1d", b"\x03\x03"]
        turn = 0
        while self.child.poll() is None:
            if time.monotonic() > end:
                return False
            if self.read(0.002 if self.keys else 0.05):
                continue
            key = self.keys.pop(0) if self.keys else leave[turn % len(leave)]
            turn += not self.keys
            self.write(key)
        while self.read(0):
            pass
        return True

    def write(self, keys):
        """Never so much that the terminal would make us wait."""
        while keys and select.select([], [self.master], [], 0)[1]:
            keys = keys[os.write(self.master, keys[:64]):]
            self.read(0)

    def is_as_before(self):
        return termios.tcgetattr(self.slave) == self.before


class PromptFuzzer(Fuzzer):
    def case(self, number):
        chance = random.Random("%d:%d" % (self.seed, number))
        self.prepare(1)
        stores = [store for store in self.stores(1) if b"/" not in store]
        return TypedCase(Maker(chance, self.commands, stores, 1),
                         self.directory)

    def faults(self, case):
        program = os.path.join(self.directory, case.name)
        typist = Typist(case, program, self.work)
        try:
            ended = typist.type_all()
            status = typist.child.returncode
            shown = typist.screen[-1000:]
            if not ended:
                yield "is not left within %d s, %r" % (RUN_LIMIT_S, shown)
            elif status not in (0, 1, 2):
                yield "status %d, %r" % (status, shown)
            elif not typist.is_as_before():
                yield "the terminal is not as it was, %r" % shown
        finally:
            typist.close()
        yield from self.faults_of_traces(1)


if __name__ == "__main__":
    sys.exit(run("fuzz_prompt", PromptFuzzer))
