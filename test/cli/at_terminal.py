#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs `PROGRAM --use STORE watch KEY` at a pseudo-terminal, as a shell would.

at_terminal.py SCENARIO PROGRAM STORE KEY

Exits 0, or 1 after saying what was not as it should be. Whatever ends the
watch, the terminal has to be as it was before.
"""

import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time

DEADLINE = time.monotonic() + 60
PROMPT = b"Press Ctrl-] To Stop ...\r\n"


class Failure(Exception):
    pass


def require(condition, what):
    if not condition:
        raise Failure(what)


class Terminal:
    """A terminal whose session we lead, and a program run at it."""

    def __init__(self, program, store, key):
        self.program, self.store, self.key = program, store, key
        self.child = None
        self.screen = b""
        self.master, self.slave = pty.openpty()
        os.setsid()
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        self.before = termios.tcgetattr(self.slave)

    def start(self, *options, foreground=True, stdout=None):
        def prepare():
            os.setpgid(0, 0)
            if foreground:
                os.tcsetpgrp(0, os.getpid())
            for number in (signal.SIGTTOU, signal.SIGPIPE, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)

        self.child = subprocess.Popen(
            [self.program, "--use", self.store, "watch", *options, self.key],
            stdin=self.slave,
            stdout=self.slave if stdout is None else stdout,
            stderr=self.slave, preexec_fn=prepare)

    def set(self, value):
        subprocess.run(
            [self.program, "--use", self.store, "set", self.key, value],
            check=True, stdin=subprocess.DEVNULL, timeout=60)

    def look(self):
        """Adds to the screen what comes within a moment."""
        if select.select([self.master], [], [], 0.02)[0]:
            self.screen += os.read(self.master, 4096)

    def until(self, condition, what):
        while not condition():
            require(time.monotonic() < DEADLINE,
                    f"{what}; the screen is {self.screen!r}")
            self.look()

    def until_screen(self, text):
        self.until(lambda: text in self.screen, f"no {text!r}")

    def is_raw(self):
        return not termios.tcgetattr(self.slave)[3] & termios.ICANON

    def type(self, keys):
        os.write(self.master, keys)

    def status(self):
        """How the program ended or stopped."""
        found = []

        def changed():
            pid, status = os.waitpid(self.child.pid,
                                     os.WNOHANG | os.WUNTRACED)
            if pid:
                found.append(status)
            return pid

        self.until(changed, "the program goes on")
        return found[0]

    def require_exit(self, wanted):
        status = self.status()
        require(os.WIFEXITED(status) and os.WEXITSTATUS(status) == wanted,
                f"wait status {status:#x}; the screen is {self.screen!r}")
        self.require_restored()

    def require_killed(self, wanted):
        status = self.status()
        require(os.WIFSIGNALED(status) and os.WTERMSIG(status) == wanted,
                f"wait status {status:#x}; the screen is {self.screen!r}")
        self.require_restored()

    def require_restored(self):
        require(termios.tcgetattr(self.slave) == self.before,
                "the terminal is not as it was")


def begin(terminal, **options):
    terminal.start(**options)
    terminal.until_screen(PROMPT)
    terminal.until(terminal.is_raw, "the terminal keeps editing lines")


def stop_key(terminal):
    begin(terminal)
    terminal.type(b"not shown\n")
    terminal.set("hello")
    terminal.until_screen(b"5:hello\r\n")
    terminal.type(b"\x1d")
    terminal.require_exit(0)
    require(terminal.screen == PROMPT + b"5:hello\r\n",
            f"the screen is {terminal.screen!r}")


def interrupt(terminal):
    begin(terminal)
    terminal.type(b"\x03")
    terminal.require_exit(0)


def terminate(terminal):
    begin(terminal)
    terminal.child.send_signal(signal.SIGTERM)
    terminal.require_killed(signal.SIGTERM)


def hang_up(terminal):
    begin(terminal)
    terminal.child.send_signal(signal.SIGHUP)
    terminal.require_killed(signal.SIGHUP)


def suspend(terminal):
    begin(terminal)
    terminal.type(b"\x1a")
    require(os.WIFSTOPPED(terminal.status()), "Ctrl-Z does not stop it")
    terminal.require_restored()
    terminal.child.send_signal(signal.SIGCONT)
    terminal.until(terminal.is_raw, "the terminal is not taken over again")
    terminal.type(b"\x1d")
    terminal.require_exit(0)


def closed_pipe(terminal):
    reader, writer = os.pipe()
    begin(terminal, stdout=writer)
    os.close(reader)
    os.close(writer)
    terminal.set("hello")
    terminal.require_killed(signal.SIGPIPE)


def background(terminal):
    terminal.start("--oneshot", foreground=False)
    terminal.until_screen(PROMPT)
    require(not terminal.is_raw(), "it changes another's terminal")
    terminal.set("hello")
    terminal.require_exit(0)
    terminal.until_screen(b"5:hello\r\n")


SCENARIOS = {
    "stop-key": stop_key,
    "interrupt": interrupt,
    "terminate": terminate,
    "hang-up": hang_up,
    "suspend": suspend,
    "closed-pipe": closed_pipe,
    "background": background,
}


def lead_session(scenario, words):
    terminal = Terminal(*words)
    try:
        scenario(terminal)
    except Failure as failure:
        print(failure)
        return 1
    finally:
        if terminal.child and terminal.child.poll() is None:
            terminal.child.kill()
    return 0


def main():
    # A session is led by a process that leads no group yet: a new one.
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    status = lead_session(SCENARIOS[sys.argv[1]], sys.argv[2:5])
    sys.stdout.flush()
    os._exit(status)


if __name__ == "__main__":
    sys.exit(main())
