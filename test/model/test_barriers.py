#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether the barriers of the protocol are in the code that a compiler makes for aarch64. TAP.

    python3 test_barriers.py        # CC=aarch64-linux-gnu-gcc; exit 77 without it

Each rule names a function and what has to stand in it, in this order. It says that the source asks for a barrier and
that the compiler does not leave it out; orders.py says which are needed. The same is then done to sources whose
barriers have been taken out (MUTANTS): there the rule must not be met.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CC = os.environ.get('CC', 'aarch64-linux-gnu-gcc')
OBJDUMP = os.environ.get('OBJDUMP', 'aarch64-linux-gnu-objdump')
LOADS = r'dmb\s+ishld?\b'  # before it: loads
ALL = r'dmb\s+ish\b'  # before it: all
CAS = r'(__aarch64_cas\d_acq_rel|casal|stlxr)'

# rule, source, functions (the first that there is: the compiler may have inlined one), what they have in this order
RULES = [
    ('R1', 'table', ['spli_table_look'], [r'ldar']),
    ('T3', 'table', ['spli_table_look'], [r'ldar', LOADS, r'ldr']),
    ('R3', 'swap', ['spli_block_copy'], [r'memcpy', LOADS, r'ldr']),
    ('W1', 'swap', ['fill'], [r'str\s+xzr', ALL, r'str', ALL, r'memcpy', r'stlr']),
    ('W1 of a scrub', 'swap', ['spli_block_retire'], [r'str\s+xzr', ALL, r'memset', r'stlr']),
    ('W3', 'swap', ['swap', 'update'], [CAS]),
    ('the record', 'writer', ['spli_record_begin'], [r'stlr', ALL, r'str', r'stlr']),
    ('the lease', 'writer', ['spli_lease_drop'], [r'stlr\s+wzr']),
    ('the claim', 'writer', ['spli_claim_drop'], [r'stlr\s+wzr']),
    ('the claim taken', 'writer', ['spli_claim_take'], [CAS]),
    ('F1', 'feed', ['spli_feed_append'], [r'ldar', r'ldar', CAS]),
    ('F2', 'feed', ['spli_feed_append'], [CAS, LOADS, CAS]),
    ('the structure', 'wait', ['spli_structure_changed'], [r'stlr']),
    ('E1', 'wait', ['spli_sleep'], [r'(ldset\w*|stx?r)', ALL, r'ldr', r'syscall']),
    ('E2 behind the swap', 'wait', ['spli_wake_key'], [ALL, r'(ldr|\bb\s|bl\s)']),
    ('E2 behind the rest', 'wait', ['spli_wake_others'], [ALL, r'(ldr|bl\s)']),
]
# What is taken out of src/, and the rules that are then not met.
MUTANTS = [
    ('atomic.h', r'__atomic_thread_fence\(__ATOMIC_ACQUIRE\);', '', ['T3', 'R3', 'F2']),
    ('atomic.h', r'__atomic_thread_fence\(__ATOMIC_RELEASE\);', '', ['W1', 'W1 of a scrub', 'the record']),
    ('atomic.h', r'__atomic_thread_fence\(__ATOMIC_SEQ_CST\);', '',
     ['E1', 'E2 behind the swap', 'E2 behind the rest']),
    ('atomic.h', r'#if defined\(__x86_64__\) && !SPLI_TSAN', '#if 1', ['E2 behind the swap']),
    ('atomic.h', r'__ATOMIC_ACQUIRE\)', '__ATOMIC_RELAXED)', ['R1', 'F1']),
    ('atomic.h', r'\(v\), __ATOMIC_RELEASE\)', '(v), __ATOMIC_RELAXED)',
     ['the lease', 'the claim', 'the structure', 'the record']),
    ('atomic.h', r'__ATOMIC_ACQ_REL, __ATOMIC_RELAXED', '__ATOMIC_RELAXED, __ATOMIC_RELAXED',
     ['W3', 'the claim taken', 'F1']),
]


def compile_all(tree, sources, objects):
    """Compile them, all at once."""
    running = []
    for source in sources:
        command = [CC, '-std=c11', '-O2', '-fPIC', '-fno-stack-protector', '-D_DEFAULT_SOURCE', f'-I{ROOT}/include',
                   f'-I{tree}', '-DSPLINTER_VERSION="0"', '-c', '-o', f'{objects}/{source}.o', f'{tree}/{source}.c']
        running.append((source, subprocess.Popen(command, stderr=subprocess.PIPE, text=True)))
    for source, process in running:
        _, said = process.communicate()
        if process.returncode:
            sys.exit(f'Bail out! {source}.c does not compile: {said[:500]}')


def function(objects, source, names):
    """The instructions of the first of these that there is, the compiler's clones of it included."""
    text = subprocess.run([OBJDUMP, '-dr', '--no-show-raw-insn', f'{objects}/{source}.o'], capture_output=True,
                          text=True, check=True).stdout
    parts = dict(re.findall(r'^[0-9a-f]+ <([^>]+)>:\n((?:.+\n)*)', text, re.M))
    for name in names:
        for found, body in parts.items():
            if found.split('.')[0] == name:
                return body.splitlines()
    return []


def met(objects, rule):
    """What is wanted stands there in this order; of R3, whose call of memcpy may stand at the end, on the way from
    there that takes no branch but those that are always taken."""
    name, source, names, (first, *wanted) = rule
    lines = function(objects, source, names)
    if name != 'R3':
        rest = iter(lines)
        return all(any(re.search(want, line) for line in rest) for want in (first, *wanted))
    addresses = {line.split(':')[0].strip(): i for i, line in enumerate(lines)}
    at = next((i for i, line in enumerate(lines) if re.search(first, line)), None)
    passed = set()
    while wanted and at is not None and at not in passed and at + 1 < len(lines):
        passed.add(at)
        jump = re.search(r'\tb\t([0-9a-f]+) ', lines[at])
        at = addresses.get(jump[1]) if jump else at + 1
        if at is not None and re.search(wanted[0], lines[at]):
            wanted.pop(0)
    return at is not None and not wanted


def main():
    if not (shutil.which(CC) and shutil.which(OBJDUMP)):
        print(f'1..0 # SKIP {CC} or {OBJDUMP} is not installed')
        sys.exit(77)
    count = failed = 0

    def say(good, what):
        nonlocal count, failed
        count += 1
        failed += not good
        print(f"{'' if good else 'not '}ok {count} - {what}", flush=True)

    with tempfile.TemporaryDirectory(prefix='splinter-barriers.') as tmp:
        compile_all(f'{ROOT}/src', sorted({rule[1] for rule in RULES}), tmp)
        for rule in RULES:
            say(met(tmp, rule), f'{rule[0]} is in {rule[2][0]}()')
        for number, (name, pattern, instead, rules) in enumerate(MUTANTS):
            tree = f'{tmp}/{number}'
            shutil.copytree(f'{ROOT}/src', tree)
            with open(f'{tree}/{name}', encoding='utf-8') as file:
                text, changes = re.subn(pattern, instead, file.read())
            with open(f'{tree}/{name}', 'w', encoding='utf-8') as file:
                file.write(text)
            compile_all(tree, sorted({rule[1] for rule in RULES if rule[0] in rules}), tree)
            for rule in RULES:
                if rule[0] in rules:
                    say(changes and not met(tree, rule), f'mutant {number + 1}: {rule[0]} is missed')
    print(f'1..{count}')
    sys.exit(failed != 0)


if __name__ == '__main__':
    main()
