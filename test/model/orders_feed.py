# SPDX-License-Identifier: Apache-2.0
"""The ring of changes: F1 to F4 of src/feed.h.

`append`, two writers, each with a change of a slot of its own, and a reader of the cells; `walk`, the same and a reader
who takes the tail, then walks the slots, as one who begins or catches up does: what he misses has to have a cell at or
behind the tail. The ring has two cells, so that the second lap is met.
"""
from explorer import ACQ, AR, REL, RLX, explore

LENGTH, TRIES = 2, 5


def append(number, fill=AR, failed=RLX, move=AR, tail=ACQ, cell=ACQ, plain=False, help_=True, acquire=True):
    """spli_feed_append: the event's sequence. A cell is (sequence, what happened). acquire: who was second acquires what
    the first has filled in before he moves the tail."""
    for _ in range(TRIES):
        n = yield ('ld', 'tail', tail)
        place = f'cell {n % LENGTH}'
        found = yield ('ld', place, cell)
        if found[0] != n:
            if found[0] != n - LENGTH: continue
            if plain:
                yield ('st', place, (n, number), REL)
                won = True
            else:
                won = (yield ('cas', place, found, (n, number), fill, failed)) == found
            if won:
                yield ('cas', 'tail', n, n + 1, move)
                return n
            if acquire: yield ('fence', ACQ)
        if help_: yield ('cas', 'tail', n, n + 1, move)
    return None


def places(writers):
    return {'tail': 0, 'cell 0': (-2, None), 'cell 1': (-1, None), **{f'word {w}': 0 for w in range(writers)}}


def writer(number, changes, first=False, word=AR, **options):
    def thread():
        told = []
        for change in range(changes):
            if first: told.append((yield from append(number, **options)))
            yield ('cas', f'word {number}', change, change + 1, word)
            if not first: told.append((yield from append(number, **options)))
        return told
    return thread


def ring(changes=(1, 1), look=ACQ, **options):
    def reader():
        """The first two events, if they are there, and what is in their slots."""
        seen = []
        for n in range(LENGTH):
            sequence, number = yield ('ld', f'cell {n}', look)
            if sequence != n: break
            seen.append((number, (yield ('ld', f'word {number}', ACQ))))
        return seen

    def check(results, last):
        told = [n for result in results[:-1] for n in result]
        if None not in told and sorted(told) != list(range(len(told))): return 'an event lost'
        if None not in told and last['tail'] > len(told): return 'the tail beyond the events'
        if any(not word for _, word in results[-1]): return 'an event before what happened'
        return None
    return explore(places(len(changes)), [writer(w, c, **options) for w, c in enumerate(changes)] + [reader], check)


def walk(changes=(1, 1), take=ACQ, **options):
    def reader():
        tail = yield ('ld', 'tail', take)
        words = []
        for w in range(len(changes)): words.append((yield ('ld', f'word {w}', ACQ)))
        return tail, words

    def check(results, _):
        tail, words = results[-1]
        for number, told in enumerate(results[:-1]):
            if any(n is not None and n < tail and words[number] <= change for change, n in enumerate(told)):
                return 'a change before the tail that a walk does not meet'
        return None
    return explore(places(len(changes)), [writer(w, c, **options) for w, c in enumerate(changes)] + [reader], check)


CASES = [
    ('feed: two writers', ring, {}, True),
    ('feed: the second lap', ring, dict(changes=(2, 1)), True),
    ('feed: two laps', ring, dict(changes=(3, 1)), True, 'long'),
    ('feed: F1, the cell filled without release', ring, dict(fill=ACQ), False),
    ('feed: F1, appended first', ring, dict(first=True), False),
    ('feed: F2, a plain store', ring, dict(plain=True), False),
    ('feed: F4, the cell loaded relaxed', ring, dict(look=RLX), False),
    ('feed: tail and cell loaded relaxed by writers', ring, dict(tail=RLX, cell=RLX), True),
    ('walk: from the tail', walk, {}, True),
    ('walk: the second lap', walk, dict(changes=(2, 1)), True),
    ('walk: two laps', walk, dict(changes=(3, 1)), True, 'long'),
    ('walk: tail loaded relaxed', walk, dict(take=RLX), False),
    ('walk: tail moved without release', walk, dict(move=ACQ), False),
    ('walk: who helps has not acquired the cell', walk, dict(acquire=False), False),
    ('walk: who helps has loaded the cell relaxed', walk, dict(cell=RLX), False),
    ('walk: tail loaded relaxed by writers', walk, dict(tail=RLX), True),
]
