#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Long lines, pasted text, signals, and terminals of all kinds, for the line
editor.

at_editor_terminal.py [SCENARIO...]

Builds editor_driver.c, heeding CC and CFLAGS. WRAP is put before its command
(valgrind, for example).
"""

import os
import random
import resource
import select
import signal
import subprocess
import sys
import termios
import time
import unicodedata

sys.dont_write_bytecode = True

from editor_terminal import (  # noqa: E402
    DELETE, END, HOME, LEFT, PROMPT, RIGHT, Screen, UP, editrc,
    history_file, require, right, run)


# --- Long lines, sizes, characters ----------------------------------------


def wrapped(t):
    t.begin()
    words = " ".join(str(i) for i in range(100))
    t.type(words)
    shown = PROMPT + words
    rows = [shown[i:i + 80].rstrip() for i in range(0, len(shown), 80)]
    t.until_rows(*rows)
    t.type(HOME)
    t.until(lambda: t.screen.row == 0 and t.screen.column == len(PROMPT),
            "not at its beginning")
    t.type("abc ")
    shown = PROMPT + "abc " + words
    t.until_rows(*[shown[i:i + 80].rstrip()
                   for i in range(0, len(shown), 80)])
    t.type(END + "\x17\x0b")
    t.enter("", "abc " + words[:-2])
    exact = "z" * (80 - len(PROMPT))
    t.type(exact)
    t.until(lambda: t.screen.text(t.screen.row - 1) == PROMPT + exact and
            not t.screen.text(t.screen.row), "a full row does not wrap")
    t.type("\x7f")
    t.until_row(PROMPT + exact[1:])
    t.enter("", exact[1:])
    t.quit()


def layout(text, at, columns):
    """The rows of a line, and where its cursor is."""
    rows, width = [""], 0
    cursor = None
    for i, char in enumerate(PROMPT + text):
        own = 2 if unicodedata.east_asian_width(char) == "W" else 1
        if width + own > columns:
            rows, width = rows + [""], 0
        if i == len(PROMPT) + at:
            cursor = len(rows) - 1, width
        rows[-1] += char
        width += own
        if width == columns:
            rows, width = rows + [""], 0
    return [row.rstrip() for row in rows], cursor or (len(rows) - 1, width)


def edit_randomly(t, choice, text, at, columns):
    """One key and what the line and the cursor's place are then."""
    key = choice([LEFT, LEFT, RIGHT, "\x7f", "\x7f", DELETE, HOME, END, "\x0b",
                  "\x15"] + 10 * ["text"])
    if key == "text":
        key = "".join(choice("ab é漢")
                      for _ in range(choice([1, 1, 1, 2, 7])))
        if len(text) > 6 * columns:
            return "", text, at
        return key, text[:at] + key + text[at:], at + len(key)
    if key == "\x7f":
        before = max(0, at - 1)
        return key, text[:before] + text[at:], before
    text = {DELETE: text[:at] + text[at + 1:], "\x0b": text[:at],
            "\x15": text[at:]}.get(key, text)
    at = {LEFT: max(0, at - 1), RIGHT: min(len(text), at + 1), HOME: 0,
          END: len(text), "\x15": 0}.get(key, at)
    return key, text, at


def drawn_right(t):
    """Whatever is changed, the screen has what the line is."""
    seed = int(os.environ.get("SPLINTER_TEST_SEED", time.time()))
    choice = random.Random(seed).choice
    for columns in (20, 33, 80):
        t.set_size(24, columns)
        t.screen = Screen(24, columns)
        t.begin()
        text, at = "", 0
        for _ in range(200):
            keys, text, at = edit_randomly(t, choice, text, at, columns)
            t.type(keys)
            rows, cursor = layout(text, at, columns)
            while not rows[-1]:
                rows.pop()
            t.until(lambda: t.screen.all()[-len(rows):] == rows and
                    t.screen.column == cursor[1],
                    f"seed {seed}, after {keys!r}: not {rows} {cursor}")
        t.enter("", text)
        t.quit()


def resized(t):
    t.begin()
    t.type("w" * 100)
    t.until_rows(PROMPT + "w" * (80 - len(PROMPT)),
                 "w" * (20 + len(PROMPT)))
    t.set_size(24, 60)
    t.screen.resize(24, 60)
    t.until_rows(PROMPT + "w" * (60 - len(PROMPT)),
                 "w" * (40 + len(PROMPT)))
    t.set_size(30, 120)
    t.screen.resize(30, 120)
    t.until_shown(PROMPT + "w" * 100)
    t.enter("x", "w" * 100 + "x")
    t.set_size(5, 30)
    t.screen.resize(5, 30)
    t.enter("v" * 1000, "v" * 1000)
    t.quit()


def resized_with_reflow(t):
    """A terminal that makes one row of two: what is above stays."""
    t.begin()
    t.enter("first", "first")
    t.type("w" * 100)
    t.until_rows(PROMPT + "first", PROMPT + "w" * (80 - len(PROMPT)),
                 "w" * (20 + len(PROMPT)))
    screen = t.screen
    screen.resize(24, 160)
    del screen.cells[2]
    screen.cells[1][:] = [(c, False) for c in (PROMPT + "w" * 100).ljust(160)]
    screen.cells.append(screen.blank())
    screen.row, screen.column = 1, len(PROMPT) + 100
    screen.cells[1][130] = ("?", False)
    t.set_size(24, 160)
    t.until_row(PROMPT + "w" * 100)
    t.enter("x", "w" * 100 + "x")
    t.until_rows(PROMPT + "first", PROMPT + "w" * 100 + "x", PROMPT.rstrip())
    t.quit()


def characters(t):
    t.begin()
    t.type("größe 漢字")
    t.until(lambda: t.screen.text(t.screen.row) == PROMPT + "größe 漢字" and
            t.screen.column == len(PROMPT) + 10, "the columns are wrong")
    t.type("\x7f")
    t.until(lambda: t.screen.text(t.screen.row) == PROMPT + "größe 漢" and
            t.screen.column == len(PROMPT) + 8, "the columns are wrong")
    t.type("e")
    t.until(lambda: t.screen.column == len(PROMPT) + 9, "no e")
    t.type("\u0301" + LEFT + LEFT)
    t.until(lambda: t.screen.column == len(PROMPT) + 8, "not on the e")
    t.type(END + "x")
    t.until(lambda: t.screen.column == len(PROMPT) + 10 and
            t.screen.text(t.screen.row) == PROMPT + "größe 漢ex",
            "the columns are wrong")
    t.enter(HOME + "😀", "😀größe 漢e\u0301x")
    t.type(b"\xff\xc3(\xe6\xbc")
    t.type("\r")
    t.until(lambda: len(t.lines()) == 2, "no line")
    require(t.lines()[1] == "\udcff\udcc3(\udce6\udcbc",
            f"it is {t.lines()[1]!r}")
    wide = "漢" * 200
    t.enter(wide, wide)
    t.quit()


def other_locale(t):
    t.start(LC_ALL="C")
    t.until_row("dr??ver #")
    t.type("größe\r")
    t.until_lines("größe")
    t.type(UP)
    t.type("\r")
    t.until_lines("größe", "größe")
    t.quit()


# --- Pasted text -----------------------------------------------------------


def paste_lines(t):
    t.begin()
    lines = [f"line {i} " + "x" * (i % 150) for i in range(200)]
    t.type("\n".join(lines) + "\n")
    t.until_lines(*lines)
    t.quit()


def paste_lines_in_a_small_terminal(t):
    t.set_size(2, 10)
    t.screen.resize(2, 10)
    t.start()
    lines = [f"line {i} " + "x" * (i % 50) for i in range(200)]
    t.type("\r".join(lines) + "\r")
    t.until_lines(*lines)
    t.quit()


def paste_long_line(t):
    t.begin()
    for size in (4095, 4096, 4097, 100_000):
        long = "".join(chr(97 + i % 26) for i in range(size))
        t.type(long + "\r")
        t.until(lambda: len(t.lines()) and t.lines()[-1] == long,
                f"not {size} characters")
        t.until(t.is_raw, "it does not read on")
    long = "a" * 50_000 + "\n" + "b" * 20_000 + "\n"
    t.type(long)
    t.until(lambda: t.lines()[-2:] == long.split(), "not two lines")
    t.quit()


def paste_into_a_line(t):
    t.begin()
    text = '{"key": [1, 2, 3], "größe": "漢字"} ' * 3000
    t.enter("''" + LEFT + text, "'" + text + "'")
    t.quit()


def paste_tabs(t):
    t.begin()
    t.enter("a\tb\tge\t", "a\tb\tge\t")
    t.enter("\t\tn", "\t\tn")
    t.quit()


def paste_a_lot(t):
    t.begin()
    long = "0123456789" * 100_000
    t.type("x" + long + "\r")
    t.until(lambda: t.lines() == ["x" + long], "not a megabyte")
    t.quit()


def typed_before(t):
    """What is typed before the program reads, while the terminal is cooked."""
    t.type("one\rtwo\x04\r\x04")
    t.start()
    t.until(lambda: t.report()[-1:] == ["closed"], "no end")
    t.require_end(b"=one", b"=two", "end")


def typed_ahead(t):
    """What is behind the last line is there for who reads next."""
    t.begin()
    t.type("one\r\x04two\r")
    t.require_end(b"=one", "end")
    os.tcsetpgrp(t.slave, os.getpgrp())
    t.until(lambda: select.select([t.slave], [], [], 0)[0], "it is gone")
    require(os.read(t.slave, 100) == b"two\n", "it is gone")


# --- Signals ---------------------------------------------------------------


def suspended(t):
    if "valgrind" in os.environ.get("WRAP", ""):
        return  # it stops nobody who signals himself
    t.begin()
    t.type("some text" + LEFT * 4)
    t.until_line("some |text")
    group = t.child.pid
    mate = subprocess.Popen(["sleep", "100"],
                            preexec_fn=lambda: os.setpgid(0, group))
    for signals in (None, signal.SIGTSTP):
        if signals:
            t.child.send_signal(signals)
        else:
            t.type("\x1a")
            require(os.WIFSTOPPED(os.waitpid(mate.pid, os.WUNTRACED)[1]),
                    "Ctrl-Z stops only one of the group")
        require(os.WIFSTOPPED(t.status()), "it does not stop")
        t.require_restored()
        t.until(lambda: t.screen.column == 0, "the cursor is in the line")
        os.write(t.slave, b"job\n")
        t.until_rows(PROMPT + "some text", "job")
        os.killpg(t.child.pid, signal.SIGCONT)
        t.until_line("some |text")
    mate.kill()
    mate.wait()
    t.enter("x", "some xtext")
    t.quit()


def stopped_from_elsewhere(t):
    t.begin()
    t.type("some text")
    t.until_line("some text|")
    t.child.send_signal(signal.SIGSTOP)
    require(os.WIFSTOPPED(t.status()), "it does not stop")
    termios.tcsetattr(t.slave, termios.TCSANOW, t.before)
    os.write(t.slave, b"\njob\n")
    t.child.send_signal(signal.SIGCONT)
    t.until(t.is_raw, "the terminal is not taken over again")
    t.until_line("some text|")
    t.enter("x", "some textx")
    t.quit()


def strange_modes(t):
    """Modes that libedit thinks nobody wants."""
    t.before[0] &= ~termios.ICRNL
    t.before[3] &= ~(termios.ECHOCTL | termios.ECHOE)
    t.before[6][termios.VWERASE] = b"\0"
    termios.tcsetattr(t.slave, termios.TCSANOW, t.before)
    t.begin()
    t.enter("one", "one")
    t.type("\x1a")
    if "valgrind" not in os.environ.get("WRAP", ""):
        require(os.WIFSTOPPED(t.status()), "it does not stop")
        t.require_restored()
        os.killpg(t.child.pid, signal.SIGCONT)
    t.enter("two", "two")
    t.quit()


def other_signal_keys(t):
    t.before[6][termios.VINTR] = b"\x18"
    t.before[6][termios.VEOF] = b"\0"
    termios.tcsetattr(t.slave, termios.TCSANOW, t.before)
    t.begin()
    t.type("text\x18")
    t.until_rows(PROMPT + "text^C", PROMPT.rstrip())
    t.enter("x\x03y", "xy")
    t.quit()


def killed(t):
    t.begin()
    t.type("text")
    t.until_line("text|")
    t.child.send_signal(t.number)
    status = t.status()
    require(os.WIFSIGNALED(status) and os.WTERMSIG(status) == t.number,
            f"wait status {status:#x}")
    t.require_restored()


def terminated(t):
    t.number = signal.SIGTERM
    killed(t)


def hung_up(t):
    t.number = signal.SIGHUP
    killed(t)


def bus_error(t):
    t.number = signal.SIGBUS
    killed(t)


def quit_key(t):
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    t.begin()
    t.type("text\x1c")
    status = t.status()
    require(os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGQUIT,
            f"wait status {status:#x}")
    t.require_restored()


def terminal_gone(t):
    """Nobody is told by a signal, as if it had been ignored."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    t.begin()
    os.close(t.master)
    pid, status = os.waitpid(t.child.pid, 0)
    require(pid and status == 0, f"wait status {status:#x}")
    require(t.report()[-2:] == ["end", "closed"],
            f"the report is {t.report()}")


# --- ~/.editrc -------------------------------------------------------------


def editrc_binds(t):
    editrc(t, 'bind "^G" ed-move-to-beg\nother:bind "x" ed-move-to-beg\n'
              'driver:bind "y" "ed-move-to-end"\nhistory size 2\n')
    t.begin(history_file(t, "oldest", "older", "newest"))
    t.type("abx\x07")
    t.until_line("|abx")
    t.type("y")
    t.until_line("abx|")
    t.enter(UP * 3, "older")
    t.quit()


def editrc_vi(t):
    editrc(t, "bind -v\n")
    t.begin(history_file(t, "older", "newest"))
    t.type("hello\x1bh")
    t.until_line("hel|lo")
    t.type("xk")
    t.until(lambda: PROMPT + "newest" == t.screen.text(t.screen.row),
            "no history")
    t.type("k")
    t.until(lambda: PROMPT + "older" == t.screen.text(t.screen.row),
            "no history")
    t.type("ddiget ")
    t.until_row(right("get", "KEY"))
    t.type("gr")
    t.until_row(PROMPT + "get gr")
    t.type("\t")
    t.until_row(PROMPT + "get größ")
    t.enter("t", "get größt")
    t.type("\x03")
    t.require_end("interrupted")


def editrc_off(t):
    editrc(t, "edit off\n")
    t.begin()
    require(t.report() == ["plain"], f"the report is {t.report()}")
    t.enter("line", "line")
    t.quit()


# --- Plain lines -----------------------------------------------------------


def plain(t):
    t.begin(TERM="dumb")
    require(t.report() == ["plain"], f"the report is {t.report()}")
    t.enter("one", "one")
    t.enter("", "")
    t.type("half\x04\x04")
    t.until(lambda: t.lines()[-1] == "half", "no unfinished line")
    t.quit()


def plain_without_term(t):
    t.begin(TERM=None)
    require(t.report() == ["plain"], f"the report is {t.report()}")
    t.enter("one", "one")
    t.until_row(PROMPT.rstrip())
    t.type("text\x03")
    t.require_end("interrupted")


def plain_unknown_term(t):
    t.begin(TERM="no-such-terminal")
    require(t.report() == ["plain"], f"the report is {t.report()}")
    require(t.screen.all() == [PROMPT.rstrip()],
            f"the screen is {t.screen.all()}")
    t.quit()


def plain_lines_at_once(t):
    """Several lines that one read of the terminal gives."""
    mode = termios.tcgetattr(t.slave)
    mode[3] &= ~termios.ICANON
    termios.tcsetattr(t.slave, termios.TCSANOW, mode)
    t.type("one\ntwo\nthree\n")
    termios.tcsetattr(t.slave, termios.TCSANOW, t.before)
    t.start(TERM="dumb")
    t.until_lines("one", "two", "three")
    t.quit()


def plain_without_libedit(t):
    t.begin(driver="without")
    require(t.report() == ["plain"], f"the report is {t.report()}")
    t.enter("one", "one")
    t.until_row(PROMPT.rstrip())
    t.type("\x03")
    t.require_end("interrupted")


def plain_output(t):
    """Who looks at a file's screen does not edit there."""
    with open(os.path.join(t.directory, "output"), "w") as output:
        t.begin(stdout=output)
    require(t.report() == ["plain"], f"the report is {t.report()}")
    t.enter("one", "one")
    t.quit()


def plain_pipe(t):
    reader, writer = os.pipe()
    t.start(stdin=reader)
    os.close(reader)
    long = "long " * 1_000_000
    with os.fdopen(writer, "w") as pipe:
        pipe.write(f"one\n\n{long}\na\0b\nlast\0\nwithout newline")
    t.require_end(b"=one", b"=", b"=" + long.encode(), "error EILSEQ",
                  "error EILSEQ", b"=without newline", "end")
    require(not t.screen.all(), f"the screen is {t.screen.all()}")


SCENARIOS = [
    wrapped, drawn_right, resized, resized_with_reflow, characters,
    other_locale, paste_lines, paste_lines_in_a_small_terminal,
    paste_long_line, paste_into_a_line, paste_tabs, paste_a_lot, typed_before,
    typed_ahead, suspended, stopped_from_elsewhere, strange_modes,
    other_signal_keys, terminated, hung_up, bus_error, quit_key, terminal_gone,
    editrc_binds, editrc_vi, editrc_off, plain, plain_without_term,
    plain_unknown_term, plain_lines_at_once, plain_without_libedit,
    plain_output, plain_pipe,
]


if __name__ == "__main__":
    sys.exit(run(SCENARIOS))
