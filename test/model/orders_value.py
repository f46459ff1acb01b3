# SPDX-License-Identifier: Apache-2.0
"""One slot's value: W1 to W3 and R1 to R3 of src/swap.h, and the in-flight record that a repair of a rival reads.

`swap`, a writer and a reader of one slot; `rivals`, two updaters of it through entries of their own, who displace
and fill again each other's blocks, and a reader; `reuse`, a block that goes through two slots (what the stamp names,
and when a comparison of keys may be believed: T3); `record`, a repairer who reads a living rival's record while that
is rewritten; `scan`, the repairer's whole question whether a dead writer's swap had happened, while a rival displaces
its block; `reserve`, blocks that are reserved while the store is in use.
"""
from explorer import ACQ, AR, REL, RLX, explore


def of_second(accept):
    """A check of what the second thread returns."""
    return lambda results, _: accept(results[1])


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

    def accept(result):
        if result and not result[0] == result[1] == result[2]:
            return f'generation {result[0]} read as {result[1]}, {result[2]}'
    return explore(locations, [writer, reader], of_second(accept))

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

    def accept(result):
        if result and result != (0, 0):
            return f'slot 0 read as key {result[0]}, value of {result[1]}'
    return explore(locations, [writer, reader], of_second(accept))

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

    def accept(result):
        if result:
            return 'two records taken for one'
    return explore(locations, [rival, repairer], of_second(accept))

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

    def accept(result):
        if not result:
            return 'a published block taken for unpublished'
    return explore(locations, [rival, repairer], of_second(accept), sequences)


def rivals(first=1, reader=True, w1=True, w3=AR, r1=ACQ, r3=True, mark=REL, scrub=False, scrub_fence=True):
    """Two updaters, each with one spare block; the first makes so many sets, the second one. A value is the
    generation it was written for; an epoch is two more than the one that was read in the block it replaces, without a
    look behind (R3): that the swap is won says that the block was still in its slot."""
    places = {'word': (1, 'o')}
    for block in 'oab':
        places.update({('stamp', block): block == 'o' and 1, ('epoch', block): 2 * (block == 'o'),
                       ('value', block): int(block == 'o'), ('owner', block): block})

    def writer(name, sets):
        def thread():
            spare, won = name, 0
            for _ in range(sets + 1):  # one more try than sets
                if won == sets: break
                generation, block = yield ('ld', 'word', r1)
                if (yield ('ld', ('stamp', block), RLX)) != generation: continue
                epoch = yield ('ld', ('epoch', block), RLX)
                yield ('st', ('stamp', spare), 0, RLX)
                if w1: yield ('fence', REL)
                yield ('st', ('value', spare), generation + 1, RLX)
                yield ('st', ('epoch', spare), epoch + 2, RLX)
                yield ('st', ('stamp', spare), generation + 1, RLX)
                old = generation, block
                if (yield ('cas', 'word', old, (generation + 1, spare), w3)) != old: continue
                won += 1
                yield ('st', ('owner', block), name, mark)
                if scrub:
                    yield ('st', ('stamp', block), 0, RLX)
                    if scrub_fence: yield ('fence', REL)
                    yield ('st', ('value', block), 0, RLX)
                spare = block
            return won
        return thread

    def get():
        generation, block = yield ('ld', 'word', ACQ)
        if (yield ('ld', ('stamp', block), RLX)) != generation: return None
        epoch = yield ('ld', ('epoch', block), RLX)
        value = yield ('ld', ('value', block), RLX)
        if r3: yield ('fence', ACQ)
        if (yield ('ld', ('stamp', block), RLX)) != generation: return None
        return generation, epoch // 2, value

    def check(results, last):
        generation, block = last['word']
        if generation != 1 + results[0] + results[1]: return 'a swap won of what is no longer there'
        if last['epoch', block] != 2 * generation: return 'an epoch told twice'
        if (last['value', block], last['stamp', block]) != (generation, generation): return 'a value lost'
        if reader and results[2] and len(set(results[2])) > 1: return 'generation %d read as %d, %d' % results[2]
        return None
    return explore(places, [writer('a', first), writer('b', 1)] + [get] * reader, check)


def compare(fence=True, equal=True):
    """T3. Slot 0 holds key 0 in block 0 all the time, in whose place its writer swaps block 1 and then fills block 0
    with key 1, for slot 1. Who looks for key 0 (equal) must not find it gone, who looks for key 1 must not find it in
    slot 0."""
    places = {'word': (1, 0), 'stamp 0': (1, 0), 'key 0': 0, 'stamp 1': None, 'key 1': None}
    wanted = 0 if equal else 1

    def writer():
        yield ('st', 'stamp 1', None, RLX)
        yield ('fence', REL)
        yield ('st', 'key 1', 0, RLX)
        yield ('st', 'stamp 1', (2, 0), RLX)
        yield ('cas', 'word', (1, 0), (2, 1), AR)
        yield ('st', 'stamp 0', None, RLX)
        yield ('fence', REL)
        yield ('st', 'key 0', 1, RLX)
        yield ('st', 'stamp 0', (1, 1), RLX)

    def look():
        generation, block = yield ('ld', 'word', ACQ)
        if (yield ('ld', f'stamp {block}', RLX)) != (generation, 0): return None
        same = (yield ('ld', f'key {block}', RLX)) == wanted
        if fence:
            yield ('fence', ACQ)
            if (yield ('ld', f'stamp {block}', RLX)) != (generation, 0): return None
        return 'same' if same else 'another'

    def accept(result):
        return result and result != ('same' if equal else 'another') and f'slot 0 found to have {result} key'
    return explore(places, [writer, look], of_second(accept))


def reserve(look=ACQ):
    """A wide mark is seen, relaxed, by another writer, who publishes a block above the old one: a reader of the word
    finds the block to be reserved (coherence)."""
    def widens():
        yield ('cas', 'high', 1, 2, AR)

    def writer():
        if (yield ('ld', 'high', RLX)) == 2: yield ('cas', 'word', 0, 1, AR)

    def reader():
        return (yield ('ld', 'word', look)), (yield ('ld', 'high', RLX))
    return explore({'high': 1, 'word': 0}, [widens, writer, reader],
                   lambda results, _: 'not reserved' if results[2] == (1, 1) else None)


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

    ('rivals: two updaters', rivals, {}, True),
    ('rivals: two updaters, blocks filled again', rivals, dict(first=2, reader=False), True),
    ('rivals: auto-vacuum', rivals, dict(scrub=True), True),
    ('rivals: W1 without its fence', rivals, dict(first=2, w1=False), False),
    ('rivals: W3 without release', rivals, dict(w3=ACQ), False),
    ('rivals: R1 relaxed', rivals, dict(first=2, r1=RLX, w3=REL), False),
    ('rivals: R3 without its fence', rivals, dict(first=2, r3=False), False),
    ('rivals: scrub without its fence', rivals, dict(scrub=True, scrub_fence=False), False),
    ('rivals: W3 without acquire (R1 has acquired the same)', rivals, dict(w3=REL, first=2), True),
    ('rivals: mark relaxed', rivals, dict(mark=RLX), True),

    ('compare: equal keys', compare, {}, True),
    ('compare: other keys', compare, dict(equal=False), True),
    ('compare: T3, inequality believed without R3', compare, dict(fence=False), False),
    ('compare: T3, equality believed without R3', compare, dict(fence=False, equal=False), False),

    ('reserve: marks', reserve, {}, True),
    ('reserve: word loaded relaxed', reserve, dict(look=RLX), False),
]
