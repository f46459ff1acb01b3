#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the history keeps, and what it does with files of all kinds.

at_history.py [SCENARIO...]

Builds editor_driver.c, heeding CC and CFLAGS. WRAP is put before its command
(valgrind, for example).
"""

import fcntl
import os
import shlex
import subprocess
import sys

sys.dont_write_bytecode = True

from editor_terminal import (  # noqa: E402
    SLOW, require, run)


class Files:
    """The driver's other commands, which need no terminal."""

    def __init__(self, terminal):
        self.directory = terminal.directory
        self.path = os.path.join(self.directory, "history")

    def command(self, *words, path=None):
        words = [words[0], path or self.path] + [str(w) for w in words[1:]]
        return (shlex.split(os.environ.get("WRAP", "")) +
                [os.path.join(self.directory, "..", "without")] + words)

    def run(self, *words, path=None):
        found = subprocess.run(self.command(*words, path=path), check=True,
                               capture_output=True, timeout=20 * SLOW)
        require(not found.stderr, found.stderr)
        return found.stdout.decode("utf-8", "surrogateescape").split("\n")[:-1]

    def require(self, wanted, *words, **others):
        found = self.run(*words, **others)
        require(found == wanted, f"{words} is {found[:20]}, "
                                 f"not {wanted[:20]}")

    def write(self, data):
        with open(self.path, "wb") as file:
            file.write(data)

    def read(self):
        with open(self.path, "rb") as file:
            return file.read()


def file_added(t):
    f = Files(t)
    os.umask(0)
    f.require(["0", "0"], "add", 9, "one", " hidden", "", "two", "two", "one",
              "tab\there", "esc\x1b", "x" * 65537)
    require(f.read() == b"one\ntwo\none\ntab\there\n", f"it is {f.read()}")
    require(os.stat(f.path).st_mode & 0o777 == 0o600, "others may read it")
    f.require(["0", "one", "tab\there"], "load", 2)
    f.require(["0", "0"], "add", 9, "y" * 65536)
    f.require(["0", "tab\there", "y" * 65536], "load", 2)
    os.chmod(f.path, 0o640)
    f.write(b"torn")
    f.require(["0", "0"], "add", 9, "next")
    require(f.read() == b"torn\nnext\n", f"it is {f.read()}")
    require(os.stat(f.path).st_mode & 0o777 == 0o640, "the mode changes")
    f.require(["0", "0"], "add", 0, "never")
    require(f.read() == b"torn\nnext\n", f"it is {f.read()}")
    f.require(["0"], "load", 0)


def file_of_any_kind(t):
    f = Files(t)
    f.require(["0"], "load", 9)
    f.write(b"")
    f.require(["0"], "load", 9)
    f.write(b"\n\n\xff\xfe ok\n\x1b[31m\nnul\0\ndel\x7f\n" + b"z" * 65537 +
            b"\nlast")
    f.require(["0", "\udcff\udcfe ok", "last"], "load", 99)
    for path, code in (("/dev/null", "0"), (f.directory, "EISDIR"),
                       ("/dev/tty", None), (f.path + "/x", "ENOTDIR"),
                       (f.directory + "/none/x", "0")):
        found = f.run("load", 9, path=path)
        require(code is None or found == [code], f"{path}: {found}")
    f.require(["0", "0"], "add", 9, "line", path="/dev/null")
    f.require(["EISDIR", "0"], "add", 9, "line", path=f.directory)
    f.require(["ENOENT", "0"], "add", 9, "line", path=f.directory + "/none/x")
    os.mkfifo(f.directory + "/fifo")
    f.require(["EINVAL"], "load", 9, path=f.directory + "/fifo")
    f.require(["EINVAL", "0"], "add", 9, "line", path=f.directory + "/fifo")


def file_unreadable(t):
    f = Files(t)
    f.write(b"line\n")
    os.chmod(f.path, 0)
    os.chmod(f.directory, 0o711)
    os.chmod(os.path.join(f.directory, ".."), 0o711)
    if os.getuid() == 0:
        os.setuid(65534)
    f.require(["EACCES"], "load", 9)
    f.require(["EACCES", "0"], "add", 9, "more")


def file_huge(t):
    f = Files(t)
    with open(f.path, "wb") as file:
        file.write(b"a" * 100_000_000 + b"\nfirst\nlast\n")
    f.require(["0", "first", "last"], "load", 9)
    f.require(["0", "0"], "add", 9, "added")
    require(f.read() == b"first\nlast\nadded\n", "it is not cut")
    with open(f.path, "wb") as file:
        file.truncate(1 << 40)
    f.require(["0"], "load", 9)
    f.require(["0", "0"], "add", 9, "added")
    f.require(["0", "added"], "load", 9)
    os.unlink(f.path)
    f.write(b"\n".join(b"%d" % i for i in range(1_000_000)) + b"\n")
    f.require(["0"] + [str(i) for i in range(999_990, 1_000_000)], "load", 10)
    f.write(b"x" * 39 + b"\n")
    with open(f.path, "ab") as file:
        file.write(b"".join(b"%039d\n" % i for i in range(500_000)))
    found = f.run("load", 1_000_000)
    require(100_000 < len(found) < 500_000 and
            all(len(line) == 39 for line in found[1:]),
            "it begins within a line, or reads all")


def file_trimmed(t):
    f = Files(t)
    f.write(b"1\n2\n3\n4\n5\n")
    os.chmod(f.path, 0o644)
    f.require(["0", "0"], "add", 3, "6")
    require(f.read() == b"1\n2\n3\n4\n5\n6\n", "it is cut too early")
    f.require(["0", "0"], "add", 3, "7")
    require(f.read() == b"5\n6\n7\n", f"it is {f.read()}")
    require(os.stat(f.path).st_mode & 0o777 == 0o644, "the mode changes")
    if os.getuid() == 0:
        os.chown(f.path, 65534, 65534)
        f.require(["0", "0"], "add", 1, "8")
        require(os.stat(f.path).st_uid == 65534, "the owner changes")
        require(f.read() == b"8\n", f"it is {f.read()}")
    os.mkdir(f.directory + "/away")
    os.rename(f.path, f.directory + "/away/real")
    os.symlink("away/real", f.path)
    f.write(b"1\n2\n3\n")
    f.require(["0", "0"], "add", 1, "4")
    require(f.read() == b"4\n" and os.path.islink(f.path), "the link is gone")
    os.link(f.directory + "/away/real", f.directory + "/second")
    f.write(b"1\n2\n3\n")
    f.require(["0", "0"], "add", 1, "4")
    require(f.read() == b"1\n2\n3\n4\n", "the second name has another file")
    require(not [name for name in os.listdir(f.directory + "/away")
                 if name != "real"], "a temporary file stays")


def has_open(process, path):
    try:
        names = os.listdir(f"/proc/{process.pid}/fd")
        return path in (os.readlink(f"/proc/{process.pid}/fd/{name}")
                        for name in names)
    except FileNotFoundError:
        return False  # just closed


def file_shared(t):
    """Nothing is lost when others add lines and trim at the same time."""
    f = Files(t)
    count = 40
    adders = [subprocess.Popen(
        [os.path.join(f.directory, "..", "without"), "add", f.path,
         str(count * 5)] + [f"{who} {i}" for i in range(count)],
        stdout=subprocess.DEVNULL) for who in range(4)]
    for adder in adders:
        require(adder.wait(20 * SLOW) == 0, "one fails")
    require(sorted(f.read().decode().split("\n")[:-1]) ==
            sorted(f"{who} {i}" for who in range(4) for i in range(count)),
            "a line is lost or torn")
    adders = [subprocess.Popen(
        [os.path.join(f.directory, "..", "without"), "add", f.path, "1",
         f"{who}"], stdout=subprocess.DEVNULL) for who in range(30)]
    for adder in adders:
        require(adder.wait(20 * SLOW) == 0, "one fails")
    require(os.listdir(f.directory).count("history") == 1 and
            len(f.read().split(b"\n")) <= 3 + 30, "it is not trimmed")


def file_trimmed_by_another(t):
    """Who has the lock replaces the file while a line is to be added."""
    f = Files(t)
    f.write(b"1\n2\n3\n")
    with open(f.path, "rb") as file, open(f.path + ".new", "wb") as new:
        fcntl.flock(file, fcntl.LOCK_EX)
        new.write(b"3\n")
        adder = subprocess.Popen(f.command("add", 9, "4"),
                                 stdout=subprocess.DEVNULL)
        t.until(lambda: adder.poll() is not None or has_open(adder, f.path),
                "it does not open the file")
        os.rename(f.path + ".new", f.path)
    require(adder.wait(20 * SLOW) == 0, "it fails")
    require(f.read() == b"3\n4\n", f"it is {f.read()}")
    lock = os.open(f.path, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    f.require(["0", "0"], "add", 9, "although it is locked")
    require(f.read().endswith(b"although it is locked\n"), "it is not there")


SCENARIOS = [
    file_added, file_of_any_kind, file_unreadable, file_huge, file_trimmed,
    file_shared, file_trimmed_by_another,
]


if __name__ == "__main__":
    sys.exit(run(SCENARIOS))
