/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time to live: reclaiming what has expired, and the bound that says when there
 * may be something to reclaim. See src/ttl.c.
 *
 * The bound is {seconds + 1, version} in one word: nothing in the store expires
 * before; 0: nothing expires at all. A writer publishes a value, then notes when
 * it expires: takes the bound down to that if it was later, and counts the
 * version up in any case. A reclaimer loads the bound, looks at each slot, swaps
 * out what has expired, if it still is what he saw, and puts the earliest of
 * what stays into the bound, if it still is what he loaded.
 *
 * The first writer may die before any step. His record says what he was about to
 * publish until he has served his ring, and that there is something to announce
 * until the end. Who repairs him notes in the first case, hence a writer notes
 * before he serves his ring. (That the record tells what was published is
 * insert.pml's matter; a repair which dies is done again.)
 *
 * Checked: nothing is reclaimed before its time. When all is quiet the bound is
 * not later than anything in the store. Time goes on by itself, never back.
 *
 *   spin -a ttl.pml && gcc -O2 -DSAFETY -DCOLLAPSE -o pan pan.c && ./pan -m300000 -E
 *
 * Scope:    -DWRITERS=n, -DSETS=n each, -DRECLAIMERS=n, -DROUNDS=n each,
 *           -DEND=n of time
 * Mutants:  -DNO_VERSION   noting leaves the bound as it is when that is as early
 *           -DNOTE_FIRST   noting, then publishing
 *           -DLATE_NOTE    noting after the ring was served: not repaired
 *           -DNO_REPAIR    the repair does not note
 *           -DLATE_LOAD    the bound is loaded after the slots were looked at
 *           -DPLAIN_STORE  the bound is stored, not compared and swapped
 *           -DBLIND        what is in the slot is reclaimed, whatever was seen
 */
#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef SETS
#define SETS 1
#endif
#ifndef RECLAIMERS
#define RECLAIMERS 1
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifndef END
#define END 2                           /* of time */
#endif
#define MAYDIE if :: skip :: me == 0 -> goto died fi
#define STEP(s) atomic { s; MAYDIE }
#define SECONDS(b) ((b) / 32)           /* plus 1 */
#define BOUND(s, b) ((s) * 32 + ((b) + 1) % 32)
#define COVERS(s) (!expiry[s] || \
  (SECONDS(bound) && SECONDS(bound) - 1 <= expiry[s]))

byte now, bound;
byte generation[2], expiry[2];          /* of a slot: one word; 0: no value */
byte rec[WRITERS];                      /* the expiry to note, or 0 */
byte quiet;

#ifdef NO_VERSION
#define NOTED(m, b) ((m) == SECONDS(b) -> (b) : BOUND(m, b))
#else
#define NOTED(m, b) BOUND(m, b)
#endif
inline note(e) {
  do
  :: b = bound;
     atomic {
       if
       :: bound != b -> b = 0
       :: else ->
          m = e + 1;
          if :: SECONDS(b) && SECONDS(b) < m -> m = SECONDS(b) :: else fi;
          bound = NOTED(m, b); m = 0; b = 0; MAYDIE;
          break
       fi
     }
  od
}

inline publish() {                      /* W3 */
  generation[s]++; expiry[s] = e; rec[me] = e; MAYDIE
}

proctype Writer(byte me) {
  byte k, b, m, e, s;
  do
  :: k == SETS -> break
  :: else ->
     atomic {                           /* may be over when published */
       if :: s = 0 :: s = 1 fi;
       if :: e = now + 1 :: e = now + 2 :: now -> e = now fi;
#ifndef NOTE_FIRST
       publish()
#endif
     };
#ifdef LATE_NOTE
     STEP(rec[me] = 0);                 /* the ring is served */
     note(e);
#else
     note(e);
#ifdef NOTE_FIRST
     atomic { publish() };
#endif
     STEP(rec[me] = 0);
#endif
     atomic { k++; e = 0; s = 0 }
  od;
  goto end;
died:
  atomic { e = rec[0]; rec[0] = 0; me = 1; s = 0; k = SETS };
#ifndef NO_REPAIR
  if :: e -> note(e) :: else fi;
#endif
end:
  atomic { e = 0; quiet++ }
}

#ifdef BLIND
#define SAME(s) true
#else
#define SAME(s) (generation[s] == g)
#endif
proctype Reclaimer() {
  byte k, s, seen, least, g, e;
  do
  :: k == ROUNDS -> break
  :: else ->
     seen = bound;
     if
     :: SECONDS(bound) && SECONDS(bound) - 1 <= now ->
        do
        :: s == 2 -> break
        :: else ->
           atomic { g = generation[s]; e = expiry[s] };
           atomic {
             if
             :: e && e <= now && SAME(s) ->
                assert(expiry[s] && expiry[s] <= now);
                generation[s]++; expiry[s] = 0
             :: e > now && (!least || e < least) -> least = e
             :: else
             fi;
             s++; g = 0; e = 0
           }
        od;
#ifdef LATE_LOAD
        seen = bound;
#endif
        atomic {
#ifdef PLAIN_STORE
          bound = BOUND((least -> least + 1 : 0), seen);
#else
          if
          :: bound == seen ->
             bound = BOUND((least -> least + 1 : 0), seen)
          :: else
          fi;
#endif
          least = 0; s = 0
        }
     :: else
     fi;
     atomic { k++; seen = 0 }
  od;
  quiet++
}

proctype Clock() {
  do :: now < END -> now++ :: now == END -> break od
}

proctype Auditor() {
  atomic {
    quiet == WRITERS + RECLAIMERS;
    assert(COVERS(0) && COVERS(1))
  }
}

init {
  byte i;
  atomic {
    generation[0] = 1; expiry[0] = 1; bound = BOUND(2, 0); /* one to begin with */
    for (i : 0 .. WRITERS - 1) { run Writer(i) }
    for (i : 1 .. RECLAIMERS) { run Reclaimer() }
    run Clock();
    run Auditor()
  }
}
