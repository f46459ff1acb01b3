# SPDX-License-Identifier: Apache-2.0
"""From a key to its slot: T1 to T4 of src/table.h, the structure claim, the pool, the floor of epochs.

`know`, an insert, and a reader who has been told of it; `turnover`, an unset, by one who lives or by the repair of one
who has died, then an insert by another into the same slot, and an update with the block that came from the pool, beside
a reader who looks twice.
"""
from explorer import ACQ, AR, REL, RLX, explore


def claim(name, order):
    return 'rmw', 'claim', lambda holder: name if not holder else None, order


def fill(block, key, epoch, fence=True):
    yield ('st', ('stamp', block), 0, RLX)
    if fence: yield ('fence', REL)
    yield ('st', ('key', block), key, RLX)
    yield ('st', ('value', block), epoch, RLX)


def look(key):
    """spli_table_look and spli_block_copy: the epoch and value of the key in the slot, 'absent', or None: again."""
    generation, block = yield ('ld', 'word', ACQ)
    if not block: return 'absent'
    if (yield ('ld', ('stamp', block), RLX)) != generation: return None
    same = (yield ('ld', ('key', block), RLX)) == key
    epoch = yield ('ld', ('epoch', block), RLX)
    value = yield ('ld', ('value', block), RLX)
    yield ('fence', ACQ)
    if (yield ('ld', ('stamp', block), RLX)) != generation: return None
    return (epoch, value) if same else 'absent'


def search(key):
    """spli_table_find: only where the reach and the hash say that there may be something. No fence where they say no:
    should the same reader look at the slot all the same, R3's acquires what he has met here as well, and with it the
    stamp that was zeroed before."""
    if (yield ('ld', 'reach', RLX)) and (yield ('ld', 'hash', RLX)) == key:
        return (yield from look(key))
    return 'absent'


def know(late=False, word=AR, told=REL, hear=ACQ, first=RLX):
    """The key's entry is empty; an insert fills it, and its writer tells somebody. first: the order of reach and
    hash. late: those behind the word."""
    def writer():
        yield from fill('b', 'k', 2)
        yield ('st', ('epoch', 'b'), 2, RLX)
        yield ('st', ('stamp', 'b'), 1, RLX)
        if late: yield ('cas', 'word', (0, None), (1, 'b'), word)
        yield ('st', 'reach', 1, first)
        yield ('st', 'hash', 'k', first)
        if not late: yield ('cas', 'word', (0, None), (1, 'b'), word)

    def talker():
        """Who has found it tells it on, by whatever way."""
        generation, _ = yield ('ld', 'word', ACQ)
        if generation: yield ('st', 'told', 1, told)

    def reader():
        return (yield ('ld', 'told', hear)), (yield from search('k'))
    places = {'word': (0, None), 'reach': 0, 'hash': None, 'told': 0, ('stamp', 'b'): 0, ('key', 'b'): None,
              ('epoch', 'b'): 0, ('value', 'b'): 0}

    def check(results, _):
        knows, found = results[2]
        return f'known, and found {found}' if knows and found != (2, 2) else None
    return explore(places, [writer, talker, reader], check)


def turnover(key='k', dies=False, early=False, take=AR, drop=REL, settle=REL, hash_=REL, word=AR,
             let_go=REL, again=False):
    """key: what the insert puts into the slot in which k was, k again or another. early: the reach shrinks before the
    word is swapped. again: the reader searches twice; otherwise he looks first at the slot he knows, then searches, and
    then looks again at the slot."""
    places = {'claim': None, 'word': (1, 'o'), 'reach': 1, 'hash': 'k', 'floor': 0, 'pool': 'used', 'lock': 'held'}
    for block in 'ob':
        old = block == 'o'
        places.update({('stamp', block): int(old), ('key', block): 'k' if old else None,
                       ('epoch', block): 2 * old, ('value', block): 2 * old})

    def remove():
        """Up to where it dies, if it does."""
        yield claim('a', take)
        generation, block = yield ('ld', 'word', ACQ)
        epoch = yield ('ld', ('epoch', block), RLX)
        if (yield ('ld', 'floor', RLX)) < epoch: yield ('st', 'floor', epoch, REL)
        if early: yield ('st', 'reach', 0, settle)
        yield ('cas', 'word', (generation, block), (generation + 1, None), word)

    def release():
        yield ('st', ('stamp', 'o'), 0, RLX)
        yield ('st', 'pool', 'free', REL)
        if not early: yield ('st', 'reach', 0, settle)

    def unset():
        yield from remove()
        if dies:
            yield ('st', 'lock', 'free', REL)  # the kernel's
            return
        yield from release()
        yield ('st', 'claim', None, drop)

    def repair():
        yield ('await', 'lock', lambda lock: lock == 'free', ACQ)
        yield from release()
        yield ('st', 'claim', None, let_go)

    def insert():
        yield claim('b', take)
        if (yield ('ld', 'pool', RLX)) == 'used': return None
        epoch = 2 + (yield ('ld', 'floor', RLX))
        yield from fill('b', key, epoch)
        generation, there = yield ('ld', 'word', RLX)
        yield ('st', ('epoch', 'b'), epoch, RLX)
        yield ('st', ('stamp', 'b'), generation + 1, RLX)
        yield ('st', 'pool', 'used', REL)
        if key == 'k': yield ('st', 'reach', 1, REL)
        yield ('st', 'hash', key, hash_)
        if (yield ('cas', 'word', (generation, there), (generation + 1, 'b'), word)) != (generation, there):
            return 'broken'
        yield ('st', 'claim', None, drop)
        # Now with the block from the pool.
        yield from fill('o', key, epoch + 2)
        yield ('st', ('epoch', 'o'), epoch + 2, RLX)
        yield ('st', ('stamp', 'o'), generation + 2, RLX)
        yield ('cas', 'word', (generation + 1, 'b'), (generation + 2, 'o'), word)
        return epoch

    def reader():
        found = []
        if again:
            for _ in range(2): found.append((yield from search('k')))
        else:
            found.append((yield from search('k')))
            found.append((yield from look('k')))
        return found

    def check(results, last):
        if results[1] == 'broken': return 'a word swapped without the claim'
        if results[1] and results[1] <= 2: return 'an epoch told twice'
        if results[1] and last['word'] != (4, 'o'): return 'an update lost'
        epochs = []
        for found in results[2]:
            if found is None: continue
            if found == 'absent':
                epochs.append(3)  # behind that of the value that was removed
                continue
            if found[0] != found[1]: return 'epoch %d read with the value of %d' % found
            epochs.append(found[0])
        if len(epochs) == 2 and epochs[1] < epochs[0] and not (epochs[0] == 3 and epochs[1] > 2):
            return 'gone, and there again'
        return None
    return explore(places, [unset, insert, reader] + [repair] * dies, check)


CASES = [
    ('know: an insert', know, {}, True),
    ('know: T1, hash and reach behind the word', know, dict(late=True), False),
    ('know: W3 without release', know, dict(word=ACQ), False),
    ('know: told relaxed', know, dict(told=RLX), False),

    ('turnover: another key', turnover, dict(key='l'), True),
    ('turnover: the same key again', turnover, {}, True),
    ('turnover: searched twice', turnover, dict(again=True), True),
    ('turnover: the unset dies', turnover, dict(dies=True), True),
    ('turnover: claim dropped relaxed', turnover, dict(drop=RLX), False),
    ('turnover: claim taken relaxed', turnover, dict(take=RLX), False),
    ('turnover: claim let go relaxed by the repair', turnover, dict(dies=True, let_go=RLX), False),
    ('turnover: T2, the reach shrinks before the word', turnover, dict(early=True), False),
    ('turnover: T2, reach stored relaxed', turnover, dict(settle=RLX), False),
    ('turnover: hash stored relaxed (behind W1)', turnover, dict(key='l', hash_=RLX), True),
    ('turnover: W3 without release', turnover, dict(word=ACQ), False),
]
