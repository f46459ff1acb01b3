#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a command at a pseudo-terminal of its own.

at_terminal.py TEXT COMMAND...    types Ctrl-C once TEXT is on the screen
at_terminal.py '' COMMAND...      only waits for its end

Prints what was on the screen, without carriage returns, then "status N" as a
shell would have it.
"""

import os
import pty
import select
import signal
import sys
import time

DEADLINE = time.monotonic() + 30


def screen_of(master, text):
    """All that is written until the end; Ctrl-C as soon as text is there."""
    screen = b""
    while time.monotonic() < DEADLINE:
        if not select.select([master], [], [], 0.1)[0]:
            continue
        try:
            more = os.read(master, 4096)
        except OSError:  # the last one has closed the terminal
            break
        if not more:
            break
        screen += more
        if text and text in screen:
            os.write(master, b"\x03")
            text = b""
    return screen


def main():
    pid, master = pty.fork()
    if pid == 0:
        # A shell's background ignores some, and that is inherited.
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, signal.SIG_DFL)
        os.execvp(sys.argv[2], sys.argv[2:])
    screen = screen_of(master, sys.argv[1].encode())
    if time.monotonic() >= DEADLINE:
        os.kill(pid, 9)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(screen.decode().replace("\r", "\n"))
    print("status", status if status >= 0 else 128 - status)


if __name__ == "__main__":
    main()
