# SPDX-License-Identifier: Apache-2.0
"""Leases, auto-vacuum's flag, times to live, creating and adopting: src/writer.h, src/vacuum.h, src/ttl.c, src/map.c.

`lease`, two calls through one writer entry; `switch`, a writer beside who switches auto-vacuum on; `soonest`, the bound
of times to live; `keep`, what an unset keeps of a time; `create`, a store that is filled and then linked; `adopt`, an
entry that goes from a dead owner to the next; `tell_owner`, `mine`, two things published by one store.
"""
from explorer import ACQ, AR, REL, RLX, explore


def take(order):
    return 'rmw', 'lease', lambda holder: 1 if not holder else None, order


def lease(get=AR, drop=REL):
    """Two calls, one after the other, each swap the entry's spare block in."""
    def call():
        yield take(get)
        spare = yield ('ld', 'spare', RLX)
        while True:
            old = yield ('ld', 'word', ACQ)
            if (yield ('cas', 'word', old, spare, AR)) == old: break
        yield ('st', 'spare', old, RLX)
        yield ('st', 'lease', 0, drop)

    def check(_, last):
        return 'a block in its slot and in a ring' if last['word'] == last['spare'] else None
    return explore({'lease': 0, 'word': 'one', 'spare': 'two'}, [call, call], check)


def switch(get=AR, drop=REL, foreign=AR, give=REL, early=False, leased=True, flag=REL):
    """A value is a 1, what auto-vacuum leaves of it a 0. The writer makes two sets, through one spare block."""
    def sets():
        for _ in range(2):
            if early: vacuum = yield ('ld', 'flag', RLX)
            yield take(get)
            if not early: vacuum = yield ('ld', 'flag', RLX)
            spare, old = ('one', 'two') if (yield ('ld', 'spare', RLX)) == 'one' else ('two', 'one')
            yield ('st', spare, 1, RLX)
            yield ('st', 'spare', old, RLX)
            if vacuum: yield ('st', old, 0, RLX)
            yield ('st', 'lease', 0, drop)

    def switches():
        yield ('rmw', 'flag', lambda _: 1, flag)
        if leased: yield take(foreign)
        spare = yield ('ld', 'spare', RLX)
        yield ('st', spare, 0, RLX)
        if leased: yield ('st', 'lease', 0, give)

    def check(_, last):
        live = 'two' if last['spare'] == 'one' else 'one'
        if not last[live]: return 'a live value scrubbed'
        return 'stale bytes' if last[last['spare']] else None
    return explore({'lease': 0, 'flag': 0, 'spare': 'two', 'one': 1, 'two': 0}, [sets, switches], check)


def soonest(load=ACQ, note=AR, first=False, version=True, final=AR):
    """Something expires at 5; a value that expires at 9 is put in, while somebody walks and finds the first gone. The
    bound is (time, version); 0: nothing expires."""
    def notes():
        seen = yield ('ld', 'soonest', RLX)
        for _ in range(3):
            time = 9 if not seen[0] else min(seen[0], 9)
            found = yield ('cas', 'soonest', seen, (time, seen[1] + version), note)
            if found == seen: return
            seen = found

    def sets():
        if first: yield from notes()
        yield ('cas', 'word', 0, 9, AR)
        if not first: yield from notes()

    def reclaims():
        seen = yield ('ld', 'soonest', load)
        least = yield ('ld', 'word', ACQ)
        yield ('cas', 'soonest', seen, (least, seen[1] + version), final)

    def check(_, last):
        return 'nothing would reclaim it' if not last['soonest'][0] else None
    return explore({'soonest': (5, 0), 'word': 0}, [sets, reclaims], check)


def keep(fence=True):
    """remove_claimed reads a time in a block that a rival displaces and fills again: it must not be kept."""
    def rival():
        yield ('cas', 'word', 1, 2, AR)
        yield ('st', 'stamp', 0, RLX)
        yield ('fence', REL)
        yield ('st', 'expiry', 99, RLX)

    def removes():
        if (yield ('ld', 'word', ACQ)) != 1 or (yield ('ld', 'stamp', RLX)) != 1: return None
        expiry = yield ('ld', 'expiry', RLX)
        if fence:
            yield ('fence', ACQ)
            if (yield ('ld', 'stamp', RLX)) != 1: return None
        return expiry
    return explore({'word': 1, 'stamp': 1, 'expiry': 5}, [rival, removes],
                   lambda results, _: 'a time kept that was not that value\'s' if results[1] == 99 else None)


def create(early=False):
    """Linking a name and opening it are the kernel's: a release and an acquire."""
    def creates():
        if early: yield ('st', 'name', 1, REL)
        yield ('st', 'header', 1, RLX)
        yield ('st', 'checksum', 1, RLX)
        if not early: yield ('st', 'name', 1, REL)

    def opens():
        yield ('await', 'name', lambda name: name, ACQ)
        return (yield ('ld', 'checksum', RLX)), (yield ('ld', 'header', RLX))
    return explore({'name': 0, 'header': 0, 'checksum': 0}, [creates, opens],
                   lambda results, _: 'a store found half made' if results[1] != (1, 1) else None)


def adopt(gone=REL, locked=ACQ):
    """The lock that goes with its owner is the kernel's. These mutants are of the kernel: what is built on it."""
    def dies():
        yield ('st', 'spare', 2, RLX)
        yield ('st', 'op', 1, RLX)
        yield ('st', 'lock', 0, gone)

    def adopts():
        yield ('await', 'lock', lambda held: not held, locked)
        return (yield ('ld', 'op', RLX)), (yield ('ld', 'spare', RLX))
    return explore({'spare': 1, 'op': 0, 'lock': 1}, [dies, adopts],
                   lambda results, _: 'repaired with what it was before' if results[1] != (1, 2) else None)


def publish(store=REL, load=ACQ):
    """`since` before `owner`, mine[] before mine_count, notifier.running: the last says that the first is there."""
    def one():
        yield ('st', 'first', 1, RLX)
        yield ('st', 'last', 1, store)

    def other():
        return (yield ('ld', 'last', load)), (yield ('ld', 'first', RLX))
    return explore({'first': 0, 'last': 0}, [one, other],
                   lambda results, _: 'said, and not there' if results[1] == (1, 0) else None)


CASES = [
    ('lease: two calls', lease, {}, True),
    ('lease: dropped relaxed', lease, dict(drop=RLX), False),
    ('lease: taken relaxed', lease, dict(get=RLX), False),
    ('switch: auto-vacuum beside a writer', switch, {}, True),
    ('switch: lease dropped relaxed', switch, dict(drop=RLX), False),
    ('switch: lease taken relaxed', switch, dict(get=RLX), False),
    ('switch: foreign lease taken relaxed', switch, dict(foreign=RLX), False),
    ('switch: foreign lease given back relaxed', switch, dict(give=RLX), False),
    ('switch: flag read before the lease', switch, dict(early=True), False),
    ('switch: without the lease', switch, dict(leased=False), False),
    ('switch: flag set relaxed (the lease carries it)', switch, dict(flag=RLX), True),
    ('soonest: a set beside a walk', soonest, {}, True),
    ('soonest: noted first', soonest, dict(first=True, version=False), False),
    ('soonest: no version', soonest, dict(version=False), False),
    ('soonest: loaded relaxed', soonest, dict(load=RLX), False),
    ('soonest: noted without release', soonest, dict(note=ACQ), False),
    ('soonest: raised relaxed', soonest, dict(final=RLX), True),
    ('keep: an unset of what has expired', keep, {}, True),
    ('keep: R3 without its fence', keep, dict(fence=False), False),
    ('create: filled, then linked', create, {}, True),
    ('create: linked first', create, dict(early=True), False),
    ('adopt: the kernel\'s lock', adopt, {}, True),
    ('adopt: a lock that does not release', adopt, dict(gone=RLX), False),
    ('adopt: a lock that does not acquire', adopt, dict(locked=RLX), False),
    ('publish: the last says that the first is there', publish, {}, True),
    ('publish: stored relaxed', publish, dict(store=RLX), False),
    ('publish: loaded relaxed', publish, dict(load=RLX), False),
]
