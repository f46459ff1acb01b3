# SPDX-License-Identifier: Apache-2.0
"""page.py - a manual page in man(7) macros, taken apart."""
import re

ALTERNATING = {"BI", "BR", "IB", "IR", "RB", "RI"}
STYLES = {"B", "I", "SM", "SB"}
ESCAPES = {"\\-": "-", "\\e": "\\", "\\(aq": "'", "\\(ti": "~",
           "\\(ha": "^", "\\(ga": "`", "\\(dq": '"', "\\&": "", "\\ ": " ",
           "\\(bu": "*", "\\|": "", "\\,": "", "\\/": "", "\\:": "",
           "\\[aq]": "'", "\\[ti]": "~", "\\[ha]": "^", "\\[ga]": "`"}


def unescape(text):
    text = re.sub(r"\\f(?:\[\w*\]|\(..|.)", "", text)
    return re.sub(r"\\(?:\(..|\[\w+\]|.)",
                  lambda m: ESCAPES.get(m.group(0), m.group(0)), text)


def arguments(line):
    """The words of a macro line; a quote begins a word with spaces."""
    words = re.findall(r'"((?:[^"]|"")*)"?|(\S+)', line)
    return [quoted.replace('""', '"') or bare for quoted, bare in words]


def plain(lines):
    """The text of source lines, one line each, without macros."""
    out = []
    for line in lines:
        if line.startswith(('.\\"', "'\\\"")):
            continue
        if line.startswith((".", "'")):
            macro, _, rest = line[1:].strip().partition(" ")
            words = arguments(rest)
            if macro in ALTERNATING:
                line = "".join(words)
            elif macro in STYLES or macro in ("SH", "SS", "IP"):
                line = " ".join(words)
            else:
                line = ""
        out.append(unescape(line))
    return out


class Page:
    """name, section, sections {title: source lines}, and what is in them."""

    def __init__(self, path):
        self.file = path.rsplit("/", 1)[-1]
        self.name, _, self.section = self.file.rpartition(".")
        with open(path, encoding="utf-8") as file:
            self.lines = file.read().split("\n")
        self.link = None
        self.title = []
        self.sections = {}
        if self.lines[0].startswith(".so "):
            self.link = self.lines[0][4:].strip()
        else:
            self._divide()

    def _divide(self):
        title = None
        for line in self.lines:
            if line.startswith(".TH "):
                self.title = arguments(line[4:])
            if line.startswith(".SH "):
                title = " ".join(arguments(line[4:]))
                self.sections[title] = []
            elif title:
                self.sections[title].append(line)

    def text(self, *titles):
        """The text of these sections, or of all."""
        lines = [line for title in titles or self.sections
                 for line in self.sections.get(title, [])]
        return "\n".join(plain(lines))

    def names(self):
        text = " ".join(self.text("NAME").split())
        before, dash, after = text.partition(" - ")
        return before.split(", ") if dash and after else []

    def statements(self):
        """The SYNOPSIS without its #include lines, at each semicolon."""
        lines = self.text("SYNOPSIS").split("\n")
        code = " ".join(l for l in lines if not l.startswith("#"))
        return [s.strip() + ";" for s in code.split(";") if s.strip()]

    def includes(self):
        return re.findall(r"^#include <(.*)>$", self.text("SYNOPSIS"), re.M)

    def blocks(self, title):
        """The .EX blocks of a section, each a list of source lines."""
        found, block = [], None
        for line in self.sections.get(title, []):
            if line == ".EX":
                block = []
            elif line == ".EE":
                found.append(block)
                block = None
            elif block is not None:
                block.append(line)
        return found

    def programs(self):
        return [b for b in self.blocks("EXAMPLES")
                if any(re.match(r"(int )?main\(", line) for line in b)]

    def references(self):
        """What the page refers to as NAME(SECTION)."""
        return set(re.findall(r"\b([a-z]\w*)\(([1-8])\)", self.text()))


def tags(lines):
    """The words that stand in the tags of .TP lists."""
    found = []
    for before, line in zip(lines, lines[1:]):
        if re.match(r"\.T[PQ]\b", before):
            found += re.findall(r"\w+", plain([line])[0])
    return found


def after_block(lines, start):
    """What follows the .EX block that begins so, up to the next one."""
    for i, line in enumerate(lines):
        if line == ".EX" and lines[i + 1:i + 2] == [start]:
            rest = lines[i + 1:]
            ends = [j for j, l in enumerate(rest) if l == ".EX"]
            return rest[:ends[0]] if ends else rest
    return []
