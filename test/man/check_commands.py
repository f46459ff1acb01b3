# SPDX-License-Identifier: Apache-2.0
"""check_commands.py - splinterctl.1 against the program's own help.

usage: check_commands.py ROOT BUILD_DIR

The page has a section COMMANDS with one .SS "name words" for each command.
An option that every command takes may be described outside of these.
Writes "ok NAME" or "not ok NAME" and "# ..." lines, without numbers.
"""
import json
import os
import re
import subprocess
import sys

from check_api import report
from page import Page, arguments, plain

OPTION = r"(?<![\w-])--[a-z][a-z-]*[a-z]"
SHORT = r"(?<![\w-])-[A-Za-z0-9](?![\w-])"
VARIABLE = r"\bSPLINTER_[A-Z_]+\b"


def output(program, *words):
    done = subprocess.run([program, *words], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=60, check=False)
    if done.returncode:
        sys.exit("%s %s: status %d" % (program, " ".join(words),
                                       done.returncode))
    return done.stdout.decode("utf-8")


def strings(value):
    """All strings in a piece of JSON, names of members left out."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [s for v in value for s in strings(v)] if isinstance(
        value, list) else []


class Command:
    """A row of the command table, as `help --json` prints it."""

    def __init__(self, row):
        self.name = row["name"]
        self.words = re.findall(r"(?<![\w-])\w[\w-]*", row["words"])
        said = strings([v for k, v in row.items() if k != "summary"])
        self.options = sorted(set(re.findall(OPTION, "\n".join(said))))
        self.aliases = strings([v for k, v in row.items()
                                if k in ("alias", "aliases")])


class Manual:
    """splinterctl.1: {command: (head, text)}, and the text of the rest."""

    def __init__(self, path):
        self.page = Page(path)
        self.commands = {}
        self.repeated = []
        name, rest = None, []
        for line in self.page.sections.get("COMMANDS", []):
            if line.startswith(".SS "):
                head = plain([".SS " + " ".join(arguments(line[4:]))])[0]
                name = (head.split() or [""])[0]
                if name in self.commands:
                    self.repeated.append(name)
                self.commands[name] = [head]
            elif name is None:
                rest.append(line)
            else:
                self.commands[name] += plain([line])
        others = [s for s in self.page.sections if s != "COMMANDS"]
        self.common = "\n".join(plain(rest)) + self.page.text(*others)

    def describes(self, name, pattern):
        """Whether a command's part of the page has it."""
        return re.search(pattern, "\n".join(self.commands.get(name, [])))

    def options(self):
        """The options that stand where options are introduced."""
        heads = [lines[0] for lines in self.commands.values()]
        source = self.page.lines
        heads += [plain([line])[0] for before, line in
                  zip(source, source[1:]) if re.match(r"\.T[PQ]\b", before)]
        return set(re.findall(OPTION, "\n".join(heads)))


def exactly(word):
    return r"(?<![\w-])%s(?![\w-])" % re.escape(word)


def check_command(manual, command):
    if command.name not in manual.commands:
        yield 'COMMANDS has no .SS "%s ..."' % command.name
        return
    for word in command.words + command.aliases:
        if not manual.describes(command.name, exactly(word)):
            yield "%s is not in its part" % word
    for option in command.options:
        if not (manual.describes(command.name, exactly(option)) or
                re.search(exactly(option), manual.common)):
            yield "%s is neither in its part nor in the common one" % option


def no_others(manual, commands, options):
    names = {c.name for c in commands} | {a for c in commands
                                          for a in c.aliases}
    for name in manual.commands:
        if name not in names:
            yield "there is no command %s" % name
    for name in manual.repeated:
        yield "%s has two parts" % name
    for option in sorted(manual.options() - options):
        yield "there is no option %s" % option


def missing(words, text):
    return ["%s is not there" % w for w in sorted(words)
            if not re.search(exactly(w), text)]


def main():
    root, build = sys.argv[1:]
    program = os.path.join(build, "splinterctl")
    manual = Manual(os.path.join(root, "man", "splinterctl.1"))
    rows = output(program, "help", "--json").splitlines()
    commands = [Command(json.loads(row)) for row in rows if row.strip()]
    usage = output(program, "--help")
    short = re.findall(SHORT, "\n".join(
        line for line in usage.splitlines() if line.lstrip()[:1] == "-"))
    options = set(re.findall(OPTION, usage))
    variables = set(re.findall(VARIABLE, usage))
    whole = manual.page.text()
    report("the program has commands and options",
           [] if commands and options else ["none are found in its help"])
    for command in commands:
        report("splinterctl.1 describes %s" % command.name,
               list(check_command(manual, command)))
    report("splinterctl.1 names no other commands and options",
           list(no_others(manual, commands, options.union(
               *(c.options for c in commands)))))
    report("splinterctl.1 has the program's options",
           missing(options | set(short), whole))
    report("splinterctl.1 has the environment variables",
           missing(variables, whole))
    overview = Page(os.path.join(root, "man", "splinter.7"))
    report("splinter.7 has the environment variables",
           missing(variables, overview.text("ENVIRONMENT")))


main()
