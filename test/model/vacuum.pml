/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Switching auto-vacuum on beside writers that set, insert and unset, one of
 * which may die before any step. lease.pml is the small version.
 *
 * The switcher sets the flag, then leases each of two writer entries in turn
 * and scrubs its ring (of one block), then scrubs the pool block by block, each
 * under the claim; a dead writer that is in its way it repairs. A writer reads
 * the flag after it has leased its entry; the living one may repair the dead one
 * at any time, too. What a block says of itself: len, up to which it may be
 * dirty; bytes beyond len are zero at all times. That a swap is won or lost is
 * known here by magic (swap.pml, insert.pml).
 *
 * Checked: when the switch has returned and all is quiet no block but the live
 * one holds a byte, and the live one none beyond its length.
 *
 *   spin -a vacuum.pml && gcc -O2 -DSAFETY -DCOLLAPSE -o pan pan.c && ./pan -m300000 -E
 *
 * Scope:    -DOPS=n calls a writer; -DNO_DEATH
 * Mutants:  -DNO_TAKE_SCRUB  an insert does not scrub the block it takes from
 *                            the pool: dirty blocks get past the switcher
 *           -DPOOL_FIRST     the pool is scrubbed before the rings
 *           -DNO_LEASE_WAIT  the switcher does not wait for the entry's lease
 *           -DEARLY_FLAG     a writer reads the flag before it has the lease
 *           -DSTALE_FLAG     a repair believes the flag its caller read before
 *           -DNO_SLACK       a shorter value leaves the end of a longer one
 *           -DLEN_LATE       len is raised after the bytes are written
 *           -DNO_TIDY        the repair does not scrub the next spare
 */
#ifndef OPS
#define OPS 2
#endif
#define BLOCKS 4
#define NB 7                            /* "no block" */
#define IDLE 0
#define UPDATE 1
#define INSERT 2
#define INSERTED 3
#define UNSET 4
#define SWITCHER 3
#define MASK(l) ((1 << (l)) - 1)
#ifdef NO_DEATH
#define MAYDIE skip
#else
#define MAYDIE if :: skip :: _pid == mortal -> dead = true; goto died fi
#endif
#define STEP(s) atomic { s; MAYDIE }

bool flag = false;
byte word = 0;                          /* the live block */
byte bytes[BLOCKS], len_[BLOCKS];        /* which bytes are not zero; how far the block says so */
byte spare[2], lease[2], claim = 0;
bool freebit[BLOCKS];
byte kind[2], old[2], extra[2];         /* the record */
bool dead = false, repairing = false, returned = false;
byte quiet = 0, mortal;

inline scrub(b) {
  STEP(bytes[b] = bytes[b] & (3 - MASK(len_[b])));
  STEP(len_[b] = 0)
}
inline fill(b, l) {
  o = len_[b];
#ifndef LEN_LATE
  if :: l > o -> STEP(len_[b] = l) :: else fi;
#endif
  STEP(bytes[b] = bytes[b] | MASK(l));
#ifndef NO_SLACK
  if :: l < o -> STEP(bytes[b] = bytes[b] & MASK(l)) :: else fi;
#endif
  STEP(len_[b] = l)
}

#ifdef STALE_FLAG
#define FLAG(f) f
#else
#define FLAG(f) flag
#endif
inline repair(f) {                      /* entry 0, whose lease and lock we hold */
  v = FLAG(f);
  if
  :: kind[0] == UPDATE -> if :: v -> scrub(old[0]) :: else fi; spare[0] = old[0]
  :: kind[0] == INSERT -> freebit[extra[0]] = true
  :: kind[0] == INSERTED -> spare[0] = extra[0]
  :: kind[0] == UNSET -> if :: v -> scrub(old[0]) :: else fi; freebit[old[0]] = true
  :: kind[0] == IDLE
  fi;
#ifndef NO_TIDY
  if :: v -> scrub(spare[0]) :: else fi;
#endif
  kind[0] = IDLE;
  if :: claim == 1 -> claim = 0 :: else fi;
  lease[0] = 0; repairing = false; v = false
}
#define RESCUE dead && lease[0] == 1 && !repairing -> repairing = true

inline take_claim(me, f) {
  do
  :: atomic { claim == 0 -> claim = me; MAYDIE }; break
  :: atomic { me != 1 && claim == 1 && RESCUE }; repair(f)
  od
}

inline set(e, l) {
  n = spare[e];
  fill(n, l);
  do
  :: atomic { word != NB -> old[e] = word; word = n; kind[e] = UPDATE; MAYDIE }
     if :: av -> scrub(old[e]) :: else fi;
     STEP(spare[e] = old[e]);
     STEP(kind[e] = IDLE);
     break
  :: word == NB ->
     take_claim(e + 1, av);
     if
     :: word == NB ->
        x = 0;
        do :: freebit[x] -> break :: else -> x++ od;
        STEP(extra[e] = x; kind[e] = INSERT);
        STEP(freebit[x] = false);
#ifndef NO_TAKE_SCRUB
        if :: av -> scrub(x) :: else fi;
#endif
        atomic { word = n; kind[e] = INSERTED; MAYDIE }
        STEP(spare[e] = x);
        STEP(kind[e] = IDLE);
        STEP(claim = 0);
        break
     :: else -> STEP(claim = 0)
     fi
  od
}
inline unset(e) {
  take_claim(e + 1, av);
  do
  :: atomic { word != NB -> old[e] = word; word = NB; kind[e] = UNSET; MAYDIE }
     if :: av -> scrub(old[e]) :: else fi;
     STEP(freebit[old[e]] = true);
     STEP(kind[e] = IDLE);
     break
  :: word == NB -> break
  od;
  STEP(claim = 0)
}
inline work(e) {
  do
  :: ops >= OPS -> break
  :: else ->
     ops++;
#ifdef EARLY_FLAG
     av = flag;
#endif
     atomic { lease[e] == 0 -> lease[e] = e + 1; MAYDIE }
#ifndef EARLY_FLAG
     av = flag;
#endif
     if
     :: set(e, 1)
     :: set(e, 2)
     :: unset(e)
#ifndef NO_DEATH
     :: atomic { e == 1 && RESCUE }; repair(av)
#endif
     fi;
     n = 0; x = 0; o = 0; av = false;
     STEP(lease[e] = 0)
  od
}

proctype Mortal() {
  byte ops = 0, n, x, o; bool av, v;
  work(0);
died: quiet++
}
proctype Living() {
  byte ops = 0, n, x, o; bool av, v;
  work(1);
  quiet++;
died: skip
}

inline scrub_rings() {
  e = 0;
  do
  :: e >= 2 -> break
  :: else ->
#ifdef NO_LEASE_WAIT
     scrub(spare[e]);
#else
     do
     :: atomic { lease[e] == 0 -> lease[e] = SWITCHER }; break
     :: atomic { e == 0 && RESCUE }; repair(flag)
     od;
     scrub(spare[e]);
     lease[e] = 0;
#endif
     e++
  od
}
inline scrub_pool() {
  e = 0;
  do
  :: e >= BLOCKS -> break
  :: else ->
     take_claim(SWITCHER, flag);
     if :: freebit[e] -> scrub(e) :: else fi;
     claim = 0; e++
  od
}
proctype Switcher() {
  byte e; bool v;
  flag = true;
#ifdef POOL_FIRST
  scrub_pool(); scrub_rings();
#else
  scrub_rings(); scrub_pool();
#endif
  returned = true;
died: skip
}
proctype Auditor() {
  byte i = 0; bool v;
  atomic {
    quiet == 2 && returned;
    if :: RESCUE; repair(flag) :: else fi
  }
  d_step {
    do
    :: i >= BLOCKS -> break
    :: else ->
       assert((bytes[i] & (3 - MASK(len_[i]))) == 0);
       assert(word == i || bytes[i] == 0);
       i++
    od
  }
died: skip
}
init {
  atomic {
    bytes[0] = 3; len_[0] = 2; bytes[1] = 3; len_[1] = 2; bytes[2] = 3; len_[2] = 2; bytes[3] = 3; len_[3] = 2;
    spare[0] = 1; spare[1] = 2; freebit[3] = true;
    mortal = run Mortal(); run Living(); run Switcher(); run Auditor()
  }
}
