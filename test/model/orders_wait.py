# SPDX-License-Identifier: Apache-2.0
"""Waiting and waking: E1 and E2 of src/wait.h, the structure counter, cancelling, closing, the notifying thread.

The kernel's part is as it is in the kernel: who sleeps compares the flag and queues, who wakes counts the flag up and
takes the queue, each under one lock. What happens before they ask for it is C11's matter.

`sleep`, a waiter of one word and its writers; `absent`, a waiter of a key that is not there, who knows an insert by the
structure counter; `any_change`, one who sleeps beside the tail, while one appends and another helps; `always`, a waiter
who cannot write; `cancel`; `close`, what is done before a wait ends and after all have; `kick`, a thread told to stop.
"""
from explorer import ACQ, AR, REL, RLX, SC, STUCK, explore

KERNEL = {'kernel': 'free', 'queue': False}


def lock():
    return 'rmw', 'kernel', lambda state: 'held' if state == 'free' else None, ACQ


def unlock():
    return 'st', 'kernel', 'free', REL


def futex_wait(marked):
    """True when it was woken; does not return when nobody wakes."""
    yield lock()
    if (yield ('ld', 'flag', RLX)) != marked:
        yield unlock()
        return
    yield ('st', 'queue', True, RLX)
    yield unlock()
    yield ('await', 'queue', lambda queued: not queued, ACQ)


def wake(fence, always=False):
    """E2."""
    if fence: yield ('fence', fence)
    odd = (yield ('ld', 'flag', RLX)) & 1
    if odd or always:
        yield lock()
        yield ('rmw', 'flag', lambda old: old + (1 if odd else 2), AR)
        if (yield ('ld', 'queue', RLX)): yield ('st', 'queue', False, REL)
        yield unlock()


def mark():
    return (yield ('rmw', 'flag', lambda old: old | 1, RLX)) | 1


def lost(results, _):
    return 'asleep for ever' if STUCK in results else None


def sleep(writers=1, waiter=SC, waker=SC, again=True, late=False):
    """late: the wake before the swap."""
    def waits():
        for _ in range(writers + 1):
            seen = yield ('ld', 'word', ACQ)
            if seen == writers: return
            marked = yield from mark()
            if waiter: yield ('fence', waiter)
            if again and (yield ('ld', 'word', RLX)) != seen: continue
            yield from futex_wait(marked)

    def writes():
        if late: yield from wake(waker)
        yield ('rmw', 'word', lambda old: old + 1, AR)
        if not late: yield from wake(waker)
    return explore({'word': 0, 'flag': 0, **KERNEL}, [waits] + [writes] * writers, lost)


def absent(count=REL, take=ACQ, first=True, waiter=SC, waker=SC):
    """first: the counter is loaded before the search."""
    def waits():
        for _ in range(2):
            structure = (yield ('ld', 'structure', take)) if first else None
            if (yield ('ld', 'word', ACQ)): return
            if not first: structure = yield ('ld', 'structure', take)
            marked = yield from mark()
            yield ('fence', waiter)
            if (yield ('ld', 'structure', RLX)) != structure: continue
            yield from futex_wait(marked)

    def inserts():
        yield ('cas', 'word', 0, 1, AR)
        yield ('st', 'structure', (yield ('ld', 'structure', RLX)) + 1, count)
        yield from wake(waker)

    return explore({'structure': 0, 'word': 0, 'flag': 0, **KERNEL}, [waits, inserts], lost)


def any_change(waiter=SC, waker=SC, hurry=False):
    """Who fills the cell finds that another has moved the tail on, or the other way round; each wakes. hurry: who has
    not moved it does not wake."""
    def waits():
        for _ in range(2):
            tail = yield ('ld', 'tail', ACQ)
            if tail: return
            marked = yield from mark()
            yield ('fence', waiter)
            if (yield ('ld', 'tail', RLX)) != tail: continue
            yield from futex_wait(marked)

    def fills():
        yield ('cas', 'cell', 0, 1, AR)
        moved = (yield ('cas', 'tail', 0, 1, AR)) == 0
        if moved or not hurry: yield from wake(waker)

    def helps():
        """And dies then."""
        if (yield ('ld', 'cell', ACQ)): yield ('cas', 'tail', 0, 1, AR)
    return explore({'tail': 0, 'cell': 0, 'flag': 0, **KERNEL}, [waits, fills, helps], lost)


def always(load=ACQ, first=True, waiter=SC):
    """Who cannot write loads the flag, before he looks, and each change counts it up. first: before both looks; the
    second is for this waiter what the flag's acquire is as well."""
    def waits():
        for _ in range(2):
            marked = (yield ('ld', 'flag', load)) if first else None
            seen = yield ('ld', 'word', ACQ)
            if seen: return
            if waiter: yield ('fence', waiter)
            if (yield ('ld', 'word', RLX)) != seen: continue
            if not first: marked = yield ('ld', 'flag', load)
            yield from futex_wait(marked)

    def writes():
        yield ('rmw', 'word', lambda old: old + 1, AR)
        yield from wake(SC, True)
    return explore({'word': 0, 'flag': 0, **KERNEL}, [waits, writes], lost)


def cancel(waiter=SC, waker=SC, late=False, early=False):
    """One round of spli_waits_cancel. late: going on the list after asking. early: waking before it is said."""
    def mutex():
        return 'rmw', 'mutex', lambda state: 'held' if state == 'free' else None, ACQ

    def enlist():
        yield mutex()
        yield ('st', 'list', True, RLX)
        yield ('st', 'mutex', 'free', REL)

    def waits():
        if (yield ('ld', 'cancelled', RLX)): return
        if not late: yield from enlist()
        marked = yield from mark()
        yield ('fence', waiter)
        if (yield ('ld', 'cancelled', RLX)): return
        if late: yield from enlist()
        yield from futex_wait(marked)

    def cancels():
        if not early: yield ('rmw', 'cancelled', lambda old: old | 1, RLX)
        yield mutex()
        if (yield ('ld', 'list', RLX)): yield from wake(waker)
        yield ('st', 'mutex', 'free', REL)
        if early: yield ('rmw', 'cancelled', lambda old: old | 1, RLX)
    return explore({'cancelled': 0, 'mutex': 'free', 'list': False, 'flag': 0, **KERNEL}, [waits, cancels], lost)


def close(end=REL, finish=ACQ):
    """What a wait has written of the handle before it ended is there for who frees it."""
    def waits(place):
        def thread():
            yield ('st', place, 1, RLX)
            yield ('rmw', 'waits', lambda old: old - 1, end)
        return thread

    def closes():
        yield ('await', 'waits', lambda old: old == 0, finish)
        return (yield ('ld', 'one', RLX)), (yield ('ld', 'two', RLX))
    return explore({'waits': 2, 'one': 0, 'two': 0}, [waits('one'), waits('two'), closes],
                   lambda results, _: 'freed before it was last written' if results[2] != (1, 1) else None)


def kick(count=REL, load=ACQ):
    """spli_notify_stop: who sees the kick sees what it is about. Otherwise he would sleep behind it, until the next."""
    def stops():
        yield ('st', 'stop', 1, RLX)
        yield ('rmw', 'kicks', lambda old: old + 1, count)

    def runs():
        return (yield ('ld', 'kicks', load)), (yield ('ld', 'stop', RLX))
    return explore({'stop': 0, 'kicks': 0}, [stops, runs],
                   lambda results, _: 'kicked for nothing' if results[1] == (1, 0) else None)


CASES = [
    ('sleep: one writer', sleep, {}, True),
    ('sleep: two writers', sleep, dict(writers=2), True, 'long'),
    ('sleep: E1, no full fence', sleep, dict(waiter=AR), False),
    ('sleep: E2, no full fence behind the swap', sleep, dict(waker=AR), False),
    ('sleep: no fence at all', sleep, dict(waker=None, waiter=None), False),
    ('sleep: E1, no second look', sleep, dict(again=False), False),
    ('sleep: E2, waking first', sleep, dict(late=True), False),
    ('absent: an insert', absent, {}, True),
    ('absent: counted relaxed', absent, dict(count=RLX), False),
    ('absent: counter loaded relaxed', absent, dict(take=RLX), False),
    ('absent: counter loaded after the search', absent, dict(first=False), False),
    ('absent: E1, no full fence', absent, dict(waiter=AR), False),
    ('absent: E2, no full fence behind the counter', absent, dict(waker=AR), False),
    ('any change: with help', any_change, {}, True),
    ('any change: E1, no full fence', any_change, dict(waiter=AR), False),
    ('any change: E2, no full fence', any_change, dict(waker=AR), False),
    ('any change: only who moved the tail wakes', any_change, dict(hurry=True), False),
    ('always: read-only waiter', always, {}, True),
    ('always: flag loaded relaxed (E1 fences)', always, dict(load=RLX), True),
    ('always: no fence (the flag is acquired)', always, dict(waiter=None), True),
    ('always: neither', always, dict(load=RLX, waiter=None), False),
    ('always: flag loaded after the looks', always, dict(first=False), False),
    ('cancel: one round', cancel, {}, True),
    ('cancel: E1, no full fence', cancel, dict(waiter=AR), False),
    ('cancel: no full fence before waking', cancel, dict(waker=AR), False),
    ('cancel: on the list after asking', cancel, dict(late=True), False),
    ('cancel: waking before it is said', cancel, dict(early=True), False),
    ('close: waits ended', close, {}, True),
    ('close: ended relaxed', close, dict(end=RLX), False),
    ('close: looked at relaxed', close, dict(finish=RLX), False),
    ('kick: stop', kick, {}, True),
    ('kick: counted relaxed', kick, dict(count=RLX), False),
    ('kick: loaded relaxed', kick, dict(load=RLX), False),
]
