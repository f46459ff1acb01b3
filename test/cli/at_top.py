#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`top` on a pseudo-terminal with a screen (pyte).

at_top.py DIRECTORY memory|file

DIRECTORY has the programs and the libraries. Prints TAP. Nothing sleeps: what
is waited for is on the screen. A sample is taken when one is asked for, by
ending a pause.
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import termios
import time
import types

sys.dont_write_bytecode = True

from at_prompt import (  # noqa: E402
    TIMEOUT, Failure, Prompt, World, require)

TAKEN = b"\x1b[?1049h"
GIVEN_BACK = b"\x1b[?7h\x1b[?25h\x1b[?1049l"
HINT = "q leave   p pause   s sort"

# Somebody who waits for a key.
WAITER = """
import ctypes, sys
lib = ctypes.CDLL(sys.argv[1])
options = (ctypes.c_uint32 * 64)()
lib.spl_options_init(options)
options[2] = int(sys.argv[2])
store = ctypes.c_void_p()
lib.spl_open(sys.argv[3].encode(), options, ctypes.byref(store))
lib.spl_wait(store, sys.argv[4].encode(), ctypes.c_uint64(int(sys.argv[5])),
             ctypes.c_uint64(600000), None)
"""


def as_they_begin():
    """How a terminal is that nobody has changed."""
    master, slave = os.openpty()
    try:
        return termios.tcgetattr(slave)
    finally:
        os.close(master)
        os.close(slave)


class Top(Prompt):
    """`top` at a terminal, and all that it has written."""

    def __init__(self, world, *words, program=None, columns=80, lines=24,
                 env=None):
        begin = types.SimpleNamespace(
            cli=program or world.ctl, environment=world.environment,
            home=world.home)
        super().__init__(begin, *words, columns=columns, lines=lines, env=env)
        world.prompts.append(self)
        self.written = b""
        feed = self.stream.feed

        def keep(data):
            self.written += data
            feed(data)

        self.stream.feed = keep

    def until_drawn(self):
        self.until(lambda: self.written.endswith(HINT.encode() + b"\x1b[K"),
                   "nothing is drawn")

    def sample(self):
        """Asks for one, and has it on the screen."""
        self.type("p")
        self.until_text("p go on")
        self.type("p")
        self.until_drawn()

    def row(self, name):
        """The columns behind a name that is in the first one."""
        for line in self.shown():
            if line.startswith(name + " "):
                return line[len(name):].split()
        raise Failure(f"no row for {name!r}\n{self.text()}")

    def has_row(self, name):
        return any(line.startswith(name + " ") for line in self.shown())

    def elapsed(self):
        return float(re.search(r"over (\d+\.\d\d)s", self.text()).group(1))

    def status(self):
        """How it ended; the terminal stays open."""
        deadline = time.monotonic() + TIMEOUT
        while self.pump():
            require(time.monotonic() < deadline,
                    f"it goes on; the screen is\n{self.text()}")
        status = os.waitpid(self.pid, 0)[1]
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def require_ended(self, wanted):
        status = self.status()
        require(status == wanted, f"exit status {status}; the screen is\n"
                f"{self.text()}")
        require(self.written.count(TAKEN) == 1, "the screen was not taken")
        require(GIVEN_BACK in self.written.split(TAKEN)[1],
                f"the screen is not given back: {self.written[-80:]!r}")
        require(termios.tcgetattr(self.master) == as_they_begin(),
                "the terminal is not as it was")
        os.close(self.master)


def start(world, *words, interval="24h", **options):
    top = Top(world, "--use", world.store, *words, "top", "--interval",
              interval, **options)
    top.until_drawn()
    return top


def run_script(world, lines):
    subprocess.run([world.ctl, "-n", "--use", world.store], cwd=world.home,
                   env=world.environment, input="\n".join(lines).encode(),
                   stdout=subprocess.DEVNULL, check=True, timeout=TIMEOUT)


def require_rate(shown, sets, elapsed):
    """Three digits, of a time that was rounded as well."""
    unit = {"K": 1e3, "M": 1e6}.get(shown[-1], 1)
    rate = float(shown.rstrip("KM")) * unit
    least = sets / (elapsed + 0.006) * 0.99 - 0.06
    most = sets / max(elapsed - 0.006, 0.0001) * 1.01 + 0.06
    require(least <= rate <= most,
            f"{shown} is not the rate of {sets} in {elapsed} s")


# --- What it shows -----------------------------------------------------------


def shows_what_is_known(world):
    """the first screen comes at once, without rates"""
    world.on("set", "a", "1")
    world.on("set", "b", "22")
    world.on("config", "av", "0")
    top = start(world)
    for text in (f"{world.store}: {world.kind}, auto-vacuum off",
                 "changes -/s, 2 ever", "keys 2 of 64 (3%), 62 free",
                 "nobody waits", "writers 0 of 64",
                 "ring holds 1024 changes", "values up to 4096", "repairs 0",
                 "parse failures 0", "no key has changed yet"):
        require(text in top.text(), f"no {text!r} in\n{top.text()}")
    require(re.search(r"memory [\d.]+[KM], [\d.]+[KM]? reserved", top.text()),
            top.text())
    require(top.shown()[23] == HINT, top.text())
    top.type("q")
    top.require_ended(0)


def counts_sets(world):
    """keys with their sets a second, the hottest first"""
    for key in "quiet", "warm", "hot":
        world.on("set", key, "1")
    top = start(world)
    lines = ["set warm 1", "set hot 55555"] * 10 + ["set hot 7777777"] * 30
    run_script(world, lines)
    top.sample()
    elapsed = top.elapsed()
    hot, warm = top.row("hot"), top.row("warm")
    require_rate(hot[0], 40, elapsed)
    require_rate(warm[0], 10, elapsed)
    require_rate(re.search(r"changes (\S+)/s", top.text()).group(1), 50,
                 elapsed)
    require(hot[1:] == ["82", "7", "-", "-"], hot)
    require(warm[1:] == ["22", "1", "-", "-"], warm)
    require(top.text().index("\nhot ") < top.text().index("\nwarm "),
            top.text())
    require(not top.has_row("quiet"), top.text())
    require("changes" in top.text() and "53 ever" in top.text(), top.text())
    require(re.search(r"ring holds 1024 changes, \d+", top.text()), top.text())
    top.sample()
    require(top.row("hot")[:2] == ["0", "82"], top.text())
    world.on("unset", "hot")
    world.on("set", "warm", "4444")
    top.sample()
    require(top.row("warm")[2] == "4", top.text())
    top.type("q")
    top.require_ended(0)


def says_what_it_missed(world):
    """what the ring had no room for is told, and counted all the same"""
    world.on("set", "k", "first")
    top = start(world)
    os.kill(top.pid, signal.SIGSTOP)
    os.waitpid(top.pid, os.WUNTRACED)
    run_script(world, [f"set k {i}" for i in range(3000)])
    os.kill(top.pid, signal.SIGCONT)
    top.sample()
    missed = re.search(r"missed (\S+): rates of keys are estimates",
                       top.text())
    require(missed, top.text())
    require_rate(top.row("k")[0], 3000, top.elapsed())
    top.sample()
    require("missed" not in top.text(), top.text())
    top.type("q")
    top.require_ended(0)


def shows_time_to_live(world):
    """what is left of a time to live"""
    top = start(world)
    world.on("set", "--ttl", "2h", "mortal", "1")
    top.sample()
    require(top.row("mortal")[3] in ("1h59m", "2h00m"), top.text())
    require("time to live: 1 key" in top.text(), top.text())
    top.type("q")
    top.require_ended(0)


def shows_writers(world):
    """who writes, since when and how much; and who is dead"""
    world.on("set", "w", "0")
    top = start(world)
    with subprocess.Popen([world.ctl, "-n", "--use", world.store],
                          cwd=world.home, env=world.environment,
                          stdin=subprocess.PIPE) as writer:
        def write(count):
            writer.stdin.write(b"set w 1\n" * count)
            writer.stdin.flush()

        name = os.path.basename(world.ctl)[:15]

        def is_written(epoch):
            return (f'"epoch":{epoch},' in world.on(
                "head", "--json", "w").stdout.decode())

        write(5)
        top.until(lambda: is_written(12), "nothing is written")
        top.sample()
        require("writers 1 of 64" in top.text(), top.text())
        row = top.row(name)
        require(row[1:3] == ["0", str(writer.pid)], top.text())
        require(re.fullmatch(r"\d+m?s", row[3]), top.text())
        write(40)
        top.until(lambda: is_written(92), "nothing is written")
        top.sample()
        require_rate(top.row(name)[0], 40, top.elapsed())
        require(top.row(name)[4] == "-", top.text())
        writer.kill()
        writer.wait()
    top.sample()
    require("writers 1 of 64, 1 dead" in top.text(), top.text())
    require(top.row("-")[4] == "dead", top.text())
    top.type("q")
    top.require_ended(0)


def shows_waiters(world):
    """keys that somebody waits for; who waits for new ones, or for all"""
    world.on("set", "asked", "1")
    top = start(world)
    library = pathlib.Path(world.ctl).parent / "libsplinter.so"
    kind = "1" if world.kind == "file" else "0"

    def waits():
        top.sample()
        return "waited for: 1 key, new keys, any change" in top.text()

    others = [
        subprocess.Popen([sys.executable, "-c", WAITER, library, kind,
                          world.store, key, epoch], cwd=world.home)
        for key, epoch in (("asked", "2"), ("absent", "0"))]
    others.append(subprocess.Popen(
        [world.ctl, "--use", world.store, "watch", "any"], cwd=world.home,
        env=world.environment, stdin=subprocess.DEVNULL))
    try:
        top.until(waits, "nobody waits")
        require(top.row("asked")[-1] == "yes", top.text())
        require(top.row("asked")[0] == "0", top.text())
    finally:
        for other in others:
            other.kill()
            other.wait()
    top.type("q")
    top.require_ended(0)


def does_not_wait(world):
    """looking does not show as waiting, and takes no writer entry"""
    world.on("set", "k", "1")
    top = start(world, interval="10ms")
    other = start(world)
    world.on("set", "k", "2")
    top.until(lambda: top.has_row("k"), "no change shows")
    other.sample()
    require("nobody waits" in other.text(), other.text())
    require("writers 0 of 64" in other.text(), other.text())
    for one in (top, other):
        one.type("q")
        one.require_ended(0)


def shows_no_control_characters(world):
    """keys cannot control the terminal, long ones are cut"""
    top = start(world)
    world.on("set", "evil\x1b[2J\x1b]0;x\x07", "1")
    world.on("set", "k" * 63, "1")
    top.sample()
    require(top.row("evil\\x1b[2J\\x1b]0;x\\x07"), top.text())
    require(any(re.match("k{20,}\\.\\.\\. ", line) for line in top.shown()),
            top.text())
    require(top.written.count(b"\x1b[2J") == 1 and
            b"\x1b]" not in top.written, "bytes of a key are written")
    top.type("q")
    top.require_ended(0)


def keeps_to_its_prefix(world):
    """with a prefix only its keys are shown, without it"""
    top = start(world, "--prefix", "mine:")
    world.on("set", "mine:a", "1")
    world.on("set", "other", "1")
    top.sample()
    require(top.row("a"), top.text())
    require(not top.has_row("other"), top.text())
    top.type("q")
    top.require_ended(0)


# --- The screen --------------------------------------------------------------


def follows_the_window(world):
    """the screen is as large as the window, which may change"""
    top = start(world)
    run_script(world, [f"set key{i} {'v' * 9}" for i in range(50)])
    top.sample()
    for columns, lines in ((120, 40), (40, 12), (132, 60), (20, 6), (12, 3),
                           (1, 1), (80, 24)):
        top.resize(columns, lines)
        top.screen.reset()
        hint = HINT[:min(9, columns)]
        top.until(lambda l=lines, h=hint: top.screen.display[l - 1].startswith(
            h), f"not drawn in {columns}x{lines}")
        text = "\n".join(top.shown())
        if lines > 1:
            require(text.startswith(world.store[:9]), text)
            require(text.count("q leave") == 1, text)
        require("no key" not in text, text)
        if lines > 10:
            require("KEY by rate, " in text or columns == 40 or lines == 60,
                    text)
            require(re.search(r"^key\d+ ", text, re.M), text)
    top.type("q")
    top.require_ended(0)


def pauses_and_sorts(world):
    """p pauses, s sorts; keys without a letter do nothing"""
    top = start(world)
    run_script(world, ["set b 1", "set b 1", "set c 1", "set a 1"])
    top.sample()

    def order():
        return [line.split()[0] for line in top.shown()
                if re.match("[abc] ", line)]

    require(order() == ["b", "a", "c"], top.text())
    run_script(world, ["set c 1"] * 5)
    top.type("s")
    top.until_text("KEY by epoch")
    require(order()[0] == "c", top.text())
    top.type("s")
    top.until_text("KEY by name")
    require(order() == ["a", "b", "c"], top.text())
    top.type("s")
    top.until_text("KEY by rate")
    top.type("\x1b[A")
    top.type("\x1bOq")
    top.type(" ")
    top.until_text("q leave   p go on   s sort")
    run_script(world, ["set c 1"] * 5)
    top.type(" ")
    top.until_drawn()
    require(order()[0] == "c", top.text())
    top.type("q")
    top.require_ended(0)


def draws_over(world):
    """a new screen is written over the old, which is not cleared"""
    top = start(world, interval="10ms")
    before = top.written.count(b"\x1b[1;1H")
    top.until(lambda: top.written.count(b"\x1b[1;1H") > before + 10,
              "it does not go on by itself")
    require(b"\x1b[2J" not in top.written.split(b"\x1b[1;1H", 1)[1],
            "the screen is cleared")
    top.type("q")
    top.require_ended(0)


# --- Its end -----------------------------------------------------------------


def ends_by_key(world):
    """q, Ctrl-] and Ctrl-C leave, and the terminal is as before"""
    for key in "q", "\x1d", "\x03":
        top = start(world)
        top.type(key)
        top.require_ended(0)


def ends_by_signal(world):
    """a signal kills it, and the terminal is as before"""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        top = start(world)
        os.kill(top.pid, number)
        top.require_ended(-number)


def ends_with_its_store(world):
    """it ends when its store is removed"""
    top = start(world)
    world.run("destroy", world.store)
    top.require_ended(1)
    require(top.says(f"top: store '{world.store}' was removed: look again "
                     "once there is a new one"), top.text())


def survives_no_fault(world):
    """a store that is shortened under it ends it, the terminal is as before"""
    top = start(world, interval="10ms")
    directory = "/dev/shm" if world.kind == "memory" else world.home
    os.truncate(f"{directory}/{world.store}", 4096)
    top.require_ended(1)
    require(top.says("became shorter while it was in use"), top.text())


def can_be_stopped(world):
    """Ctrl-Z gives the screen back, fg takes it again"""
    store = world.store
    shell = Top(world, "--norc", "--noprofile", "-i", program="/bin/bash",
                columns=100, lines=30, env={"PS1": "ready> ", "HISTFILE": ""})
    shell.until_line("ready>")
    shell.type(f"{world.ctl} --use {store} top --interval 24h\r")
    shell.until_drawn()
    shell.type("\x1a")
    shell.until(lambda: "Stopped" in shell.text(), "it does not stop")
    shell.until_line("ready>")
    taken = shell.written.rindex(TAKEN)
    require(GIVEN_BACK in shell.written[taken:], "the screen is kept")
    shell.type("clear\r")
    shell.until(lambda: shell.text() == "ready>", "no empty screen")
    shell.type("fg\r")
    shell.until_drawn()
    require(shell.written.rindex(TAKEN) > taken, "the screen is not taken")
    shell.sample()
    shell.type("q")
    shell.until_line(".*ready>")
    require(shell.written.rindex(GIVEN_BACK) > shell.written.rindex(TAKEN),
            "the screen is kept")
    shell.type("exit\r")
    require(shell.status() == 0, shell.text())
    os.close(shell.master)


def returns_to_the_prompt(world):
    """at the prompt, leaving leads back to it"""
    prompt = world.connected()
    for key in "q", "\x1d", "\x03":
        prompt.type("top\r")
        prompt.until_text(HINT)
        prompt.type(key)
        # This screen has no other, so what was drawn stays.
        prompt.until(lambda: prompt.current().endswith(world.store + " #"),
                     "no prompt")
        prompt.type("cls\r")
        prompt.ready(world.store)
    prompt.enter("top --count 1 --interval 10")
    require(prompt.says("writers 0 of 64"), prompt.text())
    prompt.leave()


def prints_without_a_screen(world):
    """with --count, or where the terminal is dumb, it prints"""
    words = ("--use", world.store, "top", "--interval", "10")
    top = Top(world, *words, "--count", "2")
    require(top.status() == 0, top.text())
    require(b"\x1b" not in top.written, top.written)
    require(top.text().count("changes 0/s") == 2, top.text())
    os.close(top.master)
    top = Top(world, *words, env={"TERM": "dumb"})
    top.until(lambda: top.written.count(b"changes 0/s") > 3, "no blocks")
    require(b"Press Ctrl-] To Stop ..." in top.written, top.written)
    top.type("\x1d")
    require(top.status() == 0, top.text())
    require(b"\x1b" not in top.written, top.written)
    os.close(top.master)


TESTS = [shows_what_is_known, counts_sets, says_what_it_missed,
         shows_time_to_live, shows_writers, shows_waiters, does_not_wait,
         shows_no_control_characters, keeps_to_its_prefix, follows_the_window,
         pauses_and_sorts, draws_over, ends_by_key, ends_by_signal,
         ends_with_its_store, survives_no_fault, can_be_stopped,
         returns_to_the_prompt, prints_without_a_screen]


def main():
    programs, kind = sys.argv[1:3]
    world = World(pathlib.Path(programs).resolve(), kind, True)
    failed = 0
    try:
        for number, test in enumerate(TESTS, 1):
            world.fresh()
            name = f"{number} - {kind}: top: {test.__doc__}"
            try:
                test(world)
                print(f"ok {name}", flush=True)
            except Exception as failure:  # the others are to be tried
                failed += 1
                print(f"not ok {name}")
                lines = f"{type(failure).__name__}: {failure}".splitlines()
                print("".join(f"# {line}\n" for line in lines), flush=True)
            for prompt in world.prompts:
                prompt.stop()
            world.prompts.clear()
    finally:
        world.clean()
    print(f"1..{len(TESTS)}")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
