#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Types at the line editor, as a person does, and looks at the screen.

at_editor.py [SCENARIO...]

Builds editor_driver.c, heeding CC and CFLAGS. WRAP is put before its command
(valgrind, for example).
"""

import os
import signal
import sys

sys.dont_write_bytecode = True

from editor_terminal import (  # noqa: E402
    DELETE, DOWN, END, HOME, LEFT, PROMPT, RIGHT, Screen, UP, editrc,
    history_file, require, right, run)


# --- Editing ---------------------------------------------------------------


def editing_keys(t):
    t.begin()
    t.type("one three")
    t.until_line("one three|")
    t.type(LEFT * 5 + "two ")
    t.until_line("one two |three")
    t.type("\x01")
    t.until_line("|one two three")
    t.type(DELETE)
    t.until_line("|ne two three")
    t.type("O" + END)
    t.until_line("One two three|")
    t.type("\x7f\x7f")
    t.until_line("One two thr|")
    t.type("\x1bb")
    t.until_line("One two |thr")
    t.type(HOME + "\x1bf")
    t.until_line("One| two thr")
    t.type("\x1b[1;5C")
    t.until_line("One two| thr")
    t.type("\x1b[1~" + RIGHT)
    t.until_line("O|ne two thr")
    t.type("\x04")
    t.until_line("O|e two thr")
    t.type("\x05\x02\x14")
    t.until_line("Oe two trh|")
    t.enter("", "Oe two trh")
    t.quit()


def cut_and_paste(t):
    t.begin()
    t.type("alpha beta-x gamma\x17")
    t.until_line("alpha beta-x |")
    t.type("\x17")
    t.until_line("alpha |")
    t.type("\x19\x19")
    t.until_line("alpha beta-x beta-x |")
    t.type("\x1b\x7f\x1b\x7f\x15")
    t.until_line("|")
    t.type("\x19\x01")
    t.until_line("|alpha beta-x")
    t.type("\x1bd\x0b")
    t.until_line("|")
    t.type("\x19zz\x7f\x7f" + UP + DOWN + "\x19")
    t.until_line(" beta-x  beta-x |")
    t.enter("", " beta-x  beta-x ")
    t.quit()


def unknown_keys(t):
    t.begin()
    t.type("a\x1b[2~\x16\t\x16\x01b")
    t.until_shown(PROMPT + "a      b")
    t.enter("", "a\tb")
    t.quit()


def end_keys(t):
    t.begin()
    t.type("ab\x04")
    t.until(lambda: t.screen.bells, "no bell")
    t.until_line("ab|")
    t.type("\x01\x04\x04")
    t.until_line("|")
    t.type("\x04")
    t.require_end("end")
    require(t.screen.column == 0, "the cursor is behind the prompt")


def interrupt_with_text(t):
    t.begin()
    t.type("some text\x03")
    t.until_rows(PROMPT + "some text^C", PROMPT.rstrip())
    t.enter("get", "get")
    t.type("three rows " * 20 + "\x01\x03")
    t.until_row(PROMPT.rstrip())
    t.type("x" * 200 + "\x12\x03")
    t.until(lambda: t.screen.all()[-1] == PROMPT.rstrip() and
            t.screen.all()[-2].startswith("x"), "no prompt")
    t.type("\x12")
    t.until_row("(search older) :")
    t.type("\x03")
    t.until_rows("(search older) : ^C", PROMPT.rstrip())
    t.type("\x03")
    t.require_end("interrupted")


def interrupt_empty(t):
    t.begin()
    t.type("\x03")
    t.require_end("interrupted")
    require(t.screen.all()[-1] == PROMPT + "^C" and t.screen.column == 0,
            f"the screen is {t.screen.all()}")


def interrupt_from_elsewhere(t):
    t.begin()
    t.type("text")
    t.until_line("text|")
    t.child.send_signal(signal.SIGINT)
    t.until_rows(PROMPT + "text^C", PROMPT.rstrip())
    t.child.send_signal(signal.SIGINT)
    t.require_end("interrupted")


def interrupt_typed_ahead(t):
    t.begin()
    t.type("text\x03more\x03\r\x03")
    t.require_end(b"=", "interrupted")


# --- History ---------------------------------------------------------------


def history_arrows(t):
    t.begin(history_file(t, "oldest", "older", "newest"))
    t.type("typed" + UP)
    t.until_line("newest|")
    t.type(UP)
    t.until_line("older|")
    t.type("\x10")
    t.until_line("oldest|")
    t.type(UP)
    t.until(lambda: t.screen.bells, "no bell")
    t.until_line("oldest|")
    t.type(DOWN + "\x0e")
    t.until_line("newest|")
    t.type("\x1bOB")
    t.until_line("typed|")
    t.enter("", "typed")
    t.enter(UP + UP, "newest")
    t.enter(UP + UP, "typed")
    t.quit()


def history_long_line(t):
    long = "".join(chr(97 + i % 26) for i in range(3000))
    t.begin(history_file(t, "newest"))
    t.enter(long + UP + DOWN, long)
    t.quit()


def history_beginning(t):
    t.begin(history_file(t, "put a 1", "get a", "put b 2", "put b 2", "list"))
    t.type("put\x1b[5~")
    t.until_line("put| b 2")
    t.type("\x1bp")
    t.until_line("put| a 1")
    t.type("\x1bp")
    t.until(lambda: t.screen.bells, "no bell")
    t.type("\x1b[6~")
    t.until_line("put| b 2")
    t.type("\x1bn")
    t.until_line("put|")
    t.enter("\x1bp", "put b 2")
    t.quit()


def history_search(t):
    t.begin(history_file(t, "set alpha 1", "get x", "set beta 2", "a.c", "abc"))
    t.type("typed\x12")
    t.until_row("(search older) : typed")
    t.type("set")
    t.until_row("(search older) set: set beta 2")
    t.type(" a")
    t.until_row("(search older) set a: set alpha 1")
    t.type("\x7f\x7f")
    t.until_row("(search older) set: set beta 2")
    t.type("\x12")
    t.until_row("(search older) set: set alpha 1")
    t.type("\x13")
    t.until_row("(search newer) set: set beta 2")
    t.type("\x13")
    t.until_row("(search newer, not found) set: set beta 2")
    t.type("\x07")
    t.until_line("typed|")
    t.type("\x12a.\x12")
    t.until_row("(search older, not found) a.: a.c")
    t.type(LEFT)
    t.until(lambda: t.screen.text(t.screen.row) == PROMPT + "a.c" and
            t.screen.column == len(PROMPT), "the arrow does not end it")
    t.enter("x", "xa.c")
    t.type("\x12\x12")
    t.until_row("(search older) a.: xa.c")
    t.enter("", "xa.c")
    t.enter("\x12get x", "get x")
    t.quit()


def history_encodings(t):
    t.begin(history_file(t, "old", b"latin \xe9\n", "größe 漢字", "new"))
    t.type(UP * 4)
    t.until_line("old|")
    t.type(DOWN)
    t.until_line("latin \\U+DCE9|")
    t.enter("", "latin \udce9")
    t.enter("\x12漢", "größe 漢字")
    t.quit()


def history_long_list(t):
    """Those that were added while others fell out."""
    t.begin(history_file(t, *(f"line {i}" for i in range(20))), "5")
    t.enter(UP * 9, "line 15")
    t.enter("new 1", "new 1")
    t.enter("new 2", "new 2")
    t.enter(UP * 9, "line 18")
    t.quit()


def history_grown(t):
    """What is added is recalled once."""
    t.begin(history_file(t, "first", "second"))
    t.enter("third", "third")
    t.enter("fourth", "fourth")
    t.enter(UP * 5, "first")
    t.quit()


def history_none(t):
    path = os.path.join(t.directory, "history")
    t.begin(path, "0")
    t.enter("line", "line")
    t.enter(UP + "x", "x")
    t.quit()
    require(not os.path.exists(path), "a file is made")


# --- Tab -------------------------------------------------------------------


def tab_unique(t):
    t.begin()
    t.type("ge")
    t.until_line("ge|")
    t.type("\t")
    t.until(lambda: t.screen.column == len(PROMPT) + 4, "no space behind")
    t.enter("hea\t", "get hea\t")
    t.type("x two")
    t.until_line("x two|")
    t.type("\t")
    t.until_line("x 'two words' |")
    t.enter("", "x 'two words' ")
    t.type("ge then")
    t.until_line("ge then|")
    t.type(LEFT * 5)
    t.until_line("ge| then")
    t.type("\t")
    t.until_line("get |then")
    t.type("nothing")
    t.until_line("get nothing|then")
    t.type("\t")
    t.until(lambda: t.screen.bells, "no bell")
    t.type("\x03\x03")
    t.require_end("interrupted")


def tab_common(t):
    t.begin()
    t.type("gr")
    t.until_line("gr|")
    t.type("\t")
    t.until_line("größ|")
    t.type("\t")
    t.until_rows(PROMPT + "größ", "größe    größter", PROMPT + "größ")
    require(t.screen.column == len(PROMPT) + 4, "the cursor is elsewhere")
    t.type("t")
    t.until_line("größt|")
    t.type("\t")
    t.until_line("größter |")
    t.enter("wi", "größter wi")
    t.type("üb")
    t.until_line("üb|")
    t.type("\t")
    t.until_rows("übä  übö", PROMPT + "üb")
    t.type("\x15wi")
    t.until_line("wi|")
    t.type("\t")
    t.until_line("wide-|")
    t.type("\t")
    t.until_shown("wide-a😀  wide-b")
    t.type("\x03\x03")
    t.require_end("interrupted")


def tab_long_list(t):
    t.begin()
    t.type("x n")
    t.until_line("x n|")
    t.type("\t")
    t.until_rows("... and 1758 more", PROMPT + "x n")
    # 11 columns of 22 rows
    require(t.screen.text(0) ==
            "  ".join(f"n{i * 22:04}" for i in range(11)),
            f"the first row is {t.screen.text(0)!r}")
    require(t.screen.text(21).startswith("n0021  n0043"),
            f"the last row is {t.screen.text(21)!r}")
    t.enter("0001", "x n0001")
    t.quit()


def tab_several_rows(t):
    """The list comes below a line of several rows, wherever the cursor is."""
    t.begin()
    long = "y" * 160
    t.type(long + HOME + "gr")
    t.until(lambda: t.screen.text(t.screen.row).startswith(PROMPT + "gry"),
            "no line")
    t.type(" " + LEFT)
    t.until(lambda: t.screen.text(t.screen.row).startswith(PROMPT + "gr y"),
            "no line")
    t.type("\t")
    t.until_shown("größ ")
    t.type("\t")
    rows = [PROMPT + "größ " + "y" * (75 - len(PROMPT)), "y" * 80,
            "y" * (160 - 80 - 75 + len(PROMPT))]
    t.until_rows(*rows, "größe    größter", *rows)
    t.enter("e", "größe " + long)
    t.quit()


# --- Hints -----------------------------------------------------------------


def hint_shown(t):
    t.begin()
    t.type("get")
    t.until_row(right("get", "KEY"))
    require(t.screen.dimmed() == "KEY", f"dim is {t.screen.dimmed()!r}")
    t.type("x")
    t.until_row(PROMPT + "getx")
    t.type("\x7f\x7f\x7f")
    t.until_row(PROMPT + "g")
    t.type("et ")
    t.until_row(right("get", "KEY"))
    t.type("\x15set")
    t.until_row(right("set", "KEY VALUE"))
    require(t.screen.dimmed() == "KEY VALUE", f"dim is {t.screen.dimmed()!r}")
    t.type(" ")
    t.until_row(right("set", "VALUE OF A KEY"))
    require(t.screen.dimmed() == "VALUE OF A KEY",
            f"dim is {t.screen.dimmed()!r}")
    t.type(LEFT + "\x7f" + RIGHT + "x")
    t.until_row(PROMPT + "se x")
    t.type("\x15set")
    t.until_row(right("set", "KEY VALUE"))
    t.enter("", "set")
    t.until_rows(PROMPT + "set", PROMPT.rstrip())
    require(not t.screen.dimmed(), "a hint stays behind")
    t.quit()


def hint_without_room(t):
    t.begin()
    t.type("set")
    t.until_row(right("set", "KEY VALUE"))
    t.set_size(24, 26)
    t.screen.resize(24, 26)
    t.until_row(PROMPT + "set")
    t.type("\x7f\x7f\x7fget")
    t.until_row(right("get", "KEY", 26))
    t.set_size(24, 40)
    t.screen.resize(24, 40)
    t.until_row(right("get", "KEY", 40))
    t.enter("", "get")
    t.quit()


def hint_not_dim(t):
    """At a terminal that has no attributes."""
    editrc(t, 'settc md ""\n')
    t.begin()
    t.type("get")
    t.until_row(right("get", "KEY"))
    require(not t.screen.dimmed(), "it is dim")
    t.enter("", "get")
    t.quit()


def other_terminals(t):
    """Those that can do less, or in another way."""
    for term in ("vt100", "vt220", "linux", "screen", "tmux-256color", "rxvt"):
        t.begin(TERM=term)
        t.type("ge")
        t.until_line("ge|")
        t.type("t")
        t.until_row(right("get", "KEY"))
        t.type("\x15set")
        t.until_row(right("set", "KEY VALUE"))
        require(t.screen.dimmed() in ("KEY VALUE", ""),
                f"{term}: dim is {t.screen.dimmed()!r}")
        t.type(" alpha gamma" + LEFT * 5 + "beta ")
        t.until_line("set alpha beta |gamma")
        t.type(HOME + DELETE * 4)
        t.until_line("|alpha beta gamma")
        t.type(END + " " + "d" * 80 + HOME + "x" + DELETE)
        line = PROMPT + "xlpha beta gamma " + "d" * 80
        t.until(lambda: t.screen.all()[-2:] == [line[:80], line[80:]],
                f"{term}: no wrapped line")
        t.enter("", line[len(PROMPT):])
        t.quit()
        t.screen = Screen(24, 80)
        open(t.report_path, "w").close()


SCENARIOS = [
    editing_keys, cut_and_paste, unknown_keys, end_keys, interrupt_with_text,
    interrupt_empty, interrupt_from_elsewhere, interrupt_typed_ahead,
    history_arrows, history_long_line, history_beginning, history_search,
    history_encodings, history_long_list, history_grown, history_none,
    tab_unique, tab_common, tab_long_list, tab_several_rows, hint_shown,
    hint_without_room, hint_not_dim, other_terminals,
]


if __name__ == "__main__":
    sys.exit(run(SCENARIOS))
