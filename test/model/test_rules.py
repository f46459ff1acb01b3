#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/protocol.md and what it speaks of hang together. TAP.

Each letter in src/ is a rule there and each rule is in src/; each function, model and mutant named there exists; each
memory order in src/ has its row, as often as it is there; each function that a model's head names exists.
"""
import collections
import glob
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
LETTER = r'\b[WRTFELG][1-9]\b'
# A row's words for an order, and what it is in the source.
ORDERS = {
    'acquire load': r'spli_load_acquire\(',
    'release store': r'spli_store_release\(',
    'compare-and-swap': r'spli_cas\(',
    'acquire fence': r'spli_fence_acquire\(',
    'release fence': r'spli_fence_release\(',
    'payload fence': r'spli_fence_payload\(',
    'full fence': r'spli_fence_full\(',
    'full fence behind a swap': r'spli_fence_full_behind_cas\(',
    'atomic, release': r'__ATOMIC_RELEASE',
    'atomic, acquire': r'__ATOMIC_ACQUIRE|__ATOMIC_ACQ_REL|__ATOMIC_SEQ_CST',
}


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def without_comments(text):
    return re.sub(r'/\*.*?\*/', lambda comment: re.sub(r'[^\n]', ' ', comment[0]), text, flags=re.S)


def defined(text):
    """The functions of a C file, whose names begin their lines."""
    return set(re.findall(r'^(\w+)\(', without_comments(text), re.M))


def orders_of(path):
    """How often (file, function, order) is in the source."""
    found, function = collections.Counter(), None
    for line in without_comments(read(path)).split('\n'):
        begins = re.match(r'(?:static inline .*?)?(\w+)\(', line)
        function = begins[1] if begins else function
        for name, pattern in ORDERS.items():
            found[os.path.basename(path), function, name] += len(re.findall(pattern, line))
    return +found


def rows_of(text):
    found = collections.Counter()
    for file, function, order, times in re.findall(
            r'^\| `(\w+\.[ch])` \| `(\w+)\(\)` \| ([a-z, -]+?)(?: x (\d))? \|', text, re.M):
        found[file, function, order] += int(times or 1)
    return found


def main():
    sources = {path: read(path) for path in sorted(glob.glob(f'{ROOT}/src/*.[ch]'))}
    text = read(f'{ROOT}/docs/protocol.md')
    rules = set(re.findall(r'^\| ([A-Z]\d) \|', text, re.M))
    used = {letter for source in sources.values() for letter in re.findall(LETTER, source)}
    functions = set().union(*map(defined, sources.values()))
    spans = [' '.join(span.split()) for span in re.findall(r'`([^`]+)`', text)]
    cases = set(subprocess.run([sys.executable, f'{HERE}/orders.py', 'list'], capture_output=True, text=True,
                               check=True).stdout.split('\n')) - {''}
    listed = [line.split()[1:] for line in subprocess.run(
        [f'{HERE}/run.sh', 'list'], capture_output=True, text=True, check=True).stdout.split('\n') if line]
    orders = sum((orders_of(path) for path in sources if not path.endswith('/atomic.h')), collections.Counter())
    rows = rows_of(text)

    def is_mutant(span):
        """A model and what defines its mutant, as run.sh has it, maybe with more."""
        model, *options = span.split()
        return any(line[1] == model and set(options) <= set(line[2:]) and
                   (line[0] in ('caught', 'stuck') or not options) for line in listed)

    colons = [span for span in spans if ': ' in span or span in cases]
    results = [
        ('each letter in src/ is a rule', sorted(used - rules)),
        ('each rule is in src/', sorted(rules - used)),
        ('each rule has a mutant', [row.split('|')[1].strip() for row in re.findall(r'^\| [A-Z]\d \|.*', text, re.M)
                                    if not re.search(r'`[^`]*(: |\.pml -D|->)[^`]*`', row)]),
        ('each function exists', [span for span in spans if re.fullmatch(r'\w+\(\)', span) and span[:-2] not in functions]),
        ('each case of orders.py exists', [span for span in colons if span not in cases]),
        ('each mutant of a model is run', [span for span in spans if re.match(r'\w+\.pml\b', span) and not is_mutant(span)]),
        ('each memory order in src/ has its row', [f'{key}: {count} there, {rows[key]} rows'
                                                   for key, count in sorted(orders.items()) if rows[key] != count]),
        ('each row is in src/', [f'{key}' for key in sorted(rows) if key not in orders]),
        ('each row says what fails, or why nothing can', [row for row in re.findall(
            r'^\| `\w+\.[ch]` \|.*', text, re.M) if not re.search(r'\| (belt|garbage|the same |`)[^|]*\|$', row)]),
        ('each function in a model\'s head exists', [f'{os.path.basename(path)}: {name}' for path in
                                                    sorted(glob.glob(f'{HERE}/*.pml'))
                                                    for name in re.findall(r'\b(\w+)\(\)', read(path).split('*/')[1])
                                                    if name not in functions]),
        ('each function in orders.py\'s comments exists', [f'{os.path.basename(path)}: {name}' for path in
                                                          sorted(glob.glob(f'{HERE}/orders_*.py'))
                                                          for name in re.findall(r'\b(spli?_\w+)\b', read(path))
                                                          if name not in functions]),
    ]
    failed = 0
    for number, (what, wrong) in enumerate(results, 1):
        failed += bool(wrong)
        print(f"{'not ' if wrong else ''}ok {number} - {what}")
        for each in wrong:
            print(f'# {each}')
    print(f'1..{len(results)}')
    sys.exit(failed != 0)


if __name__ == '__main__':
    main()
