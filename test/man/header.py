# SPDX-License-Identifier: Apache-2.0
"""header.py - what a header of ours declares, and what its comments say.

No C parser: it reads the one style that include/ is written in.
"""
import errno
import re
import sys

API = re.compile(r"\b(?:SPL|SPLINTER)_API\b")


def squeeze(code):
    """One spelling for each piece of C: no comments, no needless spaces."""
    code = re.sub(r"/\*.*?\*/", " ", code, flags=re.S)
    code = re.sub(r"\s+", " ", API.sub(" ", code))
    return re.sub(r" ?([(),;{}*\[\]]) ?", r"\1", code).strip()


def errnos(text):
    """The errno names in a text, in order."""
    return [e for e in re.findall(r"\bE[A-Z0-9]+\b", text)
            if hasattr(errno, e)]


class Function:
    """A declared function, with the comment that it may share."""

    def __init__(self, prototype, comment, flat):
        self.prototype = squeeze(prototype)
        self.name = re.match(r".*?(\w+)\(", self.prototype).group(1)
        self.comment = re.sub(r"\s*\n\s*\*\s*", " ", comment)
        self.flat = flat

    def takes(self, what):
        return bool(re.search(r"\b%s\b" % what, self.prototype))

    def returns_nothing(self):
        return self.prototype.startswith("void ")


class Header:
    """functions by name, structs {name: (definition, fields)}, constants."""

    def __init__(self, path):
        with open(path, encoding="ascii") as file:
            self.text = file.read()
        self.file = path.rsplit("/", 1)[-1]
        self.functions = {}
        self.structs = {}
        self.constants = {}
        self._read_functions()
        self._read_structs()
        self._read_constants()
        self._count()

    def _read_functions(self):
        comment = ""
        pieces = re.findall(r"/\*.*?\*/|[^;/]*;|/", self.text, flags=re.S)
        for piece in pieces:
            if piece.startswith("/*"):
                comment = piece
                continue
            declared = API.split(piece, maxsplit=1)
            if len(declared) < 2 or "#define" in declared[0][-20:]:
                continue
            function = Function(declared[1], comment,
                                self.file == "splinter.h")
            self.functions[function.name] = function

    def _read_structs(self):
        found = re.findall(
            r"^((?:typedef )?struct ?(\w*) \{(.*?)\}( \w+)?;)",
            self.text, flags=re.S | re.M)
        for whole, tag, body, name in found:
            self.structs[tag or name.strip()] = (squeeze(whole), fields(body))

    def _read_constants(self):
        code = squeeze(self.text)
        for body in re.findall(r"\benum\{(.*?)\}", code):
            for item in body.split(","):
                name, value = item.split("=")
                self.constants[name.strip()] = int(value, 0)

    def _count(self):
        """Nothing may be written in a way that is not seen above."""
        code = re.sub(r"/\*.*?\*/", "", self.text, flags=re.S)
        functions = len(re.findall(r"^\w+_API\b", code, re.M))
        structs = len(re.findall(r"\bstruct ?\w* \{", code))
        if (functions != len(self.functions) or structs != len(self.structs)
                or "union" in code):
            sys.exit("%s is not written as header.py expects" % self.file)


def fields(body):
    names = []
    for declaration in squeeze(body).split(";"):
        for part in declaration.split(","):
            found = re.search(r"(\w+)(?:\[\d+\])?$", part.strip())
            if found:
                names.append(found.group(1))
    return names
