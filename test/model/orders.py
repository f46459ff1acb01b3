#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Exhaustive small-scope explorer of C11 orderings for the swap protocol and its repair.

Threads are lists of operations; every location keeps all its stores, each with the view it releases. A relaxed
load may return any store not older than what the thread has seen, so stale reads are enumerated, not sampled
(RC11 without load buffering; stores go to the end of a location's order, which is exact while one thread at a
time writes it; a compare-and-swap that wins is a store of its one writer here). The protocol must pass; a mutant
that drops an order must be caught, or the order is not needed.

    python3 orders.py            # table of the protocol and its mutants; exit 1 when one is not as expected

What is explored: `swap`, a writer and a reader of one slot (W1 to W3, R1 to R3); `reuse`, a block that goes
through two slots (what the stamp names); `record`, a repairer who reads a living rival's in-flight record while
that is rewritten; `scan`, the repairer's whole question whether a dead writer's swap had happened, while a rival
displaces its block. The interleavings of the larger protocol are the Promela models' matter.
"""
import sys

RLX, ACQ, REL = 'relaxed', 'acquire', 'release'

def join(a, b):
    return tuple(x if x > y else y for x, y in zip(a, b))

def explore(locations, threads, accept, sequences=False):
    """threads: generator functions yielding ('ld', loc, order) | ('st', loc, value, order) | ('fence', order).
    A thread is replayed from its recorded load results, so its code is plain Python. accept(thread, result)
    returns a message when a finished thread's result is wrong. sequences: a thread's relaxed store after its own
    release store of the location still releases that one's view (C11's release sequence, which C++20 dropped)."""
    index = {name: i for i, name in enumerate(locations)}
    zero = (0,) * len(locations)
    start = (tuple(((value, zero),) for value in locations.values()), tuple(((), 0, zero, zero, zero) for _ in threads))
    stack, seen, faults = [start], {start}, set()

    def step(t, loads, position):
        gen, feed = threads[t](), iter(loads)
        try:
            op = next(gen)
            for _ in range(position):
                op = gen.send(next(feed)) if op[0] == 'ld' else next(gen)
            return op, None
        except StopIteration as stop:
            return None, stop.value

    while stack:
        memory, states = stack.pop()
        for t, (loads, position, now, acquired, released) in enumerate(states):
            op, result = step(t, loads, position)
            if op is None:
                message = accept(t, result)
                if message:
                    faults.add(message)
                continue
            nexts = []
            if op[0] == 'ld':
                loc = index[op[1]]
                for stamp in range(now[loc], len(memory[loc])):
                    value, view = memory[loc][stamp]
                    seen_now = now[:loc] + (max(now[loc], stamp),) + now[loc + 1:]
                    pending = join(join(acquired, view), seen_now)
                    if op[2] == ACQ:
                        seen_now = join(seen_now, view)
                    nexts.append((memory, (loads + (value,), position + 1, seen_now, pending, released)))
            elif op[0] == 'st':
                loc, stamp = index[op[1]], len(memory[index[op[1]]])
                seen_now = now[:loc] + (stamp,) + now[loc + 1:]
                view = seen_now if op[3] == REL else released[:loc] + (stamp,) + released[loc + 1:]
                if sequences:
                    view = join(view, memory[loc][-1][1])
                grown = memory[:loc] + (memory[loc] + ((op[2], view),),) + memory[loc + 1:]
                nexts.append((grown, (loads, position + 1, seen_now, join(acquired, seen_now), released)))
            elif op[1] == ACQ:
                nexts.append((memory, (loads, position + 1, join(now, acquired), acquired, released)))
            else:
                nexts.append((memory, (loads, position + 1, now, acquired, now)))
            for memory2, state in nexts:
                new = (memory2, states[:t] + (state,) + states[t + 1:])
                if new not in seen:
                    seen.add(new)
                    stack.append(new)
    return len(seen), faults

def swap(sets=3, ring=1, scrub=False, w1=True, w2=REL, w3=REL, r1=ACQ, r2=ACQ, r3=True, recheck=True, scrub_fence=True,
         early=False):
    """early: the first field of the filling (the block's length) is stored before W1's fence."""
    blocks = 1 + ring
    locations = {'word': (1, 0)}
    for b in range(blocks):
        locations.update({('gen', b): 1 if b == 0 else 0, ('x', b): 1 if b == 0 else 0, ('y', b): 1 if b == 0 else 0})

    def writer():
        word, spares = (1, 0), list(range(1, blocks))
        for _ in range(sets):
            n, gen = spares.pop(0), word[0] + 1
            yield ('st', ('gen', n), 0, RLX)
            if early: yield ('st', ('x', n), gen, RLX)
            if w1: yield ('fence', REL)
            if not early: yield ('st', ('x', n), gen, RLX)
            yield ('st', ('y', n), gen, RLX)
            yield ('st', ('gen', n), gen, w2)
            old, word = word, (gen, n)
            yield ('st', 'word', word, w3)
            if scrub:
                yield ('st', ('gen', old[1]), 0, RLX)
                if scrub_fence: yield ('fence', REL)
                yield ('st', ('x', old[1]), 0, RLX)
                yield ('st', ('y', old[1]), 0, RLX)
            spares.append(old[1])

    def reader():
        gen, b = yield ('ld', 'word', r1)
        if (yield ('ld', ('gen', b), r2)) != gen: return None
        y = yield ('ld', ('y', b), RLX)
        x = yield ('ld', ('x', b), RLX)
        if r3: yield ('fence', ACQ)
        if recheck and (yield ('ld', ('gen', b), RLX)) != gen: return None
        return gen, x, y

    def accept(thread, result):
        if thread == 1 and result and not result[0] == result[1] == result[2]:
            return f'generation {result[0]} read as {result[1]}, {result[2]}'
    return explore(locations, [writer, reader], accept)

def reuse(slot_in_stamp=True, key_read=True, w1=True, r3=True):
    """Slot 0 holds block 0 at generation 2; slot 1, block 1 at generation 1. The writer displaces block 0 from slot
    0 and publishes it in slot 1, there with generation 2 as well. The reader gets key 0 from slot 0."""
    def stamp(gen, slot):
        return (gen, slot if slot_in_stamp else None)

    locations = {'word': (2, 0)}
    for b, (mark, key) in enumerate([(stamp(2, 0), 0), (stamp(1, 1), 1), (0, None)]):
        locations.update({('stamp', b): mark, ('key', b): key, ('x', b): key})

    def writer():
        for n, slot, gen in ((2, 0, 3), (0, 1, 2)):
            yield ('st', ('stamp', n), 0, RLX)
            if w1: yield ('fence', REL)
            yield ('st', ('key', n), slot, RLX)
            yield ('st', ('x', n), slot, RLX)
            yield ('st', ('stamp', n), stamp(gen, slot), RLX)
            if slot == 0: yield ('st', 'word', (gen, n), REL)  # slot 1's word is loaded by nobody here

    def reader():
        gen, b = yield ('ld', 'word', ACQ)
        if (yield ('ld', ('stamp', b), RLX)) != stamp(gen, 0): return None
        key = (yield ('ld', ('key', b), RLX)) if key_read else 0
        x = yield ('ld', ('x', b), RLX)
        if r3: yield ('fence', ACQ)
        if (yield ('ld', ('stamp', b), RLX)) != stamp(gen, 0): return None
        return key, x

    def accept(thread, result):
        if thread == 1 and result and result != (0, 0):
            return f'slot 0 read as key {result[0]}, value of {result[1]}'
    return explore(locations, [writer, reader], accept)

IDLE, SET, ANNOUNCE = 'idle', 'set', 'announce'

def begin(sequence, slot, old, clear, fence, publish):
    """A new record. clear: the order of the store that takes the last one's op away; None: it is idle already."""
    if clear: yield ('st', 'op', (sequence, IDLE), clear)
    if fence: yield ('fence', REL)
    yield ('st', 'slot', slot, RLX)
    yield ('st', 'old', old, RLX)
    yield ('st', 'op', (sequence, SET), publish)

def matches(slot, old, op=ACQ, fence=True, recheck=True, again=RLX, tries=2):
    """Whether the rival has a swap of old in slot in flight. tries: looks at a record that keeps changing."""
    for _ in range(tries):
        first = yield ('ld', 'op', op)
        if first[1] != SET: return False
        found_old = yield ('ld', 'old', RLX)
        found_slot = yield ('ld', 'slot', RLX)
        if fence: yield ('fence', ACQ)
        if not recheck or (yield ('ld', 'op', again)) == first:
            return (found_slot, found_old) == (slot, old)
    return False

def record(turn=REL, clear=RLX, w_fence=True, publish=REL, same_name=False, **read):
    """The rival lost its swap of (1, n) in slot 1 and now offers one of (7, z) in slot 0. Slot 0's (1, n) it never
    had: that is what a dead writer has in flight, unpublished, and what the repairer asks for."""
    locations = {'op': (1, SET), 'slot': 1, 'old': (1, 'n')}

    def rival():
        if turn: yield ('st', 'op', (1, IDLE), turn)
        yield from begin(1 if same_name else 2, 0, (7, 'z'), clear, w_fence, publish)

    def repairer():
        return (yield from matches(0, (1, 'n'), **read))

    def accept(thread, result):
        if thread == 1 and result:
            return 'two records taken for one'
    return explore(locations, [rival, repairer], accept)

def scan(clear=REL, w3=REL, mark=True, turn=REL, word=ACQ, second=True, sequences=False, **read):
    """A dead writer had published (1, n) in slot 0. A rival displaces it, marks it as displaced by himself, and goes
    on to slot 1. The repairer asks for the mark, the word, the rival's record, the mark."""
    locations = {'word': (1, 'n'), 'owner': 'dead', 'op': (0, IDLE), 'slot': None, 'old': None}

    def rival():
        yield from begin(1, 0, (1, 'n'), clear, True, REL)
        yield ('st', 'word', (2, 'm'), w3)
        if mark: yield ('st', 'owner', 'rival', RLX)
        yield ('st', 'op', (1, ANNOUNCE), turn)
        yield ('st', 'op', (1, IDLE), turn)
        yield from begin(2, 1, (5, 'z'), clear, True, REL)

    def repairer():
        if (yield ('ld', 'owner', RLX)) != 'dead': return True
        if (yield ('ld', 'word', word)) == (1, 'n'): return True
        if (yield from matches(0, (1, 'n'), **read)): return True
        return second and (yield ('ld', 'owner', RLX)) != 'dead'

    def accept(thread, result):
        if thread == 1 and not result:
            return 'a published block taken for unpublished'
    return explore(locations, [rival, repairer], accept, sequences)

CASES = [
    ('protocol, ring of 1', swap, {}, True), ('protocol, ring of 2', swap, dict(ring=2, sets=4), True),
    ('protocol, auto-vacuum', swap, dict(scrub=True), True),
    ('W1: no release fence after generation = 0', swap, dict(w1=False), False),
    ('W1: the length stored before the fence', swap, dict(early=True), False),
    ('W3: word published relaxed', swap, dict(w3=RLX, w2=RLX), False),
    ('R1: word loaded relaxed', swap, dict(r1=RLX, r2=RLX), False),
    ('R3: no acquire fence before the last check', swap, dict(r3=False), False),
    ('R3: no last check', swap, dict(recheck=False), False),
    ('scrub without its release fence', swap, dict(scrub=True, scrub_fence=False), False),
    ('W2 relaxed (W3 alone publishes)', swap, dict(w2=RLX), True),
    ('R2 relaxed (R1 alone acquires)', swap, dict(r2=RLX), True),

    ('reuse: block through two slots', reuse, {}, True),
    ('reuse: stamp does not name the slot', reuse, dict(slot_in_stamp=False), False),
    ('reuse: W1 without its fence', reuse, dict(w1=False), False),
    ('reuse: R3 without its fence', reuse, dict(r3=False), False),

    ('record: rewritten while it is read', record, {}, True),
    ('record: op not cleared before', record, dict(turn=None, clear=None), False),
    ('record: no release fence after the clear', record, dict(w_fence=False), False),
    ('record: op published relaxed', record, dict(publish=RLX), False),
    ('record: op loaded relaxed', record, dict(op=RLX), False),
    ('record: no acquire fence before op again', record, dict(fence=False), False),
    ('record: op not looked at again', record, dict(recheck=False), False),
    ('record: the next has the same sequence', record, dict(same_name=True), False),
    ('record: turned idle relaxed', record, dict(turn=RLX), True),
    ('record: cleared once, not twice', record, dict(clear=None), True),

    ('scan: rival displaces the block', scan, {}, True),
    ('scan: cleared once, not twice', scan, dict(clear=None), True),
    ('scan: W3 relaxed', scan, dict(w3=RLX), False),
    ('scan: word loaded relaxed', scan, dict(word=RLX), False),
    ('scan: no mark', scan, dict(mark=False), False),
    ('scan: mark looked at once', scan, dict(second=False), False),
    ('scan: record turned relaxed', scan, dict(turn=RLX), False),
    ('scan: op loaded relaxed', scan, dict(op=RLX), False),
    ('scan: second clear relaxed, C++20', scan, dict(clear=RLX), False),
    ('scan: second clear relaxed, C11', scan, dict(clear=RLX, sequences=True), True),
    ('scan: one look, op again relaxed', scan, dict(tries=1), False),
    ('scan: one look, op again acquire', scan, dict(tries=1, again=ACQ), True),
]

def main():
    wrong = 0
    for name, model, options, sound in CASES:
        states, faults = model(**options)
        as_expected = sound == (not faults)
        wrong += not as_expected
        print(f"{'ok' if as_expected else 'NOT OK'}  {name:46} {states:7} states  {min(faults) if faults else 'sound'}", flush=True)
    sys.exit(bool(wrong))

if __name__ == '__main__':
    main()
