#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the program with random words and random scripts, as four programs.

usage: fuzz_process.py [--seed N] [--seconds S] [--runs N] [--only N] PROGRAM

PROGRAM is a splinterctl built with -fsanitize=address,undefined. Run N of a
seed is always the same; --only N does that one again and shows it.

Only stores of our own are touched: in shared memory those with a name that
nobody else has, so there a STORE always stands right behind its command;
files are in a directory of our own, and no path leads out of it.
"""
import argparse
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SHM = "/dev/shm"
NAMES = ("splinterctl", "splinterpctl", "splinter_cli", "splinterp_cli")
RUN_LIMIT_S = 60
FILE_LIMIT = 32 << 20
SANITIZER_STATUS = 99
FAILURES_MAX = 5
HISTORY = ".splinter_history"

KEYS = [b"foo", b"bar", b"number", b"ns:x", b"two words", b"it's", b"\xff",
        b"\x1b[2J", "\u00e9\u65e5".encode(), b"new", b"k" * 63, b"k" * 64]
VALUES = [b"value", b"41", b"-", b"@", b"@/dev/null", b"@/nonexistent", b"@.",
          b"--", b"--literal", b"\xfe\xff", b"v" * 100, b"v" * 101, b"",
          b"line\nline", b"\x1b]0;x\x07", b"9223372036854775807"]
PATTERNS = [b"^f", b"o{2}$", b"[", b"(", b"*", b"a{1,2", b"[[:alpha:]]+",
            b"[z-a]", b"\\", b"(.)\\1", b"()", b".*.*=", b"\xff", b"", b"x{99}"]
NUMBERS = [b"0", b"1", b"2", b"10", b"1K", b"64k", b"1M", b"1G", b"-1", b"+5",
           b"1073741825", b"4294967296", b"9223372036854775807",
           b"-9223372036854775808", b"9223372036854775808", b"17179869183G",
           b"18446744073709551615", b"18446744073709551616", b"0x10", b"1e3",
           b"", b"-", b"K", b"007"]
TIMES = [b"0", b"1", b"1ms", b"0h", b"1x", b"ms", b"", b"-1",
         b"99999999999999999999999h"]
MODES = [b"600", b"660", b"0640", b"777", b"8", b"", b"-600", b"7" * 30]
SETTINGS = [b"av", b"keys", b"auto_vacuum", b"magic", b"kyes", b"", b"id"]
SWITCHES = [b"0", b"1", b"on", b"off", b"2", b""]
HOSTILE = [b"", b"-", b"---", b"-h", b"--help", b"--json", b"--json=1", b"=",
           b"--no-such", b"--names", b"--raw", b"'", b'"', b"\\", b"#", b"a#b",
           b"$HOME", b"`id`", b"%s%n%d", b"{store}", b"*", b"~", b"\t", b" ",
           b"\x01", b"\x7f", b"\xc2\x9b", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
           "\U0001f600".encode(), b"e\xcc\x81", "\u202e".encode(),
           b"x" * 255, b"x" * 256,
           b"\xff" * 300, b"'" * 100, b"\xe2\x82" * 130]
POOLS = {"KEY": KEYS, "VALUE": VALUES, "PATTERN": PATTERNS, "DELTA": NUMBERS,
         "EPOCH": NUMBERS, "SLOTS": NUMBERS, "MAX_VALUE": NUMBERS,
         "COUNT": NUMBERS, "TIME": TIMES, "MODE": MODES, "SETTING": SETTINGS,
         "0|1": SWITCHES, "ext": [b"ext"], "SEQUENCE": NUMBERS,
         "TIME|never": TIMES + [b"never"], "LINE": NUMBERS,
         "FILE": [b"-", b"lines", b"lines", b"lines.gz", b"lines.zst",
                  b"/nonexistent/lines", b"/dev/null", b"."],
         "POLICY": [b"source", b"destination", b"newest", b"fail", b"new"]}
HISTORY_BYTES = (b"set foo\n\x1b[2J\n\xff\xfe\n\0\n\nget 'foo\n \t\r\n" * 3 +
                 b"list")
# Data on stdout that is no JSON whatever else is said.
NOT_JSON = (b"-L", b"--list-modules", b"--completion", b"--complete", b"-h",
            b"--help", b"-v", b"--version")


def read(program, *words):
    return subprocess.run([program, *words], check=True, capture_output=True,
                          stdin=subprocess.DEVNULL).stdout.decode("utf-8")


class Command:
    """A row of the command table, as `help` prints it."""

    def __init__(self, program, row):
        self.names = [row[name].encode() for name in ("name", "alias")
                      if name in row]
        self.words = [word.strip("[].") for word in row["words"].split()]
        # Their words are in the synopsis only; "" for none.
        self.options = {word.encode(): "" for word in row["options"].split()}
        synopsis = read(program, "help", row["name"])
        for name, word in re.findall(r"\[(--[\w-]+) (\w+)\]", synopsis):
            self.options[name.encode()] = word


def commands_of(program):
    return [Command(program, json.loads(line))
            for line in read(program, "help", "--json").splitlines()]


def quote(word):
    """The word as a line has it."""
    return b"'" + word.replace(b"'", b"'\\''") + b"'"


class Maker:
    """Makes words, lines and argument lists with one source of chance."""

    def __init__(self, chance, commands, stores, in_files):
        self.chance = chance
        self.commands = commands
        self.stores = stores
        self.in_files = in_files
        # How often something is wrong: many runs should get far.
        self.wildness = chance.choice([1 / 4, 1 / 16, 1 / 64])

    def one_in(self, limit):
        return self.chance.randrange(limit) == 0

    def is_wild(self):
        return self.chance.random() < self.wildness

    def word(self, name):
        if name == "STORE":
            return (self.chance.choice(self.stores) if self.is_wild() else
                    self.stores[self.one_in(4)])
        if name == "COMMAND":
            return self.chance.choice(self.commands).names[0]
        if name not in POOLS or self.is_wild():
            return self.chance.choice(HOSTILE)
        return self.chance.choice(POOLS[name])

    def options(self, command):
        words = []
        while self.one_in(5):
            options = (self.chance.choice(self.commands) if self.is_wild()
                       else command).options
            option = self.chance.choice(list(options))
            words.append(option)
            if self.is_wild():
                words[-1] += b"=" + self.chance.choice(TIMES)
            elif options[option]:
                words.append(self.word(options[option]))
        return words

    def command(self):
        """A command with its words. A STORE is always the first of them."""
        command = self.chance.choice(self.commands)
        words = [self.chance.choice(command.names)]
        names = command.words
        if self.one_in(20) and self.is_wild():
            return [self.chance.choice(HOSTILE)]
        if b"--timeout" in command.options:
            words.append(b"--timeout=1")
        if names[:1] == ["STORE"]:
            words.append(self.word("STORE"))
            names = names[1:]
        for name in names:
            words += self.options(command)
            if not self.is_wild():
                words.append(self.word(name))
        words += self.options(command)
        while self.is_wild():
            words.append(self.chance.choice(HOSTILE))
        return words

    def written(self, word):
        if self.is_wild() and b"\n" not in word:
            return word
        if self.one_in(8):
            return b"".join(b"\\" + word[i:i + 1] for i in range(len(word)))
        return quote(word)

    def is_open_to_noise(self, line):
        """No noise where it could lead to a store or a file of others."""
        if re.search(b"[/@]|watch|timeout", line):
            return False
        return self.in_files or not re.search(b"init|use|destroy", line)

    def noise(self, line):
        """Some bytes more or other, none that is part of a name or path."""
        line = bytearray(line)
        for _ in range(self.chance.randrange(1, 5)):
            byte = self.chance.randrange(256)
            at = self.chance.randrange(len(line) + 1)
            if chr(byte).isalnum() or byte in b"/@":
                byte = self.chance.choice(b"'\"\\#\0\x80\xff\r\n{%")
            if self.one_in(2):
                line[at:at + 1] = bytes([byte])
            else:
                line[at:at] = bytes([byte])
        return bytes(line)

    def line(self):
        words = self.command()
        line = b" ".join([words[0]] + [self.written(word)
                                       for word in words[1:]])
        if self.is_wild() and self.is_open_to_noise(line):
            line = self.noise(line)
        return line + (b" # rest" if self.one_in(20) else b"")

    def script(self):
        lines = [self.line() for _ in range(self.chance.randrange(1, 12))]
        end = b"" if self.one_in(8) else b"\n"
        return b"\n".join(lines) + end

    def program_options(self):
        """Before the command; the store first, so that one is selected."""
        words = [b"--use", self.word("STORE")]
        if self.one_in(3):
            words += [b"--json"]
        while self.is_wild():
            words += self.chance.choice([
                [b"--prefix", self.chance.choice([b"ns:", b"", b"p" * 64])],
                [b"--any-owner"], [b"-n"], [b"-L"], [b"-v"], [b"--help"],
                [b"-l", self.chance.choice(NUMBERS)],
                [b"--history-len=" + self.chance.choice(NUMBERS)],
                [b"-H", b"history"], [b"--complete", self.line()],
                [b"--completion", self.chance.choice([b"bash", b"fish", b"x"])],
                [b"--no-such"], [b"-\xff"], [b"-X"], [b"--js"], [b"--hist"],
                [b"--json=1"], [b"-nX"], [b"-"], [b"--"]])
        return words

    def unfinished_option(self):
        return [self.chance.choice([b"-l", b"--prefix", b"--complete", b"-nu",
                                    b"--use", b"--history-len"])]


class Case:
    """One run: what is run, on what, and what is known of its outcome."""

    def __init__(self, maker, directory):
        chance = maker.chance
        kinds = NAMES[1::2] if maker.in_files else NAMES[0::2]
        self.name = chance.choice(kinds)
        self.is_script = chance.randrange(2) == 0
        self.words = maker.program_options()
        self.input = b""
        if maker.one_in(10) and maker.is_wild():
            self.is_script = False
            self.words += maker.unfinished_option()
        elif self.is_script:
            self.words += [b"--no-repl"]
            self.input = maker.script()
        else:
            self.words += maker.command()
            if maker.one_in(3):
                self.input = bytes(chance.randrange(256) for _ in range(
                    chance.randrange(200)))
        self.is_full = maker.one_in(30)
        self.environment = self.environment_for(maker, directory)

    @staticmethod
    def environment_for(maker, directory):
        chance = maker.chance
        found = {"HOME": os.path.join(directory, "home"), "TERM": "dumb",
                 "LC_ALL": chance.choice(["C", "C.UTF-8"])}
        if maker.one_in(3):
            found["SPLINTER_DEFAULT_STORE"] = os.fsdecode(maker.word("STORE"))
        if maker.one_in(8):
            found["SPLINTER_NS_PREFIX"] = chance.choice(["ns:", "", "x" * 70])
        if maker.one_in(8):
            found["SPLINTER_HISTORY_LEN"] = os.fsdecode(chance.choice(NUMBERS))
        log = os.path.join(directory, "sanitizer")
        options = "exitcode=%d:log_path=%s" % (SANITIZER_STATUS, log)
        found["ASAN_OPTIONS"] = options + ":detect_leaks=1"
        found["UBSAN_OPTIONS"] = options + ":print_stacktrace=1"
        return found

    def is_json(self):
        """All that is on stdout is one object a line."""
        words = self.words
        return b"--json" in words[2:3] and not any(
            word.startswith(NOT_JSON) for word in words)

    def __str__(self):
        settings = {name: text for name, text in self.environment.items()
                    if name.startswith("SPLINTER") or name == "LC_ALL"}
        return "%s %r\nstdin %r\nenvironment %r%s" % (
            self.name, self.words, self.input, settings,
            "\nstdout /dev/full" if self.is_full else "")


def limit_child():
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_LIMIT, FILE_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def is_shown(text):
    """UTF-8 without control characters but line ends, nor what turns it."""
    try:
        text = text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not re.search("[\0-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e"
                         "\u2066-\u2069]", text)


def is_json_object(line):
    def unique(pairs):
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a member twice")
        return dict(pairs)

    try:
        return isinstance(json.loads(line.decode("utf-8"),
                                     object_pairs_hook=unique), dict)
    except ValueError:
        return False


class Fuzzer:
    def __init__(self, program, seed):
        self.seed = seed
        self.directory = tempfile.mkdtemp(prefix="splinter_fuzz_")
        self.work = os.path.join(self.directory, "work")
        self.own = "splinter_fuzz_%d_" % os.getpid()
        self.magic = None
        os.mkdir(os.path.join(self.directory, "home"))
        for name in NAMES:
            os.symlink(os.path.abspath(program),
                       os.path.join(self.directory, name))
        self.commands = commands_of(os.path.join(self.directory, NAMES[0]))

    def close(self):
        self.clear_memory()
        shutil.rmtree(self.directory, ignore_errors=True)

    def in_memory(self):
        return [name for name in os.listdir(SHM) if name.startswith(self.own)]

    def clear_memory(self):
        for name in self.in_memory():
            os.unlink(os.path.join(SHM, name))

    def stores(self, in_files):
        names = [self.own + "a", self.own + "b"]
        if in_files:
            return [os.fsencode(name) for name in names] + [
                b"missing/x", b"a store", b"it's", b"\xff\x1b", b"", b".",
                b"..", b"text", b"x" * 255, b"x" * 256, b"-s", b"text/x"]
        # No name that a store could have.
        return [os.fsencode(name) for name in names] + [
            b"a/b", b"", b".", b"..", b"x" * 256, b"/", b"\xff/", b"'/'"]

    def prepare(self, in_files):
        """A store with some keys, in an empty directory."""
        self.clear_memory()
        shutil.rmtree(self.work, ignore_errors=True)
        os.mkdir(self.work)
        with open(os.path.join(self.work, "text"), "wb") as file:
            file.write(b"text\n" * 30)
        with open(os.path.join(self.directory, "home", HISTORY), "wb") as file:
            file.write(HISTORY_BYTES)
        script = b"init %sa 10 100 --writers 4\n" % self.own.encode()
        for key in KEYS[:7]:
            script += b"set %s %s\n" % (quote(key), quote(key))
        script += b"set number 41\n"
        subprocess.run([os.path.join(self.directory, NAMES[2 + in_files])],
                       cwd=self.work, input=script, check=True, timeout=60,
                       stderr=subprocess.DEVNULL)
        if in_files:
            with open(os.path.join(self.work, self.own + "a"), "rb") as file:
                self.magic = file.read(4)

    def case(self, number):
        chance = random.Random("%d:%d" % (self.seed, number))
        in_files = chance.randrange(2)
        self.prepare(in_files)
        return Case(Maker(chance, self.commands, self.stores(in_files),
                          in_files), self.directory)

    def faults(self, case):
        """Runs it; yields what is wrong with it."""
        program = os.path.join(self.directory, case.name)
        try:
            with open("/dev/full", "wb") as full:
                done = subprocess.run(
                    [os.fsencode(program)] + case.words, cwd=self.work,
                    env=case.environment, input=case.input,
                    stdout=full if case.is_full else subprocess.PIPE,
                    stderr=subprocess.PIPE, timeout=RUN_LIMIT_S, check=False,
                    preexec_fn=limit_child)
        except subprocess.TimeoutExpired:
            yield "does not end within %d s" % RUN_LIMIT_S
            return
        yield from self.faults_of_outcome(case, done)
        yield from self.faults_of_traces(case.name in NAMES[1::2])

    @staticmethod
    def faults_of_outcome(case, done):
        out, err = done.stdout or b"", done.stderr
        said = b"status %d, stdout %r, stderr %r" % (
            done.returncode, out[-2000:], err[-2000:])
        said = said.decode("ascii", "backslashreplace")
        if done.returncode not in (0, 1, 2):
            yield "another status than 0, 1, 2: " + said
        if not is_shown(err):
            yield "stderr is not fit for a terminal: " + said
        if done.returncode:
            if not err.endswith(b"\n"):
                yield "fails and does not say why: " + said
            last = err.rstrip(b"\n").split(b"\n")[-1]
            if not last.startswith(case.name.encode() + b": "):
                yield "the last that it says is not why it fails: " + said
        if done.returncode == 2 and out and not case.is_script:
            yield "a mistake in the words, and something on stdout: " + said
        if case.name.encode() + b": line" in out:
            yield "a message on stdout: " + said
        if case.is_json() and not case.is_full:
            if out and not out.endswith(b"\n"):
                yield "JSON without a line end: " + said
            for line in out.splitlines():
                if not is_json_object(line):
                    yield "no JSON object, %r: %s" % (line, said)

    def faults_of_traces(self, in_files):
        """What the run has left where nothing should be."""
        for name in os.listdir(self.directory):
            if name.startswith("sanitizer"):
                path = os.path.join(self.directory, name)
                with open(path, encoding="utf-8", errors="replace") as file:
                    yield file.read()
                os.unlink(path)
        for name in os.listdir(os.path.join(self.directory, "home")):
            if name != HISTORY:
                yield "left in the home directory: %r" % name
        for name in self.in_memory():
            if in_files or name not in (self.own + "a", self.own + "b"):
                yield "left in memory: %r" % name
        for name in os.listdir(os.fsencode(self.work)):
            path = os.path.join(os.fsencode(self.work), name)
            if name == b"text":
                continue
            with open(path, "rb") as file:
                start = file.read(4)
            # Exports and recordings, but none that is not finished.
            if (start[:2] in (b"", b'{"', b"\x1f\x8b", b"\x28\xb5") and
                    not re.search(rb"\.\w{6}$", name)):
                continue
            if not in_files or start != self.magic:
                yield "left in the directory: %r" % name


def show(fuzzer, number, case, faults):
    print("# run %d of seed %d" % (number, fuzzer.seed))
    for text in [str(case), *faults]:
        print("\n".join("# " + line for line in text.splitlines()))


def parse_words():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--runs", type=int, default=sys.maxsize)
    parser.add_argument("--only", type=int, metavar="RUN")
    parser.add_argument("program")
    return parser.parse_args()


def fuzz(fuzzer, words):
    """Until time or runs are used up; returns runs and failed runs."""
    end = time.monotonic() + words.seconds
    number = words.only or 0
    failed = 0
    done = 0
    while failed < FAILURES_MAX and done < words.runs and (
            time.monotonic() < end):
        case = fuzzer.case(number)
        faults = list(fuzzer.faults(case))
        if faults or words.only is not None:
            show(fuzzer, number, case, faults)
        failed += bool(faults)
        number += 1
        done += 1
        if words.only is not None:
            break
    return done, failed


def run(name, make_fuzzer):
    """The program @name: reads its words, fuzzes, says what came of it."""
    words = parse_words()
    seed = words.seed
    if seed is None:
        seed = int.from_bytes(os.urandom(4), "little")
    print("# %s: seed %d" % (name, seed), flush=True)
    # What has been made is removed then, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    fuzzer = make_fuzzer(words.program, seed)
    try:
        done, failed = fuzz(fuzzer, words)
    finally:
        fuzzer.close()
    print("%sok 1 - %s: %d runs of seed %d, %d with a fault\n1..1" % (
        "not " if failed else "", name, done, seed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run("fuzz_process", Fuzzer))
