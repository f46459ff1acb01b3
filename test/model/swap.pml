/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The swap protocol: a set fills a private block and swaps it with the slot's
 * block by one compare-and-swap of the slot word {generation, block}.
 * Covers W1, W2, W3 and R1, R2, R3, the in-flight record and its repair.
 *
 * Writer entry 0 belongs to a process that may die before any step. A second
 * process adopts the entry, repairs it and may write on, and may die too, also
 * in the repair; a third does the same and lives. Entry 1 belongs to a writer
 * that lives and races with them. A reader copies and validates.
 *
 * The record's op says what it is: BUSY (a set is in flight), ANNOUNCE (the
 * set is published and its displaced block is in the ring; the feed is still
 * to be told) or IDLE. A repairer reads a rival's record in one step here; that
 * it is read field by field is the matter of two_slots.pml.
 *
 * Checked: a validated read is whole, is not scrubbed, and never goes back.
 * When all is quiet: every block is in exactly one place; every published
 * generation was announced; no two blocks carry one stamp, and none carries a
 * stamp that was never published; with auto-vacuum only the live block holds
 * bytes.
 *
 *   spin -a swap.pml && gcc -O2 -DSAFETY -DCOLLAPSE -o pan pan.c && ./pan -m300000 -E
 *
 * (One slot: with several, the record and the scan name the slot.)
 *
 * Scope:    -DSETS=n sets a process; -DADOPTERS=1 no second adopter;
 *           -DNO_READER; -DVACUUM=0 or 1 fixes auto-vacuum, else both;
 *           -DBOTH_DIE the rival may die as well and is repaired beside
 * Mutants:  -DNO_W1          the stamp is not zeroed before the block is filled
 *           -DNO_R3          the reader does not check the stamp again
 *           -DNO_SCAN        the repair does not look at the rival's record
 *           -DNO_OWNER2      the repair looks at the owner only once
 *           -DSCRUB_BYTES_FIRST  the stamp is zeroed after the bytes
 *           -DNO_ANNOUNCE    the record is cleared before the feed is told
 *           -DNO_UNDO        the repair leaves an unpublished block as it is
 *           -DNO_IDLE_UNDO   the same, only for a death before the record
 */
#ifndef SETS
#define SETS 1
#endif
#ifndef ADOPTERS
#define ADOPTERS 2
#endif
#define RING 2
#define ENTRIES 2
#define BLOCKS 5                        /* 1 slot + ENTRIES x RING */
#define WORD(g, b) ((g) * 8 + (b))
#define GEN(w) ((w) / 8)
#define BLK(w) ((w) % 8)
#define NONE 255
#define IDLE 0
#define BUSY 1
#define ANNOUNCE 2
#define SPARE(e) spare[(e) * RING + pos[e]]
#define MAYDIE \
  if \
  :: skip \
  :: (_pid == mortal[0] || _pid == mortal[1]) -> dead++; goto died \
  :: _pid == mortal[2] -> rival_dead = true; goto died \
  fi
#define STEP(s) atomic { s; MAYDIE }    /* one store; a death before the next */

byte word = WORD(1, 0);                 /* the slot */
byte stamp[BLOCKS], head_[BLOCKS], tail_[BLOCKS];   /* a block: stamp, first and last payload byte */
byte owner[BLOCKS];                     /* writer entry that displaced it last */
byte spare[4];                          /* entry*RING + i */
byte pos[ENTRIES];                      /* which spare is next */
byte op[ENTRIES], inf_old[ENTRIES], inf_new[ENTRIES]; /* in flight: what, expected word, block offered */
short told;                             /* bit g: generation g was announced */
byte dead = 0; bool vacuum = false;
byte quiet = 0, mortal[3];              /* pids of the processes that may die */
bool rival_dead = false;

inline scrub(b) {
#ifdef SCRUB_BYTES_FIRST
  STEP(head_[b] = 0); STEP(tail_[b] = 0); STEP(stamp[b] = 0)
#else
  STEP(stamp[b] = 0); STEP(head_[b] = 0); STEP(tail_[b] = 0)
#endif
}

inline announce(e) {                    /* the displaced block is accounted for */
#ifdef NO_ANNOUNCE
  STEP(op[e] = IDLE);
#else
  STEP(op[e] = ANNOUNCE);
#endif
  STEP(told = told | (1 << (GEN(old) + 1)));
  STEP(op[e] = IDLE)
}

/* one set through entry e; `v` is a payload unique to this set */
inline set(e) {
#ifdef NO_W1
  n = SPARE(e);
#else
  STEP(n = SPARE(e); stamp[n] = 0);     /* W1 */
#endif
  STEP(head_[n] = v);
  STEP(tail_[n] = v);
  do
  :: old = word;
     STEP(stamp[n] = GEN(old) + 1);     /* W2 */
     STEP(inf_new[e] = n; inf_old[e] = old);
     STEP(op[e] = BUSY);                /* last: validates the record */
     atomic {
       if
       :: word == old -> word = WORD(GEN(old) + 1, n); won = true   /* W3 */
       :: else -> won = false
       fi;
       MAYDIE
     }
     if :: won -> break :: else -> STEP(op[e] = IDLE) fi    /* before it is rewritten */
  od;
  STEP(owner[BLK(old)] = e);
  if :: vacuum -> scrub(BLK(old)) :: else fi;
  STEP(SPARE(e) = BLK(old));
  announce(e);
  STEP(pos[e] = 1 - pos[e])
}

inline undo(b) {                        /* block b was not published */
#ifdef NO_UNDO
  skip
#else
  if :: vacuum -> scrub(b) :: else -> STEP(stamp[b] = 0) fi
#endif
}

/* adopt entry e after its process died */
inline repair(e) {
  if
  :: op[e] == BUSY ->
     old = inf_old[e]; n = inf_new[e]; won = true;
     if
     :: SPARE(e) != n -> skip           /* published and already accounted for */
     :: else ->
        won = false;
        if :: owner[n] != e -> won = true :: else fi;
        if :: word == WORD(GEN(old) + 1, n) -> won = true :: else fi;
#ifndef NO_SCAN
        if :: op[1-e] == BUSY && inf_old[1-e] == WORD(GEN(old) + 1, n) -> won = true :: else fi;
#endif
#ifndef NO_OWNER2
        if :: owner[n] != e -> won = true :: else fi;
#endif
        if
        :: won -> STEP(owner[BLK(old)] = e);
                  if :: vacuum -> scrub(BLK(old)) :: else fi;
                  STEP(SPARE(e) = BLK(old))
        :: else -> undo(n)
        fi
     fi;
     if :: won -> announce(e) :: else -> STEP(op[e] = IDLE) fi
  :: op[e] == ANNOUNCE ->
     old = inf_old[e]; announce(e)
  :: else ->                            /* it may have died while it filled its next spare */
#ifndef NO_IDLE_UNDO
     n = SPARE(e); undo(n)
#else
     skip
#endif
  fi
}

proctype Mortal() {
  byte i = 0, n, old, v; bool won;
  do
  :: i >= SETS -> break
  :: else -> v = 10 + i; set(0); i++
  od;
  quiet++;
died: skip
}
proctype Adopter(byte after) {
  byte n, old, v; bool won;
  dead == after;
  repair(0);
  if :: v = 20; set(0) :: skip fi;
  quiet++;
died: skip
}
#ifdef BOTH_DIE
proctype RivalAdopter() {
  byte n, old; bool won;
  rival_dead;
  repair(1);
  quiet++;
died: skip
}
#endif
proctype Living() {
  byte i = 0, n, old, v; bool won;
  do
  :: i >= SETS -> break
  :: else -> v = 30 + i; set(1); i++
  od;
  quiet++;
died: skip
}
#ifndef NO_READER
proctype Reader() {
  byte k = 0, w, b, s, x, y, last = 0;
  do
  :: k >= 2 -> break
  :: else ->
     w = word; b = BLK(w);              /* R1 */
     s = stamp[b];                      /* R2 */
     if
     :: s == GEN(w) ->
        x = head_[b]; y = tail_[b];
        if
#ifdef NO_R3
        :: true ->
#else
        :: stamp[b] == s ->             /* R3 */
#endif
           assert(x == y && x != 0); assert(s >= last); last = s
        :: else
        fi
     :: else
     fi;
     k++
  od
}
#endif
proctype Auditor() {
  byte i, c, j;
  d_step {
    quiet == 2;
    i = 0;
    do
    :: i >= BLOCKS -> break
    :: else ->
       c = 0;
       if :: BLK(word) == i -> c++ :: else fi;
       j = 0;
       do
       :: j >= 4 -> break
       :: else ->
          if :: spare[j] == i -> c++ :: else fi;
          j++
       od;
       assert(c == 1);
       assert(stamp[i] <= GEN(word));
       j = 0;
       do
       :: j >= i -> break
       :: else -> assert(stamp[i] == 0 || stamp[i] != stamp[j]); j++
       od;
       if :: vacuum && BLK(word) != i -> assert(head_[i] == 0 && tail_[i] == 0) :: else fi;
       i++
    od;
    i = 2;
    do
    :: i > GEN(word) -> break
    :: else -> assert(told & (1 << i)); i++
    od
  }
}
init {
#ifdef VACUUM
  vacuum = VACUUM;
#else
  if :: vacuum = true :: vacuum = false fi;
#endif
  atomic {
    stamp[0] = 1; head_[0] = 9; tail_[0] = 9;
    spare[0] = 1; spare[1] = 2; spare[2] = 3; spare[3] = 4;
    owner[1] = 0; owner[2] = 0; owner[3] = 1; owner[4] = 1; owner[0] = NONE;
    mortal[0] = run Mortal();
#if ADOPTERS == 2
    mortal[1] = run Adopter(1); run Adopter(2);
#else
    run Adopter(1);
#endif
#ifdef BOTH_DIE
    mortal[2] = run Living(); run RivalAdopter();
#else
    run Living();
#endif
#ifndef NO_READER
    run Reader();
#endif
    run Auditor()
  }
}
