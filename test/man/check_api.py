# SPDX-License-Identifier: Apache-2.0
"""check_api.py - the pages of sections 3 and 7 against the headers.

usage: check_api.py ROOT PROGRAMS

Writes "ok NAME" or "not ok NAME" and "# ..." lines, without numbers, and the
programs of the EXAMPLES sections to the directory PROGRAMS as PAGE-N.c.
"""
import os
import re
import sys

from header import Header, errnos, squeeze
from page import Page, after_block, plain, tags, unescape

NEEDED = ["NAME", "LIBRARY", "SYNOPSIS", "DESCRIPTION", "RETURN VALUE",
          "ERRORS", "ATTRIBUTES", "VERSIONS", "SEE ALSO"]
TOPICS = ["Threads", "Waiting", "Signal", "Memory"]
# Others' pages, which may be missing here.
PROGRAMS = ["splinterctl", "splinterpctl", "splinter_cli", "splinterp_cli",
            "splinter_stress"]
# What a comment takes over from another function and cannot happen here.
CANNOT = {("spl_close", "EINVAL"),
          ("splinter_set", "EROFS"), ("splinter_unset", "EROFS")}


def report(name, complaints):
    print("%s %s" % ("not ok" if complaints else "ok", name))
    for complaint in complaints:
        print("# " + complaint)


class Api:
    """Both headers as one."""

    def __init__(self, root):
        self.headers = [Header(os.path.join(root, "include", name))
                        for name in ("spl.h", "splinter.h")]
        self.functions = {}
        self.structs = {}
        for header in self.headers:
            self.functions.update(header.functions)
            self.structs.update(header.structs)
        self.constants = self.headers[0].constants

    def header_of(self, name):
        return next(h for h in self.headers if name in h.functions)

    def errors(self, function):
        """The errno names that the header gives a function."""
        names = set(errnos(function.comment)) | self._usual(function)
        for other in self._named_after(function):
            names |= self.errors(self.functions[other])
        without = re.search(r"without ((?:-?E\w+[, ]*)+)", function.comment)
        names -= set(errnos(without.group(1))) if without else set()
        return {e for e in names if (function.name, e) not in CANNOT}

    def _usual(self, function):
        """What the head of the header says of every function."""
        if function.returns_nothing():
            return set()
        names = set()
        if function.takes(r"const char\*key"):
            names |= {"EINVAL", "ENAMETOOLONG"}
        if not function.flat and function.takes(r"spl_(store|ref|list)\*"
                                                r"(store|ref|list)"):
            names.add("EINVAL")
        if function.flat and not function.takes("name_or_path"):
            names.add("EBADF")
        return names

    def _named_after(self, function):
        """The functions whose errors it has too."""
        name, others = function.name, []
        listed = r"((?:-?E[A-Z0-9]+(?:,| and)? )*)\b[Aa]s (spl_\w+)\(\)"
        for named, other in re.findall(listed, function.comment):
            if not named: # "-EAGAIN as spl_get()" is EAGAIN alone
                others.append(other)
        if "as the two above" in function.comment:
            others += ["spl_create", "spl_open"]
        if "functions on keys" in function.comment and "_ref_" in name:
            others += {"spl_get", "spl_set"} & {name.replace("_ref_", "_")}
        if function.flat:
            others.append(name.replace("splinter_", "spl_"))
        return [o for o in others if o in self.functions and o != name]


class Checker:
    def __init__(self, root):
        self.api = Api(root)
        folder = os.path.join(root, "man")
        files = sorted(f for f in os.listdir(folder)
                       if re.search(r"\.[1-8]$", f))
        every = [Page(os.path.join(folder, f)) for f in files]
        self.files = set(files)
        self.links = [p for p in every if p.link]
        self.pages = [p for p in every if not p.link and p.section in "37"]
        self.calls = [p for p in self.pages if p.section == "3"]

    # --- all pages together

    def each_function_once(self):
        for name in self.api.functions:
            homes = [p.file for p in self.calls if name in p.names()]
            if len(homes) != 1:
                yield "%s is in %d NAME sections %s" % (
                    name, len(homes), " ".join(homes))

    def nothing_undeclared(self):
        for page in self.calls:
            if not page.names():
                yield "%s: no names in NAME" % page.file
            for name in page.names():
                if name not in self.api.functions:
                    yield "%s: no header declares %s" % (page.file, name)

    def links_lead(self):
        by_path = {"man3/" + p.file: p for p in self.calls}
        linked = {p.name for p in self.links}
        for link in self.links:
            page = by_path.get(link.link)
            if not page or link.name not in page.names():
                yield "%s: not in NAME of %s" % (link.file, link.link)
        for page in self.calls:
            for name in page.names():
                if name != page.name and name not in linked:
                    yield "%s: no man/%s.3 that leads there" % (
                        page.file, name)

    def structs_described(self):
        for name, (definition, fields) in self.api.structs.items():
            homes = [(p, b) for p in self.calls
                     for b in p.blocks("DESCRIPTION")
                     if squeeze(unescape("\n".join(b))) == definition]
            if len(homes) != 1:
                yield "%s is defined as in the header in %d pages" % (
                    name, len(homes))
                continue
            page, block = homes[0]
            lines = page.sections["DESCRIPTION"]
            if block[0] == "typedef struct {": # which of several
                i = lines.index("} %s;" % name)
                rest = lines[i:]
                end = rest.index(".EX") if ".EX" in rest else len(rest)
                found = tags(rest[:end])
            else:
                found = tags(after_block(lines, block[0]))
            for field in fields:
                if field not in found:
                    yield "%s: no field %s of %s" % (page.file, field, name)

    def constants_named(self):
        text = "\n".join(p.text() for p in self.calls)
        options = "\n".join(p.text() for p in self.calls
                            if p.name == "spl_options_init")
        for name, value in self.api.constants.items():
            if not re.search(r"\b%s\b" % name, text):
                yield "no page names %s" % name
            # Flags and kinds are known by their names.
            if value > 4 and not re.search(r"\b%s\b" % format(value, ","),
                                           options):
                yield "spl_options_init.3: %s is %d" % (name, value)

    def overview_complete(self):
        seen = {name for p in self.pages if p.section == "7"
                for name, section in p.references() if section == "3"}
        for page in self.calls:
            if page.name not in seen:
                yield "splinter.7 does not refer to %s" % page.file

    # --- one page

    def form(self, page):
        named = page.name.upper()
        if page.title[:2] != [named, page.section]:
            yield ".TH is not %s %s" % (named, page.section)
        if page.names()[:1] != [page.name]:
            yield "NAME does not begin with %s" % page.name
        if page.section != "3":
            return
        have = [s for s in page.sections if s in NEEDED]
        if have != NEEDED:
            yield "sections are %s" % ", ".join(have)
        for topic in TOPICS:
            if topic not in tags(page.sections.get("ATTRIBUTES", [])):
                yield "ATTRIBUTES says nothing under %s" % topic

    def prototypes(self, page):
        names = [n for n in page.names() if n in self.api.functions]
        want = {squeeze(self.api.functions[n].prototype) for n in names}
        have = [squeeze(s) for s in page.statements()]
        for prototype in sorted(want - set(have)):
            yield "SYNOPSIS lacks %s" % prototype
        for prototype in have:
            if prototype not in want or have.count(prototype) > 1:
                yield "SYNOPSIS has %s" % prototype
        headers = {self.api.header_of(n).file for n in names}
        if set(page.includes()) != headers:
            yield "SYNOPSIS does not include just %s" % " ".join(headers)

    def errors(self, page):
        said = page.text("ERRORS")
        for name in page.names():
            function = self.api.functions.get(name)
            for error in sorted(self.api.errors(function) if function else []):
                if error not in errnos(said):
                    yield "%s: no %s in ERRORS" % (name, error)
        for before, line in zip(page.sections.get("ERRORS", []),
                                page.sections.get("ERRORS", [])[1:]):
            if before != ".TP":
                continue
            sign = "" if page.includes() == ["splinter.h"] else "-"
            for tag in re.split(r",? ", plain([line])[0]):
                if not tag.startswith(sign + "E") or not errnos(tag):
                    yield "%s is no error" % tag

    def since(self, page):
        said = page.text("VERSIONS")
        wanted = set()
        for name in page.names():
            function = self.api.functions.get(name)
            if function:
                text = (self.api.header_of(name).text if function.flat
                        else function.comment)
                wanted |= set(re.findall(r"\b[Ss]ince (\d+\.\d+)", text))
        if not re.search(r"Since \d+\.\d+", said):
            yield "VERSIONS does not say since when"
        for version in wanted:
            if version not in said:
                yield "VERSIONS does not say %s" % version

    def references(self, page):
        if not page.text("SEE ALSO").strip():
            yield "SEE ALSO is empty"
        for name, section in sorted(page.references()):
            if not name.startswith(("spl_", "splinter")):
                continue
            known = (name in PROGRAMS if section == "1" else
                     "%s.%s" % (name, section) in self.files)
            if not known:
                yield "there is no %s(%s)" % (name, section)
            if (name, section) == (page.name, page.section):
                yield "it refers to itself"

    def examples(self, page, folder):
        programs = page.programs()
        if "EXAMPLES" in page.sections and not programs:
            yield "EXAMPLES has no program"
        for number, lines in enumerate(programs, 1):
            name = "%s-%d.c" % (page.name, number)
            text = unescape("\n".join(lines)) + "\n"
            for line in lines:
                # They come out as other characters, or not at all.
                bare = re.search(r"(?<!\\)[-'`^~]|\\(?!\(|[-e&])|^\.", line)
                if bare:
                    yield "not copied as it is written: %s" % line
            with open(os.path.join(folder, name), "w",
                      encoding="ascii") as file:
                file.write(text)


def main():
    checker = Checker(sys.argv[1])
    for what, check in (
            ("each function is in one NAME section",
             checker.each_function_once),
            ("NAME sections have declared functions only",
             checker.nothing_undeclared),
            ("each further name leads to its page", checker.links_lead),
            ("structures are the headers' and described field by field",
             checker.structs_described),
            ("constants are named, limits with their values",
             checker.constants_named),
            ("splinter.7 refers to all pages", checker.overview_complete)):
        report(what, list(check()))
    for page in checker.pages:
        report("%s has its sections" % page.file, list(checker.form(page)))
        report("%s says since when" % page.file, list(checker.since(page)))
        report("%s refers to pages that exist" % page.file,
               list(checker.references(page)))
        report("%s has examples that can be copied" % page.file,
               list(checker.examples(page, sys.argv[2])))
    for page in checker.calls:
        report("%s has the headers' prototypes" % page.file,
               list(checker.prototypes(page)))
        report("%s has the headers' errors" % page.file,
               list(checker.errors(page)))


if __name__ == "__main__":
    main()
