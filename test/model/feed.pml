/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring of changes: appending, reading, falling behind, catching up; writers
 * that die; a key that moves. Covers F1 to F4 of src/feed.h.
 *
 * A cell is {mark, what happened, slot} in one word. The mark is the sequence
 * counted from 1; 0 is "never filled". Sequence n goes into cell n % LEN.
 *
 *   append  n = tail; if its cell has n's mark, help the tail on and look again;
 *           if it has the last lap's, swap {n's mark, ...} in, then the tail on
 *   read    at cursor n: n's mark, also before the tail has moved on: take it,
 *           look at the slot; the last lap's: nothing there; a later lap's: too
 *           late. Then T = tail, T - n were missed, n = T, and every slot is
 *           looked at
 *
 * Slots hold counters here, or with -DMOVES one key, which may go from its slot
 * and come back in another. Inserts and unsets then hold the claim until they
 * are appended; updates do not. The reader remembers one slot for the key. "Set":
 * a key that is there now is remembered with that slot. "Gone": a key that is
 * remembered with that slot and is not there now is told and forgotten.
 *
 * Writers publish, then append. The first MORTAL of them may die before any
 * step. A record says what a dead one had published (how that is found out is
 * insert.pml's matter); who repairs appends it, perhaps for the second time,
 * before he lets the claim go. With -DADOPTERS=2 he may die as well.
 *
 * Checked: sequences are filled one after the other, each once; a cell that
 * is of neither lap is found only when the tail has moved; nobody waits for
 * ever. When all is quiet the cursor is the number of appends, seen and missed
 * add up to it, and the reader knows each slot as it is. With -DMOVES: epochs do
 * not go back, "created" and "gone" alternate.
 *
 *   spin -a feed.pml && gcc -O2 -DSAFETY -DCOLLAPSE -o pan pan.c && ./pan -m300000
 *
 * Scope:    -DWRITERS=n, -DCHANGES=n each, -DLEN=n cells, -DMORTAL=n,
 *           -DMORTAL_CHANGES=n of those that may die,
 *           -DADOPTERS=2, -DMOVES, or -DNO_REPAIR
 * Mutants:  -DNO_HELP      only who filled a cell moves the tail on: stuck
 *           -DPLAIN_STORE  the cell is stored, not compared and swapped
 *           -DAPPEND_FIRST appending, then publishing
 *           -DNO_CATCH_UP  too late, and the slots are not looked at
 *           -DSLOT_FIRST   the slots are looked at before the cell
 *           -DLATE_TAIL    too late: the slots are looked at, then T = tail
 *           -DTAIL_ALONE   the reader believes the tail, not the mark: what was
 *                          overwritten meanwhile is taken for the event
 *           -DTAIL         it believes the tail, then the mark. That is late, not
 *                          wrong: sound with the repair, which moves the tail on
 *                          as any append does; with -DNO_REPAIR caught
 * With -DMOVES, beside the rules above:
 *           -DLATE         announcing after the claim was let go: sound, because
 *                          the reader looks at the slot, whatever the order
 *           -DBELIEVE      it believes "gone" without a look: sound with
 *                          -DMORTAL=0, thanks to the order in the ring. Caught
 *                          with -DLATE, and with a death: the repair may announce
 *                          for the second time what was followed by others
 *           -DSLOT_MEMORY  it remembers for each slot whether the key is there:
 *                          told to be there twice, because an update's
 *                          announcement may be late
 */
#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef CHANGES
#define CHANGES 2
#endif
#ifndef MORTAL_CHANGES
#define MORTAL_CHANGES CHANGES
#endif
#ifndef LEN
#define LEN 2
#endif
#ifndef MORTAL
#define MORTAL 1
#endif
#ifndef ADOPTERS
#define ADOPTERS 1
#endif
#define CELL(n, e) (((n) + 1) * 4 + (e))
#define MARK(c) ((c) / 4)
#define EVENT(c) ((c) % 4)              /* what happened, and the slot */
#define SLOT(e) ((e) % 2)
#define GONE 2
#define FILLED(n) ((n) + 1)
#define LAP(n) ((n) < LEN -> 0 : (n) + 1 - LEN)
#define MAYDIE if :: skip :: mortal -> goto died fi
#define STEP(s) atomic { s; MAYDIE }    /* one store; a death before the next */

byte tail, cell[LEN];
byte slot[2];                   /* counters; or the key's epoch, 0 without it */
byte rec[WRITERS];              /* event + 1: published, perhaps not appended */
byte claim;                     /* writer + 1 */
bool dead[WRITERS];
byte epoch;                     /* the last; a claim or a swap guards it */
byte appended, owed[WRITERS], quiet;    /* for checking only */

inline tail_on() {
  STEP(if :: tail == n -> tail = n + 1 :: else fi; n = 0; c = 0)
}
#ifdef PLAIN_STORE
#define FITS true
#else
#define FITS (cell[n % LEN] == c)
#endif
inline append(e) {
  do
  :: n = tail;
     c = cell[n % LEN];
     if
     :: MARK(c) == FILLED(n) ->
#ifdef NO_HELP
        tail != n;
#else
        tail_on()
#endif
     :: MARK(c) == LAP(n) ->
        STEP(
          if
          :: FITS ->
             assert(n == appended);
             cell[n % LEN] = CELL(n, e);
             appended++; owed[me] = 0; won = true
          :: else
          fi);
        tail_on();
        if :: won -> won = false; break :: else fi
     :: else -> assert(tail != n)
     fi
  od
}

#define MINE (rec[me] - 1)
inline publish(e) { rec[me] = (e) + 1; owed[me] = (e) + 1 }
inline finish() { STEP(rec[me] = 0) }

#ifdef MOVES
#define HERE (slot[0] || slot[1])
#define PLACE (slot[0] -> 0 : 1)
inline release() { STEP(claim = 0) }
inline announce_claimed() {
#ifdef LATE
  release();
#endif
  append(MINE);
#ifndef LATE
  release();
#endif
  finish()
}
inline put_in() { epoch++; slot[s] = epoch; publish(s); s = 0 }
inline set() {
  do
  :: atomic { HERE -> s = PLACE; put_in(); MAYDIE };
     append(MINE);
     finish();
     break
  :: else ->
     STEP(claim == 0 -> claim = me + 1);
     if
     :: HERE -> release()       /* somebody was faster: update */
     :: else ->
        atomic {
          if :: s = 0 :: s = 1 fi;
          put_in(); MAYDIE
        };
        announce_claimed();
        break
     fi
  od
}
inline unset() {
  STEP(claim == 0 -> claim = me + 1);
  if
  :: atomic {
       HERE ->
       s = PLACE; slot[s] = 0; publish(s + GONE); s = 0; MAYDIE
     };
     announce_claimed()
  :: else -> release()
  fi
}
#define CHANGE if :: set() :: unset() fi
#else
#ifdef APPEND_FIRST
inline change() {
  if :: s = 0 :: s = 1 fi;
  append(s);
  STEP(slot[s]++; s = 0)
}
#else
inline change() {
  atomic {
    if :: s = 0 :: s = 1 fi;
    slot[s]++; publish(s); s = 0; MAYDIE
  };
  append(MINE);
  finish()
}
#endif
#define CHANGE change()
#endif

proctype Writer(byte me; bool mortal) {
  byte k, n, c, s; bool won;
  do
  :: k < (mortal -> MORTAL_CHANGES : CHANGES) -> CHANGE; k++
  :: else -> break
  od;
  quiet++;
  goto end;
died:
  atomic {
#ifdef NO_REPAIR
    quiet++;
#endif
    dead[me] = true; n = 0; c = 0; s = 0; k = 0; won = false
  };
end:
  skip
}

#if MORTAL && !defined(NO_REPAIR)
inline let_go() {
  if :: claim == me + 1 -> STEP(claim = 0) :: else fi
}
inline repair() {
  if :: rec[me] -> append(MINE) :: else fi;
  let_go();
  finish();
  atomic { dead[me] = false; me = 0; quiet++ }
}
proctype Adopter() {
  byte me, n, c; bool won, mortal = (ADOPTERS > 1);
again:
  do
  :: quiet == WRITERS -> break
  :: dead[0] -> repair()
#if MORTAL > 1
  :: dead[1] -> me = 1; repair()
#endif
#if MORTAL > 2
  :: dead[2] -> me = 2; repair()
#endif
  od;
  goto end;
died:
  atomic { mortal = false; me = 0; n = 0; c = 0; won = false };
  goto again;
end:
  skip
}
#endif

#ifdef MOVES
#define NONE 2                  /* as a remembered slot */
inline present(s) {
  assert(v >= last); last = v;
#ifdef SLOT_MEMORY
  if :: !mem[s] -> assert(!told) :: else fi;
  mem[s] = v;
#else
  at = s;
#endif
  told = true
}
inline absent(s) {
#ifdef SLOT_MEMORY
  if :: mem[s] -> assert(told); told = false; mem[s] = 0 :: else fi
#else
  if :: at == s -> told = false; at = NONE :: else fi
#endif
}
#ifdef BELIEVE
#define STAYED false
#else
#define STAYED v
#endif
inline tell() {
  atomic {
    v = slot[SLOT(c)];
    if
    :: c & GONE -> if :: STAYED :: else -> absent(SLOT(c)) fi
    :: else -> if :: v -> present(SLOT(c)) :: else fi
    fi;
    v = 0; c = 0
  }
}
inline meet(s) {
  atomic {
    v = slot[s];
    if
    :: v -> present(s); found = true
#ifdef SLOT_MEMORY
    :: else -> absent(s)
#else
    :: else
#endif
    fi;
    v = 0
  }
}
inline catch_up() {
  meet(0); meet(1);
#ifndef SLOT_MEMORY
  atomic {                      /* left over: searched for once more */
    if
    :: found
    :: else ->
       v = slot[PLACE];
       if :: v -> present(PLACE) :: else -> told = false; at = NONE fi
    fi;
    v = 0
  };
#endif
  found = false
}
inline audit() {
  assert(claim == 0 && told == HERE);
#ifdef SLOT_MEMORY
  assert(mem[0] == slot[0] && mem[1] == slot[1])
#else
  assert(!HERE || (at == PLACE && last == slot[at]))
#endif
}
#else
#ifdef SLOT_FIRST
inline tell() {
  atomic { pic[SLOT(c)] = pre[SLOT(c)]; pre[0] = 0; pre[1] = 0; c = 0 }
}
#else
inline tell() { atomic { pic[SLOT(c)] = slot[SLOT(c)]; c = 0 } }
#endif
inline catch_up() { pic[0] = slot[0]; pic[1] = slot[1] }
/* but for what somebody died over and nobody appended */
inline audit_one(s) {
  v = 0;
  for (t : 0 .. WRITERS - 1) { if :: owed[t] == s + 1 -> v = 1 :: else fi };
  assert(v || pic[s] == slot[s])
}
inline audit() { audit_one(0); audit_one(1) }
#endif

inline nothing_there() {
  atomic {
    if
    :: c != cell[n % LEN]
    :: quiet == WRITERS && c == cell[n % LEN] -> ended = true
    fi;
    c = 0
  }
}

proctype Reader() {
  byte n, c, t, v, seen, missed; bool ended;
#ifdef MOVES
  byte last; bool found, told;
#ifdef SLOT_MEMORY
  byte mem[2];
#else
  byte at = NONE;
#endif
#else
  byte pic[2];
#ifdef SLOT_FIRST
  byte pre[2];
#endif
#endif
  do
  :: ended -> break
  :: else ->
#ifdef SLOT_FIRST
     pre[0] = slot[0]; pre[1] = slot[1];
#endif
#if defined(TAIL) || defined(TAIL_ALONE)
     if
     :: atomic { n < tail -> t = tail }
     :: atomic { n >= tail && quiet == WRITERS -> break }
     fi;
#endif
     c = cell[n % LEN];
     if
#ifdef TAIL_ALONE
     :: t - n <= LEN -> atomic { t = 0; n++; seen++ }; tell()
     :: else ->
#else
     :: MARK(c) == FILLED(n) -> atomic { t = 0; n++; seen++ }; tell()
     :: MARK(c) == LAP(n) -> nothing_there()
     :: else -> assert(MARK(c) > FILLED(n));
#endif
#ifdef LATE_TAIL
        catch_up();
#endif
        atomic {
          t = tail; assert(t > n);
          missed = missed + t - n; n = t; t = 0; c = 0
        };
#if !defined(LATE_TAIL) && !defined(NO_CATCH_UP)
        catch_up()
#endif
     fi
  od;
  atomic {
    assert(seen + missed == n && n == appended);
    audit()
  }
}

init {
  byte i;
  atomic {
    for (i : 0 .. WRITERS - 1) { run Writer(i, i < MORTAL) }
#if MORTAL && !defined(NO_REPAIR)
    run Adopter();
#endif
    run Reader()
  }
}
