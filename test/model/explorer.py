# SPDX-License-Identifier: Apache-2.0
"""Exhaustive small-scope explorer of C11 memory orders: RC11 without load buffering.

Threads are generator functions that yield one operation at a time and are sent its result:

    ('ld', place, order)                     the value
    ('st', place, value, order)
    ('cas', place, old, new, order, failed)  the value found: it has won if that is old (strong; failed: relaxed)
    ('rmw', place, function, order)          the value found; function returns the new one, or None: wait for another
    ('await', place, predicate, order)       a load that waits for a value
    ('fence', order)                         ACQ, REL, AR, SC

Every place keeps all its stores in modification order, each with the view that it releases. A load may return any
store not older than what its thread has seen, a store may go behind any such, but not between a store and the
read-modify-write of it: so stale reads and overtaken stores are enumerated, not sampled.

Fences that are sequentially consistent share one view, to which each adds its own and from which it takes all the
others': two of them in a row order what is before the one and behind the other. For two threads that is RC11's rule
(psc) exactly. A cycle through a third thread's relaxed accesses without any fence, which RC11 would allow as well, is
not explored.

Fences of the other kinds and plain stores are run as soon as a thread comes to them: nothing that somebody else does
first could add to what they allow, as who comes later may still read what was there before.

deaths() is about one thread that is killed: what the compiler may have let it store by then. There the partner is the
repair, which runs behind the kernel's lock and so sees all that was stored and nothing else.
"""

RLX, ACQ, REL, AR, SC = 'relaxed', 'acquire', 'release', 'acquire and release', 'full'
STUCK = 'stuck'


def join(a, b):
    return a if a == b else tuple(x if x > y else y for x, y in zip(a, b))


def at(view, place, position):
    return view[:place] + (position,) + view[place + 1:]


class Explorer:
    def __init__(self, places, threads, check, sequences=False):
        """places: name to first value. check(results, last): what is wrong when everybody has ended, or None;
        results has STUCK for who waits for ever. sequences: a thread's relaxed store behind its own release store of
        the same place still releases that one's view (C11's release sequence, which C++20 dropped)."""
        self.names = list(places)
        self.index = {name: i for i, name in enumerate(self.names)}
        self.first = list(places.values())
        self.threads, self.check, self.sequences = threads, check, sequences
        self.memo = {}

    def step(self, t, history):
        """The operation that follows these results: (operation, None), or (None, what the thread returned)."""
        key = (t, history)
        if key not in self.memo:
            thread = self.threads[t]()
            try:
                operation = next(thread)
                for result in history:
                    operation = thread.send(result)
                self.memo[key] = (operation, None)
            except StopIteration as stop:
                self.memo[key] = (None, stop.value)
        return self.memo[key]

    @staticmethod
    def load(state, t, place, position, order, result):
        """Thread t's part of the state after reading that store."""
        history, now, acquired, released = state[1][t]
        view = state[0][place][position][1]
        now = at(now, place, max(now[place], position))
        acquired = join(join(acquired, view), now)
        if order in (ACQ, AR):
            now = join(now, view)
        return history + (result,), now, acquired, released

    def store(self, state, t, part, place, position, value, order, of=None):
        """Put a store there. of: the view of the store it is the read-modify-write of."""
        memory, parts, full = state
        history, now, acquired, released = part
        stores = memory[place]
        if position < len(stores):
            def shift(view):
                return at(view, place, view[place] + 1) if view[place] >= position else view
            memory = tuple(tuple((v, shift(view), linked) for v, view, linked in s) for s in memory)
            parts = tuple((h, shift(n), shift(a), shift(r)) for h, n, a, r in parts)
            full = shift(full)
            now, acquired, released = shift(now), shift(acquired), shift(released)
            of = of and shift(of)
            stores = memory[place]
        now = at(now, place, position)
        view = now if order in (REL, AR) else at(released, place, position)
        if of:
            view = join(view, of)
        elif self.sequences:
            view = join(view, stores[position - 1][1])
        stores = stores[:position] + ((value, view, of is not None),) + stores[position:]
        part = history, now, join(acquired, now), released
        return memory[:place] + (stores,) + memory[place + 1:], parts[:t] + (part,) + parts[t + 1:], full

    @staticmethod
    def fence(state, t, order):
        history, now, acquired, released = state[1][t]
        full = state[2]
        if order in (ACQ, AR, SC):
            now = acquired
        if order == SC:
            now = full = join(now, full)
            acquired = now
        if order in (REL, AR, SC):
            released = now
        part = history + (None,), now, acquired, released
        return state[0], state[1][:t] + (part,) + state[1][t + 1:], full

    def after(self, state, t, operation):
        """All states that the operation may lead to; none while it has to wait."""
        kind = operation[0]
        if kind == 'fence':
            yield self.fence(state, t, operation[1])
            return
        place = self.index[operation[1]]
        stores = state[0][place]
        history, now, acquired, released = state[1][t]
        seen = now[place]
        if kind == 'st':
            part = history + (None,), now, acquired, released
            for position in range(seen + 1, len(stores) + 1):
                if position == len(stores) or not stores[position][2]:
                    yield self.store(state, t, part, place, position, operation[2], operation[3])
            return
        for position in range(seen, len(stores)):
            value, view, _ = stores[position]
            order = None
            if kind == 'ld' or (kind == 'await' and operation[2](value)):
                order = operation[-1]
            elif kind == 'cas' and value != operation[2]:
                order = operation[5] if len(operation) > 5 else RLX
            if order:
                part = self.load(state, t, place, position, order, value)
                yield state[0], state[1][:t] + (part,) + state[1][t + 1:], state[2]
            if order or kind == 'await':
                continue
            new, order = (operation[3], operation[4]) if kind == 'cas' else (operation[2](value), operation[3])
            if new is None or (position + 1 < len(stores) and stores[position + 1][2]):
                continue
            part = self.load(state, t, place, position, order, value)
            yield self.store(state, t, part, place, position + 1, new, order, view)

    def run(self):
        """(states, faults)"""
        zero = (0,) * len(self.names)
        start = (tuple(((value, zero, False),) for value in self.first),
                 tuple(((), zero, zero, zero) for _ in self.threads), zero)
        stack, met, faults = [start], {start}, set()
        while stack:
            state = stack.pop()
            operations = [self.step(t, part[0]) for t, part in enumerate(state[1])]
            nexts = []
            for t, (operation, _) in enumerate(operations):
                if operation and (operation[0] == 'st' or operation[0] == 'fence' and operation[1] != SC):
                    nexts = list(self.after(state, t, operation))
                    break
            else:
                for t, (operation, _) in enumerate(operations):
                    if operation:
                        nexts += self.after(state, t, operation)
            if not nexts:
                results = [result if operation is None else STUCK for operation, result in operations]
                last = {name: state[0][i][-1][0] for i, name in enumerate(self.names)}
                wrong = self.check(results, last)
                if wrong:
                    faults.add(wrong)
            for new in nexts:
                if new not in met:
                    met.add(new)
                    stack.append(new)
        return len(met), faults


def explore(places, threads, check, sequences=False):
    return Explorer(places, threads, check, sequences).run()


def deaths(places, stores, check):
    """One thread's stores, (place, value, order), in the program's order. A release one, a compare-and-swap (AR) or a
    fence (None, None, REL) is behind all before it; an AR one or a fence before all behind it; those of one place keep
    their order; all else the compiler may exchange. check(memory): what is wrong with a death that leaves this, or
    None."""
    def fixed(i):
        return stores[i][2] == AR or stores[i][0] is None
    before = [{j for j in range(i) if stores[i][2] in (REL, AR) or fixed(j) or stores[j][0] == stores[i][0]}
              for i in range(len(stores))]
    met, stack, faults = {frozenset()}, [frozenset()], set()
    while stack:
        done = stack.pop()
        memory = dict(places)
        memory.update((stores[i][0], stores[i][1]) for i in sorted(done) if stores[i][0] is not None)
        wrong = check(memory)
        if wrong:
            faults.add(wrong)
        for i in range(len(stores)):
            new = done | {i}
            if i not in done and before[i] <= done and new not in met:
                met.add(new)
                stack.append(new)
    return len(met), faults
