/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Switching auto-vacuum on beside one living writer, and a reader: why the
 * switcher leases an entry before it scrubs its ring. Covers the lease; W1 and
 * R3 for scrubbing. (Insert, unset, the pool and deaths are in vacuum.pml.)
 *
 * The switcher sets the flag, then leases the writer's entry and scrubs its ring
 * of two. The writer leases its entry for each set and reads the flag after.
 *
 * Checked: a validated read is whole and is not scrubbed; when the switch has
 * returned and the writer is idle no block but the live one holds a byte.
 *
 *   spin -a lease.pml && gcc -O2 -DSAFETY -o pan pan.c && ./pan -m300000 -E
 *
 * Scope:    -DSETS=n sets of the writer
 * Mutants:  -DNO_LEASE       the switcher scrubs without the lease: tears a value
 *                            that is being published
 *           -DNO_RING_SCRUB  it does not scrub: old bytes stay
 *           -DEARLY_FLAG     the writer reads the flag before it has the lease
 */
#ifndef SETS
#define SETS 2
#endif
#define WORD(g, b) ((g) * 8 + (b))
#define GEN(w) ((w) / 8)
#define BLK(w) ((w) % 8)

byte word = WORD(1, 0);
byte stamp[3], x[3], y[3], spare[2], pos = 0;
bool lease = false, flag = false, returned = false, busy = false;

inline scrub(b) { stamp[b] = 0; x[b] = 0; y[b] = 0 }

proctype Writer() {
  byte n, old, v = 10, i = 0; bool av;
  do
  :: i >= SETS -> break
  :: else ->
     busy = true;                       /* for the auditor */
#ifdef EARLY_FLAG
     av = flag;
#endif
     atomic { !lease -> lease = true };
#ifndef EARLY_FLAG
     av = flag;
#endif
     n = spare[pos];
     stamp[n] = 0; x[n] = v + i; y[n] = v + i;
     old = word;
     stamp[n] = GEN(old) + 1;
     word = WORD(GEN(old) + 1, n);
     if :: av -> scrub(BLK(old)) :: else fi;
     spare[pos] = BLK(old);
     pos = 1 - pos;
     lease = false; busy = false; i++
  od
}
proctype Switcher() {
  byte k = 0, b;
  flag = true;
#ifndef NO_LEASE
  atomic { !lease -> lease = true };
#endif
#ifndef NO_RING_SCRUB
  do
  :: k >= 2 -> break
  :: else -> b = spare[k]; scrub(b); k++
  od;
#endif
#ifndef NO_LEASE
  lease = false;
#endif
  returned = true
}
proctype Reader() {
  byte w, b, p, q;
  w = word; b = BLK(w);
  if
  :: stamp[b] == GEN(w) ->
     p = x[b]; q = y[b];
     if :: stamp[b] == GEN(w) -> assert(p == q && p != 0) :: else fi
  :: else
  fi
}
proctype Auditor() {
  byte i = 0;
  d_step {
    returned && !busy;
    do
    :: i >= 3 -> break
    :: else -> assert(BLK(word) == i || (x[i] == 0 && y[i] == 0)); i++
    od
  }
}
init {
  atomic {
    stamp[0] = 1; x[0] = 9; y[0] = 9;
    spare[0] = 1; x[1] = 7; y[1] = 7; spare[1] = 2; x[2] = 8; y[2] = 8;
    run Writer(); run Switcher(); run Reader(); run Auditor()
  }
}
