/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The in-flight record, read field by field, and two slots that may reach the
 * same generation. Covers W2, W3, the record's op and the repair's scan.
 *
 * Writer entry 0 has a ring of one block and belongs to a process that may die
 * before any step; entry 1 belongs to one that lives. A repairer decides
 * whether what the dead one had in flight was published. To do so it reads the
 * living one's record: op, then slot and old word in either order (as loads
 * between fences may come), then op again, and from the start when op changed.
 * Op is {sequence, kind}: the sequence grows with every record, also across
 * adoption, so that no two records look alike.
 *
 * Checked: when all is quiet every block is in exactly one place.
 *
 *   spin -a two_slots.pml && gcc -O2 -DSAFETY -DCOLLAPSE -o pan pan.c && ./pan -m300000 -E
 *
 * Scope:    -DSETS=n sets a process
 *           -DONE_TRY   a record whose op changed counts as no match: as it was
 *                       rewritten after the word was read, it can not be the
 *                       one that displaced the block, so no loop is needed
 * Mutants:  -DNO_SLOT      the scan compares the word only, not the slot
 *           -DTORN_RECORD  op is not checked again
 *           -DNO_SEQUENCE  op is the kind alone
 *           -DNO_CLEAR     op is not cleared before a record that lost is rewritten
 *           -DNO_MARK      who displaces a block does not mark it
 */
#ifndef SETS
#define SETS 2
#endif
#define BLOCKS 4
#define WORD(g, b) ((g) * 8 + (b))
#define GEN(w) ((w) / 8)
#define BLK(w) ((w) % 8)
#define NONE 255
/* op: 0 nothing, odd a set, even ANNOUNCE */
#define IDLE 0
#define IS_SET(o) ((o) % 2 == 1)
#define MAYDIE if :: skip :: (_pid == mortal) -> dead++; goto died fi
#define STEP(s) atomic { s; MAYDIE }

byte word[2], owner[BLOCKS], spare[2];
byte op[2], inf_old[2], inf_new[2], inf_slot[2], sequence[2];
byte dead = 0, quiet = 0, mortal;

inline set(e, s) {
  n = spare[e];                         /* filled: the matter of swap.pml */
  do
  :: old = word[s];
     STEP(inf_slot[e] = s);
     STEP(inf_old[e] = old; inf_new[e] = n);
#ifdef NO_SEQUENCE
     STEP(op[e] = 1);
#else
     STEP(sequence[e]++; op[e] = 2 * sequence[e] - 1);
#endif
     atomic {
       if
       :: word[s] == old -> word[s] = WORD(GEN(old) + 1, n); won = true
       :: else -> won = false
       fi;
       MAYDIE
     }
     if
     :: won -> break
     :: else ->
#ifndef NO_CLEAR
        STEP(op[e] = IDLE);
#endif
        if :: s = 0 :: s = 1 fi         /* the key may have gone to another slot */
     fi
  od;
#ifndef NO_MARK
  STEP(owner[BLK(old)] = e);
#endif
  STEP(spare[e] = BLK(old));
  STEP(op[e] = op[e] + 1);              /* ANNOUNCE */
  STEP(op[e] = IDLE)
}

inline read_record(e) {                 /* the rival's record; it lives and writes on */
  do
  :: o = op[e];
     if :: !IS_SET(o) -> break :: else fi;
     if
     :: rs = inf_slot[e]; ro = inf_old[e]
     :: ro = inf_old[e]; rs = inf_slot[e]
     fi;
#ifdef TORN_RECORD
     break
#else
     if :: op[e] == o -> break :: else fi;
#ifdef ONE_TRY
     o = IDLE; break
#endif
#endif
  od
}

#ifdef NO_SLOT
#define RIVAL (IS_SET(o) && ro == WORD(GEN(old) + 1, n))
#else
#define RIVAL (IS_SET(o) && ro == WORD(GEN(old) + 1, n) && rs == s)
#endif

inline repair() {
  if
  :: IS_SET(op[0]) ->
     old = inf_old[0]; n = inf_new[0]; s = inf_slot[0];
     if
     :: spare[0] != n -> skip           /* already accounted for */
     :: else ->
        won = false;
        if :: owner[n] != 0 -> won = true :: else fi;
        if :: word[s] == WORD(GEN(old) + 1, n) -> won = true :: else fi;
        read_record(1);
        if :: RIVAL -> won = true :: else fi;
        if :: owner[n] != 0 -> won = true :: else fi;
        if :: won -> owner[BLK(old)] = 0; spare[0] = BLK(old) :: else fi
     fi;
     op[0] = IDLE
  :: else
  fi
}

inline work(e) {
  do
  :: i >= SETS -> break
  :: else -> if :: s = 0 :: s = 1 fi; set(e, s); i++
  od;
  quiet++
}

proctype Mortal() {
  byte i = 0, n, old, s; bool won;
  work(0);
died: skip
}
proctype Repairer() {
  byte n, old, s, o, rs, ro; bool won;
  dead == 1;
  repair();
  quiet++
}
proctype Living() {
  byte i = 0, n, old, s; bool won;
  work(1);
died: skip
}
proctype Auditor() {
  byte i = 0, c;
  d_step {
    quiet == 2;
    do
    :: i >= BLOCKS -> break
    :: else ->
       c = 0;
       if :: BLK(word[0]) == i -> c++ :: else fi;
       if :: BLK(word[1]) == i -> c++ :: else fi;
       if :: spare[0] == i -> c++ :: else fi;
       if :: spare[1] == i -> c++ :: else fi;
       assert(c == 1);
       i++
    od
  }
}
init {
  atomic {
    word[0] = WORD(2, 0); word[1] = WORD(1, 1);
    spare[0] = 2; spare[1] = 3;
    owner[0] = NONE; owner[1] = NONE; owner[2] = 0; owner[3] = 1;
    mortal = run Mortal(); run Repairer(); run Living(); run Auditor()
  }
}
