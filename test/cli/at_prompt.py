#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sessions at the prompt, on a pseudo-terminal with a screen (pyte).

at_prompt.py DIRECTORY memory|file plain|edited

DIRECTORY has the programs. "edited" is a prompt with libedit, "plain" one
without. Prints TAP. Whatever is waited for is on the screen or in the store:
nothing sleeps.
"""

import fcntl
import os
import pathlib
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

import pyte

HERE = pathlib.Path(__file__).resolve().parent
TIMEOUT = 60


class Failure(Exception):
    pass


class Prompt:
    """The program at a terminal, and what its screen shows."""

    def __init__(self, world, *words, columns=100, lines=60, env=None):
        self.screen = pyte.Screen(columns, lines)
        self.stream = pyte.ByteStream(self.screen)
        self.world = world
        environment = dict(world.environment, **(env or {}))
        self.pid, self.master = os.forkpty()
        if not self.pid:
            try:
                # A shell's background ignores some, and that is inherited.
                for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT,
                               signal.SIGPIPE, signal.SIGXFSZ):
                    signal.signal(number, signal.SIG_DFL)
                os.chdir(world.home)
                os.execve(world.cli, [world.cli, *words], environment)
            finally:
                os._exit(99)
        self.resize(columns, lines)

    def resize(self, columns, lines):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ,
                    struct.pack("HHHH", lines, columns, 0, 0))
        self.screen.resize(lines, columns)

    def shown(self):
        return [line.rstrip() for line in self.screen.display]

    def text(self):
        return "\n".join(self.shown()).rstrip()

    def says(self, text):
        """Is this on the screen, wherever its lines are broken?"""
        return re.sub(r"\s", "", text) in re.sub(r"\s", "", self.text())

    def current(self):
        """The line with the cursor."""
        return self.shown()[self.screen.cursor.y]

    def pump(self):
        """Takes what comes within a moment; False when it has ended."""
        if not select.select([self.master], [], [], 0.02)[0]:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        self.stream.feed(data)
        return bool(data)

    def until(self, condition, what):
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            if time.monotonic() > deadline or not self.pump():
                if condition():
                    return
                raise Failure(f"{what}; the screen is\n{self.text()}")

    def until_text(self, text):
        self.until(lambda: text in self.text(), f"no {text!r}")

    def until_line(self, pattern):
        """The line with the cursor matches the whole of a pattern."""
        self.until(lambda: re.fullmatch(pattern, self.current()),
                   f"the line is {self.current()!r}, not {pattern!r}")

    def ready(self, store=None):
        store = "no-conn" if store is None else store
        self.until_line(re.escape(store) + " #")

    def type(self, keys):
        os.write(self.master, keys.encode())

    def enter(self, line, store=None):
        """A whole line, and all that comes of it."""
        self.type(line)
        # A hint may stand to the right of it.
        shown = re.compile(re.escape(line[-20:].rstrip()) + r"(\s{2,}.*)?$")
        self.until(lambda: shown.search(self.current()),
                   f"{line!r} does not show")
        self.type("\r")
        self.ready(self.world.store if store is None else store)

    def exit_status(self):
        self.until(lambda: not self.pump(), "the program goes on")
        status = os.waitpid(self.pid, 0)[1]
        os.close(self.master)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def require_exit(self, wanted):
        status = self.exit_status()
        if status != wanted:
            raise Failure(f"exit status {status}; the screen is\n"
                          f"{self.text()}")

    def leave(self):
        self.type("\x04")
        self.require_exit(0)

    def stop(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            os.close(self.master)


class World:
    """A home directory, a store, and the programs."""

    def __init__(self, programs, kind, edited):
        p = "p" if kind == "file" else ""
        self.kind = kind
        self.edited = edited
        self.cli = f"{programs}/splinter{p}_cli"
        self.ctl = f"{programs}/splinter{p}ctl"
        self.home = tempfile.mkdtemp(prefix="splinter-prompt.")
        self.store = f"splinter_debug_{os.getpid()}"
        self.environment = {
            "HOME": self.home, "TERM": "xterm" if edited else "dumb",
            "LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]}
        self.prompts = []

    def prompt(self, *words, **options):
        prompt = Prompt(self, *words, **options)
        self.prompts.append(prompt)
        return prompt

    def connected(self, **options):
        prompt = self.prompt("--use", self.store, **options)
        prompt.ready(self.store)
        return prompt

    def run(self, *words):
        return subprocess.run([self.ctl, *words], cwd=self.home, check=True,
                              env=self.environment, capture_output=True,
                              stdin=subprocess.DEVNULL, timeout=TIMEOUT)

    def on(self, *words):
        return self.run("--use", self.store, *words)

    def fresh(self):
        """An empty store, no history."""
        history = pathlib.Path(self.home, ".splinter_history")
        history.unlink(missing_ok=True)
        self.remove_store()
        self.run("init", self.store, "64", "4096")

    def remove_store(self):
        for directory in ("/dev/shm", self.home):
            pathlib.Path(directory, self.store).unlink(missing_ok=True)

    def clean(self):
        self.remove_store()
        shutil.rmtree(self.home)


def require(condition, what):
    if not condition:
        raise Failure(what)


# --- What the two kinds of prompt have in common -----------------------------


def looks_as_documented(world):
    """the screen of a session is as documented"""
    world.on("set", "__debug", "1234")
    prompt = world.prompt(columns=120)
    prompt.ready()
    prompt.enter(f"use {world.store}")
    for line in (
            'set foo "{I think this is a perfectly reasonable value for foo.}"',
            "get foo", "list", "list ^__", "head foo", "unset foo"):
        prompt.enter(line)
    prompt.type("watch foo\r")
    prompt.until_text("Press Ctrl-] To Stop ...")
    screen = prompt.text()
    screen = re.sub(r"build \w+", "build BUILD", screen)
    screen = re.sub(r"val_off:  \d+", "val_off:  OFFSET", screen)
    screen = screen.replace(world.store, "splinter_debug")
    screen = screen.replace("splinterp_cli", "splinter_cli")
    wanted = (HERE / "session.txt").read_text().rstrip()
    require(screen == wanted, f"the screen is\n{screen}\nnot\n{wanted}")
    prompt.type("\x1d")
    prompt.ready(world.store)
    prompt.leave()


EVERY = [
    ("append a -text", "5"), ("cas b 0 first", None),
    ("config", "auto_vacuum: 1"), ("config av 0", "auto-vacuum of store"),
    ("get a", "5:-text"), ("get --raw a", "-text"),
    ("get --json a", '"length":5,"value":"-text"}'),
    ("head a", "key:      a"), ("help", "watch    [KEY...]"),
    ("help cas", "set a key if its epoch is EPOCH"),
    ("help ext cas", "--literal"), ("hist ^help", "help ext cas"),
    ("incr n 41", "41"), ("incr n", "42"), ("list --names ^n", "n"),
    ("set 'quoted key' \"and value\"", None),
    ("get quoted\\ key", "9:and value"), ("stores", " | "),
    ("top --count 1 --interval 10", "values up to 4096"),
    ("ttl n 1h", "ttl: key 'n' expires in 3600000 ms"),
    ("ttl --reclaim", "0 keys deleted."),
    ("unset n", "2 bytes deleted."), ("watch --timeout 1 a", None),
    ("watch --timeout 1 --from-snapshot ^a", "a: 5:-text"),
]


def runs_every_command(world):
    """every command works"""
    names = set(world.run("-L").stdout.decode().split())
    left = names - {line.split()[0] for line, _ in EVERY}
    prompt = world.connected()
    for line, text in EVERY:
        prompt.enter("cls")
        prompt.enter(line)
        if text is not None:
            require(prompt.says(text), f"{line}: no {text!r} in\n"
                    f"{prompt.text()}")
    prompt.enter("clear")
    other = world.store + "-other"
    prompt.enter(f"init {other} 8 64", other)
    require(prompt.says("created store"), prompt.text())
    prompt.enter(f"use {world.store}")
    lines = f"{world.home}/lines"
    for line, text in (
            (f"copy a {other} b", None), (f"export {lines}", "keys with"),
            (f"import {lines}", "replaced"),
            (f"record --timeout 1 {lines}.rec", "0 changes"),
            (f"replay --fast {lines}.rec", "0 sets")):
        prompt.enter("cls")
        prompt.enter(line)
        require(text is None or prompt.says(text), prompt.text())
        left.discard(line.split()[0])
    prompt.enter(f"destroy {other}")
    require(prompt.says("removed store"), prompt.text())
    prompt.type("quit\r")
    prompt.require_exit(0)
    left -= {"clear", "init", "use", "destroy", "quit", "set"}
    require(not left, f"not tried: {left}")


def goes_on_after_mistakes(world):
    """mistakes are explained, and the prompt goes on"""
    prompt = world.connected()
    # A terminal that edits lines itself takes no more than 4,095 bytes.
    too_large = ([("set k " + "v" * 4097, "at most 4096 bytes")]
                 if world.edited else [])
    for line, text in (
            ("gte a", "unknown command 'gte': did you mean 'get'?"),
            ("get", "get: too few words: write 'get [--raw] KEY'"),
            ("get none", f"get: no key 'none' in store '{world.store}'"),
            ("set a 'b", "the quote ' in column 7 is never closed"),
            ("use nowhere", "no store 'nowhere': create it with 'init"),
            ("list (", "is no regular expression"),
            ("get " + "k" * 64, "is too long, 64 bytes"),
            ("# a comment", ""), ("", ""), ("   ", ""), *too_large):
        prompt.enter("cls")
        prompt.type(line + "\r")
        prompt.until(lambda t=text: prompt.says(t),
                     f"{line[:20]}: no {text!r}")
        prompt.ready(world.store)
    prompt.leave()


def notices_a_removed_store(world):
    """a store removed under the prompt is named, and found again"""
    prompt = world.connected()
    prompt.enter("set a 1")
    world.run("destroy", world.store)
    prompt.enter("get a", "no-conn")
    require(prompt.says(f"get: store '{world.store}' was removed meanwhile: "
                        "create it again with"), prompt.text())
    world.run("init", world.store, "64", "4096")
    prompt.enter("set a 2")
    prompt.enter("get a")
    require("1:2" in prompt.text(), prompt.text())
    world.run("destroy", world.store)
    world.run("init", world.store, "64", "4096")
    prompt.enter("cls", "no-conn")
    prompt.enter("list")
    require(prompt.says("was removed and made anew"), prompt.text())
    prompt.enter(f"destroy {world.store}", "no-conn")
    prompt.leave()


def notices_a_replaced_store(world):
    """a store that another was renamed over is not read any more"""
    other = world.store + "-other"
    world.run("init", other, "8", "64")
    world.run("--use", other, "set", "a", "new")
    world.on("set", "a", "old")
    prompt = world.connected()
    prompt.enter("get a")
    require("3:old" in prompt.text(), prompt.text())
    directory = "/dev/shm" if world.kind == "memory" else world.home
    os.rename(f"{directory}/{other}", f"{directory}/{world.store}")
    prompt.enter("get a")
    require("3:new" in prompt.text(), prompt.text())
    prompt.leave()


def refuses_a_nul(world):
    """a NUL byte in a line is told, and the prompt goes on"""
    if world.edited:  # there the key sets a mark
        return
    prompt = world.connected()
    prompt.type("get a\x00b\r")
    prompt.until(lambda: prompt.says("the line contains a NUL byte"),
                 "no word")
    prompt.ready(world.store)
    prompt.leave()


def drops_what_is_too_much(world):
    """what set KEY - does not take is no command"""
    world.remove_store()
    world.run("init", world.store, "8", "16")
    world.on("set", "victim", "here")
    prompt = world.connected()
    prompt.type("set k -\r")
    prompt.until_text("ctrl-d on a line of its own")
    prompt.type("0123456789abcdefg\nunset victim\n")
    prompt.until(lambda: prompt.says("takes at most 16 bytes"), "no word")
    prompt.ready(world.store)
    prompt.enter("get victim")
    require("4:here" in prompt.text(), prompt.text())
    prompt.leave()


def watches(world):
    """watch ends by Ctrl-], Ctrl-C and a timeout"""
    prompt = world.connected()
    for number, key in ((1, "\x1d"), (2, "\x03")):
        prompt.enter("cls")
        prompt.type("watch seen\r")
        prompt.until_text("Press Ctrl-] To Stop ...")
        world.on("set", "seen", f"value{number}")
        prompt.until_text(f"6:value{number}")
        prompt.type(key)
        prompt.ready(world.store)
    prompt.enter("cls")
    prompt.enter("watch --timeout 30 seen")
    prompt.enter("get seen")
    require("6:value2" in prompt.text(), prompt.text())
    prompt.leave()


def reads_a_value(world):
    """set KEY - reads the terminal"""
    prompt = world.connected()
    prompt.type("set typed -\r")
    prompt.until_text("ctrl-d on a line of its own")
    prompt.type("two\nlines\n\x04")
    prompt.ready(world.store)
    got = world.on("get", "--raw", "typed").stdout
    require(got == b"two\nlines\n", got)
    prompt.type("set typed -\r")
    prompt.until(lambda: prompt.text().count("of its own") == 2, "no note")
    prompt.type("lost\n\x03")
    prompt.until_text("interrupted")
    prompt.ready(world.store)
    got = world.on("get", "--raw", "typed").stdout
    require(got == b"two\nlines\n", got)
    prompt.leave()


def shows_no_control_characters(world):
    """values and keys cannot control the terminal"""
    world.on("set", "evil\x1b[2J", "a\x1b]0;title\x07b\nc\xa0\x7f")
    prompt = world.connected()
    prompt.enter("list")
    require("evil\\x1b[2J" in prompt.text(), prompt.text())
    prompt.leave()
    world.on("set", "e", "a\x1b]0;title\x07b\nc\x7f")
    prompt = world.connected()
    prompt.enter("get e")
    require("15:a\\x1b]0;title\\x07b\nc\\x7f" in prompt.text(), prompt.text())
    prompt.leave()


def fits_the_screen(world):
    """list is as wide as the terminal"""
    world.on("set", "k" * 60, "1")
    for columns in (44, 70, 80, 120):
        prompt = world.connected(columns=columns)
        prompt.enter("cls")
        prompt.enter("list")
        lines = [line for line in prompt.shown() if line]
        require(len(lines) == 5, f"{columns} columns: {lines}")
        require(len(lines[2]) == min(columns, 93), lines[2])
        require("..." in lines[3] or columns == 120, lines[3])
        prompt.leave()


def ends_long_output(world):
    """Ctrl-C ends a long output, and the prompt goes on"""
    world.remove_store()
    world.run("init", world.store, "32K", "16")
    script = "".join(f"set key{i} {i}\n" for i in range(30000))
    subprocess.run([world.ctl, "-n", "--use", world.store], cwd=world.home,
                   env=world.environment, input=script.encode(), check=True,
                   timeout=TIMEOUT)
    for command in ("list", "list --json", "list --names"):
        prompt = world.connected()
        prompt.type(command + "\r")
        prompt.until(lambda: prompt.text().count("key") > 10, "no list")
        prompt.type("\x03")
        prompt.ready(world.store)
        prompt.enter("get key77")
        require("2:77" in prompt.text(), prompt.text())
        prompt.leave()


def leaves_on_empty_line(world):
    """Ctrl-C on an empty line leaves"""
    prompt = world.connected()
    prompt.type("\x03")
    prompt.require_exit(0)


def has_no_history_file(world):
    """a history file that cannot be written is said once"""
    path = f"{world.home}/no/such/directory"
    prompt = world.connected(env={"SPLINTER_HISTORY_FILE": path})
    prompt.enter("set a 1")
    prompt.enter("set a 2")
    require(prompt.text().count("history: ") == 1, prompt.text())
    require(prompt.says("cannot use"), prompt.text())
    prompt.enter("hist")
    require("2  set a 2" in prompt.text(), prompt.text())
    prompt.leave()


def keeps_history(world):
    """the history outlives the prompt, in a file of one's own"""
    prompt = world.connected()
    for line in ("set a 1", "get a", " set a secret"):
        prompt.enter(line)
    prompt.leave()
    path = pathlib.Path(world.home, ".splinter_history")
    require(path.read_text() == "set a 1\nget a\n", path.read_text())
    require(path.stat().st_mode & 0o777 == 0o600, oct(path.stat().st_mode))
    prompt = world.connected()
    prompt.enter("hist a$")
    require("    2  get a" in prompt.text(), prompt.text())
    prompt.leave()


def is_not_here(world):
    """a store that is not there is said, and the prompt starts without"""
    prompt = world.prompt("--use", "nowhere")
    prompt.ready()
    require(prompt.says("no store 'nowhere'"), prompt.text())
    prompt.leave()


BOTH = [looks_as_documented, runs_every_command, goes_on_after_mistakes,
        notices_a_removed_store, notices_a_replaced_store, refuses_a_nul,
        drops_what_is_too_much, watches, reads_a_value,
        shows_no_control_characters, fits_the_screen, ends_long_output,
        leaves_on_empty_line,
        has_no_history_file, keeps_history, is_not_here]


# --- What libedit gives ------------------------------------------------------


def completes(world):
    """Tab completes commands, options, keys and stores"""
    world.on("set", "foo:bar", "1")
    world.on("set", "foo:baz", "2")
    world.on("set", "two words", "3")
    prompt = world.connected()
    name = re.escape(world.store) + " # "
    for typed, wanted in (
            ("unse\t", "unset"), ("unset t\t", "unset 'two words'"),
            ("get --r\t", "get --raw"), ("get fo\t", "get foo:ba"),
            ("help w\t", "help watch"), ("config au\t", "config auto_vacuum"),
            (f"use {world.store[:-1]}\t", f"use {world.store}"),
            ("nothing here\t", "nothing here")):
        prompt.type(typed)
        prompt.until_line(name + re.escape(wanted) + "( .*)?")
        prompt.type("\x01\x0b")
        prompt.ready(world.store)
    prompt.type("get foo:ba\t")
    prompt.until_text("foo:bar  foo:baz")
    prompt.type("r\r")
    prompt.until_text("1:1")
    prompt.ready(world.store)
    prompt.leave()


def hints(world):
    """the right prompt says what a command still takes"""
    prompt = world.connected()
    for typed, wanted in (("set ", "KEY VALUE"), ("k ", "VALUE"),
                          ("v ", "")):
        prompt.type(typed)
        prompt.until_line(r".*# [a-z ]*\b" + typed.strip() + r"\s*" + wanted)
    prompt.type("\x03")
    prompt.ready(world.store)
    prompt.leave()


def edits(world):
    """arrows, history, search; Ctrl-C clears the line"""
    prompt = world.connected()
    prompt.enter("set k 1")
    prompt.enter("get k")
    prompt.type("\x1b[A\x1b[A")
    prompt.until_line(r".*# set k 1(\s.*)?")
    prompt.type("\x7f2\r")
    prompt.ready(world.store)
    require(world.on("get", "k").stdout == b"1:2\n", "not edited")
    prompt.type("unset ")
    prompt.until_text("KEY")
    prompt.type("k\x03")
    prompt.ready(world.store)
    prompt.type("unset ")
    prompt.until_text("KEY")
    prompt.type("\x03")
    prompt.ready(world.store)
    require("KEY" not in prompt.text(), prompt.text())
    require(world.on("get", "k").stdout == b"1:2\n", "Ctrl-C has run it")
    prompt.type("t k\x01ge\x05\r")
    prompt.until_text("1:2")
    prompt.ready(world.store)
    prompt.leave()
    prompt = world.connected()
    prompt.type("\x1b[A")
    prompt.until_line(r".*# get k(\s.*)?")
    prompt.type("\x03")
    prompt.ready(world.store)
    prompt.leave()


def has_no_second_prompt(world):
    """Escape x is no command line of libedit's, which a quote would crash"""
    prompt = world.connected()
    prompt.type("\x1bx'\r")
    prompt.until(lambda: prompt.says("is never closed"), "no word")
    prompt.ready(world.store)
    prompt.leave()


def takes_pastes(world):
    """pasted lines, long lines, UTF-8"""
    prompt = world.connected()
    lines = [f"set p{i} 'a\tb {i}'" for i in range(50)]
    prompt.type("".join(line + "\n" for line in lines))
    prompt.until(lambda: world.on("list", "--names").stdout.count(b"p") == 50,
                 "lines are lost")
    require(world.on("get", "p49").stdout == b"6:a\tb 49\n",
            world.on("get", "p49").stdout)
    prompt.ready(world.store)
    prompt.type("set long " + "v" * 3000 + "\r")
    prompt.until(lambda: b"long" in world.on("list", "--names").stdout,
                 "a long line is lost")
    require(world.on("get", "long").stdout == b"3000:" + b"v" * 3000 + b"\n",
            "a long line is cut")
    prompt.ready(world.store)
    prompt.enter("set schlüssel wert中")
    got = world.on("get", "schlüssel").stdout
    require(got == "7:wert中\n".encode(), got)
    prompt.leave()


def follows_the_window(world):
    """a resized window is drawn anew"""
    prompt = world.connected()
    prompt.type("set key ")
    prompt.until_text("VALUE")
    prompt.resize(60, 20)
    prompt.type("x" * 30)
    prompt.until(lambda: "x" * 10 in prompt.text(), "nothing is drawn")
    prompt.type("\r")
    prompt.ready(world.store)
    require(world.on("get", "key").stdout == b"30:" + b"x" * 30 + b"\n",
            "what was typed is not what was set")
    prompt.leave()


EDITED = [completes, hints, edits, has_no_second_prompt, takes_pastes,
          follows_the_window]


def main():
    programs, kind, how = sys.argv[1:4]
    world = World(pathlib.Path(programs).resolve(), kind, how == "edited")
    tests = BOTH + (EDITED if world.edited else [])
    failed = 0
    try:
        for number, test in enumerate(tests, 1):
            world.fresh()
            name = f"{number} - {kind}, {how}: {test.__doc__}"
            try:
                test(world)
                print(f"ok {name}", flush=True)
            except (Failure, OSError, subprocess.SubprocessError) as failure:
                failed += 1
                print(f"not ok {name}")
                print("".join(f"# {line}\n"
                              for line in str(failure).splitlines()),
                      flush=True)
            for prompt in world.prompts:
                prompt.stop()
            world.prompts.clear()
    finally:
        world.clean()
    print(f"1..{len(tests)}")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
