/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Block reuse across slots: why a block names its slot as well as its
 * generation. Covers R2 and R3: what the stamp has to say.
 *
 * One writer swaps its blocks through two slots; a reader copies slot 0's value.
 * The payload is slot * 16 + generation.
 *
 * Checked: a validated read is whole, and is a value of slot 0 of the
 * generation that was read.
 *
 *   spin -a reuse.pml && gcc -O2 -DSAFETY -o pan pan.c && ./pan -m300000 -E
 *
 * Scope:    -DSETS=n
 * Mutants:  -DNO_SLOT  the slot is left out of the check
 */
#ifndef SETS
#define SETS 5
#endif
#define WORD(g, b) ((g) * 8 + (b))
#define GEN(w) ((w) / 8)
#define BLK(w) ((w) % 8)
#define STAMP(g, s) ((g) * 2 + (s))     /* one word: stored and loaded at once */
#define RING 2
#ifdef NO_SLOT
#define MINE(b, g) (stamp[b] / 2 == g)
#else
#define MINE(b, g) (stamp[b] == STAMP(g, 0))
#endif
byte word[2], stamp[4], x[4], y[4], spare[RING];

proctype Writer() {
  byte i = 0, p = 0, s, n, g, o;
  do
  :: i >= SETS -> break
  :: else ->
     if :: s = 0 :: s = 1 fi;
     n = spare[p]; o = BLK(word[s]); g = GEN(word[s]) + 1;
     stamp[n] = 0;                      /* W1 */
     x[n] = s * 16 + g; y[n] = s * 16 + g;
     stamp[n] = STAMP(g, s);            /* W2 */
     word[s] = WORD(g, n);              /* W3 */
     spare[p] = o; p = (p + 1) % RING; i++
  od
}
proctype Reader() {
  byte k = 0, w, b, u, v;
  do
  :: k >= 2 -> break
  :: else ->
     w = word[0]; b = BLK(w);           /* R1 */
     if
     :: MINE(b, GEN(w)) ->              /* R2 */
        u = x[b]; v = y[b];
        if :: MINE(b, GEN(w)) -> assert(u == v && u == GEN(w)) :: else fi       /* R3 */
     :: else
     fi;
     k++
  od
}
init {
  atomic {
    word[0] = WORD(1, 0); stamp[0] = STAMP(1, 0); x[0] = 1; y[0] = 1;
    word[1] = WORD(1, 1); stamp[1] = STAMP(1, 1); x[1] = 17; y[1] = 17;
    spare[0] = 2; spare[1] = 3;
    run Writer(); run Reader()
  }
}
