/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Insert, update and unset of one key by two writer entries, with the pool of
 * free blocks and the structure claim. Covers W1 to W3 and the repair of all
 * three kinds of record.
 *
 * The pool is a bitmap: one atomic bit store takes or gives a block. An insert
 * takes a block for its ring, then swaps its spare into the slot; an unset swaps
 * in "no block", then gives the displaced one. Both hold the claim, which names
 * the writer entry; who adopts a dead owner's entry adopts its claim, finishes
 * or undoes what is in flight, and lets the claim go. Updates take no claim.
 * Once the blocks are accounted for the structure is counted, if the change was
 * an insert or unset, then the record becomes ANNOUNCE, then the feed is told, then the claim is let go (so that the feed has inserts and unsets in
 * their order, see feed.pml), then the record is cleared. Blocks are always
 * scrubbed here (auto-vacuum); switching it on is vacuum.pml. In the code these
 * are insert_claimed(), update(), remove_claimed(), finish() and spli_repair().
 *
 * Process 1 may die before any step, its adopter too; a second adopter lives.
 * Checked when all is quiet: every block is in exactly one place, the claim is
 * free, nothing is in flight, every published change was announced, every insert
 * and unset was counted after it was published (spli_structure_changed()), nothing but
 * the live block holds bytes or a stamp. While running: reads are whole and
 * generations never go back.
 *
 *   spin -a insert.pml && gcc -O2 -DSAFETY -DCOLLAPSE -o pan pan.c && ./pan -m300000 -E
 *
 * Scope:    -DOPS=n operations a process; -DADOPTERS=1; -DREADER a reader;
 *           -DBOTH_DIE the living one may die as well and is repaired beside
 * Mutants:  -DNO_MARK         an unset does not mark the block it displaces
 *           -DNO_ANNOUNCE     the record is cleared before the feed is told
 *           -DLATE_ANNOUNCE   the claim is let go before the record says ANNOUNCE
 *           -DNO_COUNT        the repair does not count the structure
 *           -DNO_UNDO         the repair leaves an unpublished block as it is
 *           -DNO_EXTRA        the record does not name the pool's block in time
 *           -DUNCLAIMED       an unset does not take the claim
 */
#ifndef OPS
#define OPS 2
#endif
#ifndef ADOPTERS
#define ADOPTERS 2
#endif
#define BLOCKS 3
#define NB 7                            /* "no block" */
#define WORD(g, b) ((g) * 8 + (b))
#define GEN(w) ((w) / 8)
#define BLK(w) ((w) % 8)
#define NONE 255
#define IDLE 0
#define UPDATE 1
#define INSERT 2
#define UNSET 3
#define ANNOUNCE 4
#define MAYDIE \
  if \
  :: skip \
  :: (_pid == mortal[0] || _pid == mortal[1]) -> dead++; goto died \
  :: _pid == mortal[2] -> rival_dead = true; goto died \
  fi
#define STEP(s) atomic { s; MAYDIE }    /* one store; a death before the next */

byte word = WORD(0, NB);
byte stamp[BLOCKS], x[BLOCKS], y[BLOCKS], owner[BLOCKS];
bool freebit[BLOCKS];
byte spare[2];                          /* a ring of one block an entry */
byte op[2], inf_old[2], inf_new[2], inf_extra[2];
short told;                             /* bit g - 1: generation g was announced */
byte structural, counted;               /* generations: of the last insert or unset, when counted */
byte claim = 0;                         /* entry + 1 */
byte dead = 0, quiet = 0, mortal[3];    /* pids of the processes that may die */
bool rival_dead = false;

inline fill(e) {
  STEP(n = spare[e]; stamp[n] = 0); STEP(x[n] = v); STEP(y[n] = v)
}
inline scrub(b) { STEP(stamp[b] = 0); STEP(x[b] = 0); STEP(y[b] = 0) }
inline take_claim(e) { atomic { claim == 0 -> claim = e + 1; MAYDIE } }
inline release() { STEP(claim = 0) }
inline swap_in(neww) {                  /* CAS of the word: old -> neww */
  atomic {
    if
    :: word == old ->
       word = neww; won = true;
       if :: BLK(old) == NB || BLK(neww) == NB -> structural = GEN(neww) :: else fi
    :: else -> won = false
    fi;
    MAYDIE
  }
}
inline tell(e) {
  STEP(told = told | (1 << GEN(old)))
}
#define COUNT STEP(counted = GEN(word))
#ifdef NO_COUNT
#define COUNT_AGAIN skip
#else
#define COUNT_AGAIN COUNT
#endif
/* the blocks are accounted for: announce, then let the claim go if it is held */
inline finish(e) {
#ifdef NO_ANNOUNCE
  STEP(op[e] = IDLE);
#else
#ifdef LATE_ANNOUNCE
  if :: claim == e + 1 -> release() :: else fi;
#endif
  STEP(op[e] = ANNOUNCE);
#endif
  tell(e);
  if :: claim == e + 1 -> release() :: else fi;
  STEP(op[e] = IDLE)
}

inline set(e) {
  fill(e);
  do
  :: old = word;
     if
     :: BLK(old) == NB ->               /* insert */
        take_claim(e);
        old = word;
        if
        :: BLK(old) != NB -> release()  /* somebody inserted it: update instead */
        :: else ->
           d_step {
             if
             :: freebit[0] -> extra = 0
             :: else -> if :: freebit[1] -> extra = 1 :: else -> assert(freebit[2]); extra = 2 fi
             fi
           }
           STEP(stamp[n] = GEN(old) + 1);
#ifdef NO_EXTRA
           STEP(freebit[extra] = false);
#endif
           STEP(inf_new[e] = n; inf_extra[e] = extra; inf_old[e] = old);
           STEP(op[e] = INSERT);
           STEP(freebit[extra] = false);
           STEP(owner[extra] = e);
           swap_in(WORD(GEN(old) + 1, n)); assert(won);
           STEP(spare[e] = extra);
           COUNT;
           finish(e);
           break
        fi
     :: else ->                         /* update */
        STEP(stamp[n] = GEN(old) + 1);
        STEP(inf_new[e] = n; inf_old[e] = old);
        STEP(op[e] = UPDATE);
        swap_in(WORD(GEN(old) + 1, n));
        if
        :: won ->
           STEP(owner[BLK(old)] = e);
           scrub(BLK(old));
           STEP(spare[e] = BLK(old));
           finish(e);
           break
        :: else -> STEP(op[e] = IDLE)
        fi
     fi
  od
}

inline unset(e) {
#ifndef UNCLAIMED
  take_claim(e);
#endif
  do
  :: old = word;
     if
     :: BLK(old) == NB ->
        if :: claim == e + 1 -> release() :: else fi;
        break
     :: else ->
        STEP(inf_new[e] = NB; inf_old[e] = old);
        STEP(op[e] = UNSET);
        swap_in(WORD(GEN(old) + 1, NB));
        if
        :: won ->
#ifndef NO_MARK
           STEP(owner[BLK(old)] = e);   /* a dead writer's repair depends on it */
#endif
           scrub(BLK(old));
           STEP(freebit[BLK(old)] = true);
           COUNT;
           finish(e);
           break
        :: else -> STEP(op[e] = IDLE)
        fi
     fi
  od
}

inline was_published(e) {               /* was the block n of e's record swapped in? */
  won = false;
  if :: owner[n] != e -> won = true :: else fi;
  if :: word == WORD(GEN(old) + 1, n) -> won = true :: else fi;
  if :: op[1-e] != IDLE && op[1-e] != ANNOUNCE && inf_old[1-e] == WORD(GEN(old) + 1, n) -> won = true :: else fi;
  if :: owner[n] != e -> won = true :: else fi
}

#ifdef NO_UNDO
#define undo(b) skip
#else
#define undo(b) scrub(b)
#endif

inline repair(e) {
  if
  :: op[e] == UNSET ->
     old = inf_old[e];
     if                                 /* the claim kept others from inserting */
     :: word == WORD(GEN(old) + 1, NB) ->
        STEP(owner[BLK(old)] = e); scrub(BLK(old)); STEP(freebit[BLK(old)] = true);
        COUNT_AGAIN;
        finish(e)
     :: else -> STEP(op[e] = IDLE)
     fi
  :: op[e] == INSERT || op[e] == UPDATE ->
     old = inf_old[e]; n = inf_new[e];
     if
     :: spare[e] != n -> won = true     /* already accounted for */
     :: else ->
        was_published(e);
        if
        :: won && op[e] == INSERT -> STEP(spare[e] = inf_extra[e])
        :: won && op[e] == UPDATE -> STEP(owner[BLK(old)] = e); scrub(BLK(old)); STEP(spare[e] = BLK(old))
        :: else ->
           if :: op[e] == INSERT -> STEP(freebit[inf_extra[e]] = true) :: else fi;
           undo(n)
        fi
     fi;
     if :: op[e] == INSERT -> COUNT_AGAIN :: else fi;
     if :: won -> finish(e) :: else -> STEP(op[e] = IDLE) fi
  :: op[e] == ANNOUNCE -> old = inf_old[e]; finish(e)
  :: else -> n = spare[e]; undo(n)      /* it may have died while it filled its spare */
  fi;
  if :: claim == e + 1 -> release() :: else fi
}

inline work(e, base) {
  k = 0;
  do
  :: k >= OPS -> break
  :: else -> k++; v = base + k;
     if :: set(e) :: unset(e) fi
  od
}

proctype Mortal() {
  byte k, n, old, extra, v; bool won;
  work(0, 10); quiet++;
died: skip
}
proctype Adopter(byte after) {
  byte n, old, extra, v; bool won;
  dead == after;
  repair(0);
  v = 20 + after; if :: set(0) :: unset(0) :: skip fi;
  quiet++;
died: skip
}
#ifdef BOTH_DIE
proctype RivalAdopter() {
  byte n, old, extra; bool won;
  rival_dead;
  repair(1);
  quiet++;
died: skip
}
#endif
proctype Living() {
  byte k, n, old, extra, v; bool won;
  work(1, 30); quiet++;
died: skip
}
#ifdef READER
proctype Reader() {
  byte k = 0, w, b, p, q, last = 0;
  do
  :: k >= 2 -> break
  :: else ->
     w = word; b = BLK(w);
     if
     :: b != NB && stamp[b] == GEN(w) ->
        p = x[b]; q = y[b];
        if
        :: stamp[b] == GEN(w) -> assert(p == q && p != 0); assert(GEN(w) >= last); last = GEN(w)
        :: else
        fi
     :: else
     fi;
     k++
  od
}
#endif
proctype Auditor() {
  byte i = 0, c;
  d_step {
    quiet == 2;
    assert(claim == 0 && op[0] == IDLE && op[1] == IDLE);
    assert(counted >= structural);
    do
    :: i >= BLOCKS -> break
    :: else ->
       c = 0;
       if :: BLK(word) == i -> c++ :: else -> assert(x[i] == 0 && y[i] == 0 && stamp[i] == 0) fi;
       if :: spare[0] == i -> c++ :: else fi;
       if :: spare[1] == i -> c++ :: else fi;
       if :: freebit[i] -> c++ :: else fi;
       assert(c == 1);
       i++
    od;
    i = 1;
    do
    :: i > GEN(word) -> break
    :: else -> assert(told & (1 << (i - 1))); i++
    od
  }
}
init {
  atomic {
    spare[0] = 0; spare[1] = 1; owner[0] = 0; owner[1] = 1; owner[2] = NONE; freebit[2] = true;
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
#ifdef READER
    run Reader();
#endif
    run Auditor()
  }
}
