# SPDX-License-Identifier: Apache-2.0
"""What a writer who is killed has stored by then: orders that only the compiler could break.

Nobody else looks at these before the writer's lock is gone, so what has been stored is all there. But a store that has
no order may come before those that stand before it in the program, and then a death in between leaves what the repair
(src/repair.c) does not reckon with.
"""
from explorer import AR, REL, RLX, deaths

FENCE = None, None, REL


def give(hint=REL, bit=REL):
    """spli_pool_give: a free block below the hint would never be found."""
    return deaths({'hint': 1, 'bit': 'used'}, [('hint', 0, hint), ('bit', 'free', bit)],
                  lambda m: 'a free block hidden' if m['bit'] == 'free' and m['hint'] else None)


def insert(clear=REL, fence=True, op=REL, bit=REL, owner=REL, reach=REL, hash_=REL):
    """swap() of an insert: record, pool, table, word."""
    def check(m):
        if m['op'] == 'insert' and not (m['slot'] and m['extra']): return 'a record that is not all there'
        if m['slot'] and m['op'] == 'former': return 'two records taken for one'
        if m['bit'] == 'used' and m['op'] != 'insert': return 'a block lost'
        if m['word'] and not (m['reach'] and m['hash'] and m['stamp']): return 'a key that is not found'
        return None
    stores = [('stamp', 1, RLX), ('op', 'idle', clear), FENCE, ('slot', 1, RLX), ('extra', 1, RLX),
              ('op', 'insert', op), ('bit', 'used', bit), ('owner', 1, owner), ('reach', 1, reach),
              ('hash', 1, hash_), ('word', 1, AR)]
    if not fence: stores.remove(FENCE)
    places = dict.fromkeys(('stamp', 'slot', 'extra', 'owner', 'reach', 'hash', 'word'), 0)
    return deaths({**places, 'op': 'former', 'bit': 'free'}, stores, check)


def served(mark=REL, note=AR, spare=REL, structure=REL, turn=REL, pos=REL, idle=REL, ttl=True):
    """From the swap to the end: spli_block_displace, finish(). ttl: noting is a compare-and-swap; without, none."""
    def check(m):
        if m['spare'] and not m['mark']: return 'a displaced block that nobody marked'
        if ttl and m['spare'] and not m['noted']: return 'a time to live that nobody notes'
        if m['pos'] and not m['spare']: return 'a published block left in the ring'
        if m['op'] in ('announce', 'idle') and not m['spare']: return 'a displaced block lost'
        if m['op'] in ('announce', 'idle') and not m['structure']: return 'an insert that nobody counts'
        if m['op'] == 'idle' and not m['told']: return 'an event lost'
        return None
    stores = [('word', 1, AR), ('mark', 1, mark), ('noted', 1, note), ('spare', 1, spare),
              ('structure', 1, structure), ('op', 'announce', turn), ('pos', 1, pos), ('told', 1, AR),
              ('op', 'idle', idle)]
    if not ttl: stores[2] = ('noted', 1, RLX)
    return deaths({**dict.fromkeys(('word', 'mark', 'noted', 'spare', 'structure', 'pos', 'told'), 0), 'op': 'insert'},
                  stores, check)


def removal(floor=REL, bit=REL, reach=REL, structure=REL, turn=REL):
    """remove_claimed, spli_block_release."""
    def check(m):
        if m['word'] and not m['floor']: return 'an epoch that comes again'
        if m['op'] == 'announce' and not (m['bit'] and m['reach']): return 'a block lost, or a reach too long'
        if m['op'] == 'announce' and not m['structure']: return 'an unset that nobody counts'
        if m['bit'] and m['stamp']: return 'a free block with a stamp'
        return None
    stores = [('floor', 1, floor), ('op', 'unset', REL), ('word', 1, AR), ('stamp', 0, RLX), ('bit', 1, bit),
              ('reach', 1, reach), ('structure', 1, structure), ('op', 'announce', turn)]
    return deaths({'floor': 0, 'op': 'idle', 'word': 0, 'stamp': 1, 'bit': 0, 'reach': 0, 'structure': 0}, stores, check)


def fill(longer=False, fence=True, last=REL):
    """fill(): bytes of a value beyond its length are zero at all times. Three bytes over one, or one over three."""
    old, new = (1, 3) if longer else (3, 1)

    def check(m):
        return 'bytes beyond the length' if any(m[i] for i in range(m['len'], 3)) else None
    stores = [('len', max(old, new), RLX), FENCE] + [(i, 'n' if i < new else 0, RLX) for i in range(3)]
    stores += [('len', new, last)]
    if not fence: stores.remove(FENCE)
    return deaths({'len': old, **{i: 'o' if i < old else 0 for i in range(3)}}, stores, check)


def scrub(length=1, key=REL, len_=REL):
    """spli_block_retire: whoever scrubs again looks at the length and the first word of the key, and zeroes the key and
    so many bytes."""
    def check(m):
        if m['bytes'] and not m['len']: return 'stale bytes'
        if m['key 1'] and not (m['len'] or m['key 0']): return 'a stale key'
        return None
    stores = [('stamp', 0, RLX), FENCE, ('bytes', 0, RLX), ('key 1', 0, key), ('key 0', 0, key), ('len', 0, len_)]
    return deaths({'stamp': 1, 'bytes': length, 'key 1': 1, 'key 0': 1, 'len': length}, stores, check)


def ready(order=REL):
    """ring_fill."""
    return deaths({'spare': 0, 'ready': 0}, [('spare', 1, RLX), ('ready', 1, order)],
                  lambda m: 'a ring without blocks' if m['ready'] and not m['spare'] else None)


CASES = [
    ('death: in spli_pool_give', give, {}, True),
    ('death: bit cleared relaxed', give, dict(bit=RLX), False),
    ('death: hint stored relaxed', give, dict(hint=RLX), True),
    ('death: in an insert', insert, {}, True),
    ('death: no fence behind the clear', insert, dict(fence=False), False),
    ('death: record published relaxed', insert, dict(op=RLX), False),
    ('death: bit set relaxed', insert, dict(bit=RLX), False),
    ('death: extra block marked relaxed', insert, dict(owner=RLX), True),
    ('death: reach and hash stored relaxed (W3)', insert, dict(reach=RLX, hash_=RLX), True),
    ('death: behind the swap', served, {}, True),
    ('death: behind the swap, no time to live', served, dict(ttl=False), True),
    ('death: displaced block marked relaxed', served, dict(mark=RLX), True),
    ('death: noted relaxed', served, dict(note=RLX), True),
    ('death: ring served relaxed', served, dict(spare=RLX, ttl=False), False),
    ('death: structure counted relaxed', served, dict(structure=RLX), True),
    ('death: record turned relaxed', served, dict(turn=RLX), False),
    ('death: ring moved on relaxed', served, dict(pos=RLX), False),
    ('death: record ended relaxed', served, dict(idle=RLX), True),
    ('death: in an unset', removal, {}, True),
    ('death: floor stored relaxed', removal, dict(floor=RLX), True),
    ('death: block given back relaxed', removal, dict(bit=RLX), False),
    ('death: reach settled relaxed', removal, dict(reach=RLX), True),
    ('death: unset turned relaxed', removal, dict(turn=RLX), False),
    ('death: in filling, shorter', fill, {}, True),
    ('death: in filling, longer', fill, dict(longer=True), True),
    ('death: length not fenced off', fill, dict(longer=True, fence=False), False),
    ('death: length stored relaxed', fill, dict(last=RLX), False),
    ('death: in a scrub', scrub, {}, True),
    ('death: in a scrub of no bytes', scrub, dict(length=0), True),
    ('death: key scrubbed relaxed', scrub, dict(length=0, key=RLX, len_=RLX), False),
    ('death: length scrubbed relaxed', scrub, dict(len_=RLX), False),
    ('death: in ring_fill', ready, {}, True),
    ('death: ring ready relaxed', ready, dict(order=RLX), False),
]
