/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table: from a key to its slot by linear probing, bounded by the reach of
 * the key's home. Covers T1 to T4 of src/table.h.
 *
 * A table of 4 entries {hash, word}; a word is {generation, key}, the block with
 * its key and value standing for itself (that the two are read whole or not at
 * all is swap.pml's matter; a reader who finds the word changed under him looks
 * at the entry again, or has been quick enough). Keys A and B share a home, C
 * lives next door, or is A's twin of the same hash (-DTWINS). At most CAPACITY
 * keys at a time. Distances count from 1, so that a reach of 0 is "no key".
 *
 *   insert  (claim) look again; own former entry within reach, else the first
 *           empty one; reach, hash, swap the word in                 T1, T4
 *   unset   (claim) swap "none" in, then shrink the reach            T2, T4
 *   update  no claim: swap {generation + 1, same key} in
 *   get     reach of the home once; for each distance: hash, word, key   T3
 *
 * Writer 1 may die before any step; writer 2 repairs it when it needs the
 * claim: recomputes the reach and lets the claim go. A reader gets one key and
 * may update it.
 *
 * Checked: a get that misses had its key absent at some time meanwhile; a get
 * that hits returns that key's value; no key is ever in two entries. When all
 * is quiet every key is found by home and reach, and no reach is longer than
 * its farthest key (that one is for speed).
 *
 *   spin -a table.pml && gcc -O2 -DSAFETY -DCOLLAPSE -o pan pan.c && ./pan -m300000 -E
 *
 * Scope:    -DOPS=n changes a writer; -DCAPACITY=n; -DTWINS; -DGETS=n;
 *           -DLOOSE a reach may be too long
 * Mutants:  -DHASH_LATE     the hash is stored after the word
 *           -DREACH_LATE    the reach is stored after the word
 *           -DSHRINK_EARLY  the reach shrinks before the word is swapped
 *           -DSHRINK_BY_ONE an unset takes one from the reach
 *           -DSTOP_AT_EMPTY a reader stops at an entry without a key
 *           -DNO_KEY        a reader believes the hash and not the key
 *           -DNO_LOOK       an insert does not look again under the claim
 *           -DUNCLAIMED     an unset shrinks the reach after the claim is gone
 *           -DNO_SETTLE     the repair leaves the reach as it is: caught as too
 *                           long; sound with -DLOOSE, so it costs only time
 */
#ifndef OPS
#define OPS 2
#endif
#ifndef GETS
#define GETS 1
#endif
#ifndef CAPACITY
#define CAPACITY 2
#endif
#define E 4
#define KEYS 3
#define NONE 3                          /* as a key: no block */
#define WORD(g, k) ((g) * 4 + (k))
#define GEN(w) ((w) / 4)
#define KEY(w) ((w) % 4)
#define HOME_OF_HASH(h) ((h) == 3 -> 3 : 2) /* near the end, so that it wraps */
#ifdef TWINS
#define HASH(k) ((k) == 1 -> 2 : 1)     /* A and C: 1; B: 2 */
#else
#define HASH(k) ((k) + 1)               /* C: 3, whose home is 3 */
#endif
#define HOME(k) HOME_OF_HASH(HASH(k))
#define AT(home, d) (((home) + (d) - 1) % E)
#define MAYDIE if :: skip :: _pid == mortal -> dead = true; goto died fi
#define STEP(s) atomic { s; MAYDIE }

byte hash[E], word[E], reach[E];
byte claim = 0;                         /* 1: the mortal's, 2: the living's */
byte inf_home = NONE + 1;               /* whose reach the mortal is changing */
byte count = 0;                         /* keys present, for CAPACITY */
bool dead = false;
byte quiet = 0, mortal;
/* for the checks only */
bool present[KEYS], gone[KEYS];

/* what it takes to be right about key k being in one place */
inline check_once(k) {
  c = 0; i = 0;
  do :: i >= E -> break :: else -> if :: KEY(word[i]) == k -> c++ :: else fi; i++ od;
  assert(c <= 1); c = 0; i = 0
}

inline farthest(home, r) {              /* under the claim nobody else adds or removes */
  r = E;
  do
  :: r == 0 -> break
  :: else ->
     if
     :: KEY(word[AT(home, r)]) != NONE && HOME_OF_HASH(hash[AT(home, r)]) == home -> break
     :: else -> r--
     fi
  od
}

inline take_claim(me) {
  if
  :: atomic { claim == 0 -> claim = me; MAYDIE }
  :: me == 2 && claim == 1 && dead ->   /* repair */
#ifndef NO_SETTLE
     if
     :: inf_home <= NONE -> d_step { farthest(inf_home, r) }; reach[inf_home] = r; r = 0
     :: else
     fi;
#endif
     claim = 2
  fi
}

/* Under the claim, so in one step: nobody else inserts or removes. */
inline find_claimed(k) {
  d = 1; at = E;
  do
  :: d > reach[HOME(k)] -> break
  :: else ->
     if
     :: hash[AT(HOME(k), d)] == HASH(k) && KEY(word[AT(HOME(k), d)]) == k -> at = AT(HOME(k), d); break
     :: else -> d++
     fi
  od
}
inline place(k) {
  d = 1; at = E; far = 0;
  do
  :: d > E || (at < E && d > reach[HOME(k)]) -> break
  :: else ->
     if
     :: KEY(word[AT(HOME(k), d)]) == NONE && hash[AT(HOME(k), d)] == HASH(k) && d <= reach[HOME(k)] ->
        at = AT(HOME(k), d); far = d; break
     :: KEY(word[AT(HOME(k), d)]) == NONE && (hash[AT(HOME(k), d)] != HASH(k) || d > reach[HOME(k)]) ->
        if :: at == E -> at = AT(HOME(k), d); far = d :: else fi;
        d++
     :: else -> d++
     fi
  od;
  assert(at < E)
}

inline raise(k) {
  if :: reach[HOME(k)] < far -> STEP(reach[HOME(k)] = far) :: else fi
}
inline insert(me, k) {
  take_claim(me);
  d_step {
#ifdef NO_LOOK
    at = E;
#else
    find_claimed(k);
#endif
    if
    :: at == E && count < CAPACITY -> place(k); won = true
    :: else -> won = false              /* there already, or full */
    fi
  }
  if
  :: won ->
     if :: me == 1 -> STEP(inf_home = HOME(k)) :: else fi;
#ifndef REACH_LATE
     raise(k);                          /* T1 */
#endif
#ifndef HASH_LATE
     STEP(hash[at] = HASH(k));
#endif
     atomic {
       word[at] = WORD(GEN(word[at]) + 1, k);
       present[k] = true; count++;
       d_step { check_once(k) };
       MAYDIE
     }
#ifdef HASH_LATE
     STEP(hash[at] = HASH(k));
#endif
#ifdef REACH_LATE
     raise(k);
#endif
     if :: me == 1 -> STEP(inf_home = NONE + 1) :: else fi
  :: else
  fi;
  STEP(claim = 0)
}

#ifdef SHRINK_EARLY
/* as if the word at `at` were gone already */
#define SHRINK(k) d_step { old = word[at]; word[at] = WORD(0, NONE); farthest(HOME(k), r); word[at] = old }; STEP(reach[HOME(k)] = r)
#else
#ifdef SHRINK_BY_ONE
#define SHRINK(k) STEP(reach[HOME(k)] = reach[HOME(k)] - 1)
#else
#define SHRINK(k) d_step { farthest(HOME(k), r) }; STEP(reach[HOME(k)] = r)
#endif
#endif
inline unset(me, k) {
  take_claim(me);
  d_step { find_claimed(k) };
  if
  :: at < E ->
     if :: me == 1 -> STEP(inf_home = HOME(k)) :: else fi;
#ifdef SHRINK_EARLY
     SHRINK(k);
#endif
     do
     :: old = word[at];
        atomic {
          if
          :: word[at] == old ->
             word[at] = WORD(GEN(old) + 1, NONE);
             present[k] = false; gone[k] = true; count--; won = true
          :: else -> won = false
          fi;
          MAYDIE
        }
        if :: won -> break :: else fi
     od;
     won = false;
#ifdef UNCLAIMED
     STEP(claim = 0);
#endif
#ifndef SHRINK_EARLY
     SHRINK(k);                         /* T2 */
#endif
     if :: me == 1 -> STEP(inf_home = NONE + 1) :: else fi
  :: else
  fi;
#ifdef UNCLAIMED
  if :: claim == me -> STEP(claim = 0) :: else fi
#else
  STEP(claim = 0)
#endif
}

inline work(me) {
  do
  :: ops >= OPS -> break
  :: else ->
     ops++;
     if :: k = 0 :: k = 1 :: k = 2 fi;
     if :: insert(me, k) :: unset(me, k) fi;
     k = 0; at = 0; d = 0; far = 0; r = 0; old = 0; won = false
  od
}

proctype Mortal() {
  byte ops = 0, k, at, d, far, r, old, i, c; bool won;
  work(1);
  quiet++; goto out;
died: quiet++;
out: skip
}
proctype Living() {
  byte ops = 0, k, at, d, far, r, old, i, c; bool won;
  work(2);
  quiet++;
died: skip
}

proctype Reader() {
  byte k, d, h, w, far, at, gets = 0; bool hit;
  do
  :: gets >= GETS -> break
  :: else ->
     gets++;
     if :: k = 0 :: k = 1 :: k = 2 fi;
     atomic { gone[k] = !present[k]; far = reach[HOME(k)] };
     d = 1; hit = false;
     do
     :: d > far -> break
     :: else ->
        at = AT(HOME(k), d);
        h = hash[at];
        if
        :: h == HASH(k) ->
again:     w = word[at];
           if
           :: KEY(w) == NONE ->
#ifdef STOP_AT_EMPTY
              break
#else
              d++
#endif
           :: else ->
              if
              :: skip                   /* R3 agreed */
              :: word[at] != w -> goto again    /* or not */
              fi;
#ifdef NO_KEY
              hit = true; break
#else
              if :: KEY(w) == k -> hit = true; break :: else -> d++ fi
#endif
           fi
        :: else ->
#ifdef STOP_AT_EMPTY
           if :: KEY(word[at]) == NONE -> break :: else -> d++ fi
#else
           d++
#endif
        fi
     od;
     assert(hit || gone[k]);
     assert(!hit || KEY(w) == k);
     if
     :: hit ->                          /* update, if nobody was faster */
        if
        :: atomic { word[at] == w -> word[at] = WORD(GEN(w) + 1, KEY(w)) }
        :: skip
        fi
     :: else
     fi;
     k = 0; d = 0; h = 0; w = 0; far = 0; at = 0; hit = false
  od;
  quiet++
}

proctype Auditor() {
  byte k = 0, d, at, r, i;
  d_step {
    quiet == 3;
    if                                  /* nobody came by who needed the claim */
    :: claim == 1 && inf_home <= NONE ->
       i = inf_home;
#ifndef NO_SETTLE
       farthest(i, r); reach[i] = r
#endif
    :: else
    fi;
    do
    :: k >= KEYS -> break
    :: else ->
       find_claimed(k);
       assert(present[k] == (at < E));
       k++
    od;
#ifndef LOOSE
    i = 0;
    do
    :: i >= E -> break
    :: else -> farthest(i, r); assert(reach[i] == r); i++
    od
#endif
  }
}
init {
  atomic {
    word[0] = WORD(0, NONE); word[1] = WORD(0, NONE); word[2] = WORD(0, NONE); word[3] = WORD(0, NONE);
#ifndef EMPTY
    /* A at home, B next to it: they share the home 2 */
    word[2] = WORD(1, 0); hash[2] = HASH(0); word[3] = WORD(1, 1); hash[3] = HASH(1);
    reach[2] = 2; present[0] = true; present[1] = true; count = 2;
#endif
    mortal = run Mortal(); run Living(); run Reader(); run Auditor()
  }
}
