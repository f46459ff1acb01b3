# SPDX-License-Identifier: Apache-2.0
"""What the explorer itself has to allow and to forbid: the usual small tests of memory models."""
from explorer import ACQ, AR, REL, RLX, SC, explore


def never(*results):
    """A check: these results of all threads must not be met."""
    def check(found, _):
        return f'{found}' if tuple(found) in results else None
    return check


def store_buffering(first=SC, second=SC):
    def side(mine, other, fence):
        def thread():
            yield ('st', mine, 1, RLX)
            yield ('fence', fence)
            return (yield ('ld', other, RLX))
        return thread
    return explore({'x': 0, 'y': 0}, [side('x', 'y', first), side('y', 'x', second)], never((0, 0)))


def message(store=REL, load=ACQ, fences=False):
    def sender():
        yield ('st', 'x', 1, RLX)
        if fences: yield ('fence', REL)
        yield ('st', 'y', 1, store)

    def receiver():
        y = yield ('ld', 'y', load)
        if fences: yield ('fence', ACQ)
        return y, (yield ('ld', 'x', RLX))
    return explore({'x': 0, 'y': 0}, [sender, receiver], never((None, (1, 0))))


def four(fence):
    """Two writers, two readers, who must not see their stores in different orders."""
    def writer(place):
        def thread():
            yield ('st', place, 1, RLX)
        return thread

    def reader(one, other):
        def thread():
            a = yield ('ld', one, ACQ)
            if fence: yield ('fence', fence)
            return a, (yield ('ld', other, ACQ))
        return thread
    return explore({'x': 0, 'y': 0}, [writer('x'), writer('y'), reader('x', 'y'), reader('y', 'x')],
                   never((None, None, (1, 0), (1, 0))))


def two_by_two(fence):
    """Each writes both places, in opposite orders: the first store of each must not win."""
    def side(one, other, value):
        def thread():
            yield ('st', one, value, RLX)
            if fence: yield ('fence', fence)
            yield ('st', other, value, RLX)
        return thread

    def check(_, last):
        return 'both first' if (last['x'], last['y']) == (1, 2) else None
    return explore({'x': 0, 'y': 0}, [side('x', 'y', 1), side('y', 'x', 2)], check)


def counting():
    def thread():
        return (yield ('rmw', 'x', lambda old: old + 1, RLX))

    def check(results, last):
        return None if last['x'] == 3 and sorted(results) == [0, 1, 2] else 'counted twice'
    return explore({'x': 0}, [thread] * 3, check)


def sequence(rmw):
    """A release store, then somebody else's relaxed exchange: who reads that acquires the first."""
    def sender():
        yield ('st', 'x', 1, RLX)
        yield ('st', 'y', 1, REL)

    def between():
        if rmw:
            yield ('cas', 'y', 1, 2, RLX)
        else:
            if (yield ('ld', 'y', RLX)) == 1: yield ('st', 'y', 2, RLX)

    def receiver():
        return (yield ('ld', 'y', ACQ)), (yield ('ld', 'x', RLX))
    return explore({'x': 0, 'y': 0}, [sender, between, receiver], never((None, None, (2, 0))))


def coherence():
    def writer():
        yield ('st', 'x', 1, RLX)
        yield ('st', 'x', 2, RLX)

    def reader():
        return (yield ('ld', 'x', RLX)), (yield ('ld', 'x', RLX))
    return explore({'x': 0}, [writer, reader], lambda results, _: 'back' if results[1][0] > results[1][1] else None)


CASES = [
    ('litmus: store buffering', store_buffering, {}, True),
    ('litmus: store buffering, one fence less', store_buffering, dict(second=AR), False),
    ('litmus: message passing', message, {}, True),
    ('litmus: message passing, fences', message, dict(store=RLX, load=RLX, fences=True), True),
    ('litmus: message passing, relaxed store', message, dict(store=RLX), False),
    ('litmus: message passing, relaxed load', message, dict(load=RLX), False),
    ('litmus: four, full fences', four, dict(fence=SC), True),
    ('litmus: four, acquire', four, dict(fence=None), False),
    ('litmus: two by two, full fences', two_by_two, dict(fence=SC), True),
    ('litmus: two by two, relaxed', two_by_two, dict(fence=None), False),
    ('litmus: counting', counting, {}, True),
    ('litmus: release sequence', sequence, dict(rmw=True), True),
    ('litmus: release sequence, plain store', sequence, dict(rmw=False), False),
    ('litmus: coherence', coherence, {}, True),
]
