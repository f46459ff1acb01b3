#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which C11 orders the protocol needs, and that they are enough: every case of the orders_*.py beside this one.

    python3 orders.py [short | long | list]    # exit 1 when one is not as expected

A case of the protocol as it stands must be sound. A mutant that drops an order must be caught, or the case says that
it is sound without: then the order is there for something else, or costs nothing. docs/protocol.md names the mutants of
each order in src/.
"""
import sys
import time

sys.dont_write_bytecode = True

import orders_death
import orders_feed
import orders_life
import orders_litmus
import orders_table
import orders_value
import orders_wait

CASES = [case if len(case) == 5 else (*case, 'short')
         for module in (orders_litmus, orders_value, orders_table, orders_feed, orders_wait, orders_life, orders_death)
         for case in module.CASES]


def main():
    what = sys.argv[1] if len(sys.argv) > 1 else 'short'
    wrong = total = 0
    for name, model, options, sound, size in CASES:
        if what == 'list':
            print(name)
        if what not in (size, 'all'):
            continue
        start = time.monotonic()
        states, faults = model(**options)
        as_expected = sound == (not faults)
        wrong += not as_expected
        total += time.monotonic() - start
        print(f"{'ok' if as_expected else 'NOT OK'}  {name:58} {states:7} states  {min(faults) if faults else 'sound'}",
              flush=True)
    if what != 'list':
        print(f'# {total:.1f} s')
    sys.exit(bool(wrong))


if __name__ == '__main__':
    main()
